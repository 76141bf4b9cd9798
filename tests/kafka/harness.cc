#include "tests/kafka/harness.h"

#include <algorithm>

namespace hotiron {

int64_t ReadToEnd(PartitionReader& reader, const TopicPartition& partition,
                  std::vector<ReadRecord>& records) {
  const std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    std::optional<Message> message = Must(reader.Poll(Duration(100)));
    if (!message || message->topic() != partition.topic ||
        message->partition() != partition.partition) {
      continue;
    }
    if (message->IsEof()) {
      return message->offset();
    }
    records.push_back({message->offset(), std::string(message->value())});
  }
  CheckFailed(__FILE__, __LINE__, "the end of the partition comes");
}

std::vector<ReadRecord> ReadAll(const KafkaOptions& options, const TopicPartition& partition) {
  Reader reader = Must(Reader::Create(options));
  Must(reader.Add(std::vector<TopicPartitionOffset>{{partition, kOffsetBeginning}}));
  std::vector<ReadRecord> records;
  ReadToEnd(reader, partition, records);
  return records;
}

std::vector<std::string> Values(std::span<const ReadRecord> records) {
  std::vector<std::string> values;
  for (const ReadRecord& record : records) {
    values.push_back(record.value);
  }
  return values;
}

void ProduceValues(Producer& producer, std::string_view topic,
                   std::span<const std::string_view> values) {
  for (std::string_view value : values) {
    Must(producer.Produce({.topic = topic, .partition = 0, .value = value}));
  }
}

void RecordingListener::OnAssigned(std::span<TopicPartitionOffset> partitions) {
  for (TopicPartitionOffset& partition : partitions) {
    assigned.push_back(partition.at);
    if (start) {
      partition.offset = *start;
    }
  }
}

void RecordingListener::OnRevoked(std::span<const TopicPartition> partitions) {
  revoked.insert(revoked.end(), partitions.begin(), partitions.end());
  Drop(partitions);
}

void RecordingListener::OnLost(std::span<const TopicPartition> partitions) {
  lost.insert(lost.end(), partitions.begin(), partitions.end());
  Drop(partitions);
}

void RecordingListener::Drop(std::span<const TopicPartition> partitions) {
  for (const TopicPartition& partition : partitions) {
    std::erase(assigned, partition);
  }
}

}  // namespace hotiron
