#include <gtest/gtest.h>

#include <chrono>

#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace hotiron {
namespace {

KafkaOptions With(KafkaProperties properties) {
  properties.emplace("bootstrap.servers", "127.0.0.1:1");  // nobody listens there
  return {.properties = std::move(properties)};
}

TEST(PropertiesTest, UnknownPropertyIsNamed) {
  Result<Reader> reader = Reader::Create(With({{"fetch.wiat.max.ms", "5"}}));
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, Error::Code::kInvalid);
  EXPECT_EQ(reader.error().message,
            "kafka property fetch.wiat.max.ms: No such configuration property: "
            "\"fetch.wiat.max.ms\"");
}

TEST(PropertiesTest, WrongValueIsNamedWithWhatIsAllowed) {
  Result<Producer> producer = Producer::Create(With({{"acks", "some"}}), std::nullopt);
  ASSERT_FALSE(producer.ok());
  EXPECT_NE(producer.error().message.find("kafka property acks: "), std::string::npos)
      << producer.error().message;
}

TEST(PropertiesTest, PropertiesThatContradictEachOtherAreRefused) {
  Result<Producer> producer =
      Producer::Create(With({{"enable.idempotence", "true"}, {"acks", "0"}}), std::nullopt);
  ASSERT_FALSE(producer.ok());
  EXPECT_NE(producer.error().message.find("idempotence"), std::string::npos)
      << producer.error().message;
}

TEST(PropertiesTest, BrokersMustBeNamed) {
  Result<Reader> reader = Reader::Create({});
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().message.find("bootstrap.servers"), std::string::npos);
}

TEST(PropertiesTest, ConsumerPropertiesDoNotMakeAProducerWarn) {
  std::vector<std::string> warnings;
  KafkaOptions options = With({{"fetch.min.bytes", "1"}});
  options.log = [&warnings](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) {
      warnings.emplace_back(text);
    }
  };
  ASSERT_TRUE(Producer::Create(options, std::nullopt).ok());
  EXPECT_EQ(warnings, std::vector<std::string>());
}

TEST(PropertiesTest, UnreachableBrokerIsNamedWithItsFailure) {
  Result<Admin> admin = Admin::Create(With({}), std::chrono::seconds(1));
  ASSERT_TRUE(admin.ok());
  for (const Error& error : {admin.value().Topics().error(),
                             admin.value().TopicConfigs(std::array{std::string("a")}).error(),
                             admin.value().CreateTopic({.name = "a"}).error()}) {
    EXPECT_EQ(error.code, Error::Code::kUnavailable);
    EXPECT_NE(error.message.find("brokers: 127.0.0.1:1"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("Connection refused"), std::string::npos) << error.message;
  }
  Result<Producer> producer = Producer::Create(With({}), "id");
  ASSERT_TRUE(producer.ok());
  TransactionResult started = producer.value().InitTransactions(std::chrono::seconds(1));
  EXPECT_EQ(started.next, TransactionResult::Next::kNewProducer);
  EXPECT_NE(started.error.message.find("brokers: 127.0.0.1:1"), std::string::npos)
      << started.error.message;
}

TEST(TopicPartitionTest, OrdersByTopicThenPartition) {
  EXPECT_LT((TopicPartition{"a", 2}), (TopicPartition{"b", 1}));
  EXPECT_LT((TopicPartition{"a", 1}), (TopicPartition{"a", 2}));
  EXPECT_EQ(ToString(TopicPartition{"a", 7}), "a[7]");
}

}  // namespace
}  // namespace hotiron
