#include "kafka/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "kafka/client.h"
#include "kafka/consumer_state.h"
#include "kafka/handles.h"

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

constexpr DefaultProperty kReadDefaults[] = {
    {"enable.auto.commit", "false"},  // offsets are committed with what was made of them
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},  // the only sure sign of having read to the end
    {"isolation.level", "read_committed"},
    {"fetch.wait.max.ms", "100"},  // also how long a resumed partition waits (default 500)
    {"fetch.error.backoff.ms", "100"},
    // Before 2.2 librdkafka stops fetching a partition for a whole second when its queue is full
    // (1,000,000 messages or queued.max.messages.kbytes, below): so queues hold about a second's
    // worth. From 2.2 on it can be told to be quicker.
    {"queued.min.messages", "1000000"},  // by default 100,000: small records stall
    {"fetch.queue.backoff.ms", "10"},
    {"topic.metadata.refresh.interval.ms", "60000"},  // new partitions of inputs are seen this soon
};

constexpr DefaultProperty kMemberDefaults[] = {
    // Cooperative-sticky has known faults before librdkafka 2.10, range piles small topics on the
    // first members.
    {"partition.assignment.strategy", "roundrobin"},
    {"auto.offset.reset", "earliest"},
    {"queued.max.messages.kbytes", "32768"},
    {"heartbeat.interval.ms", "1000"},  // a rebalance is heard of this soon (default 3 s)
};

constexpr DefaultProperty kReaderDefaults[] = {
    {"group.id", "hotiron-reader"},
    {"queued.max.messages.kbytes", "65536"},
    {"auto.offset.reset", "error"},  // truncated history must be seen, not skipped
};

// How often Seek tries again while librdkafka is still getting a partition started.
constexpr Duration kSeekRetryInterval{10};

// How often Close looks whether the consumer is closed.
constexpr Duration kCloseInterval{50};

// What librdkafka reports and then mends by itself.
bool MendsItself(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:  // OnLost follows, then the group is joined again
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
      return true;
    default:
      return false;
  }
}

}  // namespace

PartitionReader::PartitionReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

PartitionReader::PartitionReader(PartitionReader&&) noexcept = default;
PartitionReader& PartitionReader::operator=(PartitionReader&&) noexcept = default;
PartitionReader::~PartitionReader() = default;

Result<std::optional<Message>> PartitionReader::Poll(Duration timeout) {
  // Reported before polling, never instead of a message: that one would be lost.
  if (state_->rebalance_error) {
    return *std::exchange(state_->rebalance_error, std::nullopt);
  }
  rd_kafka_message_t* raw = rd_kafka_consumer_poll(state_->handle(), ToTimeout(timeout));
  if (raw == nullptr) {
    return std::optional<Message>();
  }
  Message message(raw);
  if (raw->err == RD_KAFKA_RESP_ERR_NO_ERROR || raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    return std::optional<Message>(std::move(message));
  }
  std::string doing =
      raw->rkt == nullptr
          ? std::string("consume")
          : fmt::format("read {}", ToString({std::string(message.topic()), message.partition()}));
  Error error = state_->MakeError(doing, raw->err, rd_kafka_message_errstr(raw));
  if (MendsItself(raw->err)) {
    state_->Log(LogLevel::kWarning, error.message);
    return std::optional<Message>();
  }
  return error;
}

Result<void> PartitionReader::Pause(std::span<const TopicPartition> partitions) {
  ListPtr list = MakeList(partitions);
  rd_kafka_pause_partitions(state_->handle(), list.get());
  return state_->FirstError("pause", list);
}

Result<void> PartitionReader::Resume(std::span<const TopicPartition> partitions) {
  ListPtr list = MakeList(partitions);
  rd_kafka_resume_partitions(state_->handle(), list.get());
  return state_->FirstError("resume", list);
}

Result<void> PartitionReader::Seek(std::span<const TopicPartitionOffset> offsets,
                                   Duration timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    ListPtr list = MakeList(offsets);
    Duration left = std::chrono::ceil<Duration>(deadline - Clock::now());
    ErrorPtr error(rd_kafka_seek_partitions(state_->handle(), list.get(), ToTimeout(left)));
    if (error) {
      return state_->MakeError("seek", error);
    }
    // A partition assigned just now cannot be moved before librdkafka has started it.
    bool starting = std::ranges::any_of(Elements(list), [](const auto& element) {
      return element.err == RD_KAFKA_RESP_ERR__STATE;
    });
    if (!starting || Clock::now() >= deadline) {
      return state_->FirstError("seek", list);
    }
    std::this_thread::sleep_for(kSeekRetryInterval);
  }
}

