// The broker goes away in the middle and comes back. A process may sit it out or end with 3; its
// restart goes on. Nothing is lost, nothing doubled.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"
#include "tests/kafka_broker/real_broker.h"

namespace hotiron {
namespace {

using std::chrono::minutes;

constexpr Duration kHealPatience = minutes{2};
constexpr Duration kDrainDeadline{2'000};
constexpr Duration kDrainBound{10'000};  // on a slow machine

// Waits for the work to be done, starting the process again when it has ended with 3.
void Heal(Rig& rig, std::unique_ptr<Process>& process) {
  testing::AssertionResult done = rig.WaitUntilDone({process.get()}, kHealPatience);
  if (!done && !process->running()) {
    ASSERT_EQ(process->WaitForExit(Duration{0}), 3) << process->Log();
    process = rig.Start();
    done = rig.WaitUntilDone({process.get()}, kHealPatience);
  }
  ASSERT_TRUE(done);
}

TEST(Broker, StoppedAndKilledInTheMiddle) {
  Rig rig("outage");
  rig.config.commit_records = 50;
  rig.AddMarketInEventTime();
  std::unique_ptr<Process> process = rig.Start();
  for (bool orderly : {true, false}) {
    SCOPED_TRACE(orderly ? "stopped" : "killed");
    int64_t before = rig.TakenIn();
    rig.SendMarket(1'500);
    ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > before + 200 || !process->running(); }));
    if (orderly) {
      SharedBroker().Stop();
    } else {
      SharedBroker().Kill();
    }
    Need(SharedBroker().Restart());
    ASSERT_NO_FATAL_FAILURE(Heal(rig, process));
  }
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

// The last commit cannot be made, nor the group be left.
TEST(Broker, AwayWhileTheProcessIsToldToStop) {
  Rig rig("away");
  rig.config.commit_records = 50;
  rig.config.drain_deadline = kDrainDeadline;
  rig.AddMarketInEventTime();
  for (bool frozen : {true, false}) {
    SCOPED_TRACE(frozen ? "frozen" : "killed");
    std::unique_ptr<Process> process = rig.Start();
    int64_t before = rig.TakenIn();
    rig.SendMarket(1'500);
    ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > before + 200 || !process->running(); }));
    ASSERT_TRUE(process->running()) << process->Log();
    if (frozen) {
      SharedBroker().Freeze();
    } else {
      SharedBroker().Kill();
    }
    process->Signal(SIGTERM);
    std::optional<int> code = process->WaitForExit(kDrainBound);
    if (frozen) {
      SharedBroker().Thaw();
    } else {
      Need(SharedBroker().Restart());
    }
    ASSERT_EQ(code, 3) << process->Log();
  }
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_NO_FATAL_FAILURE(Heal(rig, process));
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

}  // namespace
}  // namespace hotiron
