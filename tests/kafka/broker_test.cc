// Clients against a real Apache Kafka: what only it can show.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "tests/kafka/harness.h"
#include "tests/kafka_broker/real_broker.h"

namespace hotiron {
namespace {

using Next = TransactionResult::Next;
using Values1 = std::array<std::string_view, 1>;

class BrokerTest : public testing::Test {
 protected:
  // Topic, group and transactional id are the test's own.
  BrokerTest() : name_(testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.properties = {{"bootstrap.servers", SharedBroker().bootstrap()}};
  }

  TopicPartition CreateTopic(int partitions = 1, std::map<std::string, std::string> config = {}) {
    Admin admin = Must(Admin::Create(options_, kPatience));
    Must(admin.CreateTopic({.name = name_, .partitions = partitions, .config = std::move(config)}));
    return {name_, 0};
  }

  Producer Transactional() {
    Producer producer = Must(Producer::Create(options_, name_));
    Must(producer.InitTransactions(kPatience));
    return producer;
  }

  Consumer Join(RebalanceListener& listener) {
    Consumer consumer = Must(Consumer::Create(options_, {.group = name_}, listener));
    Must(consumer.Subscribe(std::vector<std::string>{name_}));
    return consumer;
  }

  const std::string name_;
  KafkaOptions options_;
};

void PollUntil(const std::vector<Consumer*>& consumers, const std::function<bool()>& done) {
  const std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    for (Consumer* consumer : consumers) {
      Must(consumer->Poll(Duration(20)));
    }
  }
}

TEST_F(BrokerTest, TopicIsCreatedWithItsSettings) {
  Admin admin = Must(Admin::Create(options_, kPatience));
  TopicSpec spec{.name = name_,
                 .partitions = 3,
                 .replication_factor = 1,
                 .config = {{"cleanup.policy", "compact"},
                            {"message.timestamp.type", "LogAppendTime"},
                            {"min.cleanable.dirty.ratio", "0.1"}}};
  EXPECT_EQ(Must(admin.CreateTopic(spec)), (TopicShape{3, 1}));
  EXPECT_EQ(Must(admin.Topics()).at(name_), (TopicShape{3, 1}));
  Admin::Settings config = Must(admin.TopicConfigs(std::array{name_})).at(name_);
  EXPECT_EQ(config["cleanup.policy"], "compact");
  EXPECT_EQ(config["message.timestamp.type"], "LogAppendTime");
  EXPECT_EQ(config["min.cleanable.dirty.ratio"], "0.1");
  EXPECT_EQ(config["max.message.bytes"], "1048588");
}

TEST_F(BrokerTest, TopicThatExistsIsToldAsItIs) {
  CreateTopic(2);
  Admin admin = Must(Admin::Create(options_, kPatience));
  EXPECT_EQ(Must(admin.CreateTopic({.name = name_, .partitions = 5})), (TopicShape{2, 1}));
  EXPECT_FALSE(Must(admin.Topics()).contains("unknown"));
}

TEST_F(BrokerTest, TopicThatCannotBeIsRefusedInTheBrokersWords) {
  Admin admin = Must(Admin::Create(options_, kPatience));
  Result<TopicShape> created =
      admin.CreateTopic({.name = name_, .config = {{"cleanup.policy", "shred"}}});
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().code, Error::Code::kInvalid);
  EXPECT_NE(created.error().message.find("shred"), std::string::npos) << created.error().message;
  EXPECT_EQ(admin.CreateTopic({.name = name_, .replication_factor = 3}).error().code,
            Error::Code::kInvalid);
  EXPECT_EQ(admin.TopicConfigs(std::array{name_}).error().code, Error::Code::kInvalid);
}

TEST_F(BrokerTest, CommittedIsSeenAndAbortedIsNot) {
  TopicPartition partition = CreateTopic();
  Producer producer = Transactional();
  Must(producer.Begin());
  ProduceValues(producer, name_, Values1{"dropped"});
  Must(producer.Abort());
  Must(producer.Begin());
  ProduceValues(producer, name_, std::array<std::string_view, 2>{"a", "b"});
  Must(producer.Commit());
  Must(producer.Begin());
  ProduceValues(producer, name_, Values1{"open"});
  EXPECT_EQ(Values(ReadAll(options_, partition)), (std::vector<std::string>{"a", "b"}));
  Must(producer.Abort());
}

