#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "processors/journey.h"
#include "processors/no_rows.h"

namespace hotiron {

struct PastEvent {
  EventTime time;
  uint64_t sequence = 0;  // unique in its account
  uint32_t signal = 0;    // index into LabelledHistory::signals
  uint32_t person = 0;    // 0: nobody named, else a number of its own within the account
  double weight = 1;
};

inline constexpr uint32_t kNoStage = UINT32_MAX;

// From `time` on an account was in this stage, until it was in another.
struct PastStage {
  EventTime time;
  uint32_t stage = kNoStage;  // index into LabelledHistory::stages; kNoStage: not known
};

// One account, and how it ended.
struct PastAccount {
  std::string name;
  EventTime start{};                  // as stated, else the first event
  std::vector<PastEvent> events{};    // in order of (time, sequence)
  std::optional<EventTime> closed{};  // when the outcome was known; nothing: still open
  bool bought = false;
  std::vector<PastStage> stages{};  // in order of time
  std::string owner{};              // who is responsible for it, "" when nobody is named

  bool OpenAt(EventTime time) const { return !closed || time < *closed; }

  // kNoStage when none is known.
  uint32_t StageAt(EventTime time) const;
};

// What a model learns from.
struct LabelledHistory {
  std::vector<std::string> signals;
  std::vector<PastAccount> accounts;
  EventTime end;                      // what is later is not known
  std::vector<std::string> stages{};  // in the order in which accounts pass them

  // The number of events.
  size_t size() const;
};

// Of all that a model could learn from it.
std::string HashOf(const LabelledHistory& history);

// The accounts at the given positions, with what was known at `end`: later events are left out, and
// later outcomes and stages have not happened.
LabelledHistory KnownAt(const LabelledHistory& history, const std::vector<size_t>& accounts,
                        EventTime end);

// The first accounts by start, and the rest: positions in the history, rising in start.
struct HistorySplit {
  std::vector<size_t> first;
  std::vector<size_t> rest;
  EventTime at;  // when the first of the rest started
};

// `share` of the accounts come first; an error when one part would be empty.
Result<HistorySplit> SplitByStart(const LabelledHistory& history, double share);

// Plays one account's events through a journey, as the live pipeline would. One thread.
class Replay {
 public:
  // Refers to both.
  Replay(const LabelledHistory& history, const PastAccount& account, const TimeScale& scale);

  // Applies the events up to and including `time`; times must not go back.
  const Journey& To(EventTime time);

 private:
  const LabelledHistory& history_;
  const PastAccount& account_;
  const TimeScale scale_;
  NoRows rows_;  // slices stay in slices_
  SliceTable slices_;
  Journey journey_;
  FoldCounts counts_;
  size_t next_ = 0;
};

}  // namespace hotiron
