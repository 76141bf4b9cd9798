#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "app/config.h"
#include "app/control_topic.h"
#include "app/lever_files.h"
#include "app/rate_control.h"
#include "base/mutex.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "kafka/consumer.h"

namespace hotiron {

// The levers in force: what <app>.control says, kept up to date by a thread of its own.
//
// Operation: Start reads the topic to its end and publishes what the files hold when its version is
// higher; a lower one is ignored with a warning, an equal one with other content is an error
// (ControlTopic). Offer does the same later, with files that were read again. A model has no
// version of its own: one that is not known yet becomes the champion where there is none, else the
// challenger (processors/models_in_force.h).
// Whoever in the group owns the topic's partition copies each version into every partition of
// <app>.events (Worker), where it takes effect; `distributed` says that this has been done for all
// that was in force at the start, so that no event is judged without a policy.
// Where this process owns that partition the board also keeps policies at their capacity
// (RateControl).
// Concurrency: any thread may ask and offer.
class LeverBoard {
 public:
  static Result<std::unique_ptr<LeverBoard>> Start(const KafkaOptions& kafka, const Config& config,
                                                   const LeverFiles& files);
  ~LeverBoard();

  // Publishes files that were read again, soon; what is refused is logged.
  void Offer(LeverFiles files);

  // A worker of this process has been given the topic's partition, or has lost it.
  void Own(bool owner) { owner_ = owner; }

  // A task has come to this time.
  void Reached(EventTime time);

  bool distributed() const { return distributed_; }

  uint32_t catalogue_version() const { return catalogue_version_; }

  pb::Catalogue catalogue() const;

  uint32_t policy_version() const { return policy_version_; }

  pb::PolicySet policy() const;
  pb::Thresholds thresholds() const;
  pb::ModelSet models() const;

 private:
  // The group's member that only asks what was committed: it never joins.
  struct Bystander : RebalanceListener {
    void OnAssigned(std::span<TopicPartitionOffset>) override {}

    void OnRevoked(std::span<const TopicPartition>) override {}

    void OnLost(std::span<const TopicPartition>) override {}
  };

  LeverBoard(const KafkaOptions& kafka, const Config& config, ControlTopic topic, Consumer consumer,
             std::unique_ptr<Bystander> bystander);

  Result<void> Publish(const LeverFiles& files);
  void Show();
  void PublishOffered();
  Result<void> SteerThresholds();
  void Follow(const std::stop_token& stop);

  const bool event_time_;  // constant after construction
  ControlTopic topic_;     // these two: owner thread only, after Start
  RateControl rate_;
  std::unique_ptr<Bystander> bystander_;
  Consumer consumer_;  // owner thread only

  mutable Mutex mutex_;
  LeversInForce in_force_ HOTIRON_GUARDED_BY(mutex_);
  std::optional<LeverFiles> offered_ HOTIRON_GUARDED_BY(mutex_);
  std::atomic<uint32_t> policy_version_{0};
  std::atomic<uint32_t> catalogue_version_{0};
  std::atomic<bool> distributed_{false};
  std::atomic<bool> owner_{false};
  std::atomic<EventTime> reached_{EventTime{}};
  std::jthread thread_;
};

}  // namespace hotiron
