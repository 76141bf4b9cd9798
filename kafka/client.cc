#include "kafka/client.h"

#include <fmt/format.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace hotiron {
namespace {

static_assert(kOffsetBeginning == RD_KAFKA_OFFSET_BEGINNING);
static_assert(kOffsetEnd == RD_KAFKA_OFFSET_END);
static_assert(kOffsetCommitted == RD_KAFKA_OFFSET_STORED);

constexpr int kScramOfKafka4 = 0x020601ff;  // 2.6.1, the first whose SCRAM Kafka 4 takes

// Defaults of every client; those of one kind stand beside its class.
constexpr DefaultProperty kCommonDefaults[] = {
    {"socket.nagle.disable", "true"},      // on by default before librdkafka 2.10: costs latency
    {"socket.keepalive.enable", "true"},   // notice a broker behind a dead connection
    {"reconnect.backoff.max.ms", "2000"},  // back soon after a broker restart (default 10 s)
    {"log.connection.close", "false"},     // brokers reap idle connections: not news
    {"log.thread.name", "false"},          // shorter, and the broker is named anyway
};

constexpr size_t kErrorTextBytes = 512;

Result<void> Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, kErrorTextBytes> text{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size()) !=
      RD_KAFKA_CONF_OK) {
    return Invalid(fmt::format("kafka property {}: {}", name, text.data()));
  }
  return {};
}

void SetDefaults(rd_kafka_conf_t* conf, Defaults defaults) {
  for (const DefaultProperty& property : defaults) {
    CHECK(rd_kafka_conf_set(conf, property.name, property.value, nullptr, 0) !=
          RD_KAFKA_CONF_INVALID);
  }
}

LogLevel ToLogLevel(int level) {
  if (level <= LOG_ERR) {
    return LogLevel::kError;
  }
  if (level == LOG_WARNING) {
    return LogLevel::kWarning;
  }
  return level == LOG_DEBUG ? LogLevel::kDebug : LogLevel::kInfo;
}

bool IsOutOfReach(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
         code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__RESOLVE ||
         code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE || code == RD_KAFKA_RESP_ERR__WAIT_COORD ||
         code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

Error::Code ToCode(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      return Error::Code::kConflict;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return Error::Code::kCorrupt;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return Error::Code::kInvalid;
    default:  // also _UNKNOWN_PARTITION: no broker leads it just now
      return Error::Code::kUnavailable;
  }
}

}  // namespace

std::string ToString(const TopicPartition& value) {
  return fmt::format("{}[{}]", value.topic, value.partition);
}

Result<void> Client::Open(ClientKind kind, const KafkaOptions& options,
                          std::initializer_list<Defaults> defaults,
                          void (*callbacks)(rd_kafka_conf_t*)) {
  log_ = options.log;
  statistics_ = options.statistics;
  for (const auto& [name, value] : options.properties) {
    if (name == "bootstrap.servers" || name == "metadata.broker.list") {
      brokers_ = value;
    }
  }
  if (brokers_.empty() && kind != ClientKind::kMock) {
    return Invalid(
        "kafka property bootstrap.servers: missing; it names the brokers (host:port,...)");
  }

  ConfPtr conf(rd_kafka_conf_new());
  SetDefaults(conf.get(), kCommonDefaults);
  for (Defaults some : defaults) {
    SetDefaults(conf.get(), some);
  }
  for (const auto& [name, value] : options.properties) {
    TRY(Set(conf.get(), name, value));
  }
  rd_kafka_conf_set_opaque(conf.get(), this);
  // No error callback on purpose: without one librdkafka logs its errors, from the thread that
  // meets them, and so they are seen even while the owner of the client waits in a call.
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  if (statistics_) {
    rd_kafka_conf_set_stats_cb(conf.get(), OnStatistics);
  }
  if (callbacks != nullptr) {
    callbacks(conf.get());
  }

  std::array<char, kErrorTextBytes> text{};
  handle_.reset(rd_kafka_new(kind == ClientKind::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                             conf.get(), text.data(), text.size()));
  if (!handle_) {
    return Invalid(fmt::format("cannot make a Kafka client: {}", text.data()));
  }
  static_cast<void>(conf.release());  // the client's now
  return {};
}

