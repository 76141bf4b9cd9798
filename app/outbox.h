#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/row.h"
#include "ingest/rejection.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "processors/task.h"

namespace hotiron {

// Everything that a worker sends, and the transaction that it is sent in.
//
// Operation: Open makes a producer. A transaction begins with the first record after a commit.
// Commit ends it together with the offsets; in at-least-once mode there is none, and Flush and
// Consumer::Commit take its place. After an error TakeVerdict says what to do: a transactional call
// that failed knows, anything else is the caller's judgement.
// Concurrency: the worker's thread.
class Outbox {
 public:
  using Next = TransactionResult::Next;

  // `id` is stable per worker: the transactional id.
  Outbox(const Config& config, KafkaOptions kafka, std::string id);

  // Makes the producer, or makes it anew: what an older one with this id has open is ended.
  Result<void> Open();

  bool is_open() const { return producer_.has_value(); }

  // Lets go of the producer. A transaction that is open is left to the broker's timeout.
  void Close();

  // A record of <app>.events for the task of an identity, or for one partition's.
  Result<void> SendEvent(std::string_view key, const pb::TaskRecord& record, EventTime time);
  Result<void> SendTick(int32_t partition);

  // One version of a lever, to every task. `key` names the kind of lever.
  Result<void> SendLevers(std::string_view key, const pb::Levers& levers);

  Result<void> SendRejected(const RejectedRecord& rejected);

  // What tasks have brought about: forwards, triggers, summaries, rejects.
  Result<void> SendOutputs(const TaskOutputs& outputs);

  Result<void> SendRows(const TopicPartition& changelog, std::span<const Row> rows);

  bool in_transaction() const { return in_transaction_; }

  // Exactly-once: all or nothing of what was sent since the last commit, with the offsets.
  Result<void> Commit(const std::vector<TopicPartitionOffset>& offsets, const Consumer& consumer);

  // At-least-once: waits until everything sent has arrived.
  Result<void> Flush();

  // Drops the transaction, if there is one.
  TransactionResult Abort();

  // What the transactional call that failed says; asked once.
  std::optional<Next> TakeVerdict() { return std::exchange(verdict_, std::nullopt); }

  // As if such a call had failed with its outcome unknown.
  void DoubtOutcome() { verdict_ = Next::kNewProducer; }

  // See Producer.
  std::optional<int64_t> NextDelivered(const TopicPartition& partition) const {
    return producer_->NextDelivered(partition);
  }

 private:
  bool ExactlyOnce() const { return config_.guarantee == Config::Guarantee::kExactlyOnce; }

  Result<void> EnsureTransaction();
  Result<void> Send(const ProduceRecord& record);
  Result<void> SendTaskReject(const TaskOutputs::Reject& reject);

  const Config& config_;  // constant after construction
  const KafkaOptions kafka_;
  const std::string id_;
  const std::string events_topic_;
  const std::string triggers_topic_;
  const std::string journeys_topic_;
  const std::string rejected_topic_;

  std::optional<Producer> producer_;
  bool in_transaction_ = false;
  std::optional<Next> verdict_;
};

}  // namespace hotiron