TEST_F(BrokerTest, NextDeliveredIsOneAfterTheLastRecordRead) {
  TopicPartition partition = CreateTopic();
  Producer producer = Transactional();
  EXPECT_FALSE(producer.NextDelivered(partition).has_value());
  for (std::string_view value : {"a", "b", "c"}) {
    Must(producer.Begin());
    ProduceValues(producer, name_, Values1{value});
    Must(producer.Commit());
    EXPECT_EQ(producer.NextDelivered(partition), ReadAll(options_, partition).back().offset + 1);
  }
}

TEST_F(BrokerTest, EmptyTransactionCommits) {
  Producer producer = Transactional();
  Must(producer.Begin());
  Must(producer.Commit());
  Must(producer.Begin());
  Must(producer.Abort());
}

TEST_F(BrokerTest, TransactionGoesOnAfterARecordThatTheBrokerRefused) {
  TopicPartition partition = CreateTopic(1, {{"max.message.bytes", "1000"}});
  options_.properties["compression.type"] = "none";
  Producer producer = Transactional();
  Must(producer.Begin());
  ProduceValues(producer, name_, Values1{std::string(2'000, 'x')});
  TransactionResult committed = producer.Commit();
  EXPECT_EQ(committed.next, Next::kAbort);
  EXPECT_EQ(committed.error.code, Error::Code::kInvalid);
  EXPECT_NE(committed.error.message.find("deliver to " + name_), std::string::npos)
      << committed.error.message;
  Must(producer.Abort());
  // librdkafka mends its sequence numbers in the next transaction only, which it gives up for that.
  for (int attempt = 1; !committed.ok() && attempt <= 2; ++attempt) {
    Must(producer.Begin());
    ProduceValues(producer, name_, Values1{"a"});
    committed = producer.Commit();
    if (!committed.ok()) {
      ASSERT_EQ(committed.next, Next::kAbort);
      Must(producer.Abort());
    }
  }
  EXPECT_TRUE(committed.ok());
  EXPECT_EQ(Values(ReadAll(options_, partition)), std::vector<std::string>{"a"});
}

TEST_F(BrokerTest, SecondProducerWithTheIdFencesTheFirst) {
  TopicPartition partition = CreateTopic();
  Producer first = Transactional();
  Must(first.Begin());
  ProduceValues(first, name_, Values1{"of the first"});
  Must(first.Flush(kPatience));

  Producer second = Transactional();
  TransactionResult committed = first.Commit();
  EXPECT_EQ(committed.next, Next::kNewProducer);
  EXPECT_EQ(committed.error.code, Error::Code::kConflict) << committed.error.message;
  EXPECT_EQ(first.Begin().next, Next::kNewProducer);

  Must(second.Begin());
  ProduceValues(second, name_, Values1{"of the second"});
  Must(second.Commit());
  EXPECT_EQ(Values(ReadAll(options_, partition)), std::vector<std::string>{"of the second"});
}

TEST_F(BrokerTest, OffsetsAreCommittedWithTheTransactionOrNotAtAll) {
  TopicPartition partition = CreateTopic();
  Producer producer = Transactional();
  Must(producer.Begin());
  ProduceValues(producer, name_, std::array<std::string_view, 2>{"a", "b"});
  Must(producer.Commit());

  RecordingListener listener;
  Consumer consumer = Join(listener);
  PollUntil({&consumer}, [&] { return !listener.assigned.empty(); });
  Must(consumer.Resume(listener.assigned));
  std::vector<ReadRecord> records;
  ReadToEnd(consumer, partition, records);
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience))[0], std::nullopt);

  Must(producer.Begin());
  Must(producer.SendOffsets(std::vector<TopicPartitionOffset>{{partition, 1}}, consumer));
  Must(producer.Abort());
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience))[0], std::nullopt);

  Must(producer.Begin());
  Must(producer.SendOffsets(std::vector<TopicPartitionOffset>{{partition, 2, "7"}}, consumer));
  Must(producer.Commit());
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience))[0], (CommittedOffset{2, "7"}));
  Must(consumer.Close(kPatience));
}

