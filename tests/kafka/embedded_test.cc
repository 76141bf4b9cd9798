// Clients against the embedded broker: reading and writing, and how errors of a broker come out.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/limits.h"
#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "tests/kafka/harness.h"

namespace hotiron {
namespace {

using Next = TransactionResult::Next;
using Request = EmbeddedBroker::Request;

// Errors of the Kafka protocol.
constexpr int16_t kNotLeaderOrFollower = 6;
constexpr int16_t kMessageTooLarge = 10;
constexpr int16_t kCoordinatorNotAvailable = 15;
constexpr int16_t kInvalidProducerEpoch = 47;
constexpr int16_t kTransactionalIdAuthorizationFailed = 53;

class EmbeddedTest : public testing::Test {
 protected:
  EmbeddedTest() : broker_(Must(EmbeddedBroker::Start())) {
    options_.properties = {{"bootstrap.servers", broker_.bootstrap()}, {"fetch.wait.max.ms", "10"}};
    Must(broker_.CreateTopic("t", 1));
  }

  Producer Plain() { return Must(Producer::Create(options_, std::nullopt)); }

  Producer Transactional() {
    Producer producer = Must(Producer::Create(options_, "id"));
    Must(producer.InitTransactions(kPatience));
    return producer;
  }

  Reader ReadFrom(int64_t offset) {
    Reader reader = Must(Reader::Create(options_));
    Must(reader.Add(std::vector<TopicPartitionOffset>{{partition_, offset}}));
    return reader;
  }

  void Write(std::vector<std::string_view> values) {
    Producer producer = Plain();
    ProduceValues(producer, "t", values);
    Must(producer.Flush(kPatience));
  }

  std::vector<ReadRecord> Rest(Reader& reader) {
    std::vector<ReadRecord> records;
    ReadToEnd(reader, partition_, records);
    return records;
  }