std::optional<Watermarks> PartitionReader::CachedWatermarks(const TopicPartition& partition) const {
  Watermarks marks;
  if (rd_kafka_get_watermark_offsets(state_->handle(), partition.topic.c_str(), partition.partition,
                                     &marks.low, &marks.high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      marks.high < 0) {
    return std::nullopt;
  }
  marks.low = std::max<int64_t>(marks.low, 0);
  return marks;
}

Result<Watermarks> PartitionReader::QueryWatermarks(const TopicPartition& partition,
                                                    Duration timeout) const {
  Watermarks marks;
  rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
      state_->handle(), partition.topic.c_str(), partition.partition, &marks.low, &marks.high,
      ToTimeout(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(fmt::format("ask for the offsets of {}", ToString(partition)), code);
  }
  return marks;
}

Result<std::vector<int64_t>> PartitionReader::State::OffsetsFor(
    std::string_view doing, std::span<const TopicPartition> partitions, int64_t time,
    Duration timeout) const {
  ListPtr list = MakeList(partitions);
  for (rd_kafka_topic_partition_t& element : Elements(list)) {
    element.offset = time;
  }
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(handle(), list.get(), ToTimeout(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return MakeError(doing, code);
  }
  TRY(FirstError(doing, list));
  std::vector<int64_t> offsets;
  for (const rd_kafka_topic_partition_t& element : Elements(list)) {
    offsets.push_back(element.offset);
  }
  return offsets;
}

Result<std::vector<int64_t>> PartitionReader::OffsetsAt(std::span<const TopicPartition> partitions,
                                                        EventTime time, Duration timeout) const {
  return state_->OffsetsFor("find offsets by time", partitions, ToMillis(time), timeout);
}

// The request for offsets by time takes, instead of a time, also the mark that
// rd_kafka_query_watermark_offsets sends in it, which asks for one partition only.
Result<std::vector<int64_t>> PartitionReader::Beginnings(std::span<const TopicPartition> partitions,
                                                         Duration timeout) const {
  return state_->OffsetsFor("find the first offsets", partitions, RD_KAFKA_OFFSET_BEGINNING,
                            timeout);
}

Consumer::Consumer(std::unique_ptr<State> state) : PartitionReader(std::move(state)) {}

Result<Consumer> Consumer::Create(const KafkaOptions& options, const Membership& membership,
                                  RebalanceListener& listener) {
  KafkaOptions member = options;
  member.properties["group.id"] = membership.group;
  if (membership.instance) {
    member.properties["group.instance.id"] = *membership.instance;
  }
  std::unique_ptr<State> state = std::make_unique<State>();
  state->listener = &listener;
  TRY(state->Open(
      ClientKind::kConsumer, member, {kReadDefaults, kMemberDefaults},
      [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_rebalance_cb(conf, State::OnRebalance); }));
  rd_kafka_poll_set_consumer(state->handle());
  return Consumer(std::move(state));
}

Result<void> Consumer::Subscribe(std::span<const std::string> topics) {
  ListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  rd_kafka_resp_err_t code = rd_kafka_subscribe(state_->handle(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError("subscribe", code);
  }
  return {};
}

Result<std::vector<std::optional<CommittedOffset>>> Consumer::Committed(
    std::span<const TopicPartition> partitions, Duration timeout) const {
  ListPtr list = MakeList(partitions);
  rd_kafka_resp_err_t code = rd_kafka_committed(state_->handle(), list.get(), ToTimeout(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError("fetch committed offsets", code);
  }
  TRY(state_->FirstError("fetch committed offsets", list));
  std::vector<std::optional<CommittedOffset>> offsets;
  for (const rd_kafka_topic_partition_t& element : Elements(list)) {
    if (element.offset < 0) {
      offsets.emplace_back();
      continue;
    }
    const char* metadata = static_cast<const char*>(element.metadata);
    offsets.push_back(CommittedOffset{
        element.offset, metadata == nullptr ? "" : std::string(metadata, element.metadata_size)});
  }
  return offsets;
}

Result<void> Consumer::Commit(std::span<const TopicPartitionOffset> offsets, Duration timeout) {
  ListPtr list = MakeList(offsets);
  QueuePtr queue(rd_kafka_queue_new(state_->handle()));
  rd_kafka_resp_err_t code =
      rd_kafka_commit_queue(state_->handle(), list.get(), queue.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError("commit offsets", code);
  }
  EventPtr event(rd_kafka_queue_poll(queue.get(), ToTimeout(timeout)));
  code = event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError("commit offsets", code);
  }
  return {};
}

Result<void> Consumer::Close(Duration timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  QueuePtr queue(rd_kafka_queue_new(state_->handle()));
  ErrorPtr error(rd_kafka_consumer_close_queue(state_->handle(), queue.get()));
  if (error) {
    return state_->MakeError("leave the group", error);
  }
  while (rd_kafka_consumer_closed(state_->handle()) == 0) {
    if (Clock::now() >= deadline) {
      return state_->MakeError("leave the group", RD_KAFKA_RESP_ERR__TIMED_OUT);
    }
    // As events, not by callbacks: messages fetched before come too, and librdkafka aborts the
    // process over a message that no callback takes. They are dropped here.
    EventPtr event(rd_kafka_queue_poll(queue.get(), ToTimeout(kCloseInterval)));
    if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      State::OnRebalance(state_->handle(), rd_kafka_event_error(event.get()),
                         rd_kafka_event_topic_partition_list(event.get()),
                         static_cast<Client*>(state_.get()));
    }
  }
  return {};
}

// Runs on the owner thread, inside Poll or Close.
void PartitionReader::State::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t event,
                                         rd_kafka_topic_partition_list_t* changed, void* opaque) {
  State& state = *static_cast<State*>(static_cast<Client*>(opaque));
  bool cooperative = rd_kafka_rebalance_protocol(handle) == std::string_view("COOPERATIVE");
  std::vector<TopicPartitionOffset> offsets;
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < changed->cnt; ++i) {
    partitions.push_back(ToTopicPartition(changed->elems[i]));
    offsets.push_back({partitions.back(), kOffsetCommitted});
  }

  ErrorPtr error;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    state.listener->OnAssigned(offsets);
    ListPtr list = MakeList(offsets);
    if (cooperative) {
      error.reset(rd_kafka_incremental_assign(handle, list.get()));
    } else {
      code = rd_kafka_assign(handle, list.get());
    }
    rd_kafka_pause_partitions(handle, list.get());
  } else {
    if (event == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && rd_kafka_assignment_lost(handle) == 0) {
      state.listener->OnRevoked(partitions);
    } else {
      state.listener->OnLost(partitions);
    }
    if (cooperative) {
      error.reset(rd_kafka_incremental_unassign(handle, changed));
    } else {
      code = rd_kafka_assign(handle, nullptr);
    }
  }
  if (error) {
    state.rebalance_error = state.MakeError("change the assignment", error);
  } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    state.rebalance_error = state.MakeError("change the assignment", code);
  }
}

Reader::Reader(std::unique_ptr<State> state) : PartitionReader(std::move(state)) {}

Result<Reader> Reader::Create(const KafkaOptions& options) {
  std::unique_ptr<State> state = std::make_unique<State>();
  TRY(state->Open(ClientKind::kConsumer, options, {kReadDefaults, kReaderDefaults}));
  rd_kafka_poll_set_consumer(state->handle());
  return Reader(std::move(state));
}

Result<void> Reader::Add(std::span<const TopicPartitionOffset> offsets) {
  ListPtr list = MakeList(offsets);
  ErrorPtr error(rd_kafka_incremental_assign(state_->handle(), list.get()));
  if (error) {
    return state_->MakeError("read partitions", error);
  }
  return {};
}

Result<void> Reader::Remove(std::span<const TopicPartition> partitions) {
  ListPtr list = MakeList(partitions);
  ErrorPtr error(rd_kafka_incremental_unassign(state_->handle(), list.get()));
  if (error) {
    return state_->MakeError("stop reading partitions", error);
  }
  return {};
}

}  // namespace hotiron