TEST_F(BrokerTest, MemberLeavesWithRecordsThatItHasNotPolled) {
  CreateTopic();
  Producer producer = Must(Producer::Create(options_, std::nullopt));
  ProduceValues(producer, name_, std::vector<std::string_view>(1'000, "unread"));
  Must(producer.Flush(kPatience));
  RecordingListener listener;
  Consumer consumer = Join(listener);
  PollUntil({&consumer}, [&] { return !listener.assigned.empty(); });
  Must(consumer.Resume(listener.assigned));
  // The others of its batch wait behind the first.
  while (!Must(consumer.Poll(kPatience)).has_value()) {
  }
  Must(consumer.Close(kPatience));
  EXPECT_EQ(listener.revoked.size(), 1u);
}

TEST_F(BrokerTest, MemberThatLeftTheGroupCannotCommitOffsets) {
  TopicPartition partition = CreateTopic();
  Producer producer = Transactional();
  RecordingListener listener;
  Consumer consumer = Join(listener);
  PollUntil({&consumer}, [&] { return !listener.assigned.empty(); });
  Must(producer.Begin());
  Must(consumer.Close(kPatience));
  EXPECT_EQ(producer.SendOffsets(std::vector<TopicPartitionOffset>{{partition, 1}}, consumer).next,
            Next::kAbort);
  Must(producer.Abort());
}

// It does not know yet; the broker would take its offsets if it came as nobody.
TEST_F(BrokerTest, MemberThatWasThrownOutCannotCommitOffsets) {
  CreateTopic(2);
  options_.properties["session.timeout.ms"] = "2000";
  options_.properties["heartbeat.interval.ms"] = "100";
  Producer producer = Transactional();
  RecordingListener first_listener;
  RecordingListener second_listener;
  std::atomic<bool> timed_out = false;
  Consumer second = Join(second_listener);
  options_.log = [&timed_out](LogLevel, std::string_view text) {
    timed_out = timed_out || text.find("SESSTMOUT") == 0;
  };
  Consumer first = Join(first_listener);
  PollUntil({&first, &second}, [&] {
    return first_listener.assigned.size() == 1 && second_listener.assigned.size() == 1;
  });
  SharedBroker().Freeze();
  PollUntil({&second}, [&] { return timed_out.load(); });
  SharedBroker().Thaw();
  PollUntil({&second}, [&] { return second_listener.assigned.size() == 2; });

  Must(producer.Begin());
  EXPECT_EQ(
      producer
          .SendOffsets(std::vector<TopicPartitionOffset>{{first_listener.assigned[0], 1}}, first)
          .next,
      Next::kAbort);
  Must(producer.Abort());
  PollUntil({&first}, [&] { return !first_listener.lost.empty(); });
  Must(second.Close(kPatience));
}

TEST_F(BrokerTest, TwoMembersShareThePartitionsAndHandThemBack) {
  CreateTopic(4);
  RecordingListener first_listener;
  RecordingListener second_listener;
  Consumer first = Join(first_listener);
  PollUntil({&first}, [&] { return first_listener.assigned.size() == 4; });
  Consumer second = Join(second_listener);
  PollUntil({&first, &second}, [&] {
    return first_listener.assigned.size() == 2 && second_listener.assigned.size() == 2;
  });
  EXPECT_EQ(first_listener.revoked.size(), 4U);  // eager: all go, then come again
  for (const TopicPartition& partition : first_listener.assigned) {
    EXPECT_EQ(
        std::count(second_listener.assigned.begin(), second_listener.assigned.end(), partition), 0);
  }
  Must(second.Close(kPatience));
  PollUntil({&first}, [&] { return first_listener.assigned.size() == 4; });
  Must(first.Close(kPatience));
  EXPECT_TRUE(first_listener.assigned.empty());
  EXPECT_TRUE(first_listener.lost.empty());
}

TEST_F(BrokerTest, CooperativeMembersKeepWhatTheyHave) {
  CreateTopic(4);
  options_.properties["partition.assignment.strategy"] = "cooperative-sticky";
  RecordingListener first_listener;
  RecordingListener second_listener;
  Consumer first = Join(first_listener);
  PollUntil({&first}, [&] { return first_listener.assigned.size() == 4; });
  Consumer second = Join(second_listener);
  PollUntil({&first, &second}, [&] {
    return first_listener.assigned.size() == 2 && second_listener.assigned.size() == 2;
  });
  EXPECT_EQ(first_listener.revoked.size(), 2U);
  // The group is at a later generation now, and both members with it.
  Producer producer = Transactional();
  for (auto [consumer, listener] :
       {std::pair(&first, &first_listener), std::pair(&second, &second_listener)}) {
    Must(producer.Begin());
    Must(producer.SendOffsets(std::vector<TopicPartitionOffset>{{listener->assigned[0], 1}},
                              *consumer));
    Must(producer.Commit());
  }
  Must(second.Close(kPatience));
  Must(first.Close(kPatience));
}

TEST_F(BrokerTest, StaticMemberThatIsReplacedIsTold) {
  CreateTopic();
  RecordingListener listener;
  Consumer first = Must(Consumer::Create(options_, {.group = name_, .instance = "one"}, listener));
  Must(first.Subscribe(std::vector<std::string>{name_}));
  PollUntil({&first}, [&] { return !listener.assigned.empty(); });
  RecordingListener second_listener;
  Consumer second =
      Must(Consumer::Create(options_, {.group = name_, .instance = "one"}, second_listener));
  Must(second.Subscribe(std::vector<std::string>{name_}));
  PollUntil({&second}, [&] { return !second_listener.assigned.empty(); });
  Result<std::optional<Message>> polled = first.Poll(Duration(20));
  while (polled.ok()) {
    polled = first.Poll(Duration(20));
  }
  EXPECT_EQ(polled.error().code, Error::Code::kConflict) << polled.error().message;
}

TEST_F(BrokerTest, OffsetsAreFoundByTime) {
  TopicPartition partition = CreateTopic();
  Producer producer = Must(Producer::Create(options_, std::nullopt));
  for (int64_t millis : {1'000, 2'000, 3'000}) {
    Must(producer.Produce({.topic = name_, .partition = 0, .timestamp = FromMillis(millis)}));
  }
  Must(producer.Flush(kPatience));
  Reader reader = Must(Reader::Create(options_));
  std::vector<TopicPartition> partitions = {partition};
  EXPECT_EQ(Must(reader.OffsetsAt(partitions, FromMillis(1'500), kPatience))[0], 1);
  EXPECT_EQ(Must(reader.OffsetsAt(partitions, FromMillis(9'000), kPatience))[0], kOffsetEnd);
}

TEST_F(BrokerTest, MemberWaitsForATransactionInDoubt) {
  TopicPartition partition = CreateTopic();
  RecordingListener listener;
  Consumer consumer = Join(listener);
  PollUntil({&consumer}, [&] { return !listener.assigned.empty(); });
  Producer producer = Transactional();
  Must(producer.Begin());
  Must(producer.SendOffsets(std::vector<TopicPartitionOffset>{{partition, 1}}, consumer));
  Result<std::vector<std::optional<CommittedOffset>>> committed =
      consumer.Committed(listener.assigned, Duration(500));
  EXPECT_FALSE(committed.ok());
  Must(producer.Commit());
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience))[0], CommittedOffset{1});
  Must(consumer.Close(kPatience));
}

TEST_F(BrokerTest, EverythingGoesOnAfterTheBrokerWasAway) {
  TopicPartition partition = CreateTopic();
  options_.properties["session.timeout.ms"] = "60000";
  Producer producer = Transactional();
  RecordingListener listener;
  Consumer consumer = Join(listener);
  PollUntil({&consumer}, [&] { return !listener.assigned.empty(); });
  Must(consumer.Resume(listener.assigned));
  Must(producer.Begin());
  ProduceValues(producer, name_, Values1{"a"});
  Must(producer.Commit());
  std::vector<ReadRecord> records;
  while (records.empty()) {
    ReadToEnd(consumer, partition, records);
  }

  SharedBroker().Stop();
  EXPECT_FALSE(Must(consumer.Poll(Duration(200))).has_value());
  Must(SharedBroker().Restart());

  Must(producer.Begin());
  ProduceValues(producer, name_, Values1{"b"});
  Must(producer.SendOffsets(std::vector<TopicPartitionOffset>{{partition, 3}}, consumer));
  Must(producer.Commit());
  while (records.size() < 2) {
    ReadToEnd(consumer, partition, records);
  }
  EXPECT_EQ(Values(records), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Must(consumer.Committed(std::vector<TopicPartition>{partition}, kPatience))[0],
            CommittedOffset{3});
  Must(consumer.Close(kPatience));
}

TEST_F(BrokerTest, FrozenBrokerIsNamedAfterTheBound) {
  SharedBroker().Freeze();
  Admin admin = Must(Admin::Create(options_, Duration(500)));
  Result<std::map<std::string, TopicShape>> topics = admin.Topics();
  SharedBroker().Thaw();
  ASSERT_FALSE(topics.ok());
  EXPECT_EQ(topics.error().code, Error::Code::kUnavailable);
  EXPECT_NE(topics.error().message.find(SharedBroker().bootstrap()), std::string::npos)
      << topics.error().message;
}

}  // namespace
}  // namespace hotiron