  const TopicPartition partition_{"t", 0};
  EmbeddedBroker broker_;
  KafkaOptions options_;
};

TEST_F(EmbeddedTest, RecordComesBackAsItWasWritten) {
  Producer producer = Plain();
  std::vector<RecordHeader> headers = {{"id", "1"}, {"id", "2"}, {"none", ""}};
  Must(producer.Produce({.topic = "t",
                         .partition = 0,
                         .key = "k",
                         .value = "v\0w",
                         .timestamp = FromMillis(1'700'000'000'123),
                         .headers = headers}));
  Must(producer.Flush(kPatience));
  EXPECT_EQ(producer.NextDelivered(partition_), 1);

  Reader reader = ReadFrom(kOffsetBeginning);
  std::optional<Message> message;
  while (!message) {
    message = Must(reader.Poll(Duration(100)));
  }
  EXPECT_FALSE(message->IsEof());
  EXPECT_EQ(message->topic(), "t");
  EXPECT_EQ(message->partition(), 0);
  EXPECT_EQ(message->offset(), 0);
  EXPECT_EQ(message->key(), "k");
  EXPECT_EQ(message->value(), "v");
  EXPECT_EQ(message->timestamp(), FromMillis(1'700'000'000'123));
  std::vector<std::pair<std::string, std::string>> read;
  message->ForEachHeader(
      [&read](std::string_view name, std::string_view value) { read.emplace_back(name, value); });
  EXPECT_EQ(read, (std::vector<std::pair<std::string, std::string>>{
                      {"id", "1"}, {"id", "2"}, {"none", ""}}));
}

TEST_F(EmbeddedTest, NothingIsNotTheSameAsEmpty) {
  Producer producer = Plain();
  ProduceRecord record{.topic = "t", .partition = 0, .key = "", .value = ""};
  Must(producer.Produce(record));
  record.key.reset();
  record.value.reset();
  Must(producer.Produce(record));
  Must(producer.Flush(kPatience));

  Reader reader = ReadFrom(kOffsetBeginning);
  std::vector<std::pair<bool, bool>> present;
  while (present.size() < 2) {
    if (std::optional<Message> message = Must(reader.Poll(Duration(100)));
        message && !message->IsEof()) {
      present.emplace_back(message->has_key(), message->has_value());
    }
  }
  EXPECT_EQ(present[0], std::make_pair(true, true));
  EXPECT_EQ(present[1], std::make_pair(false, false));
}

TEST_F(EmbeddedTest, EqualKeysMeetInOnePartition) {
  Must(broker_.CreateTopic("keyed", 8));
  Producer producer = Plain();
  for (int i = 0; i < 20; ++i) {
    Must(producer.Produce({.topic = "keyed", .key = "a:1", .value = "v"}));
  }
  Must(producer.Flush(kPatience));
  int used = 0;
  for (int32_t partition = 0; partition < 8; ++partition) {
    std::optional<int64_t> next = producer.NextDelivered({"keyed", partition});
    used += next.has_value() ? 1 : 0;
    EXPECT_EQ(next.value_or(20), 20);
  }
  EXPECT_EQ(used, 1);
}

TEST_F(EmbeddedTest, EndIsSeenWithTheOffsetThatComesNext) {
  Write({"a", "b"});
  Reader reader = ReadFrom(kOffsetBeginning);
  std::vector<ReadRecord> records;
  EXPECT_EQ(ReadToEnd(reader, partition_, records), 2);
  EXPECT_EQ(Values(records), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(reader.CachedWatermarks(partition_)->high, 2);
  Watermarks marks = Must(reader.QueryWatermarks(partition_, kPatience));
  EXPECT_EQ(marks.low, 0);
  EXPECT_EQ(marks.high, 2);
}

TEST_F(EmbeddedTest, SeekGoesBackAndForth) {
  Write({"a", "b", "c", "d"});
  Reader reader = ReadFrom(kOffsetBeginning);
  EXPECT_EQ(Rest(reader).size(), 4U);
  Must(reader.Seek(std::vector<TopicPartitionOffset>{{partition_, 1}}, kPatience));
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"b", "c", "d"}));
  Must(reader.Seek(std::vector<TopicPartitionOffset>{{partition_, 3, "7"}}, kPatience));
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"d"}));
}

TEST_F(EmbeddedTest, SeekRightAfterAddWaitsForThePartitionToStart) {
  Write({"a", "b", "c"});
  Reader reader = ReadFrom(kOffsetBeginning);
  Must(reader.Seek(std::vector<TopicPartitionOffset>{{partition_, 2}}, kPatience));
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"c"}));
}

TEST_F(EmbeddedTest, PausedPartitionIsSilentUntilResumed) {
  Must(broker_.CreateTopic("other", 1));
  Write({"a", "b", "c"});
  Reader reader = ReadFrom(kOffsetBeginning);
  while (true) {  // until the first record
    if (std::optional<Message> message = Must(reader.Poll(Duration(100))); message) {
      EXPECT_EQ(message->value(), "a");
      break;
    }
  }
  Must(reader.Pause(std::vector<TopicPartition>{partition_}));
  // What another partition delivers meanwhile shows that fetching goes on.
  Must(reader.Add(std::vector<TopicPartitionOffset>{{{"other", 0}, kOffsetBeginning}}));
  std::optional<Message> message;
  while (!message) {
    message = Must(reader.Poll(Duration(100)));
  }
  EXPECT_EQ(message->topic(), "other");
  Must(reader.Remove(std::vector<TopicPartition>{{"other", 0}}));
  Must(reader.Resume(std::vector<TopicPartition>{partition_}));
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"b", "c"}));
}

