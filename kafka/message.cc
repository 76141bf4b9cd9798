#include "kafka/message.h"

#include <cstddef>

#include "kafka/handles.h"

namespace hotiron {

bool Message::IsEof() const {
  return message_->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

std::string_view Message::topic() const {
  return rd_kafka_topic_name(message_->rkt);
}

int32_t Message::partition() const {
  return message_->partition;
}

int64_t Message::offset() const {
  return message_->offset;
}

std::optional<EventTime> Message::timestamp() const {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  int64_t millis = rd_kafka_message_timestamp(message_.get(), &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
    return std::nullopt;
  }
  return FromMillis(millis);
}

bool Message::has_key() const {
  return !IsEof() && message_->key != nullptr;
}

std::string_view Message::key() const {
  return has_key() ? std::string_view(static_cast<const char*>(message_->key), message_->key_len)
                   : std::string_view();
}

// At the end of a partition librdkafka keeps a text for people in the payload.
bool Message::has_value() const {
  return !IsEof() && message_->payload != nullptr;
}

std::string_view Message::value() const {
  return has_value() ? std::string_view(static_cast<const char*>(message_->payload), message_->len)
                     : std::string_view();
}

void Message::ForEachHeader(
    const std::function<void(std::string_view name, std::string_view value)>& visit) const {
  rd_kafka_headers_t* headers = nullptr;  // stays the message's
  if (IsEof() || rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t index = 0;
       rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++index) {
    visit(name, value == nullptr ? std::string_view()
                                 : std::string_view(static_cast<const char*>(value), size));
  }
}

void Message::Destroy::operator()(rd_kafka_message_s* message) const {
  rd_kafka_message_destroy(message);
}

}  // namespace hotiron
