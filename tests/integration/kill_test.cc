// A process that is killed, stopped, frozen, robbed of its state or joined by others: whatever
// happens, what it leaves behind is what the pure core makes of the log, and the log is what the
// input was.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>

#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::days;

constexpr int kFaultExitCode = 42;

// One after another: killed while busy, at moments of which the seed decides.
void KillRepeatedly(Rig& rig, int kills, int events_per_life) {
  std::mt19937 random(11);
  for (int i = 0; i < kills; ++i) {
    rig.SendMarket(events_per_life);
    std::unique_ptr<Process> process = rig.Start();
    // Asked after the start: it is the new process that ends the old one's open transaction.
    int64_t goal = rig.TakenIn() + 1 +
                   static_cast<int64_t>(random() % 1'000'000) % std::max(1, events_per_life / 2);
    ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() >= goal || !process->running(); }));
    // Anywhere in the sequence of a commit, not just behind one.
    std::optional<int> ended = process->WaitForExit(Duration{static_cast<int64_t>(random() % 100)});
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
  rig.config.commit_records = 100;
  rig.AddMarketInEventTime();
  ASSERT_NO_FATAL_FAILURE(KillRepeatedly(rig, Knob("HOTIRON_KILLS", 20), 1'000));
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 100U) << found.Words();
  EXPECT_GT(found.forwards, 100U) << found.Words();
  RecordProperty("found", found.Words());
}

// The broker's clock, and timers that are due while the process is down: ticks.
TEST(Kill, InWallTimeWithTimers) {
  Rig rig("kill-wall");
  rig.config.commit_records = 100;
  rig.WriteFile("policy.yaml", LivelyPolicy(1, "cooldown: 1s\n    expires: 2s"));
  rig.AddMarket(Now() - days{8});
  ASSERT_NO_FATAL_FAILURE(KillRepeatedly(rig, Knob("HOTIRON_KILLS", 20) / 3, 500));
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 20U) << found.Words();
  EXPECT_GT(found.ticks, 0U) << found.Words();
}

// An oracle that cannot fail proves nothing: rows made permanent before their commit.
TEST(Kill, TheOracleNoticesASwappedCommitOrder) {
  Rig rig("swapped");
  rig.config.commit_records = 100;
  rig.AddMarketInEventTime();
  rig.SendMarket(2'000);
  for (int n : {3, 5, 7}) {
    std::unique_ptr<Process> process = rig.Start("one", "swap_commit_order:" + std::to_string(n));
    ASSERT_EQ(process->WaitForExit(kRigPatience), kFaultExitCode) << process->Log();
  }
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig);
  EXPECT_TRUE(std::any_of(found.differences.begin(), found.differences.end(),
                          [](const std::string& difference) {
                            return difference.starts_with("state[") ||
                                   difference.starts_with("triggers");
                          }))
      << found.Words();
}

// Every step of a commit at which a process can end or a call can fail.
TEST(Kill, AtEveryStepOfACommit) {
  Rig rig("steps");
  rig.config.commit_records = 50;
  rig.AddMarketInEventTime();
  for (const char* place : {"begun", "produced", "offsets_sent", "committed", "written"}) {
    SCOPED_TRACE(place);
    rig.SendMarket(300);
    {
      std::unique_ptr<Process> process = rig.Start("one", std::string(place) + ":exit:4");
      ASSERT_EQ(process->WaitForExit(kRigPatience), kFaultExitCode) << process->Log();
    }
    if (std::string(place) == "written") {
      continue;  // there is nothing left that could fail
    }
    std::unique_ptr<Process> process = rig.Start("one", std::string(place) + ":error:4");
    ASSERT_TRUE(process->WaitForLine(std::string("fault: ") + place, kRigPatience))
        << process->Log();
    ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
    process->Signal(SIGKILL);
    ASSERT_TRUE(process->WaitForExit(kRigPatience));
  }
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

void Overwrite(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  auto size = static_cast<std::streamoff>(std::filesystem::file_size(file));
  stream.seekp(size / 3);
  stream << std::string(static_cast<size_t>(std::max<std::streamoff>(1, size / 3)), '\x5a');
}

// Ends a process by SIGKILL or SIGTERM while it is busy with `events` more.
void Interrupt(Rig& rig, int events, int signal) {
  rig.SendMarket(events);
  std::unique_ptr<Process> process = rig.Start();
  int64_t goal = rig.TakenIn() + events / 2;
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() >= goal || !process->running(); }));
  ASSERT_TRUE(process->running()) << process->Log();
  if (signal == SIGTERM) {
    ASSERT_TRUE(Rig::Stop(*process));  // drains in the middle of it
  }
}

