// A process that is killed, stopped, frozen, robbed of its state or joined by others: whatever
// happens, what it leaves behind is what the pure core makes of the log, and the log is what the
// input was.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <random>

#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::days;

EventTime Now() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

// One after another: killed while busy, at moments of which the seed decides.
void KillRepeatedly(Rig& rig, int kills, int events_per_life) {
  std::mt19937 random(11);
  for (int i = 0; i < kills; ++i) {
    rig.SendMarket(events_per_life);
    std::unique_ptr<Process> process = rig.Start();
    // Asked after the start: it is the new process that ends the old one's open transaction.
    int64_t goal = rig.TakenIn() + 1 + random() % static_cast<unsigned>(events_per_life / 2);
    ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() >= goal || !process->running(); }));
    // Anywhere in the sequence of a commit, not just behind one.
    std::optional<int> ended = process->WaitForExit(Duration{random() % 100});
    ASSERT_FALSE(ended) << "ended by itself with " << *ended << "\n" << process->Log();
    process->Signal(SIGKILL);
    ASSERT_EQ(process->WaitForExit(kRigPatience), -SIGKILL);
  }
}

void Finish(Rig& rig) {
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
}

TEST(Kill, TwentyTimesInEventTime) {
  Rig rig("kill-event");
  rig.config.clock = Config::Clock::kEvent;
  rig.config.commit_records = 100;
  rig.AddMarket(Now() - days{60});
  ASSERT_NO_FATAL_FAILURE(KillRepeatedly(rig, Knob("HOTIRON_KILLS", 20), 1'000));
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 100U) << found.Words();
  EXPECT_GT(found.forwards, 100U) << found.Words();
  RecordProperty("found", found.Words());
}

}  // namespace
}  // namespace hotiron
