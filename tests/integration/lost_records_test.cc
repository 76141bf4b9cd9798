// Records that retention has removed before they were read: never a silent gap.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "app/topics.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::days;

constexpr Duration kAdminPatience{20'000};

void SetUpMarket(Rig& rig) {
  rig.config.clock = Config::Clock::kEvent;
  rig.AddMarket(std::chrono::floor<Duration>(std::chrono::system_clock::now()) - days{60});
}

void RunToTheEnd(Rig& rig) {
  rig.SendMarket(1'000);
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
}

// Removes all but the last record of each partition that is longer than what the group has read.
int RemoveUnread(const Rig& rig, const std::string& topic,
                 const std::vector<std::optional<int64_t>>& committed) {
  Admin admin = Need(Admin::Create(rig.kafka(), kAdminPatience));
  std::vector<int64_t> ends = rig.Ends(topic, true);
  int removed = 0;
  for (size_t p = 0; p < ends.size(); ++p) {
    if (committed[p] && ends[p] - 1 > *committed[p]) {
      Need(admin.DeleteRecords({{topic, static_cast<int32_t>(p)}, ends[p] - 1}));
      ++removed;
    }
  }
  return removed;
}

void ExpectRefused(const Rig& rig, const std::vector<std::string>& words) {
  std::unique_ptr<Process> process = rig.Start();
  EXPECT_EQ(process->WaitForExit(kRigPatience), 3) << process->Log();
  for (const std::string& word : words) {
    EXPECT_NE(process->Log().find(word), std::string::npos) << word << "\n" << process->Log();
  }
}

TEST(Lost, OfAnInputStopsItUntilItIsToldToGoOn) {
  Rig rig("lost-input");
  SetUpMarket(rig);
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  rig.SendMarket(1'000);
  const std::string topic = rig.config.inputs[0].topic;
  ASSERT_GT(RemoveUnread(rig, topic, rig.Committed(topic)), 0);
  ExpectRefused(rig, {topic, "records were removed (retention) before they were read",
                      "set `when_lost: continue`"});
  rig.config.when_lost = Config::WhenLost::kContinue;
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  EXPECT_NE(process->Log().find("Going on at offset"), std::string::npos) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
}

TEST(Lost, WhileItIsRunning) {
  Rig rig("lost-running");
  SetUpMarket(rig);
  rig.config.when_lost = Config::WhenLost::kContinue;
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  rig.SendMarket(500);
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() >= rig.Sent(); })) << process->Log();
  const std::string topic = rig.config.inputs[0].topic;
  std::vector<int64_t> ends = rig.Ends(topic, true);  // all of which has been read
  process->Signal(SIGSTOP);
  rig.SendMarket(1'000);
  ASSERT_GT(RemoveUnread(rig, topic, {ends.begin(), ends.end()}), 0);
  process->Signal(SIGCONT);
  EXPECT_TRUE(process->WaitForLine("Going on at offset", kRigPatience)) << process->Log();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
}

TEST(Lost, OfTheTaskLogIsAlwaysAnEnd) {
  Rig rig("lost-events");
  SetUpMarket(rig);
  rig.config.when_lost = Config::WhenLost::kContinue;
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  const std::string topic = rig.config.Topic(kEventsTopic);
  for (int i = 0; i < 10; ++i) {
    rig.Send({.topic = topic, .partition = 0, .key = "a:1", .value = "unread"});
  }
  rig.Flush();
  ASSERT_GT(RemoveUnread(rig, topic, rig.Committed(topic)), 0);
  ExpectRefused(rig, {topic + "[0]", "records were removed (retention) before they were read",
                      "choose another `app`"});
}

// A process that begins at the end of its inputs and stops before anything comes: what comes in
// between is not behind it.
TEST(Lost, NothingBetweenAStartAtTheEndAndTheFirstRecord) {
  Rig rig("lost-latest");
  SetUpMarket(rig);
  rig.config.start = Config::Start::kLatest;
  rig.SendMarket(500);
  auto of_inputs = [&](auto&& offsets) {
    std::vector<std::optional<int64_t>> all;
    for (const InputConfig& input : rig.config.inputs) {
      auto of_topic = offsets(input.topic);
      all.insert(all.end(), of_topic.begin(), of_topic.end());
    }
    return all;
  };
  const std::vector<std::optional<int64_t>> ends =
      of_inputs([&](const std::string& topic) { return rig.Ends(topic, true); });
  auto committed = [&] {
    return of_inputs([&](const std::string& topic) { return rig.Committed(topic); });
  };
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(Rig::WaitFor([&] { return committed() == ends; }, kRigPatience)) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));

  rig.SendMarket(500);
  process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  std::string scrape = Get(*process, "/metrics");
  EXPECT_EQ(Metric(scrape, "hotiron_input_records_total"), 500) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
}

}  // namespace
}  // namespace hotiron
