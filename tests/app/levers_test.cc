#include "app/levers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "app/topics.h"
#include "kafka/embedded_broker.h"

namespace hotiron {
namespace {

using Board = Result<std::unique_ptr<LeverBoard>>;

pb::PolicySet Policies(uint32_t version, const std::string& name) {
  pb::PolicySet set;
  set.set_version(version);
  set.add_policies()->set_name(name);
  return set;
}

// The content hash of the last record about policies: what compaction leaves.
std::string LastPolicy(const KafkaOptions& kafka, const Config& config) {
  Result<Reader> reader = Reader::Create(kafka);
  std::vector<TopicPartitionOffset> from{{{config.Topic(kControlTopic), 0}, kOffsetBeginning}};
  EXPECT_TRUE(reader.value().Add(from).ok());
  std::string last;
  for (;;) {
    Result<std::optional<Message>> message = reader.value().Poll(std::chrono::seconds{30});
    if (!message.ok() || !message.value()) {
      ADD_FAILURE() << "the control topic cannot be read";
      return "";
    }
    if (message.value()->IsEof()) {
      return last;
    }
    pb::Control control;
    if (message.value()->key() == "policy" &&
        control.ParseFromString(std::string(message.value()->value()))) {
      last = control.levers().policy().policies(0).name();
    }
  }
}

TEST(Levers, OfTwoThatPublishOneVersionAtTheSameMomentOneStarts) {
  Result<EmbeddedBroker> broker = EmbeddedBroker::Start();
  ASSERT_TRUE(broker.ok());
  KafkaOptions kafka;
  kafka.properties = {{"bootstrap.servers", broker.value().bootstrap()},
                      {"fetch.wait.max.ms", "20"}};
  pb::Catalogue catalogue;
  catalogue.set_version(1);
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    Config config;
    config.app = fmt::format("levers-{}", round);
    config.partitions = 1;
    ASSERT_TRUE(CreateTopics(broker.value(), config, 1).ok());
    std::latch both(2);
    std::vector<std::optional<Board>> boards(2);
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < 2; ++i) {
        threads.emplace_back([&, i] {
          both.arrive_and_wait();
          boards[i] = LeverBoard::Start(
              kafka, config,
              {.policy = Policies(1, i == 0 ? "a" : "b"), .catalogue = catalogue, .model = {}});
        });
      }
    }
    ASSERT_NE(boards[0]->ok(), boards[1]->ok());
    size_t winner = boards[0]->ok() ? 0 : 1;
    const Error& refused = boards[1 - winner]->error();
    EXPECT_EQ(refused.code, Error::Code::kInvalid);
    EXPECT_NE(refused.message.find("version 1 is in force with other content"), std::string::npos)
        << refused.message;
    EXPECT_EQ(LastPolicy(kafka, config), winner == 0 ? "a" : "b");
  }
}

}  // namespace
}  // namespace hotiron
