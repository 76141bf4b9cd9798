#include "kafka/producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/consumer_state.h"
#include "kafka/handles.h"

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

constexpr DefaultProperty kProduceDefaults[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},  // agrees with Java producers on keys
    {"compression.type", "lz4"},
    {"linger.ms", "5"},
    {"retry.backoff.ms", "20"},  // with the default of 100 ms the floor of commit latency
    {"queue.buffering.max.kbytes", "65536"},
    {"message.max.bytes", "4194304"},  // kRecordBytesMax
};

static_assert(kRecordBytesMax == 4'194'304);

constexpr DefaultProperty kTransactionDefaults[] = {
    // Readers stand behind an abandoned transaction for this long (default 60 s).
    {"transaction.timeout.ms", "10000"},
    // Nobody sees a record before its commit, and a commit sends what is left at once: so this
    // costs no latency, and batches hold a commit's worth instead of some twenty records.
    {"linger.ms", "50"},
};

constexpr Duration kRetryBackoffMin{20};
constexpr Duration kRetryBackoffMax{1'000};

// How long a Produce waits for room before it looks again.
constexpr Duration kQueueFullInterval{10};

}  // namespace

struct Producer::State : Client {
  using Client::Open;

  struct Topic {
    TopicPtr handle;
    std::vector<int64_t> next_delivered;  // by partition; 0: nothing delivered
  };

  // Runs on the owner thread, inside Produce, Flush, Commit or Abort.
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);

  Topic* FindTopic(std::string_view name);
  TransactionResult Call(std::string_view doing, const std::function<rd_kafka_error_t*()>& call);

  std::map<std::string, Topic, std::less<>> topics;
  std::vector<rd_kafka_vu_t> arguments;  // scratch of Produce
  std::optional<Error> failed_delivery;  // the first since the last Flush or Begin
};

void Producer::State::OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  Topic& topic = *static_cast<Topic*>(message->_private);
  if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
      message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    return;  // dropped by an abort: never the cause
  }
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    State& state = *static_cast<State*>(static_cast<Client*>(opaque));
    if (!state.failed_delivery) {
      state.failed_delivery = state.MakeError(
          fmt::format("deliver to {}", rd_kafka_topic_name(message->rkt)), message->err);
    }
    return;
  }
  size_t partition = static_cast<size_t>(message->partition);
  if (topic.next_delivered.size() <= partition) {
    topic.next_delivered.resize(partition + 1);
  }
  topic.next_delivered[partition] = std::max(topic.next_delivered[partition], message->offset + 1);
}

Producer::State::Topic* Producer::State::FindTopic(std::string_view name) {
  std::map<std::string, Topic, std::less<>>::iterator found = topics.find(name);
  if (found == topics.end()) {
    found = topics.emplace(name, Topic{}).first;
    found->second.handle.reset(rd_kafka_topic_new(handle(), found->first.c_str(), nullptr));
  }
  return &found->second;
}

TransactionResult Producer::State::Call(std::string_view doing,
                                        const std::function<rd_kafka_error_t*()>& call) {
  using Next = TransactionResult::Next;
  const Clock::time_point deadline = Clock::now() + kTransactionRetryTime;
  for (Duration backoff = kRetryBackoffMin;; backoff = std::min(2 * backoff, kRetryBackoffMax)) {
    ErrorPtr error(call());
    if (!error) {
      return {};
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    bool timed_out = code == RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (rd_kafka_error_is_fatal(error.get()) == 0 && !timed_out) {
      if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
        return {Next::kAbort, MakeError(doing, error)};
      }
      if (rd_kafka_error_is_retriable(error.get()) != 0 && Clock::now() < deadline) {
        std::this_thread::sleep_for(backoff);
        continue;
      }
    }
    return {Next::kNewProducer, MakeError(doing, error)};
  }
}

Producer::Producer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;
Producer::~Producer() = default;

Result<Producer> Producer::Create(const KafkaOptions& options,
                                  std::optional<std::string> transactional_id) {
  KafkaOptions all = options;
  if (transactional_id) {
    all.properties["transactional.id"] = *transactional_id;
  }
  std::unique_ptr<State> state = std::make_unique<State>();
  TRY(state->Open(
      ClientKind::kProducer, all,
      {kProduceDefaults, transactional_id ? kTransactionDefaults : Defaults()},
      [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_dr_msg_cb(conf, State::OnDelivery); }));
  return Producer(std::move(state));
}

TransactionResult Producer::InitTransactions(Duration timeout) {
  TransactionResult result = state_->Call("start transactions", [&] {
    return rd_kafka_init_transactions(state_->handle(), ToTimeout(timeout));
  });
  if (!result.ok()) {
    result.next = TransactionResult::Next::kNewProducer;
  }
  return result;
}

TransactionResult Producer::Begin() {
  state_->failed_delivery.reset();
  return state_->Call("begin a transaction",
                      [&] { return rd_kafka_begin_transaction(state_->handle()); });
}

