#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/records.pb.h"
#include "base/time.h"

namespace hotiron {

// How an account's journey ended, from what the CRM said of its opportunities over time.
//
//   bought   with the first opportunity that was won
//   lost     with the last one that was lost, when none is open
//   open     otherwise
//
// An opportunity is over while its fact `closed` says so, since what it says now has been said: one
// that was opened again is open, one that was lost and then won was bought when it was won. One
// that was deleted never was.
//
// Facts may come in any order and more than once. One thread.
class CrmOutcome {
 public:
  struct Closing {
    EventTime time;
    bool bought = false;
  };

  // What is no opportunity is left out.
  void Add(const pb::Fact& fact);

  // False: no opportunity of this account is known.
  bool any() const { return !opportunities_.empty(); }

  // Nothing: the account is open.
  std::optional<Closing> Get() const;

 private:
  struct Statement {
    int64_t time_ms = 0;
    uint64_t sequence = 0;
    std::optional<bool> closed{};
    std::optional<bool> won{};
    bool deleted = false;
  };

  std::map<std::string, std::vector<Statement>> opportunities_;  // by subject
};

}  // namespace hotiron