TEST_F(EmbeddedTest, OffsetThatIsGoneIsAnErrorNotASkip) {
  Write({"a"});
  Reader reader = ReadFrom(7);
  Result<std::optional<Message>> polled = reader.Poll(Duration(100));
  while (polled.ok()) {
    ASSERT_FALSE(polled.value().has_value());
    polled = reader.Poll(Duration(100));
  }
  EXPECT_EQ(polled.error().code, Error::Code::kCorrupt);
  EXPECT_NE(polled.error().message.find("t[0]"), std::string::npos) << polled.error().message;
}

TEST_F(EmbeddedTest, PartitionCannotBeAddedTwice) {
  Reader reader = ReadFrom(kOffsetBeginning);
  EXPECT_FALSE(reader.Add(std::vector<TopicPartitionOffset>{{partition_, 0}}).ok());
}

TEST_F(EmbeddedTest, TopicsAreListed) {
  Admin admin = Must(Admin::Create(options_, kPatience));
  EXPECT_EQ(Must(admin.Topics()), (std::map<std::string, TopicShape>{{"t", {1, 1}}}));
}

TEST_F(EmbeddedTest, MemberStartsPausedWhereItsListenerSaysAndCommits) {
  Write({"a", "b", "c"});
  options_.properties["session.timeout.ms"] = "6000";
  RecordingListener listener;
  listener.start = 1;
  Consumer consumer = Must(Consumer::Create(options_, {.group = "g"}, listener));
  Must(consumer.Subscribe(std::vector<std::string>{"t"}));
  while (listener.assigned.empty()) {
    EXPECT_FALSE(Must(consumer.Poll(Duration(100))).has_value());
  }
  EXPECT_FALSE(Must(consumer.Poll(Duration(200))).has_value());
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience)),
            std::vector<std::optional<CommittedOffset>>{std::nullopt});
  Must(consumer.Resume(listener.assigned));
  std::vector<ReadRecord> records;
  ReadToEnd(consumer, partition_, records);
  EXPECT_EQ(Values(records), (std::vector<std::string>{"b", "c"}));
  Must(consumer.Commit(std::vector<TopicPartitionOffset>{{partition_, 3, "7"}}, kPatience));
  EXPECT_EQ(Must(consumer.Committed(listener.assigned, kPatience)),
            (std::vector<std::optional<CommittedOffset>>{CommittedOffset{3, "7"}}));
  Must(consumer.Close(kPatience));
  EXPECT_EQ(listener.revoked, std::vector<TopicPartition>{partition_});
  EXPECT_EQ(listener.lost, std::vector<TopicPartition>{});
}

// Errors of a broker.

TEST_F(EmbeddedTest, PassingErrorsOfProduceAreMendedInside) {
  broker_.PushErrors(Request::kProduce,
                     std::array<int16_t, 2>{kNotLeaderOrFollower, kNotLeaderOrFollower});
  Write({"a", "b"});
  Reader reader = ReadFrom(kOffsetBeginning);
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"a", "b"}));
}

TEST_F(EmbeddedTest, RecordTooLargeForTheClientIsRefusedAtOnce) {
  Producer producer = Plain();
  std::string large(kRecordBytesMax + 1, 'x');
  Result<void> produced = producer.Produce({.topic = "t", .partition = 0, .value = large});
  ASSERT_FALSE(produced.ok());
  EXPECT_EQ(produced.error().code, Error::Code::kInvalid);
  Must(producer.Flush(kPatience));
}

TEST_F(EmbeddedTest, FlushTellsOfARecordThatTheBrokerRefused) {
  broker_.PushErrors(Request::kProduce, std::array<int16_t, 1>{kMessageTooLarge});
  Producer producer = Plain();
  ProduceValues(producer, "t", std::array<std::string_view, 1>{"a"});
  Result<void> flushed = producer.Flush(kPatience);
  ASSERT_FALSE(flushed.ok());
  EXPECT_NE(flushed.error().message.find("deliver to t"), std::string::npos);
  EXPECT_FALSE(producer.NextDelivered(partition_).has_value());
}