Error Client::MakeError(std::string_view doing, rd_kafka_resp_err_t code,
                        std::string_view words) const {
  std::array<char, kErrorTextBytes> fatal{};
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    code = rd_kafka_fatal_error(handle(), fatal.data(), fatal.size());
    words = fatal.data();
  }
  std::string message =
      fmt::format("cannot {}: {}", doing, words.empty() ? rd_kafka_err2str(code) : words);
  if (IsOutOfReach(code)) {
    message += fmt::format(" (brokers: {}", brokers_);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!last_failure_.empty()) {
      message += fmt::format("; last failure: {}", last_failure_);
    }
    message += "): check bootstrap.servers, the network, TLS and SASL";
    if (last_failure_.find("SCRAM") != std::string::npos && rd_kafka_version() < kScramOfKafka4) {
      message += fmt::format(
          "; librdkafka {} cannot log in to Kafka 4 by SCRAM (2.6.1 can): PLAIN over TLS and "
          "client "
          "certificates work",
          rd_kafka_version_str());
    }
  }
  return Error{ToCode(code), std::move(message)};
}

Error Client::MakeError(std::string_view doing, const ErrorPtr& error) const {
  return MakeError(doing, rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()));
}

Result<void> Client::FirstError(std::string_view doing, const ListPtr& list) const {
  for (const rd_kafka_topic_partition_t& element : Elements(list)) {
    if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return MakeError(fmt::format("{} {}", doing, ToString(ToTopicPartition(element))),
                       element.err);
    }
  }
  return {};
}

void Client::Log(LogLevel level, std::string_view text) const {
  if (log_) {
    log_(level, text);
  }
}

void Client::OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  Client* client = handle == nullptr ? nullptr : static_cast<Client*>(rd_kafka_opaque(handle));
  if (client == nullptr) {
    return;
  }
  std::string_view words(text);
  std::string_view kind(facility);
  if (kind == "FAIL") {
    const std::lock_guard<std::mutex> lock(client->mutex_);
    client->last_failure_ = words;
  }
  // One map of properties serves consumers and producers, so each is told of the other's.
  if (kind == "CONFWARN" && (words.find("is a consumer property") != std::string_view::npos ||
                             words.find("is a producer property") != std::string_view::npos)) {
    return;
  }
  client->Log(ToLogLevel(level), fmt::format("{}: {}", kind, words));
}

int Client::OnStatistics(rd_kafka_t*, char* json, size_t size, void* opaque) {
  static_cast<Client*>(opaque)->statistics_(std::string_view(json, size));
  return 0;  // librdkafka frees the text
}

ListPtr MakeList(std::span<const TopicPartition> partitions) {
  ListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
  }
  return list;
}

ListPtr MakeList(std::span<const TopicPartitionOffset> offsets) {
  ListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const TopicPartitionOffset& offset : offsets) {
    rd_kafka_topic_partition_t* element =
        rd_kafka_topic_partition_list_add(list.get(), offset.at.topic.c_str(), offset.at.partition);
    element->offset = offset.offset;
    if (!offset.metadata.empty()) {
      element->metadata_size = offset.metadata.size();
      element->metadata = std::malloc(offset.metadata.size());  // the list frees it
      CHECK(element->metadata != nullptr);
      std::memcpy(element->metadata, offset.metadata.data(), offset.metadata.size());
    }
  }
  return list;
}

std::span<rd_kafka_topic_partition_t> Elements(const ListPtr& list) {
  return {list->elems, static_cast<size_t>(list->cnt)};
}

TopicPartition ToTopicPartition(const rd_kafka_topic_partition_t& element) {
  return {element.topic, element.partition};
}

int ToTimeout(Duration duration) {
  return static_cast<int>(
      std::clamp<int64_t>(duration.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace hotiron
