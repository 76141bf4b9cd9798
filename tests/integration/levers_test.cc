// Levers and feedback: what people change while it runs, or at its next start.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "app/topics.h"
#include "base/records.pb.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

using std::chrono::days;

// id -> the revisions of each trigger, in order.
std::map<std::string, std::vector<std::string>> Triggers(const Rig& rig) {
  std::map<std::string, std::vector<std::string>> triggers;
  for (const auto& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
    for (const LogEntry& entry : partition) {
      triggers[entry.key].push_back(entry.value.value_or(""));
    }
  }
  return triggers;
}

void RunToTheEnd(Rig& rig) {
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
}

size_t OfVersion(const Rig& rig, const std::string& version) {
  size_t count = 0;
  for (const auto& [id, revisions] : Triggers(rig)) {
    count += JsonField(revisions.front(), "policy_version") == version ? 1 : 0;
  }
  return count;
}

TEST(Levers, AHigherVersionCountsALowerOneDoesNotAnEqualOneIsRefused) {
  Rig rig("levers");
  rig.AddMarketInEventTime();
  rig.SendMarket(1'500);
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  EXPECT_GT(OfVersion(rig, "1"), 0U);
  EXPECT_EQ(OfVersion(rig, "3"), 0U);

  rig.WriteFile("policy.yaml", LivelyPolicy(3));
  rig.SendMarket(1'500);
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  size_t by_third = OfVersion(rig, "3");
  EXPECT_GT(by_third, 0U);

  rig.WriteFile("policy.yaml", LivelyPolicy(2));
  rig.SendMarket(1'500);
  {
    std::unique_ptr<Process> process = rig.Start();
    ASSERT_TRUE(process->WaitForLine("in_force=3 file=2", kRigPatience)) << process->Log();
    ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
    ASSERT_TRUE(Rig::Stop(*process));
  }
  EXPECT_EQ(OfVersion(rig, "2"), 0U);
  EXPECT_GT(OfVersion(rig, "3"), by_third);

  rig.WriteFile("policy.yaml", LivelyPolicy(3, "cooldown: 2d\n    expires: 2d"));
  std::unique_ptr<Process> process = rig.Start();
  EXPECT_EQ(process->WaitForExit(kRigPatience), 2);
  EXPECT_NE(process->Log().find("hotiron: policy: version 3 is in force with other content: give "
                                "the changed file a higher version"),
            std::string::npos)
      << process->Log();

  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

std::string Catalogue(int version, int weight) {
  return fmt::format(
      "version: {}\nstages: [unaware, aware, exploring, comparing, deciding]\nsignals:\n"
      "  - signal: demo_requested\n    label: asked for a demo\n    topic: evaluation\n"
      "    stage: comparing\n    weight: {}\n    when:\n      - {{event: Demo Requested}}\n",
      version, weight);
}

// While one process works, another is started with a newer file: both follow it.
TEST(Levers, ACatalogueChangesWhileItRuns) {
  Rig rig("catalogue");
  rig.config.inputs = {
      {.topic = "catalogue-in", .format = "native", .source = "in", .unknown = ""}};
  rig.CreateTopic("catalogue-in", 2);
  rig.config.catalogue_file = rig.WriteFile("first.yaml", Catalogue(1, 2));
  int sent = 0;
  auto points = [&] {
    std::string value = fmt::format(R"({{"id":"{}","time":"{}","account":"0011T00002J4kniQAB",)"
                                    R"("user":"ann","event":"Demo Requested"}})",
                                    ++sent, FormatTime(Now()));
    rig.Send({.topic = "catalogue-in", .value = value});
    rig.Flush();
    std::string summary;  // the one that counts this event
    EXPECT_TRUE(Rig::WaitFor([&] {
      for (const auto& partition : rig.Read(rig.config.Topic(kJourneysTopic))) {
        for (const LogEntry& entry : partition) {
          summary = entry.value.value_or("");
        }
      }
      return JsonField(summary, "events") == std::to_string(sent);
    })) << summary;
    return std::atof(JsonField(summary, "points").c_str());
  };
  std::unique_ptr<Process> one = rig.Start("one");
  EXPECT_NEAR(points(), 2, 0.01) << one->Log();
  EXPECT_NEAR(points(), 4, 0.01) << one->Log();

  rig.config.catalogue_file = rig.WriteFile("second.yaml", Catalogue(2, 90));
  std::unique_ptr<Process> two = rig.Start("two");
  ASSERT_TRUE(Rig::WaitFor([&] { return points() > 90; })) << one->Log() << two->Log();
  ASSERT_TRUE(Rig::Stop(*two));
  ASSERT_TRUE(Rig::WaitFor([&] {
    return Metric(Get(*one, "/metrics"), "hotiron_levers_version{kind=\"catalogue\"}") == 2;
  })) << one->Log();

  rig.config.catalogue_file = rig.WriteFile("first.yaml", Catalogue(1, 2));
  two = rig.Start("two");
  ASSERT_TRUE(two->WaitForLine("The catalogue in force is newer than the file's: in_force=2 file=1",
                               kRigPatience))
      << two->Log();
  double before = points();
  EXPECT_NEAR(points() - before, 90, 0.01);
  ASSERT_TRUE(Rig::Stop(*one));
  ASSERT_TRUE(rig.WaitUntilDone({two.get()}));
  ASSERT_TRUE(Rig::Stop(*two));
  // What intake makes of an input depends on when it was taken in; the rest on the log only.
  Findings found = Judge(rig, {.inputs = false, .local = {"two"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 0U) << found.Words();
}

TEST(Feedback, ChangesTheTrigger) {
  Rig rig("feedback");
  rig.AddMarketInEventTime();
  rig.WriteFile("policy.yaml", LivelyPolicy(1, "cooldown: 300d\n    expires: 300d"));
  rig.SendMarket(1'500);
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  std::vector<std::pair<std::string, std::string>> open;  // trigger, account
  for (const auto& [id, revisions] : Triggers(rig)) {
    std::string state = JsonField(revisions.back(), "state");
    if (state == "opened" || state == "raised") {
      open.emplace_back(id, JsonField(revisions.back(), "account"));
    }
  }
  ASSERT_GE(open.size(), 3U);
  const std::string until = FormatTime(Now() + days{30});
  const std::string what[] = {
      R"("action":"accept","by":"rep@vendor.example")",
      fmt::format(R"("action":"snooze","until":"{}","by":"rep@vendor.example")", until),
      R"("action":"dismiss","reason":"no budget","by":"rep@vendor.example")"};
  const std::string states[] = {"accepted", "snoozed", "dismissed"};
  const std::string feedback = rig.config.Topic(kFeedbackTopic);
  for (size_t i = 0; i < 3; ++i) {
    std::string value = fmt::format(R"({{"id":"f-{}","trigger":"{}","account":"{}",{}}})", i,
                                    open[i].first, open[i].second, what[i]);
    rig.Send({.topic = feedback, .value = value});
    rig.Send({.topic = feedback, .value = value});  // sent twice, counted once
  }
  rig.Send({.topic = feedback, .value = "not feedback"});
  rig.Flush();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  auto triggers = Triggers(rig);
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<std::string>& revisions = triggers[open[i].first];
    EXPECT_EQ(JsonField(revisions.back(), "state"), states[i]) << revisions.back();
    EXPECT_EQ(JsonField(revisions.back(), "revision"), fmt::format("{}", revisions.size()));
  }
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_EQ(found.rejects, 1U) << found.Words();
}

}  // namespace
}  // namespace hotiron
