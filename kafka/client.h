#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "kafka/handles.h"
#include "kafka/types.h"

// What all clients share: configuration, logs, words for errors. Included by kafka/*.cc only.
namespace hotiron {

enum class ClientKind : uint8_t {
  kConsumer,
  kProducer,
  kMock,  // hosts a mock cluster and connects to nobody
};

struct DefaultProperty {
  const char* name;
  const char* value;
};

using Defaults = std::span<const DefaultProperty>;

// The state behind each client class; librdkafka's callbacks get a pointer to it, so it never
// moves.
class Client {
 public:
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_.get(); }

  // "cannot <doing>: <librdkafka's words>", with the brokers and the last failed connection when
  // the trouble is that they do not answer.
  Error MakeError(std::string_view doing, rd_kafka_resp_err_t code,
                  std::string_view words = {}) const;

  Error MakeError(std::string_view doing, const ErrorPtr& error) const;

  // The first error among the elements of a list, naming its partition.
  Result<void> FirstError(std::string_view doing, const ListPtr& list) const;

  void Log(LogLevel level, std::string_view text) const;

 protected:
  Client() = default;
  ~Client() = default;

  // Defaults give way to options.properties, and to nothing where this version of librdkafka does
  // not know them yet; `callbacks` may set callbacks on the configuration.
  Result<void> Open(ClientKind kind, const KafkaOptions& options,
                    std::initializer_list<Defaults> defaults,
                    void (*callbacks)(rd_kafka_conf_t*) = nullptr);

 private:
  static void OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static int OnStatistics(rd_kafka_t* handle, char* json, size_t size, void* opaque);

  LogSink log_;                // constant after Open
  StatisticsSink statistics_;  // constant after Open
  std::string brokers_;        // constant after Open
  mutable std::mutex mutex_;
  std::string last_failure_;  // guarded by mutex_
  ClientPtr handle_;          // last: its threads use the members above until it is gone
};

// Between our vocabulary and librdkafka's lists.
ListPtr MakeList(std::span<const TopicPartition> partitions);
ListPtr MakeList(std::span<const TopicPartitionOffset> offsets);
std::span<rd_kafka_topic_partition_t> Elements(const ListPtr& list);
TopicPartition ToTopicPartition(const rd_kafka_topic_partition_t& element);

// Whole milliseconds, in the range of an int.
int ToTimeout(Duration duration);

}  // namespace hotiron
