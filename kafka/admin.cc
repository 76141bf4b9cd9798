#include "kafka/admin.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "kafka/client.h"
#include "kafka/handles.h"

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

// How often CreateTopic looks whether the topic has arrived at the broker asked.
constexpr Duration kCreatedInterval{20};

}  // namespace

struct Admin::State : Client {
  using Client::Open;

  AdminOptionsPtr Options(rd_kafka_admin_op_t operation) const;

  Duration timeout{};  // constant after Create
};

AdminOptionsPtr Admin::State::Options(rd_kafka_admin_op_t operation) const {
  AdminOptionsPtr options(rd_kafka_AdminOptions_new(handle(), operation));
  std::array<char, 256> text{};
  CHECK(rd_kafka_AdminOptions_set_request_timeout(options.get(), ToTimeout(timeout), text.data(),
                                                  text.size()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  return options;
}

Admin::Admin(std::unique_ptr<State> state) : state_(std::move(state)) {}

Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;
Admin::~Admin() = default;

Result<Admin> Admin::Create(const KafkaOptions& options, Duration timeout) {
  std::unique_ptr<State> state = std::make_unique<State>();
  TRY(state->Open(ClientKind::kProducer, options, {}));
  state->timeout = timeout;
  return Admin(std::move(state));
}

Result<std::map<std::string, TopicShape>> Admin::Topics() const {
  // All of them on purpose: asking for one by name may create it.
  const struct rd_kafka_metadata* answer = nullptr;
  rd_kafka_resp_err_t code =
      rd_kafka_metadata(state_->handle(), 1, nullptr, &answer, ToTimeout(state_->timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError("list topics", code);
  }
  MetadataPtr metadata(answer);
  std::map<std::string, TopicShape> topics;
  for (const rd_kafka_metadata_topic& topic :
       std::span(metadata->topics, static_cast<size_t>(metadata->topic_cnt))) {
    if (topic.partition_cnt > 0) {
      topics.emplace(topic.topic, TopicShape{topic.partition_cnt, topic.partitions[0].replica_cnt});
    }
  }
  return topics;
}

Result<std::map<std::string, Admin::Settings>> Admin::TopicConfigs(
    std::span<const std::string> topics) const {
  const std::string doing = fmt::format("read the settings of {}", fmt::join(topics, ", "));
  QueuePtr queue(rd_kafka_queue_new(state_->handle()));
  std::vector<ConfigResourcePtr> resources;
  std::vector<rd_kafka_ConfigResource_t*> asked;
  for (const std::string& topic : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    asked.push_back(resources.back().get());
  }
  AdminOptionsPtr options = state_->Options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_DescribeConfigs(state_->handle(), asked.data(), asked.size(), options.get(),
                           queue.get());
  EventPtr event(rd_kafka_queue_poll(queue.get(), -1));  // the options hold the timeout
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(doing, rd_kafka_event_error(event.get()),
                             rd_kafka_event_error_string(event.get()));
  }
  size_t count = 0;
  const rd_kafka_ConfigResource_t** results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, Settings> configs;
  for (const rd_kafka_ConfigResource_t* result : std::span(results, count)) {
    std::string topic = rd_kafka_ConfigResource_name(result);
    if (rd_kafka_ConfigResource_error(result) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return state_->MakeError(fmt::format("read the settings of {}", topic),
                               rd_kafka_ConfigResource_error(result),
                               rd_kafka_ConfigResource_error_string(result));
    }
    size_t entries_count = 0;
    const rd_kafka_ConfigEntry_t** entries =
        rd_kafka_ConfigResource_configs(result, &entries_count);
    Settings& settings = configs[std::move(topic)];
    for (const rd_kafka_ConfigEntry_t* entry : std::span(entries, entries_count)) {
      const char* value = rd_kafka_ConfigEntry_value(entry);
      settings.emplace(rd_kafka_ConfigEntry_name(entry), value == nullptr ? "" : value);
    }
  }
  CHECK(configs.size() == topics.size());
  return configs;
}

Result<TopicShape> Admin::CreateTopic(const TopicSpec& spec) const {
  const Clock::time_point deadline = Clock::now() + state_->timeout;
  const std::string doing = fmt::format("create topic {}", spec.name);
  std::array<char, 256> text{};
  NewTopicPtr topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions,
                                          spec.replication_factor, text.data(), text.size()));
  if (!topic) {
    return Invalid(fmt::format("cannot {}: {}", doing, text.data()));
  }
  for (const auto& [name, value] : spec.config) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  rd_kafka_NewTopic_t* topics = topic.get();
  QueuePtr queue(rd_kafka_queue_new(state_->handle()));
  AdminOptionsPtr options = state_->Options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(state_->handle(), &topics, 1, options.get(), queue.get());
  EventPtr event(rd_kafka_queue_poll(queue.get(), -1));  // the options hold the timeout
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(doing, rd_kafka_event_error(event.get()),
                             rd_kafka_event_error_string(event.get()));
  }
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  CHECK(count == 1);
  rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    const char* words = rd_kafka_topic_result_error_string(results[0]);
    return state_->MakeError(doing, code, words == nullptr ? "" : words);
  }
  // The controller has it; the other brokers hear of it a little later.
  for (;;) {
    Result<std::map<std::string, TopicShape>> found = Topics();
    if (found.ok() && found.value().contains(spec.name)) {
      return found.value().at(spec.name);
    }
    if (Clock::now() >= deadline) {
      return found.ok() ? state_->MakeError(doing, RD_KAFKA_RESP_ERR__TIMED_OUT) : found.error();
    }
    std::this_thread::sleep_for(kCreatedInterval);
  }
}

Result<void> Admin::DeleteRecords(const TopicPartitionOffset& before) const {
  const std::string doing = fmt::format("delete records of {}", ToString(before.at));
  ListPtr list = MakeList(std::span(&before, 1));
  DeleteRecordsPtr request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* requests = request.get();
  QueuePtr queue(rd_kafka_queue_new(state_->handle()));
  AdminOptionsPtr options = state_->Options(RD_KAFKA_ADMIN_OP_DELETERECORDS);
  rd_kafka_DeleteRecords(state_->handle(), &requests, 1, options.get(), queue.get());
  EventPtr event(rd_kafka_queue_poll(queue.get(), -1));  // the options hold the timeout
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(doing, rd_kafka_event_error(event.get()),
                             rd_kafka_event_error_string(event.get()));
  }
  const rd_kafka_topic_partition_list_t* results =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  CHECK(results->cnt == 1);
  if (results->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(doing, results->elems[0].err);
  }
  return {};
}

}  // namespace hotiron
