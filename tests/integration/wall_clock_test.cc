// `clock: wall`, where the broker says what time it is and sources may be wrong about it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "app/topics.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

void AddInput(Rig& rig) {
  rig.config.inputs = {
      {.topic = rig.config.app + "-in", .format = "native", .source = "in", .unknown = ""}};
  rig.CreateTopic(rig.config.inputs[0].topic, 1);
}

// `appended`: the timestamp of the record, now unless told otherwise.
void SendDemoRequest(Rig& rig, const std::string& id, EventTime time,
                     std::optional<EventTime> appended = {}) {
  std::string value = fmt::format(R"({{"id":"{}","time":"{}","account":"0011T00002J4kniQAB",)"
                                  R"("user":"ann","event":"Demo Requested"}})",
                                  id, FormatTime(time));
  rig.Send({.topic = rig.config.inputs[0].topic, .value = value, .timestamp = appended});
  rig.Flush();
}

std::vector<LogEntry> ReadAll(const Rig& rig, std::string_view kind) {
  std::vector<LogEntry> all;
  for (std::vector<LogEntry>& partition : rig.Read(rig.config.Topic(kind))) {
    all.insert(all.end(), partition.begin(), partition.end());
  }
  return all;
}

TEST(WallClock, AnEventFarAheadIsRejectedALittleAheadIsKept) {
  Rig rig("ahead");
  AddInput(rig);
  std::unique_ptr<Process> process = rig.Start();
  SendDemoRequest(rig, "far", Now() + minutes{8});
  SendDemoRequest(rig, "near", Now() + minutes{4});
  SendDemoRequest(rig, "now", Now());
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));

  std::vector<LogEntry> rejected = ReadAll(rig, kRejectedTopic);
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(JsonField(rejected[0].value.value_or(""), "id"), "far");
  std::map<std::string, std::string> headers(rejected[0].headers.begin(),
                                             rejected[0].headers.end());
  EXPECT_EQ(headers["reason"], "time_out_of_range");
  EXPECT_NE(headers["detail"].find("5m"), std::string::npos) << headers["detail"];
  std::vector<LogEntry> journeys = ReadAll(rig, kJourneysTopic);
  ASSERT_FALSE(journeys.empty());
  EXPECT_EQ(JsonField(*journeys.back().value, "events"), "2") << *journeys.back().value;
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

TEST(WallClock, StartAtATimeSkipsWhatWasAppendedBefore) {
  Rig rig("start-time");
  AddInput(rig);
  rig.config.start = Config::Start::kTime;
  rig.config.start_time = Now() - minutes{90};
  for (int age : {180, 120, 60, 30, 0}) {
    EventTime appended = Now() - minutes{age};
    SendDemoRequest(rig, fmt::format("{} minutes", age), appended, appended);
  }
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  EXPECT_EQ(Metric(Get(*process, "/metrics"), "hotiron_input_records_total"), 3);
  ASSERT_TRUE(Rig::Stop(*process));

  // Only a first start asks the time: what came meanwhile is taken in.
  SendDemoRequest(rig, "late", Now(), Now() - minutes{120});
  process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  EXPECT_EQ(Metric(Get(*process, "/metrics"), "hotiron_input_records_total"), 1);
  ASSERT_TRUE(Rig::Stop(*process));
  std::vector<LogEntry> journeys = ReadAll(rig, kJourneysTopic);
  ASSERT_FALSE(journeys.empty());
  EXPECT_EQ(JsonField(*journeys.back().value, "events"), "4") << *journeys.back().value;
}

TEST(WallClock, ATimerFiresWhileNothingElseHappens) {
  Rig rig("idle");
  AddInput(rig);
  rig.WriteFile("policy.yaml", LivelyPolicy(1, "cooldown: 1d\n    expires: 2s"));
  std::unique_ptr<Process> process = rig.Start();
  SendDemoRequest(rig, "only", Now());
  auto count = [&](const std::string& state) {
    int sum = 0;
    for (const LogEntry& entry : ReadAll(rig, kTriggersTopic)) {
      sum += JsonField(entry.value.value_or(""), "state") == state ? 1 : 0;
    }
    return sum;
  };
  ASSERT_TRUE(Rig::WaitFor([&] { return count("expired") == 2; })) << process->Log();
  EXPECT_EQ(count("opened"), 2);  // one of either policy
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_EQ(found.inputs, 1U) << found.Words();
  EXPECT_GT(found.ticks, 0U) << found.Words();
}

}  // namespace
}  // namespace hotiron
