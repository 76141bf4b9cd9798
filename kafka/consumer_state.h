#pragma once

#include <optional>

#include "kafka/client.h"
#include "kafka/consumer.h"

// Included by kafka/*.cc only.
namespace hotiron {

struct PartitionReader::State : Client {
  using Client::Open;

  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t event,
                          rd_kafka_topic_partition_list_t* changed, void* opaque);

  // Consumers only; constant after Create.
  RebalanceListener* listener = nullptr;
  // A failed change of the assignment, for the next Poll. Owner thread only.
  std::optional<Error> rebalance_error;
};

}  // namespace hotiron
