#pragma once

#include <optional>
#include <set>

#include "app/config.h"
#include "app/control_topic.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "kafka/consumer.h"
#include "processors/capacity.h"

namespace hotiron {

// Runs the RateController (processors/capacity.h) where the process owns <app>.control: it counts
// what opens, in all partitions, by reading <app>.triggers.
//
// Operation: Step now and then, on the owner only; it reads what has come and, once it has read all
// there was, says what the thresholds are to be. Rest when the process is no longer the owner. With
// no capacity in the policy it reads nothing at all.
// Concurrency: one thread at a time.
class RateControl {
 public:
  RateControl(const KafkaOptions& kafka, const Config& config);

  // `now`: the application's time. Nothing: thresholds stay as they are.
  Result<std::optional<pb::Thresholds>> Step(const LeversInForce& levers, EventTime now);

  void Rest();

 private:
  Result<void> Open();
  Result<bool> ReadOn();
  void Take(const Message& message);

  const KafkaOptions kafka_;
  const std::string topic_;
  const int partitions_;
  const TimeScale scale_;

  std::optional<Reader> reader_;
  std::set<int32_t> behind_;  // partitions that were not yet read to their end
  RateController controller_;
  ModelsInForce models_;
};

}  // namespace hotiron
