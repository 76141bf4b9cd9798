#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"

struct rd_kafka_message_s;  // NOLINT(readability-identifier-naming): librdkafka's

namespace hotiron {

// A record read from Kafka, or the news that a partition has been read to its end (IsEof).
//
// Owns librdkafka's memory; every view points into it and dies with it. A message keeps its
// partition's buffer alive and must be gone before the client that it was read with.
// Threads: none of its own; may be handed to another thread.
class Message {
 public:
  // Takes over `message`. For kafka/ only.
  explicit Message(rd_kafka_message_s* message) : message_(message) {}

  // True: no record, all there is to read now (under read_committed: up to the last stable offset)
  // has been read. `topic`, `partition` and `offset` are set.
  bool IsEof() const;

  std::string_view topic() const;
  int32_t partition() const;
  int64_t offset() const;

  // None: the record has no timestamp.
  std::optional<EventTime> timestamp() const;

  bool has_key() const;
  std::string_view key() const;  // empty when there is none
  bool has_value() const;        // false: a tombstone
  std::string_view value() const;

  // In the order written; a name may come more than once, a null value is an empty one.
  void ForEachHeader(
      const std::function<void(std::string_view name, std::string_view value)>& visit) const;

 private:
  struct Destroy {
    void operator()(rd_kafka_message_s* message) const;
  };

  std::unique_ptr<rd_kafka_message_s, Destroy> message_;
};

}  // namespace hotiron
