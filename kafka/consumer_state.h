#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kafka/client.h"
#include "kafka/consumer.h"

// Included by kafka/*.cc only.
namespace hotiron {

struct PartitionReader::State : Client {
  using Client::Open;

  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t event,
                          rd_kafka_topic_partition_list_t* changed, void* opaque);

  // The offset of each partition for a time, or a mark in its place. `doing` is for errors.
  Result<std::vector<int64_t>> OffsetsFor(std::string_view doing,
                                          std::span<const TopicPartition> partitions, int64_t time,
                                          Duration timeout) const;

  // Consumers only; constant after Create.
  RebalanceListener* listener = nullptr;
  // A failed change of the assignment, for the next Poll. Owner thread only.
  std::optional<Error> rebalance_error;
};

}  // namespace hotiron
