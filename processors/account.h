#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/records.pb.h"
#include "base/result.h"
#include "processors/curve.h"
#include "processors/facts.h"
#include "processors/journey.h"

namespace hotiron {

// Everything a task knows of one identity, decoded: its journey, how that has gone, what the CRM
// says, and what was decided on it (its ledger). Copied nowhere, owned by the task's cache.
struct Account {
  std::string key;
  EventTime changed{};  // task time of the last change
  Journey journey;
  Curve curve;  // companies only
  Facts facts;
  std::vector<pb::Episode> ledger;  // one per policy, in order of name
  int64_t timer_ms = 0;             // its one timer, 0 = none
  int64_t retell_ms = 0;            // when its stage is told anew if it stays silent, 0 = never
  std::string stage;                // as the census counts it; "" = not counted yet
  std::string segment;

  std::string Encode() const;
  static Result<Account> Decode(std::string_view key, std::string_view bytes);
};

inline constexpr uint32_t kAccountRowVersion = 1;

}  // namespace hotiron
