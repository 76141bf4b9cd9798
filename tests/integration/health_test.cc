// What an orchestrator sees at /livez and /readyz when it matters.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>

#include "app/topics.h"
#include "kafka/producer.h"
#include "tests/app/http_client.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::seconds;

bool Answers(Process& process, const std::string& path, const std::string& status) {
  return Rig::WaitFor([&] { return Status(Get(process, path)) == status || !process.running(); });
}

// As a call of librdkafka does for as long as a broker is away.
TEST(Health, AHangingWorkerIsSaidThenEndsTheProcess) {
  Rig rig("hang");
  rig.config.stuck_after = seconds{5};
  rig.config.commit_records = 10;
  rig.AddMarketInEventTime();
  std::unique_ptr<Process> process = rig.Start("one", "offsets_sent:hang:50");
  ASSERT_TRUE(Answers(*process, "/readyz", "200")) << process->Log();
  EXPECT_EQ(Status(Get(*process, "/livez")), "200");
  rig.SendMarket(1'500);
  ASSERT_TRUE(Answers(*process, "/livez", "503")) << process->Log();
  EXPECT_EQ(Status(Get(*process, "/readyz")), "503");
  EXPECT_EQ(Status(Get(*process, "/metrics")), "200");
  ASSERT_EQ(process->WaitForExit(kRigPatience), -SIGABRT) << process->Log();
  EXPECT_NE(process->Log().find("A worker has not moved for 5s"), std::string::npos)
      << process->Log();

  process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

// The end of the changelog is behind a transaction of somebody else that stays open, so the restore
// cannot end, for exactly as long as the test wants.
TEST(Health, ReadyOnlyWhenRestored) {
  Rig rig("ready");
  rig.AddMarketInEventTime();
  std::unique_ptr<Process> process = rig.Start();
  rig.SendMarket(3'000);
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  KafkaOptions options = rig.kafka();
  options.properties.erase("group.id");
  options.properties.erase("fetch.wait.max.ms");
  options.properties["transaction.timeout.ms"] = "120000";
  Producer stranger = Need(Producer::Create(options, "stranger"));
  ASSERT_TRUE(stranger.InitTransactions(kRigPatience).ok());
  ASSERT_TRUE(stranger.Begin().ok());
  Need(stranger.Produce(
      {.topic = rig.config.Topic(kStateTopic), .partition = 0, .key = "stranger"}));
  Need(stranger.Flush(kRigPatience));
  rig.SendMarket(500);
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  std::filesystem::remove_all(rig.StateOf("one"));

  process = rig.Start();
  auto tasks = [&](const std::string& state) {
    return Metric(Get(*process, "/metrics"), "hotiron_tasks{state=\"" + state + "\"}");
  };
  ASSERT_TRUE(Rig::WaitFor([&] { return tasks("running") == rig.config.partitions - 1; }))
      << process->Log();
  EXPECT_EQ(tasks("restoring"), 1);
  std::string answer = Get(*process, "/readyz");
  EXPECT_EQ(Status(answer), "503");
  EXPECT_NE(Body(answer).find("1 to restore"), std::string::npos) << answer;
  EXPECT_EQ(Status(Get(*process, "/livez")), "200");

  ASSERT_TRUE(stranger.Abort().ok());
  EXPECT_TRUE(Answers(*process, "/readyz", "200")) << process->Log();
  EXPECT_EQ(tasks("running"), rig.config.partitions);
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

}  // namespace
}  // namespace hotiron