TransactionResult Producer::SendOffsets(std::span<const TopicPartitionOffset> offsets,
                                        const Consumer& consumer) {
  ListPtr list = MakeList(offsets);
  // A member that was thrown out and has not polled since is nobody until it does, and brokers take
  // a transaction's offsets from nobody without a check. One that is stale they refuse. Asking for
  // the name last is right: it stays empty for as long as this thread does not poll.
  GroupMetadataPtr membership(rd_kafka_consumer_group_metadata(consumer.state_->handle()));
  TextPtr member(rd_kafka_memberid(consumer.state_->handle()));
  if (membership == nullptr || member == nullptr || *member == '\0') {
    return {TransactionResult::Next::kAbort,
            Conflict("cannot add offsets to the transaction: not a member of the group any more")};
  }
  return state_->Call("add offsets to the transaction", [&] {
    return rd_kafka_send_offsets_to_transaction(state_->handle(), list.get(), membership.get(), -1);
  });
}

TransactionResult Producer::Commit() {
  TransactionResult result = state_->Call(
      "commit the transaction", [&] { return rd_kafka_commit_transaction(state_->handle(), -1); });
  if (result.next == TransactionResult::Next::kAbort && state_->failed_delivery) {
    result.error = *state_->failed_delivery;  // the cause; librdkafka only counts it
  }
  return result;
}

TransactionResult Producer::Abort() {
  TransactionResult result = state_->Call(
      "abort the transaction", [&] { return rd_kafka_abort_transaction(state_->handle(), -1); });
  if (!result.ok()) {
    result.next = TransactionResult::Next::kNewProducer;
  }
  return result;
}

Result<void> Producer::Produce(const ProduceRecord& record) {
  State::Topic* topic = state_->FindTopic(record.topic);
  if (topic->handle == nullptr) {
    return state_->MakeError(fmt::format("produce to {}", record.topic), rd_kafka_last_error());
  }
  std::vector<rd_kafka_vu_t>& arguments = state_->arguments;
  arguments.clear();
  const auto add = [&arguments](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    arguments.emplace_back().vtype = type;
    return arguments.back();
  };
  // librdkafka copies the bytes; its parameters are only not const. Null is not the same as empty.
  const auto add_bytes = [&add](rd_kafka_vtype_t type, std::string_view bytes) {
    rd_kafka_vu_t& argument = add(type);
    argument.u.mem.ptr = const_cast<char*>(bytes.data() == nullptr ? "" : bytes.data());
    argument.u.mem.size = bytes.size();
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic->handle.get();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition.value_or(RD_KAFKA_PARTITION_UA);
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = topic;
  if (record.key) {
    add_bytes(RD_KAFKA_VTYPE_KEY, *record.key);
  }
  if (record.value) {
    add_bytes(RD_KAFKA_VTYPE_VALUE, *record.value);
  }
  if (record.timestamp) {
    add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = ToMillis(*record.timestamp);
  }
  for (const RecordHeader& header : record.headers) {
    rd_kafka_vu_t& argument = add(RD_KAFKA_VTYPE_HEADER);
    argument.u.header.name = header.name.c_str();
    argument.u.header.val = header.value.data();
    argument.u.header.size = static_cast<ssize_t>(header.value.size());
  }

  const Clock::time_point deadline = Clock::now() + kQueueFullWait;
  for (;;) {
    ErrorPtr error(rd_kafka_produceva(state_->handle(), arguments.data(), arguments.size()));
    if (!error) {
      return {};
    }
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        Clock::now() >= deadline) {
      return state_->MakeError(fmt::format("produce to {}", record.topic), error);
    }
    rd_kafka_poll(state_->handle(), ToTimeout(kQueueFullInterval));
  }
}

Result<void> Producer::Flush(Duration timeout) {
  TRY_ASSIGN(size_t left, FlushSome(timeout));
  if (left > 0) {
    return state_->MakeError("deliver what was produced", RD_KAFKA_RESP_ERR__TIMED_OUT);
  }
  return {};
}

Result<size_t> Producer::FlushSome(Duration timeout) {
  rd_kafka_resp_err_t code = rd_kafka_flush(state_->handle(), ToTimeout(timeout));
  if (state_->failed_delivery) {
    return *std::exchange(state_->failed_delivery, std::nullopt);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return 0;
  }
  if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) {
    return state_->MakeError("deliver what was produced", code);
  }
  return static_cast<size_t>(rd_kafka_outq_len(state_->handle()));
}

std::optional<int64_t> Producer::NextDelivered(const TopicPartition& partition) const {
  std::map<std::string, State::Topic, std::less<>>::const_iterator found =
      state_->topics.find(partition.topic);
  size_t index = static_cast<size_t>(partition.partition);
  if (found == state_->topics.end() || found->second.next_delivered.size() <= index ||
      found->second.next_delivered[index] == 0) {
    return std::nullopt;
  }
  return found->second.next_delivered[index];
}

}  // namespace hotiron
