#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "app/config.h"
#include "base/mutex.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace hotiron {

// The levers in force: what <app>.control says, kept up to date by a thread of its own.
//
// Operation: Start reads the topic to its end and publishes what the files hold when its version is
// higher; a lower one is ignored with a warning, an equal one with other content is an error, also
// when two processes publish it at the same moment: the first record of a version counts.
// Whoever in the group owns the topic's partition copies each version into every partition of
// <app>.events (Worker), where it takes effect; `distributed` says that this has been done for all
// that was in force at the start, so that no event is judged without a policy.
// Concurrency: any thread may ask.
class LeverBoard {
 public:
  static Result<std::unique_ptr<LeverBoard>> Start(const KafkaOptions& kafka, const Config& config,
                                                   const pb::PolicySet& policy,
                                                   const pb::Catalogue& catalogue);
  ~LeverBoard();

  bool distributed() const { return distributed_; }

  uint32_t catalogue_version() const { return catalogue_version_; }

  pb::Catalogue catalogue() const;

  uint32_t policy_version() const { return policy_version_; }

 private:
  // The group's member that only asks what was committed: it never joins.
  struct Bystander : RebalanceListener {
    void OnAssigned(std::span<TopicPartitionOffset>) override {}

    void OnRevoked(std::span<const TopicPartition>) override {}

    void OnLost(std::span<const TopicPartition>) override {}
  };

  LeverBoard(KafkaOptions kafka, const Config& config, Reader reader, Consumer consumer,
             std::unique_ptr<Bystander> bystander);

  Result<void> ReadToEnd();
  void Take(const Message& message);
  Result<void> Publish(const pb::PolicySet& policy, const pb::Catalogue& catalogue);
  Result<void> Send(Producer& producer, std::string_view key, const pb::Control& control) const;
  Result<void> ReadBack(std::optional<int64_t> published);
  Result<void> CheckOurs(Producer& producer, std::string_view key, const pb::Control& ours);
  void Follow(const std::stop_token& stop);

  const KafkaOptions kafka_;  // constant after construction
  const TopicPartition control_;
  std::unique_ptr<Bystander> bystander_;
  Reader reader_;      // owner thread only, after Start
  Consumer consumer_;  // owner thread only
  int64_t wanted_offset_ = 0;

  mutable Mutex mutex_;
  pb::PolicySet policy_ HOTIRON_GUARDED_BY(mutex_);
  pb::Catalogue catalogue_ HOTIRON_GUARDED_BY(mutex_);
  std::string policy_hash_;     // during Start only
  std::string catalogue_hash_;  // during Start only
  std::atomic<uint32_t> policy_version_{0};
  std::atomic<uint32_t> catalogue_version_{0};
  std::atomic<bool> distributed_{false};
  std::jthread thread_;
};

}  // namespace hotiron
