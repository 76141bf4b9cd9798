#include "app/decision_board.h"

#include <prometheus/metric_family.h>

#include <utility>

#include "app/gauges.h"
#include "processors/trained_model_file.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

constexpr const char* kNoModel = "none";

// Before there is a model, so that "closed" and "missing" differ: the horizons that `hotiron train`
// learns where the time unit is a day.
const char* const kUsualHorizons[] = {"7d", "14d", "30d", "ever"};

}  // namespace

std::vector<DecisionBoard::Gate> DecisionBoard::GatesOf(const TrainedModel* champion) {
  std::vector<Gate> gates;
  if (champion == nullptr) {
    for (const char* horizon : kUsualHorizons) {
      gates.push_back({horizon, false});
    }
    return gates;
  }
  for (const Head& head : champion->heads) {
    if (gates.size() < kHorizonLabelsMax) {
      gates.push_back({SayHorizon(head.horizon), head.gate.open});
    }
  }
  return gates;
}

void DecisionBoard::Running(const Task& task) {
  Versions versions{task.policy_version(), task.models_version(), task.thresholds().version()};
  MutexLock lock(mutex_);
  // Of a task whose log is behind in anything nothing is taken.
  bool behind = versions.policy < versions_.policy || versions.models < versions_.models ||
                versions.thresholds < versions_.thresholds;
  if (behind || versions == versions_) {
    return;
  }
  versions_ = versions;
  const pb::ModelSet& models = task.models().set();
  champion_ = models.champion().hash();
  challenger_ = models.challenger().hash();
  previous_ = models.previous().hash();
  gates_ = GatesOf(task.models().champion());
  policies_.clear();
  for (const pb::Policy& policy : task.policies().policies()) {
    policies_.push_back({policy.name(), policy.capacity_per_week(),
                         ThresholdOf(policy, task.models(), task.thresholds())});
  }
}

std::vector<prometheus::MetricFamily> DecisionBoard::Collect() const {
  prometheus::MetricFamily models =
      GaugeFamily("hotiron_model_info", "Models of buying in force, by role and hash; always 1.");
  prometheus::MetricFamily gates = GaugeFamily(
      "hotiron_model_gate_open",
      "1: the champion has shown skill within this horizon; 0: it has not, or is none.");
  prometheus::MetricFamily thresholds = GaugeFamily(
      "hotiron_policy_threshold",
      "Threshold in force, by what the policy goes by now; steered where it has a capacity.");
  prometheus::MetricFamily capacities =
      GaugeFamily("hotiron_policy_capacity_per_week",
                  "Triggers a week that the threshold is steered to; 0 = it is not steered.");
  MutexLock lock(mutex_);
  auto show = [&](const char* role, const std::string& hash) {
    AddGauge(models, {{"role", role}, {"model", hash.empty() ? kNoModel : hash}}, 1);
  };
  show("champion", champion_);
  show("challenger", challenger_);
  show("previous", previous_);
  for (const Gate& gate : gates_) {
    AddGauge(gates, {{"horizon", gate.horizon}}, gate.open ? 1 : 0);
  }
  for (const Policy& policy : policies_) {
    AddGauge(capacities, {{"policy", policy.name}}, policy.capacity_per_week);
    if (policy.threshold) {
      AddGauge(thresholds,
               {{"policy", policy.name},
                {"measure", std::string(MeasureName(policy.threshold->measure))}},
               policy.threshold->value);
    }
  }
  return {std::move(models), std::move(gates), std::move(thresholds), std::move(capacities)};
}

}  // namespace hotiron
