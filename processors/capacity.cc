#include "processors/capacity.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "processors/policy.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

constexpr Duration kStep = std::chrono::days{1};
constexpr Duration kWeek = std::chrono::days{7};
constexpr double kGain = 0.1;
constexpr double kErrorMax = 2;
constexpr double kPointsMin = 0.1;
constexpr double kShareMin = 0.005;  // of progress and probability
constexpr double kShareMax = 0.995;

// What a policy goes by with these models, and the threshold that it states for it.
std::pair<pb::Policy::Measure, double> StatedThreshold(const pb::Policy& policy,
                                                       const ModelsInForce& models) {
  if (policy.measure() != pb::Policy::PROBABILITY) {
    return {policy.measure(), policy.threshold()};
  }
  if (const TrainedModel* champion = models.champion()) {
    for (const Head& head : champion->heads) {
      if (head.horizon == HorizonOf(policy) && head.gate.open) {
        return {policy.measure(), policy.threshold()};
      }
    }
  }
  return {policy.fallback().measure(), policy.fallback().threshold()};
}

double Moved(pb::Policy::Measure measure, double threshold, double by) {
  if (measure == pb::Policy::POINTS) {
    return std::clamp(threshold * std::exp(by), kPointsMin, kThresholdPointsMax);
  }
  double unit = measure == pb::Policy::PROGRESS ? 100 : 1;
  double share = threshold / unit;
  double moved = Logistic(std::log(share / (1 - share)) + by);
  return unit * std::clamp(moved, kShareMin, kShareMax);
}

const pb::Threshold* FindSteered(const pb::Thresholds& steered, const std::string& policy,
                                 pb::Policy::Measure measure, double stated) {
  auto known = std::find_if(steered.thresholds().begin(), steered.thresholds().end(),
                            [&](const pb::Threshold& threshold) {
                              return threshold.policy() == policy &&
                                     threshold.measure() == measure && threshold.stated() == stated;
                            });
  return known == steered.thresholds().end() ? nullptr : &*known;
}

EventTime StepOf(EventTime time) {
  return EventTime{} + (time - EventTime{}) / kStep * kStep;
}

}  // namespace

std::optional<ThresholdInForce> ThresholdOf(const pb::Policy& policy, const ModelsInForce& models,
                                            const pb::Thresholds& steered) {
  auto [measure, stated] = StatedThreshold(policy, models);
  if (policy.measure() == pb::Policy::PROBABILITY && measure != policy.measure() &&
      !policy.has_fallback()) {
    return std::nullopt;
  }
  const pb::Threshold* known = FindSteered(steered, policy.name(), measure, stated);
  return ThresholdInForce{measure, known == nullptr ? stated : known->value()};
}

bool AnyCapacity(const pb::PolicySet& policies) {
  return std::any_of(policies.policies().begin(), policies.policies().end(),
                     [](const pb::Policy& policy) { return policy.capacity_per_week() > 0; });
}

void RateController::Opened(const std::string& policy, const std::string& trigger, EventTime at) {
  openings_[policy].insert({ToMillis(at), trigger});
}

double RateController::OpenedAWeek(const std::string& policy, EventTime since,
                                   EventTime now) const {
  EventTime from = std::max(since, now - kWeek);
  auto openings = openings_.find(policy);
  double opened = 0;
  if (openings != openings_.end()) {
    for (const auto& [at_ms, trigger] : openings->second) {
      opened += at_ms > ToMillis(from) && at_ms <= ToMillis(now) ? 1 : 0;
    }
  }
  return opened * static_cast<double>(kWeek.count()) / static_cast<double>((now - from).count());
}

void RateController::Forget(EventTime before) {
  for (auto& [policy, openings] : openings_) {
    openings.erase(openings.begin(), openings.lower_bound({ToMillis(before), ""}));
  }
}

std::optional<pb::Thresholds> RateController::Step(const pb::PolicySet& policies,
                                                   const ModelsInForce& models,
                                                   const pb::Thresholds& in_force, EventTime now) {
  now = StepOf(now);
  pb::Thresholds next;
  bool changed = false;
  for (const pb::Policy& policy : policies.policies()) {
    if (policy.capacity_per_week() <= 0) {
      continue;
    }
    auto [measure, stated] = StatedThreshold(policy, models);
    const pb::Threshold* known = FindSteered(in_force, policy.name(), measure, stated);
    pb::Threshold threshold;
    if (known == nullptr) {
      threshold.set_policy(policy.name());
      threshold.set_measure(measure);
      threshold.set_stated(stated);
      threshold.set_value(stated);
      threshold.set_since_ms(ToMillis(now));
      threshold.set_stepped_ms(ToMillis(now));
      changed = true;
    } else {
      threshold = *known;
      if (now >= FromMillis(threshold.stepped_ms()) + kStep) {
        double opened = OpenedAWeek(policy.name(), FromMillis(threshold.since_ms()), now);
        double error = std::log((opened + 1) / (policy.capacity_per_week() + 1));
        threshold.set_value(
            Moved(measure, threshold.value(), kGain * std::clamp(error, -kErrorMax, kErrorMax)));
        threshold.set_stepped_ms(ToMillis(now));
        changed = true;
      }
    }
    *next.add_thresholds() = std::move(threshold);
  }
  Forget(now - kWeek);
  // Policies may have lost their capacity: what is in force for them is void.
  changed = changed || next.thresholds_size() != in_force.thresholds_size();
  if (!changed) {
    return std::nullopt;
  }
  next.set_version(in_force.version() + 1);
  return next;
}

}  // namespace hotiron
