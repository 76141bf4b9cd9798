#include "app/event_log.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "base/versions.h"
#include "kafka/admin.h"
#include "kafka/consumer.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr Duration kCallTimeout{30'000};
constexpr Duration kEventLogPollTime{200};

// How far one partition is to be read.
struct Span {
  int64_t next = 0;
  int64_t end = 0;
  int64_t size = 0;
};

using Spans = std::map<int32_t, Span>;

Result<Spans> SpansOf(const Admin& admin, const Reader& reader, const std::string& topic) {
  TRY_ASSIGN(auto topics, admin.Topics());
  auto shape = topics.find(topic);
  if (shape == topics.end()) {
    return Invalid(fmt::format("topic '{}' does not exist (or may not be read)", topic));
  }
  Spans spans;
  for (int32_t partition = 0; partition < shape->second.partitions; ++partition) {
    TRY_ASSIGN(Watermarks marks, reader.QueryWatermarks({topic, partition}, kCallTimeout));
    if (marks.low < marks.high) {
      spans[partition] = {marks.low, marks.high, marks.high - marks.low};
    }
  }
  return spans;
}

}  // namespace

Result<void> ReadEventLog(
    const KafkaOptions& kafka, const std::string& topic, Progress& progress, uint64_t& unreadable,
    const std::function<void(std::string_view key, const pb::TaskRecord& record)>& take) {
  TRY_ASSIGN(Admin admin, Admin::Create(kafka, kCallTimeout));
  KafkaOptions options = kafka;
  options.properties.emplace("queued.max.messages.kbytes", "8192");  // of each partition
  TRY_ASSIGN(Reader reader, Reader::Create(options));
  TRY_ASSIGN(Spans spans, SpansOf(admin, reader, topic));
  std::vector<TopicPartitionOffset> from;
  uint64_t total = 0;
  for (const auto& [partition, span] : spans) {
    from.push_back({{topic, partition}, span.next});
    total += static_cast<uint64_t>(span.size);
  }
  TRY(reader.Add(from));
  uint64_t done = 0;
  uint64_t records = 0;
  pb::TaskRecord record;
  steady_clock::time_point heard = steady_clock::now();
  while (!spans.empty()) {
    TRY_ASSIGN(std::optional<Message> message, reader.Poll(kEventLogPollTime));
    progress.Show(done, total, records);
    if (progress.interrupted()) {
      return Unavailable("interrupted");
    }
    if (!message) {
      if (steady_clock::now() - heard > kLogPatience) {
        return Unavailable(
            fmt::format("topic {}: no record came for {}", topic, FormatDuration(kLogPatience)));
      }
      continue;
    }
    heard = steady_clock::now();
    auto at = spans.find(message->partition());
    if (at == spans.end()) {
      continue;  // fetched before the partition was let go
    }
    Span& span = at->second;
    // What lies before a transaction's marker may be all there is: so the end is where Kafka says
    // that it is, or where a record from beyond it comes.
    bool beyond = message->offset() >= span.end;
    if (!message->IsEof() && !beyond) {
      ++records;
      done += static_cast<uint64_t>(message->offset() + 1 - span.next);
      span.next = message->offset() + 1;
      std::string_view value = message->value();
      if (record.ParseFromArray(value.data(), static_cast<int>(value.size())) &&
          record.version() == kTaskRecordVersion) {
        take(message->key(), record);
      } else {
        ++unreadable;
      }
    }
    if (beyond || span.next == span.end) {
      done += static_cast<uint64_t>(span.end - span.next);
      std::vector<TopicPartition> read{{topic, at->first}};
      spans.erase(at);
      TRY(reader.Remove(read));
    }
  }
  progress.Finish();
  return {};
}

}  // namespace hotiron
