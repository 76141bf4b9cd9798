// The same log gives the same triggers and the same state, whoever processes it: one worker or
// four, one process or three, undisturbed or killed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <random>

#include "app/topics.h"
#include "base/limits.h"
#include "base/row.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

constexpr int kEvents = 3'000;
constexpr int64_t kStride = 400;  // records that a process gets to handle before it is killed

// An application whose log is a copy: record by record, with partitions and timestamps. Its input
// is empty.
void CopyLog(const Rig& from, Rig& to) {
  to.config.clock = Config::Clock::kEvent;
  to.config.commit_records = 50;
  std::string input = to.config.app + "-in";
  to.config.inputs = {{.topic = input, .format = "native", .source = "none", .unknown = ""}};
  to.CreateTopic(input, 1);
  std::string events = to.config.Topic(kEventsTopic);
  to.CreateTopic(events, from.config.partitions,
                 {{"cleanup.policy", "delete"},
                  {"message.timestamp.type", "CreateTime"},
                  {"message.timestamp.after.max.ms", "9223372036854775807"},
                  {"max.message.bytes", std::to_string(kRecordBytesMax)},
                  {"retention.ms", "-1"}});
  for (const auto& partition : from.Read(from.config.Topic(kEventsTopic))) {
    for (const LogEntry& entry : partition) {
      ProduceRecord record{
          .topic = events, .partition = entry.partition, .timestamp = entry.timestamp};
      if (entry.has_key) {
        record.key = entry.key;
      }
      if (entry.value) {
        record.value = *entry.value;
      }
      to.Send(record);
    }
  }
  to.Flush();
}

// Without where in its log each stands: a copy has no markers, and the forwards once more.
Outcomes Comparable(const Rig& rig) {
  Outcomes outcomes = ReadOutcomes(rig);
  for (auto& [key, value] : outcomes.rows) {
    if (key.second == kOffsetKey) {
      value = value.substr(value.find(' '));
    }
  }
  return outcomes;
}

void ExpectSame(const Outcomes& wanted, const Outcomes& is) {
  EXPECT_EQ(wanted.triggers.size(), is.triggers.size());
  EXPECT_TRUE(wanted.triggers == is.triggers);
  EXPECT_EQ(wanted.rows.size(), is.rows.size());
  EXPECT_TRUE(wanted.rows == is.rows);
}

int64_t Processed(const Rig& rig) {
  int64_t sum = 0;
  for (const std::optional<int64_t>& offset : rig.Committed(rig.config.Topic(kEventsTopic))) {
    sum += offset.value_or(0);
  }
  return sum;
}

int64_t LogEnd(const Rig& rig) {
  int64_t sum = 0;
  for (int64_t end : rig.Ends(rig.config.Topic(kEventsTopic), true)) {
    sum += end;
  }
  return sum;
}

TEST(SameLog, SameTriggersAndState) {
  Rig original("original");
  original.AddMarketInEventTime();
  original.SendMarket(kEvents);
  {
    std::unique_ptr<Process> process = original.Start();
    ASSERT_TRUE(original.WaitUntilDone({process.get()}));
    ASSERT_TRUE(Rig::Stop(*process));
  }
  const Outcomes wanted = Comparable(original);
  ASSERT_GT(wanted.triggers.size(), 50U);

  auto finish = [](const Rig& rig, const std::vector<Process*>& processes) {
    ASSERT_TRUE(const_cast<Rig&>(rig).WaitUntilDone(processes));
    for (Process* process : processes) {
      ASSERT_TRUE(Rig::Stop(*process));
    }
  };
  {
    SCOPED_TRACE("one worker");
    Rig rig("one-worker");
    CopyLog(original, rig);
    std::unique_ptr<Process> process = rig.Start();
    ASSERT_NO_FATAL_FAILURE(finish(rig, {process.get()}));
    ExpectSame(wanted, Comparable(rig));
    Findings found = Judge(rig, {.inputs = false});
    found.differences.erase(  // the copied forwards, and those that the copy made
        std::remove_if(found.differences.begin(), found.differences.end(),
                       [](const std::string& words) { return words.rfind("forwarded", 0) == 0; }),
        found.differences.end());
    EXPECT_TRUE(found.clean()) << found.Words();
  }
  {
    SCOPED_TRACE("four workers");
    Rig rig("four-workers");
    CopyLog(original, rig);
    rig.config.workers = 4;
    std::unique_ptr<Process> process = rig.Start();
    ASSERT_NO_FATAL_FAILURE(finish(rig, {process.get()}));
    ExpectSame(wanted, Comparable(rig));
  }
  {
    SCOPED_TRACE("three processes");
    Rig rig("three-processes");
    CopyLog(original, rig);
    std::unique_ptr<Process> a = rig.Start("a");
    std::unique_ptr<Process> b = rig.Start("b");
    std::unique_ptr<Process> c = rig.Start("c");
    ASSERT_NO_FATAL_FAILURE(finish(rig, {a.get(), b.get(), c.get()}));
    ExpectSame(wanted, Comparable(rig));
  }
  {
    SCOPED_TRACE("killed");
    Rig rig("killed");
    CopyLog(original, rig);
    std::mt19937 random(5);
    for (int i = 0; i < 5; ++i) {
      std::unique_ptr<Process> process = rig.Start();
      // Somewhere in what is left, which may be nothing when the last one ran far past its goal.
      // The last offset of a partition may be a marker, which no commit has to pass.
      int64_t done = Processed(rig);
      int64_t left = LogEnd(rig) - rig.config.partitions - done;
      int64_t goal =
          done + (left > 0 ? static_cast<int64_t>(random()) % std::min(left, kStride) : 0);
      ASSERT_TRUE(Rig::WaitFor([&] { return Processed(rig) >= goal || !process->running(); }));
      ASSERT_TRUE(process->running()) << process->Log();
      process->Signal(SIGKILL);
      ASSERT_TRUE(process->WaitForExit(kRigPatience));
    }
    std::unique_ptr<Process> process = rig.Start();
    ASSERT_NO_FATAL_FAILURE(finish(rig, {process.get()}));
    ExpectSame(wanted, Comparable(rig));
  }
}

}  // namespace
}  // namespace hotiron
