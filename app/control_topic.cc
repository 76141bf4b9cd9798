#include "app/control_topic.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <spdlog/spdlog.h>

#include <vector>

#include "app/topics.h"
#include "base/hash.h"
#include "base/versions.h"

namespace hotiron {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds{60};
constexpr Duration kControlPollTime{200};

// Equal content gives an equal hash: maps are written in order.
std::string ContentHash(const pb::Levers& levers) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    levers.SerializeToCodedStream(&coded);
  }
  return Hex(Hash64(bytes));
}

Error OtherContent(std::string_view kind, uint32_t version) {
  return Invalid(fmt::format(
      "{}: version {} is in force with other content: give the changed file a higher version", kind,
      version));
}

}  // namespace

std::string_view KindOf(const pb::Levers& levers) {
  return levers.has_policy()      ? "policy"
         : levers.has_catalogue() ? "catalogue"
         : levers.has_models()    ? "models"
                                  : "thresholds";
}

uint32_t VersionOf(const pb::Levers& levers) {
  return levers.has_policy()      ? levers.policy().version()
         : levers.has_catalogue() ? levers.catalogue().version()
         : levers.has_models()    ? levers.models().version()
                                  : levers.thresholds().version();
}

pb::Control MakeControl(pb::Levers levers) {
  pb::Control control;
  control.set_version(kControlVersion);
  control.set_content_hash(ContentHash(levers));
  *control.mutable_levers() = std::move(levers);
  return control;
}

const pb::Control& LeversInForce::Held(std::string_view kind) const {
  auto at = held_.find(kind);
  return at == held_.end() ? pb::Control::default_instance() : at->second;
}

bool LeversInForce::Take(const pb::Control& control) {
  std::string_view kind = KindOf(control.levers());
  if (VersionOf(control.levers()) <= VersionOf(Held(kind).levers())) {
    return false;
  }
  held_.insert_or_assign(std::string(kind), control);
  return true;
}

ControlTopic::ControlTopic(KafkaOptions kafka, TopicPartition control, Reader reader)
    : kafka_(std::move(kafka)), control_(std::move(control)), reader_(std::move(reader)) {}

Result<ControlTopic> ControlTopic::Open(const KafkaOptions& kafka, const Config& config) {
  KafkaOptions options = kafka;
  options.properties["group.id"] = config.app;
  TRY_ASSIGN(Reader reader, Reader::Create(options));
  ControlTopic topic(kafka, {config.Topic(kControlTopic), 0}, std::move(reader));
  std::vector<TopicPartitionOffset> from{{topic.control_, kOffsetBeginning}};
  TRY(topic.reader_.Add(from));
  TRY(topic.ReadToEnd());
  return topic;
}

// To the end as it is now. The broker lets a reader wait before it says that there is no more, and
// a start would wait with it; nobody writes here in transactions, so the last record ends it too.
Result<void> ControlTopic::ReadToEnd() {
  auto deadline = std::chrono::steady_clock::now() + kReadPatience;
  TRY_ASSIGN(Watermarks marks, reader_.QueryWatermarks(control_, kReadPatience));
  while (std::chrono::steady_clock::now() < deadline) {
    if (marks.low == marks.high || next_offset_ >= marks.high) {
      return {};
    }
    TRY_ASSIGN(std::optional<Message> message, reader_.Poll(kControlPollTime));
    if (message && message->IsEof()) {
      return {};
    }
    if (message) {
      Take(*message);
    }
  }
  return Unavailable(fmt::format("topic {} could not be read to its end within {}", control_.topic,
                                 FormatDuration(kReadPatience)));
}

Result<bool> ControlTopic::Poll(Duration wait) {
  TRY_ASSIGN(std::optional<Message> message, reader_.Poll(wait));
  if (!message || message->IsEof()) {
    return false;
  }
  Take(*message);
  return true;
}

void ControlTopic::Take(const Message& message) {
  next_offset_ = message.offset() + 1;
  if (!message.has_value()) {
    return;
  }
  pb::Control control;
  std::string_view value = message.value();
  if (!control.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
      control.version() != kControlVersion) {
    spdlog::error("A record of the control topic does not read back: offset={}.", message.offset());
    return;
  }
  in_force_.Take(control);
}

Result<bool> ControlTopic::Publish(const pb::Levers& levers) {
  const std::string kind(KindOf(levers));
  const uint32_t version = VersionOf(levers);
  pb::Control ours = MakeControl(levers);
  const pb::Control& theirs = in_force_.Held(kind);
  uint32_t in_force = VersionOf(theirs.levers());
  if (version < in_force) {
    spdlog::warn("The {} in force is newer than the file's: in_force={} file={}. Keeping it.", kind,
                 in_force, version);
    return false;
  }
  if (version == in_force) {
    return theirs.content_hash() == ours.content_hash() ? Result<bool>(false)
                                                        : OtherContent(kind, version);
  }
  TRY_ASSIGN(Producer producer, Producer::Create(kafka_, std::nullopt));
  TRY(Send(producer, ours));
  TRY(ReadBack(producer.NextDelivered(control_)));
  const pb::Control& first = in_force_.Held(kind);
  if (VersionOf(first.levers()) == version && first.content_hash() != ours.content_hash()) {
    TRY(Send(producer, first));
    return OtherContent(kind, version);
  }
  return true;
}

Result<void> ControlTopic::Send(Producer& producer, const pb::Control& control) const {
  std::string value = control.SerializeAsString();
  TRY(producer.Produce(
      {.topic = control_.topic, .partition = 0, .key = KindOf(control.levers()), .value = value}));
  return producer.Flush(kReadPatience);
}

Result<void> ControlTopic::ReadBack(std::optional<int64_t> published) {
  auto deadline = std::chrono::steady_clock::now() + kReadPatience;
  while (published && next_offset_ < *published) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Unavailable("what was published to the control topic could not be read back");
    }
    TRY(Poll(kControlPollTime));
  }
  return {};
}

}  // namespace hotiron
