#pragma once

#include <prometheus/collectable.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "processors/capacity.h"
#include "processors/task.h"

namespace hotiron {

// Horizons of a model whose gates are shown; a model file may name more.
inline constexpr size_t kHorizonLabelsMax = 8;

// What tasks decide by: the models of buying in force with their gates, the thresholds in force
// with the capacities that steer them. As the newest levers say that any task of this process has;
// the versions in each are the TaskBoard's.
//
// Concurrency: any thread.
// Limits: three models, kHorizonLabelsMax horizons, the policies in force (kPoliciesMax). A model
// that has left its role, and a threshold of another measure, are not shown any more.
class DecisionBoard final : public prometheus::Collectable {
 public:
  // Called after each of a task's commits: cheap unless its levers have changed.
  void Running(const Task& task);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Versions {
    uint32_t policy = 0;
    uint32_t models = 0;
    uint32_t thresholds = 0;

    bool operator==(const Versions&) const = default;
  };

  struct Gate {
    std::string horizon;
    bool open = false;
  };

  struct Policy {
    std::string name;
    double capacity_per_week = 0;
    std::optional<ThresholdInForce> threshold;
  };

  static std::vector<Gate> GatesOf(const TrainedModel* champion);

  mutable Mutex mutex_;
  Versions versions_ HOTIRON_GUARDED_BY(mutex_);
  std::string champion_ HOTIRON_GUARDED_BY(mutex_);  // hashes; empty: none
  std::string challenger_ HOTIRON_GUARDED_BY(mutex_);
  std::string previous_ HOTIRON_GUARDED_BY(mutex_);
  std::vector<Gate> gates_ HOTIRON_GUARDED_BY(mutex_) = GatesOf(nullptr);
  std::vector<Policy> policies_ HOTIRON_GUARDED_BY(mutex_);
};

}  // namespace hotiron
