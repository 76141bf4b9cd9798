#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "processors/learning/labelled_history.h"

namespace hotiron {

// Makes a history of what files or topics say, in whatever order they say it and however often.
//
// Operation: Add events, say what is known of outcomes and stages, then Build once. The history is
// canonical: accounts and signals in order of name, events in order of (time, sequence, id), each
// id once, people numbered as they appear. So the same data give the same model, bit by bit,
// wherever they were read.
// Concurrency: one thread. Limits: everything is held in memory, 48 bytes an event.
class HistoryBuilder {
 public:
  struct Event {
    EventTime time;
    uint64_t sequence = 0;  // order among events of the same time
    uint64_t id = 0;        // the same id in the same account is the same event
    std::string_view signal;
    std::string_view person;  // "": nobody named
    double weight = 1;
  };

  void Add(std::string_view account, const Event& event);

  void SetStart(std::string_view account, EventTime start);

  void SetOwner(std::string_view account, std::string_view owner);

  // Nothing for `closed`: it is known to be open.
  void SetOutcome(std::string_view account, std::optional<EventTime> closed, bool bought);

  // From `time` on the account is in this stage, or ("") in one that is not known.
  void AddStage(std::string_view account, EventTime time, std::string_view stage);

  // The order in which accounts pass the stages, which are these and no others. Without it stages
  // are ordered by the mean age at which accounts first enter them.
  void OrderStages(std::vector<std::string> stages);

  // Something is known of this time, so the history goes on at least until then.
  void Reach(EventTime time);
  void Reach(std::string_view account, EventTime time);

  // Names of the signals so far, in order of first appearance.
  const std::vector<std::string>& signals() const { return signals_.texts; }

  // Leaves out what came at or after an account's outcome, and accounts without an event before it.
  // What was left out is said in `remarks`.
  LabelledHistory Build(std::vector<std::string>& remarks);

 private:
  // The index of each text, in order of first appearance.
  struct Index {
    uint32_t Of(std::string_view text);

    std::vector<std::string> texts;
    absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> index;
  };

  struct Pending {
    EventTime time;
    uint64_t sequence = 0;
    uint64_t id = 0;
    uint64_t person = 0;  // hash; 0: nobody named
    double weight = 1;
    uint32_t signal = 0;
  };

  struct Account {
    std::optional<EventTime> start;
    std::string owner;
    std::optional<EventTime> closed;
    bool bought = false;
    bool stated = false;             // something is known of its outcome
    std::optional<EventTime> known;  // the last that anything is known of it
    std::vector<Pending> events;
    std::vector<PastStage> stages;
  };

  struct Counts {
    uint64_t repeated = 0;
    uint64_t after = 0;
    uint64_t silent = 0;
    uint64_t unstated = 0;
    uint64_t strangers = 0;
    uint64_t alike = 0;
  };

  Account& AccountOf(std::string_view name);
  void Know(Account& account, EventTime time);
  static PastAccount Finish(std::string name, Account& account,
                            const std::vector<uint32_t>& signal_order, Counts& counts);
  static bool IsLikeOneBefore(const Pending& event, std::vector<Pending>& at_once);
  void FinishStages(LabelledHistory& history) const;
  std::optional<std::string> RemarkOnEnd() const;

  Index names_;  // of accounts
  std::vector<Account> accounts_;
  Index signals_;
  Index stages_;
  bool stages_in_order_ = false;
  EventTime end_{};
};

}  // namespace hotiron