// Drained in the middle of its work, again and again.
TEST(Kill, StoppedWhileBusy) {
  Rig rig("stopped");
  rig.config.commit_records = 100;
  rig.AddMarketInEventTime();
  for (int i = 0; i < 8; ++i) {
    ASSERT_NO_FATAL_FAILURE(Interrupt(rig, 500, SIGTERM));
  }
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

TEST(State, DeletedDamagedAndStaleDirectories) {
  Rig rig("robbed");
  rig.config.commit_records = 100;
  rig.AddMarketInEventTime();
  const std::filesystem::path state = rig.StateOf("one");
  const std::filesystem::path copy = rig.folder() / "copy";

  ASSERT_NO_FATAL_FAILURE(Interrupt(rig, 500, SIGTERM));
  std::filesystem::copy(state, copy, std::filesystem::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(Interrupt(rig, 500, SIGKILL));
  std::filesystem::remove_all(state);
  ASSERT_NO_FATAL_FAILURE(Finish(rig));  // restored, or there would be no tables yet

  // Bytes of every table, and of one manifest.
  int tables = 0;
  int manifests = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    bool table = entry.path().extension() == ".sst";
    bool manifest = entry.path().filename().string().rfind("MANIFEST", 0) == 0;
    if (table || (manifest && manifests == 0)) {
      Overwrite(entry.path());
      (table ? tables : manifests) += 1;
    }
  }
  ASSERT_GT(tables, 0);
  ASSERT_EQ(manifests, 1);
  ASSERT_NO_FATAL_FAILURE(Interrupt(rig, 500, SIGKILL));

  std::filesystem::remove_all(state);
  std::filesystem::copy(copy, state, std::filesystem::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

// Frozen for longer than its session, its work taken over, and awake again: a zombie.
TEST(Zombie, IsFenced) {
  Rig rig("zombie");
  rig.config.commit_records = 50;
  rig.AddMarketInEventTime();
  rig.SendMarket(2'000);
  std::unique_ptr<Process> zombie = rig.Start("one");
  std::unique_ptr<Process> other = rig.Start("two");
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > 500; })) << zombie->Log();
  zombie->Signal(SIGSTOP);
  ASSERT_TRUE(rig.WaitUntilDone({other.get()}));  // all of it, so the work was taken over
  rig.SendMarket(500);
  zombie->Signal(SIGCONT);
  ASSERT_TRUE(rig.WaitUntilDone({other.get()}));
  if (zombie->running()) {
    ASSERT_TRUE(Rig::Stop(*zombie));
  }
  ASSERT_TRUE(Rig::Stop(*other));
  Findings found = Judge(rig);
  EXPECT_TRUE(found.clean()) << found.Words();
}

// By the name of the assignor.
class Members : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(
    By, Members, testing::Values("roundrobin", "cooperative-sticky"), [](const auto& named) {
      return std::string(named.param).substr(0, std::string(named.param).find('-'));
    });

TEST_P(Members, JoinAndLeaveWhileBusy) {
  Rig rig(std::string("members-") + GetParam());
  rig.config.kafka["partition.assignment.strategy"] = GetParam();
  rig.config.commit_records = 50;
  rig.config.workers = 2;
  rig.AddMarketInEventTime();
  rig.SendMarket(1'500);
  std::unique_ptr<Process> first = rig.Start("one");
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > 200; })) << first->Log();
  std::unique_ptr<Process> second = rig.Start("two");
  ASSERT_TRUE(rig.WaitUntilDone({first.get(), second.get()}));
  rig.SendMarket(1'500);
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > 2'000; })) << first->Log();
  ASSERT_TRUE(Rig::Stop(*first));
  ASSERT_TRUE(rig.WaitUntilDone({second.get()}));
  ASSERT_TRUE(Rig::Stop(*second));
  Findings found = Judge(rig);
  EXPECT_TRUE(found.clean()) << found.Words();
}

// Others take over what a killed member had begun, and it joins again: one of three at a time.
TEST(Group, OneOfThreeIsKilledWhileBusy) {
  Rig rig("members-killed");
  rig.config.commit_records = 50;
  rig.AddMarketInEventTime();
  rig.SendMarket(1'000);
  const std::vector<std::string> names = {"one", "two", "three"};
  std::vector<std::unique_ptr<Process>> members;
  for (const std::string& name : names) {
    members.push_back(rig.Start(name));
  }
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > 200; })) << members[0]->Log();
  for (size_t i = 0; i < members.size(); ++i) {
    rig.SendMarket(1'000);
    int64_t goal = rig.TakenIn() + 100;
    ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() >= goal; }));
    members[i]->Signal(SIGKILL);
    ASSERT_EQ(members[i]->WaitForExit(kRigPatience), -SIGKILL);
    members[i] = rig.Start(names[i]);
  }
  ASSERT_TRUE(rig.WaitUntilDone({members[0].get(), members[1].get(), members[2].get()}));
  for (std::unique_ptr<Process>& member : members) {
    ASSERT_TRUE(Rig::Stop(*member));
  }
  Findings found = Judge(rig);
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 50U) << found.Words();
}

TEST(AtLeastOnce, NothingIsLost) {
  Rig rig("at-least-once");
  rig.config.guarantee = Config::Guarantee::kAtLeastOnce;
  rig.config.commit_records = 100;
  rig.AddMarketInEventTime();
  ASSERT_NO_FATAL_FAILURE(KillRepeatedly(rig, Knob("HOTIRON_KILLS", 20) / 3, 500));
  ASSERT_NO_FATAL_FAILURE(Finish(rig));
  Findings found = Judge(rig, {.exactly_once = false, .local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

}  // namespace
}  // namespace hotiron
