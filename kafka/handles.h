#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

// Every librdkafka handle in a unique_ptr: one leaked assignment list makes rd_kafka_destroy hang.
// Included by kafka/*.cc only.
namespace hotiron {

template <auto destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};

// A consumer leaves its group in Consumer::Close, with a bound, never in its destructor.
inline void DestroyClient(rd_kafka_t* client) {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

inline void FreeText(char* text) {
  rd_kafka_mem_free(nullptr, text);
}

using TextPtr = std::unique_ptr<char, Destroyer<FreeText>>;
using ClientPtr = std::unique_ptr<rd_kafka_t, Destroyer<DestroyClient>>;
using ConfPtr = std::unique_ptr<rd_kafka_conf_t, Destroyer<rd_kafka_conf_destroy>>;
using TopicPtr = std::unique_ptr<rd_kafka_topic_t, Destroyer<rd_kafka_topic_destroy>>;
using QueuePtr = std::unique_ptr<rd_kafka_queue_t, Destroyer<rd_kafka_queue_destroy>>;
using EventPtr = std::unique_ptr<rd_kafka_event_t, Destroyer<rd_kafka_event_destroy>>;
using ErrorPtr = std::unique_ptr<rd_kafka_error_t, Destroyer<rd_kafka_error_destroy>>;
using ListPtr = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                Destroyer<rd_kafka_topic_partition_list_destroy>>;
using GroupMetadataPtr = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                         Destroyer<rd_kafka_consumer_group_metadata_destroy>>;
using MetadataPtr =
    std::unique_ptr<const struct rd_kafka_metadata, Destroyer<rd_kafka_metadata_destroy>>;
using NewTopicPtr = std::unique_ptr<rd_kafka_NewTopic_t, Destroyer<rd_kafka_NewTopic_destroy>>;
using ConfigResourcePtr =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroyer<rd_kafka_ConfigResource_destroy>>;
using DeleteRecordsPtr =
    std::unique_ptr<rd_kafka_DeleteRecords_t, Destroyer<rd_kafka_DeleteRecords_destroy>>;
using AdminOptionsPtr =
    std::unique_ptr<rd_kafka_AdminOptions_t, Destroyer<rd_kafka_AdminOptions_destroy>>;

}  // namespace hotiron
