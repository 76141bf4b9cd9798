#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace hotiron {

// Nothing in these tests takes this long; what would is a failure.
inline constexpr Duration kPatience{60'000};

// The value of a Result that must be ok.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    CheckFailed("a test", 0, result.error().message.c_str());
  }
  return std::move(result).value();
}

inline void Must(const Result<void>& result) {
  if (!result.ok()) {
    CheckFailed("a test", 0, result.error().message.c_str());
  }
}

inline void Must(const TransactionResult& result) {
  if (!result.ok()) {
    CheckFailed("a test", 0, result.error.message.c_str());
  }
}

struct ReadRecord {
  int64_t offset;
  std::string value;

  friend bool operator==(const ReadRecord&, const ReadRecord&) = default;
};

// Polls until the partition's end and adds its records to `records`; other partitions' messages are
// dropped. Returns the offset of the end.
int64_t ReadToEnd(PartitionReader& reader, const TopicPartition& partition,
                  std::vector<ReadRecord>& records);

// All records of a partition, as somebody else sees them who reads committed ones only.
std::vector<ReadRecord> ReadAll(const KafkaOptions& options, const TopicPartition& partition);

std::vector<std::string> Values(std::span<const ReadRecord> records);

// Produces values to partition 0.
void ProduceValues(Producer& producer, std::string_view topic,
                   std::span<const std::string_view> values);

// Remembers what it was told, resumes what it was given when asked to.
class RecordingListener : public RebalanceListener {
 public:
  void OnAssigned(std::span<TopicPartitionOffset> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;

  std::optional<int64_t> start;          // where assigned partitions start
  std::vector<TopicPartition> assigned;  // now
  std::vector<TopicPartition> revoked;   // ever
  std::vector<TopicPartition> lost;      // ever

 private:
  void Drop(std::span<const TopicPartition> partitions);
};

}  // namespace hotiron
