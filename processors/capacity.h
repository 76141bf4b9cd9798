#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/records.pb.h"
#include "base/time.h"
#include "processors/models_in_force.h"

namespace hotiron {

// Keeps the triggers of policies that name a capacity at the number a team can take: once a day it
// moves each threshold by what the last week was over or under. A frozen threshold misses its rate,
// because markets move.
//
// Operation: Opened for every trigger that opens, in any order and as often as it is seen; Step
// when time has passed. What Step returns is the next version of the lever, a record of the log
// like any other: decisions follow it, and a replay of the log decides the same without a
// controller.
//
//   logit(threshold) += 0.1 * clip(log((opened in a week + 1) / (capacity + 1)), -2, 2)
//
// and log(threshold) instead of logit for points. So slow that the week it looks at, half of which
// is older than what it did last, does not make it swing.
// Limits: openings of the last week are held. One thread.
class RateController {
 public:
  void Opened(const std::string& policy, const std::string& trigger, EventTime at);

  // Nothing: all stays as it is.
  std::optional<pb::Thresholds> Step(const pb::PolicySet& policies, const ModelsInForce& models,
                                     const pb::Thresholds& in_force, EventTime now);

 private:
  double OpenedAWeek(const std::string& policy, EventTime since, EventTime now) const;
  void Forget(EventTime before);

  std::map<std::string, std::set<std::pair<int64_t, std::string>>> openings_;
};

// What a policy goes by with these models, and the threshold in force for it: as the policy states
// it, or steered to its capacity.
struct ThresholdInForce {
  pb::Policy::Measure measure = pb::Policy::POINTS;
  double value = 0;
};

// Nothing: the policy goes by a probability that no model has shown skill for, and names no other
// level to go by.
std::optional<ThresholdInForce> ThresholdOf(const pb::Policy& policy, const ModelsInForce& models,
                                            const pb::Thresholds& steered);

// Whether any policy names a capacity, so that there is something to do.
bool AnyCapacity(const pb::PolicySet& policies);

}  // namespace hotiron
