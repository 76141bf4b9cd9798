// A bare transactional relay: what Kafka and librdkafka cost when nothing is done. Copies topics
// record by record to `<topic><suffix>`, same partition, same bytes, and commits the offsets in the
// transaction, every 100 ms like `hotiron run`. The yardstick of end_to_end.cc; it uses kafka/ with
// the very settings that Hotiron uses.
//
//   relay BROKERS GROUP SUFFIX TOPIC...      until SIGTERM
#include <signal.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr Duration kCommitInterval{100};
constexpr Duration kPoll{20};
constexpr Duration kInitTimeout{60'000};
constexpr Duration kCloseTimeout{10'000};
constexpr int kLookEvery = 1'000;  // records between looks at the clock

volatile std::sig_atomic_t stopping = 0;

// Reads everything from the beginning, as a group's first member does.
class TakeAll final : public RebalanceListener {
 public:
  void OnAssigned(std::span<TopicPartitionOffset> partitions) override {
    for (TopicPartitionOffset& partition : partitions) {
      partition.offset = kOffsetBeginning;
      fresh.push_back(partition.at);
    }
  }

  void OnRevoked(std::span<const TopicPartition>) override {}

  void OnLost(std::span<const TopicPartition>) override {}

  std::vector<TopicPartition> fresh;  // to be resumed
};

Result<void> Relay(const std::string& brokers, const std::string& group, const std::string& suffix,
                   const std::vector<std::string>& topics) {
  KafkaOptions kafka{.properties = {{"bootstrap.servers", brokers}}};
  TakeAll listener;
  TRY_ASSIGN(Producer producer, Producer::Create(kafka, group));
  TransactionResult begun = producer.InitTransactions(kInitTimeout);
  if (!begun.ok()) {
    return begun.error;
  }
  TRY_ASSIGN(Consumer consumer, Consumer::Create(kafka, {.group = group}, listener));
  TRY(consumer.Subscribe(topics));
  std::map<std::string, std::string, std::less<>> targets;
  std::map<std::string, std::map<int32_t, int64_t>, std::less<>> next;  // since the last commit
  for (const std::string& topic : topics) {
    targets[topic] = topic + suffix;
    next[topic];
  }

  bool in_transaction = false;
  steady_clock::time_point since;
  while (stopping == 0) {
    for (int i = 0; i < kLookEvery; ++i) {
      TRY_ASSIGN(std::optional<Message> message, consumer.Poll(i == 0 ? kPoll : Duration{0}));
      if (!listener.fresh.empty()) {
        TRY(consumer.Resume(listener.fresh));
        listener.fresh.clear();
      }
      if (!message) {
        break;
      }
      if (message->IsEof()) {
        continue;
      }
      if (!in_transaction) {
        begun = producer.Begin();
        if (!begun.ok()) {
          return begun.error;
        }
        in_transaction = true;
        since = steady_clock::now();
      }
      TRY(producer.Produce({.topic = targets.find(message->topic())->second,
                            .partition = message->partition(),
                            .key = message->key(),
                            .value = message->value(),
                            .timestamp = message->timestamp()}));
      next.find(message->topic())->second[message->partition()] = message->offset() + 1;
    }
    if (!in_transaction || steady_clock::now() - since < kCommitInterval) {
      continue;
    }
    std::vector<TopicPartitionOffset> offsets;
    for (const auto& [topic, partitions] : next) {
      for (const auto& [partition, offset] : partitions) {
        offsets.push_back({{topic, partition}, offset});
      }
    }
    TransactionResult done = producer.SendOffsets(offsets, consumer);
    done = done.ok() ? producer.Commit() : done;
    if (!done.ok()) {
      return done.error;
    }
    for (auto& [topic, partitions] : next) {
      partitions.clear();
    }
    in_transaction = false;
  }
  return consumer.Close(kCloseTimeout);
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("usage: relay BROKERS GROUP SUFFIX TOPIC...\n", stderr);
    return 2;
  }

  struct sigaction action {};

  action.sa_handler = [](int) { hotiron::stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
  hotiron::Result<void> ended =
      hotiron::Relay(argv[1], argv[2], argv[3], std::vector<std::string>(argv + 4, argv + argc));
  if (!ended.ok()) {
    std::fprintf(stderr, "relay: %s\n", ended.error().message.c_str());
    return 1;
  }
  return 0;
}
