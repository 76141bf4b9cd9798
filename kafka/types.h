#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace hotiron {

// Settings of librdkafka by their own names ("bootstrap.servers", "sasl.mechanism", ...), given to
// every client. They override our defaults, which are listed in client.cc with their reasons.
// Secrets are values here: whoever reads them from files must not print this map.
using KafkaProperties = std::map<std::string, std::string>;

enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };

// Receives what librdkafka logs. Called from librdkafka's own threads, several at a time: it must
// be thread-safe, must not throw and must not call into kafka/. It limits rates itself.
using LogSink = std::function<void(LogLevel level, std::string_view text)>;

// Receives librdkafka's statistics as JSON, every `statistics.interval.ms` (0, the default: never),
// on the thread that owns the client, inside its calls.
using StatisticsSink = std::function<void(std::string_view json)>;

// What every client needs.
struct KafkaOptions {
  KafkaProperties properties = {};
  LogSink log = {};                // empty: logs are dropped
  StatisticsSink statistics = {};  // empty: none
};

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;

  template <typename H>
  friend H AbslHashValue(H hash, const TopicPartition& value) {
    return H::combine(std::move(hash), value.topic, value.partition);
  }
};

// "orders[3]"
std::string ToString(const TopicPartition& value);

// Places that are not a number. Everywhere else an offset is the next one to read.
inline constexpr int64_t kOffsetBeginning = -2;
inline constexpr int64_t kOffsetEnd = -1;
inline constexpr int64_t kOffsetCommitted = -1000;  // what the group committed, else the reset rule

struct TopicPartitionOffset {
  TopicPartition at;
  int64_t offset = kOffsetCommitted;
  std::string metadata = {};  // kept by the group beside a committed offset

  friend auto operator<=>(const TopicPartitionOffset&, const TopicPartitionOffset&) = default;
};

// What a group has committed for a partition.
struct CommittedOffset {
  int64_t offset = 0;
  std::string metadata = {};

  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

// The first offset that is there, and the one after the last. Control records take offsets too, so
// a reader is at the end when it sees Message::IsEof, never by comparing with `high`.
struct Watermarks {
  int64_t low = 0;
  int64_t high = 0;
};

}  // namespace hotiron
