#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/records.pb.h"
#include "base/time.h"

namespace hotiron {

// One record for <app>.feedback.
struct RepAction {
  std::string account;   // its key
  std::string feedback;  // its value, JSON
};

// The sales people of the demo's market: most triggers are accepted within a day, some snoozed
// first, some dismissed, some left lying; what was accepted has an outcome days later.
//
// Operation: See is told of triggers, TakeDue gives what has been done about them by a moment of
//   the market's clock. Chance decides by a hash of the trigger's id, so the same triggers are
//   treated the same; what they do says nothing of how good a trigger was.
// Limits: at most kPendingMax actions wait; a trigger beyond is left lying.
// Concurrency: any thread.
class MarketReps {
 public:
  static constexpr size_t kPendingMax = 10'000;

  void See(const pb::Trigger& trigger);

  // In the order of their times.
  std::vector<RepAction> TakeDue(EventTime now);

 private:
  Mutex mutex_;
  std::multimap<EventTime, RepAction> pending_ HOTIRON_GUARDED_BY(mutex_);
};

}  // namespace hotiron