TEST_F(EmbeddedTest, FlushTellsOfABrokerThatIsAway) {
  Producer producer = Plain();
  broker_.SetReachable(false);
  ProduceValues(producer, "t", std::array<std::string_view, 1>{"a"});
  Result<void> flushed = producer.Flush(Duration(300));
  ASSERT_FALSE(flushed.ok());
  EXPECT_EQ(flushed.error().code, Error::Code::kUnavailable);
  broker_.SetReachable(true);
  Must(producer.Flush(kPatience));
  EXPECT_EQ(producer.NextDelivered(partition_), 1);
}

TEST_F(EmbeddedTest, PassingErrorsOfATransactionAreMendedInside) {
  broker_.PushErrors(Request::kInitProducerId,
                     std::array<int16_t, 2>{kCoordinatorNotAvailable, kCoordinatorNotAvailable});
  Producer producer = Transactional();
  Must(producer.Begin());
  ProduceValues(producer, "t", std::array<std::string_view, 1>{"a"});
  broker_.PushErrors(Request::kEndTransaction,
                     std::array<int16_t, 2>{kCoordinatorNotAvailable, kCoordinatorNotAvailable});
  Must(producer.Commit());
  EXPECT_EQ(producer.NextDelivered(partition_), 1);
}

TEST_F(EmbeddedTest, FailedDeliveryMakesTheTransactionOneToAbort) {
  Producer producer = Transactional();
  Must(producer.Begin());
  broker_.PushErrors(Request::kProduce, std::array<int16_t, 1>{kMessageTooLarge});
  ProduceValues(producer, "t", std::array<std::string_view, 1>{"a"});
  TransactionResult committed = producer.Commit();
  EXPECT_EQ(committed.next, Next::kAbort) << committed.error.message;
  Must(producer.Abort());
}

TEST_F(EmbeddedTest, FencingAsksForANewProducer) {
  Producer producer = Transactional();
  Must(producer.Begin());
  ProduceValues(producer, "t", std::array<std::string_view, 1>{"a"});
  broker_.PushErrors(Request::kEndTransaction, std::array<int16_t, 1>{kInvalidProducerEpoch});
  TransactionResult committed = producer.Commit();
  EXPECT_EQ(committed.next, Next::kNewProducer);
  EXPECT_EQ(committed.error.code, Error::Code::kConflict) << committed.error.message;
}

TEST_F(EmbeddedTest, MissingPermissionAsksForANewProducerAndSaysSo) {
  Producer producer = Must(Producer::Create(options_, "id"));
  broker_.PushErrors(Request::kInitProducerId,
                     std::array<int16_t, 1>{kTransactionalIdAuthorizationFailed});
  TransactionResult started = producer.InitTransactions(kPatience);
  EXPECT_EQ(started.next, Next::kNewProducer);
  EXPECT_EQ(started.error.code, Error::Code::kInvalid) << started.error.message;
}

TEST_F(EmbeddedTest, ReaderWaitsOutABrokerThatIsAway) {
  Write({"a"});
  Reader reader = ReadFrom(kOffsetBeginning);
  EXPECT_EQ(Rest(reader).size(), 1U);
  broker_.SetReachable(false);
  EXPECT_FALSE(Must(reader.Poll(Duration(300))).has_value());
  broker_.SetReachable(true);
  Write({"b"});
  EXPECT_EQ(Values(Rest(reader)), (std::vector<std::string>{"b"}));
}

TEST_F(EmbeddedTest, StatisticsArriveAsJson) {
  std::string last;
  options_.properties["statistics.interval.ms"] = "10";
  options_.statistics = [&last](std::string_view json) { last = json; };
  Reader reader = ReadFrom(kOffsetBeginning);
  while (last.empty()) {
    Must(reader.Poll(Duration(10)));
  }
  EXPECT_EQ(last.front(), '{');
  EXPECT_NE(last.find("\"brokers\""), std::string::npos);
}

}  // namespace
}  // namespace hotiron
