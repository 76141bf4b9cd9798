// A model of buying in a pipeline that runs: in force, challenged, promoted, rolled back, and kept
// at a capacity. What it decided is what the pure core decides over the log.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "app/control_topic.h"
#include "app/topics.h"
#include "base/records.pb.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"
#include "tests/processors/hand_model.h"

namespace hotiron {
namespace {

constexpr int kEvents = 2'000;

std::string ByProbability(int version, double threshold) {
  return fmt::format(
      "version: {}\nlive_within: 3650d\nreconsider_after: 1s\npolicies:\n"
      "  - name: likely\n"
      "    when: {{probability: {}, horizon: 14d, otherwise: {{points: 3}}}}\n"
      "    capacity: {{per_week: 2}}\n"
      "    cooldown: 1d\n    expires: 2d\n    buying_group: {{people: 1}}\n",
      version, threshold);
}

class Models : public testing::Test {
 protected:
  Models() {
    rig_.AddMarketInEventTime();
    rig_.WriteFile("policy.yaml", ByProbability(1, 0.3));
    rig_.config.model_file = rig_.WriteFile("model.yaml", first_.yaml());
  }

  // `hotiron model ACTION`; returns what it wrote as JSON.
  std::string Model(const std::vector<std::string>& action) {
    std::vector<std::string> arguments{HOTIRON_BINARY, "model"};
    arguments.insert(arguments.end(), action.begin(), action.end());
    arguments.insert(arguments.end(), {"--config", rig_.WriteConfig("one"), "--json", "-"});
    Process command({.arguments = arguments, .log = rig_.folder() / "model.log"});
    EXPECT_EQ(command.WaitForExit(kRigPatience), 0) << command.Log();
    return command.Log();
  }

  void Play(Process& process) {
    rig_.SendMarket(kEvents);
    ASSERT_TRUE(rig_.WaitUntilDone({&process})) << process.Log();
  }

  // How many triggers a model has opened, by hash.
  std::map<std::string, int> OpenedBy() const {
    std::map<std::string, int> opened;
    for (const auto& partition : rig_.Read(rig_.config.Topic(kTriggersTopic))) {
      for (const LogEntry& entry : partition) {
        std::string json = entry.value.value_or("");
        if (JsonField(json, "state") == "opened" && JsonField(json, "measure") == "probability") {
          ++opened[JsonField(json, "model")];
        }
      }
    }
    return opened;
  }

  // Versions of the thresholds that were set, and the last value.
  std::pair<uint32_t, double> Steered() const {
    std::pair<uint32_t, double> last{0, 0};
    const auto control_topic = rig_.Read(rig_.config.Topic(kControlTopic));
    for (const LogEntry& entry : control_topic[0]) {
      pb::Control control;
      if (entry.key == "thresholds" && control.ParseFromString(entry.value.value_or(""))) {
        const pb::Thresholds& thresholds = control.levers().thresholds();
        last = {thresholds.version(), thresholds.thresholds(0).value()};
      }
    }
    return last;
  }

  Rig rig_{fmt::format("models-{}", testing::UnitTest::GetInstance()->current_test_info()->line())};
  pb::ModelText first_ = HandModel{}.Text();
  pb::ModelText second_ = HandModel{.bias = -1}.Text();
};

TEST_F(Models, OneDecidesAnotherTakesItsPlaceAndGoesAgain) {
  std::unique_ptr<Process> process = rig_.Start();
  ASSERT_NO_FATAL_FAILURE(Play(*process));
  EXPECT_GT(OpenedBy()[first_.hash()], 0) << process->Log();
  EXPECT_EQ(OpenedBy().size(), 1U);

  // A new file and SIGHUP: it is scored beside, and decides nothing.
  rig_.WriteFile("model.yaml", second_.yaml());
  process->Signal(SIGHUP);
  ASSERT_TRUE(process->WaitForLine("is in force as the challenger", kRigPatience))
      << process->Log();
  std::string shown = Model({"show"});
  EXPECT_EQ(JsonField(shown, "champion"), first_.hash());
  EXPECT_EQ(JsonField(shown, "challenger"), second_.hash());
  ASSERT_NO_FATAL_FAILURE(Play(*process));
  EXPECT_EQ(OpenedBy().size(), 1U);

  EXPECT_EQ(JsonField(Model({"promote"}), "champion"), second_.hash());
  ASSERT_NO_FATAL_FAILURE(Play(*process));
  EXPECT_GT(OpenedBy()[second_.hash()], 0);
  int by_second = OpenedBy()[second_.hash()];

  EXPECT_EQ(JsonField(Model({"rollback"}), "champion"), first_.hash());
  int by_first = OpenedBy()[first_.hash()];
  ASSERT_NO_FATAL_FAILURE(Play(*process));
  EXPECT_GT(OpenedBy()[first_.hash()], by_first);
  // What was on its way to the tasks when the champion went back may still be the other one's.
  EXPECT_LT(OpenedBy()[second_.hash()] - by_second, OpenedBy()[first_.hash()] - by_first);

  // Far more opened than two a week: the threshold has been raised, day by day of the market.
  EXPECT_TRUE(Rig::WaitFor([&] { return Steered().second > 0.3; }))
      << Steered().first << " versions, " << Steered().second;
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig_, {.local = {"one"}});
  // A summary states the models of its own moment; the oracle's are those of the end.
  std::erase_if(found.differences, [](const std::string& words) {
    return words.rfind("journeys of", 0) == 0 && words.find(": 0 missing") != std::string::npos;
  });
  EXPECT_TRUE(found.clean()) << found.Words();
}

TEST_F(Models, AModelThatDoesNotFitIsRefusedAtTheStartAndAtAReload) {
  rig_.WriteFile("model.yaml", first_.yaml() + "# changed by hand\n");
  std::unique_ptr<Process> process = rig_.Start();
  EXPECT_EQ(process->WaitForExit(kRigPatience), 2);
  EXPECT_NE(process->Log().find("does not fit the content"), std::string::npos) << process->Log();

  rig_.WriteFile("model.yaml", first_.yaml());
  process = rig_.Start();
  ASSERT_TRUE(process->WaitForLine("is in force as the champion", kRigPatience)) << process->Log();
  rig_.WriteFile("policy.yaml", "version: 7\npolicies: nonsense\n");
  process->Signal(SIGHUP);
  ASSERT_TRUE(process->WaitForLine("Nothing was reloaded", kRigPatience)) << process->Log();
  EXPECT_TRUE(process->running());
  ASSERT_TRUE(Rig::Stop(*process));
}

}  // namespace
}  // namespace hotiron
