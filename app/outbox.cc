#include "app/outbox.h"

#include <fmt/format.h>

#include "app/fault.h"
#include "app/topics.h"
#include "base/hash.h"
#include "base/versions.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

constexpr Duration kInitTimeout{60'000};
constexpr Duration kFlushTimeout{30'000};

}  // namespace

Outbox::Outbox(const Config& config, KafkaOptions kafka, std::string id)
    : config_(config),
      kafka_(std::move(kafka)),
      id_(std::move(id)),
      events_topic_(config.Topic(kEventsTopic)),
      triggers_topic_(config.Topic(kTriggersTopic)),
      journeys_topic_(config.Topic(kJourneysTopic)),
      rejected_topic_(config.Topic(kRejectedTopic)) {}

Result<void> Outbox::Open() {
  Close();
  if (!ExactlyOnce()) {
    TRY_ASSIGN(producer_, Producer::Create(kafka_, std::nullopt));
    return {};
  }
  TRY_ASSIGN(producer_, Producer::Create(kafka_, id_));
  TransactionResult begun = producer_->InitTransactions(kInitTimeout);
  return begun.ok() ? Result<void>() : begun.error;
}

void Outbox::Close() {
  in_transaction_ = false;
  producer_.reset();
}

// ---------------------------------------------------------------- records

Result<void> Outbox::SendEvent(std::string_view key, const pb::TaskRecord& record, EventTime time) {
  std::string value = record.SerializeAsString();
  ProduceRecord produced{.topic = events_topic_, .key = key, .value = value};
  if (config_.clock == Config::Clock::kEvent) {
    produced.timestamp = time;
  }
  return Send(produced);
}

Result<void> Outbox::SendTick(int32_t partition) {
  pb::TaskRecord record;
  record.set_version(kTaskRecordVersion);
  record.mutable_tick();
  std::string value = record.SerializeAsString();
  return Send({.topic = events_topic_, .partition = partition, .value = value});
}

Result<void> Outbox::SendLevers(std::string_view key, const pb::Levers& levers) {
  pb::TaskRecord record;
  record.set_version(kTaskRecordVersion);
  *record.mutable_levers() = levers;
  std::string value = record.SerializeAsString();
  for (int32_t partition = 0; partition < config_.partitions; ++partition) {
    ProduceRecord produced{
        .topic = events_topic_, .partition = partition, .key = key, .value = value};
    if (config_.clock == Config::Clock::kEvent) {
      produced.timestamp = kEarliestTime;  // a lever moves no event clock
    }
    TRY(Send(produced));
  }
  return {};
}

Result<void> Outbox::SendRejected(const RejectedRecord& rejected) {
  std::vector<RecordHeader> headers;
  for (const auto& [name, value] : rejected.headers) {
    headers.push_back({name, value});
  }
  return Send(
      {.topic = rejected_topic_, .key = rejected.key, .value = rejected.value, .headers = headers});
}

Result<void> Outbox::SendOutputs(const TaskOutputs& outputs) {
  for (const TaskOutputs::Forward& forward : outputs.forwards) {
    ProduceRecord record{.topic = events_topic_, .key = forward.key, .value = forward.value};
    if (config_.clock == Config::Clock::kEvent) {
      record.timestamp = forward.time;
    }
    TRY(Send(record));
  }
  for (const pb::Trigger& trigger : outputs.triggers) {
    std::string json = WriteTrigger(trigger);
    auto partition =
        static_cast<int32_t>(Hash64(trigger.account()) % static_cast<uint64_t>(config_.partitions));
    TRY(Send(
        {.topic = triggers_topic_, .partition = partition, .key = trigger.id(), .value = json}));
  }
  for (const TaskOutputs::Summary& summary : outputs.summaries) {
    TRY(Send({.topic = journeys_topic_, .key = summary.key, .value = summary.json}));
  }
  for (const TaskOutputs::Reject& reject : outputs.rejects) {
    TRY(SendTaskReject(reject));
  }
  return {};
}

Result<void> Outbox::SendTaskReject(const TaskOutputs::Reject& reject) {
  std::string at = fmt::format("{}", reject.partition);
  std::string offset = fmt::format("{}", reject.offset);
  std::string size = fmt::format("{}", reject.value.size());
  std::string hash = Hex(Hash64(reject.value));
  std::vector<RecordHeader> headers{
      {"reason", reject.reason}, {"topic", events_topic_}, {"partition", at},
      {"offset", offset},        {"size", size},           {"xxh3", hash}};
  return Send({.topic = rejected_topic_,
               .key = std::string_view(reject.key).substr(0, kRejectedKeyBytesMax),
               .value = std::string_view(reject.value).substr(0, kRejectedBytesMax),
               .headers = headers});
}

Result<void> Outbox::SendRows(const TopicPartition& changelog, std::span<const Row> rows) {
  for (const Row& row : rows) {
    ProduceRecord record{
        .topic = changelog.topic, .partition = changelog.partition, .key = row.key};
    if (row.value) {
      record.value = *row.value;
    }
    TRY(Send(record));
  }
  return {};
}

Result<void> Outbox::Send(const ProduceRecord& record) {
  TRY(EnsureTransaction());
  return producer_->Produce(record);
}

// ---------------------------------------------------------------- the transaction

Result<void> Outbox::EnsureTransaction() {
  if (!ExactlyOnce() || in_transaction_) {
    return {};
  }
  TransactionResult begun = producer_->Begin();
  if (!begun.ok()) {
    verdict_ = begun.next;
    return begun.error;
  }
  in_transaction_ = true;
  return FaultAt(FaultPlace::kBegun) ? Result<void>(Unavailable("fault: begun")) : Result<void>();
}

Result<void> Outbox::Commit(const std::vector<TopicPartitionOffset>& offsets,
                            const Consumer& consumer) {
  TRY(EnsureTransaction());
  if (!offsets.empty()) {
    TransactionResult sent = producer_->SendOffsets(offsets, consumer);
    if (!sent.ok()) {
      verdict_ = sent.next;
      return sent.error;
    }
  }
  if (FaultAt(FaultPlace::kOffsetsSent)) {
    return Unavailable("fault: offsets_sent");
  }
  TransactionResult committed = producer_->Commit();
  if (!committed.ok()) {
    verdict_ = committed.next;
    return committed.error;
  }
  in_transaction_ = false;
  if (FaultAt(FaultPlace::kCommitted)) {
    DoubtOutcome();  // as if the answer had been lost
    return Unavailable("fault: committed");
  }
  return {};
}

Result<void> Outbox::Flush() {
  return producer_->Flush(kFlushTimeout);
}

TransactionResult Outbox::Abort() {
  if (!in_transaction_) {
    return {};
  }
  in_transaction_ = false;
  return producer_->Abort();
}

}  // namespace hotiron
