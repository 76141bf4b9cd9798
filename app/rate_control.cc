#include "app/rate_control.h"

#include <simdjson.h>

#include <string>
#include <vector>

#include "app/task_host.h"
#include "app/topics.h"

namespace hotiron {
namespace {

constexpr int kRecordsPerStep = 5'000;
constexpr Duration kTriggersPollTime{20};

KafkaOptions ReaderOptions(KafkaOptions kafka, const Config& config) {
  kafka.properties["group.id"] = config.app;
  kafka.properties["auto.offset.reset"] = "earliest";  // what compaction took is no loss
  return kafka;
}

}  // namespace

RateControl::RateControl(const KafkaOptions& kafka, const Config& config)
    : kafka_(ReaderOptions(kafka, config)),
      topic_(config.Topic(kTriggersTopic)),
      partitions_(config.partitions),
      scale_(TaskOptionsOf(config).scale) {}

void RateControl::Rest() {
  reader_.reset();
  controller_ = {};
}

Result<void> RateControl::Open() {
  TRY_ASSIGN(reader_, Reader::Create(kafka_));
  std::vector<TopicPartitionOffset> from;
  for (int32_t partition = 0; partition < partitions_; ++partition) {
    from.push_back({{topic_, partition}, kOffsetBeginning});
    behind_.insert(partition);
  }
  return reader_->Add(from);
}

// True once everything has been read that was there.
Result<bool> RateControl::ReadOn() {
  for (int i = 0; i < kRecordsPerStep; ++i) {
    TRY_ASSIGN(std::optional<Message> message, reader_->Poll(kTriggersPollTime));
    if (!message) {
      break;
    }
    if (message->IsEof()) {
      behind_.erase(message->partition());
    } else {
      Take(*message);
    }
  }
  return behind_.empty();
}

void RateControl::Take(const Message& message) {
  if (!message.has_value()) {
    return;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element trigger;
  std::string_view policy;
  std::string_view id;
  std::string_view opened;
  if (parser.parse(message.value().data(), message.value().size()).get(trigger) ==
          simdjson::SUCCESS &&
      trigger["policy"].get(policy) == simdjson::SUCCESS &&
      trigger["id"].get(id) == simdjson::SUCCESS &&
      trigger["opened"].get(opened) == simdjson::SUCCESS) {
    if (std::optional<EventTime> at = ParseTime(opened)) {
      controller_.Opened(std::string(policy), std::string(id), *at);
    }
  }
}

Result<std::optional<pb::Thresholds>> RateControl::Step(const LeversInForce& levers,
                                                        EventTime now) {
  std::optional<pb::Thresholds> next;
  if (!AnyCapacity(levers.policy()) && levers.thresholds().thresholds_size() == 0) {
    Rest();
    return next;
  }
  if (!reader_) {
    TRY(Open());
  }
  TRY_ASSIGN(bool all, ReadOn());
  if (!all) {
    return next;
  }
  if (levers.models().version() != models_.set().version()) {
    TRY_ASSIGN(models_, ModelsInForce::Read(levers.models(), scale_));
  }
  return controller_.Step(levers.policy(), models_, levers.thresholds(), now);
}

}  // namespace hotiron
