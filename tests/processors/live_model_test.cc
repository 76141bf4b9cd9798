// A model of buying in use by a task: what it decides, what triggers and summaries say of it, how
// one takes another's place.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "processors/models_in_force.h"
#include "processors/summary.h"
#include "tests/processors/fixture.h"
#include "tests/processors/hand_model.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;

// "strike" at a probability of 40 % within 14 days, else at 10 points.
pb::PolicySet ByProbability(uint32_t version = 1) {
  pb::PolicySet set = SmallPolicies(version);
  pb::Policy& policy = *set.mutable_policies(0);
  pb::Fallback& fallback = *policy.mutable_fallback();
  fallback.set_measure(policy.measure());
  fallback.set_threshold(policy.threshold());
  fallback.set_rearm(policy.rearm());
  policy.set_measure(pb::Policy::PROBABILITY);
  policy.set_horizon_ms(Duration{days{14}}.count());
  policy.set_threshold(0.4);
  policy.set_rearm(0.2);
  return set;
}

// Every test's log is run again in other cuts, which must not change a bit of what was decided.
class LiveModel : public testing::Test {
 protected:
  LiveModel() {
    Append(At("02-01 00:00"), MakeCatalogue(SmallCatalogue()));
    Append(At("02-01 00:00"), MakePolicies(ByProbability()));
  }

  void TearDown() override {
    std::vector<std::string> expected = runner_.TriggerTexts();
    for (Cut cut : {Cut::kCommit, Cut::kReopen}) {
      Runner again;
      again.Run(log_, [cut] { return cut; });
      EXPECT_EQ(again.TriggerTexts(), expected);
      EXPECT_EQ(again.Rows(), runner_.Rows());
    }
    // Dropped and processed again, once at every record.
    Runner again;
    bool drop = false;
    again.Run(log_, [&] { return (drop = !drop) ? Cut::kDiscard : Cut::kCommit; });
    EXPECT_EQ(again.TriggerTexts(), expected);
  }

  void Append(EventTime timestamp, const pb::TaskRecord& record) {
    log_.push_back(MakeLine(timestamp, "a:acme", record));
    runner_.Run(log_);
  }

  void Signal(std::string_view signal, std::string_view time) {
    Append(At(time), MakeSignal(signal, At(time)));
  }

  void Models(const pb::ModelSet& models) {
    models_ = models;
    Append(At("02-01 00:00"), MakeModels(models));
  }

  void Offer(const HandModel& model) { Models(WithOffered(models_, model.Text()).value()); }

  void Tick(std::string_view time) { Append(At(time), MakeTick()); }

  size_t Opened() const { return runner_.done.triggers.size(); }

  const pb::Trigger& Last() { return runner_.done.triggers.back(); }

  std::string Summary(std::string_view time) {
    return WriteSummary(*runner_.Find("a:acme"), runner_.task->model(), runner_.task->models(),
                        At(time));
  }

  static std::vector<std::string> SmallStages() {
    pb::Catalogue catalogue = SmallCatalogue();
    return {catalogue.stages().begin(), catalogue.stages().end()};
  }

  // The census: "comparing 1".
  std::string StagesCounted() {
    std::string text;
    for (const pb::CensusCell& cell : runner_.task->census().cells()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cell.stage(), cell.accounts());
    }
    return text;
  }

  std::vector<Line> log_;
  Runner runner_;
  pb::ModelSet models_;
};

TEST_F(LiveModel, WithoutOneThePolicyGoesByItsFallback) {
  Signal("pricing_page", "03-01 10:00");
  EXPECT_EQ(Opened(), 0U);
  Signal("quote", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().measure(), "points");
  EXPECT_EQ(Last().threshold(), 10);
  EXPECT_EQ(WriteTrigger(Last()).find("within"), std::string::npos);
  EXPECT_EQ(Last().model(), "");
  EXPECT_EQ(Last().chances_size(), 0);
  EXPECT_EQ(Summary("03-01 12:00").find("forecast"), std::string::npos);
}

TEST_F(LiveModel, OpensAtTheProbabilityAndSaysWhy) {
  Offer({});
  Signal("docs_page", "03-01 10:00");
  EXPECT_EQ(Opened(), 0U);  // a logit of -2 is 12 %
  Signal("pricing_page", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().measure(), "probability");
  EXPECT_NEAR(Last().value(), 0.5, 1e-12);
  EXPECT_EQ(Last().threshold(), 0.4);
  EXPECT_NE(WriteTrigger(Last()).find(R"("measure":"probability","within":"14d")"),
            std::string::npos);
  EXPECT_EQ(Last().model(), HandModel{}.Text().hash());
  ASSERT_EQ(Last().chances_size(), 3);
  EXPECT_EQ(Last().chances(1).horizon_ms(), Duration{days{14}}.count());
  EXPECT_NEAR(Last().chances(1).probability(), 0.5, 1e-12);
  EXPECT_TRUE(Last().chances(1).skill());
  ASSERT_EQ(Last().factors_size(), 1);
  EXPECT_EQ(Last().factors(0).signal(), "pricing_page");
  EXPECT_NEAR(Last().factors(0).logit(), 2, 1e-9);
  EXPECT_NE(Last().why().find(": x7.4"), std::string::npos) << Last().why();
  EXPECT_NEAR(Last().priority(), Last().expected_value() * 0.5, 1e-6);
}

// A day after its horizon, when the CRM has had time to say what came of it.
TEST_F(LiveModel, WhatATriggerClaimedIsJudgedInTheEnd) {
  Offer({});
  Signal("pricing_page", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  Append(At("03-16 10:00"),
         MakeFact("opportunity:1", {{"stage", "Closed Won"}}, At("03-15 10:59")));
  EXPECT_EQ(runner_.done.judged.size(), 0U);
  Tick("03-16 12:00");
  ASSERT_EQ(runner_.done.judged.size(), 1U);
  EXPECT_NEAR(runner_.done.judged[0].probability, 0.5, 1e-12);
  EXPECT_TRUE(runner_.done.judged[0].bought);
  Tick("05-01 12:00");
  EXPECT_EQ(runner_.done.judged.size(), 1U);
}

TEST_F(LiveModel, APurchaseBeforeOrTooLateDoesNotProveAClaim) {
  Offer({});
  Append(At("02-20 10:00"),
         MakeFact("opportunity:1", {{"stage", "Closed Won"}}, At("02-20 10:00")));
  Signal("pricing_page", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  Append(At("03-15 12:00"),
         MakeFact("opportunity:2", {{"stage", "Closed Won"}}, At("03-15 12:00")));
  Tick("03-16 12:00");
  ASSERT_EQ(runner_.done.judged.size(), 1U);
  EXPECT_FALSE(runner_.done.judged[0].bought);
}

TEST_F(LiveModel, AClosedGateShowsItsVerdictAndDecidesNothing) {
  Offer({.open = false});
  Signal("pricing_page", "03-01 10:00");
  EXPECT_EQ(Opened(), 0U);
  Signal("quote", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().measure(), "points");
  ASSERT_EQ(Last().chances_size(), 3);
  EXPECT_FALSE(Last().chances(0).skill());
  EXPECT_NEAR(Last().chances(0).probability(), 1 / (1 + std::exp(3.0)), 1e-9);
  EXPECT_EQ(Last().factors_size(), 0);
  EXPECT_NE(Summary("03-01 12:00").find("\"skill\":false"), std::string::npos);
}

TEST_F(LiveModel, AProbabilityThatRisesInSilenceOpensAtALook) {
  // -2 + 1.1 log1p(days): 40 % is reached after 2.6 days, and looked for after 1, 2, 4 and so on.
  Offer({.silence = 1.1});
  Signal("docs_page", "03-01 10:00");
  EXPECT_EQ(Opened(), 0U);
  Tick("03-04 12:00");
  EXPECT_EQ(Opened(), 0U);
  Tick("03-06 12:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Short(FromMillis(Last().opened_ms())), "03-05 10:00");
  EXPECT_NEAR(Last().value(), 1 / (1 + std::exp(2 - 1.1 * std::log(5.0))), 1e-12);

  // Nobody was alerted before: the change is that of a day, and its parts are all of it.
  EXPECT_EQ(Short(FromMillis(Last().since_ms())), "03-04 10:00");
  double change = Last().other_logit();
  for (const pb::Factor& factor : Last().factors()) {
    change += factor.logit();
  }
  EXPECT_NEAR(change, 1.1 * (std::log(5.0) - std::log(4.0)), 1e-9);
}

TEST_F(LiveModel, WhatIsFarBelowItsThresholdIsNotWatched) {
  Offer({.bias = -4, .silence = 1.1});
  Signal("docs_page", "03-01 10:00");
  EXPECT_EQ(Decider::NextTimer(*runner_.Find("a:acme")), 0);
}

TEST_F(LiveModel, AnAccountInTheMidstOfThingsKeepsOneLook) {
  Offer({});
  Signal("docs_page", "03-01 10:00");
  ASSERT_TRUE(runner_.task->NextTimer());
  EXPECT_EQ(Short(*runner_.task->NextTimer()), "03-02 10:00");
  for (int hour = 11; hour < 20; ++hour) {
    Signal("docs_page", fmt::format("03-01 {}:00", hour));
    EXPECT_EQ(Short(*runner_.task->NextTimer()), "03-02 10:00");
  }
  Tick("03-02 10:00");
  EXPECT_EQ(Short(*runner_.task->NextTimer()), "03-02 19:00");
}

TEST_F(LiveModel, AChallengerIsScoredBesideAndTakesOver) {
  Offer({});
  Offer({.bias = -1});
  Signal("pricing_page", "03-01 10:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().model(), HandModel{}.Text().hash());
  EXPECT_EQ(Last().challenger_model(), HandModel{.bias = -1}.Text().hash());
  EXPECT_NEAR(Last().challenger(), 1 / (1 + std::exp(-1.0)), 1e-9);

  models_ = WithPromoted(models_).value();
  Append(At("03-02 00:00"), MakeModels(models_));
  std::string summary = Summary("03-02 10:00");
  EXPECT_NE(summary.find(HandModel{.bias = -1}.Text().hash()), std::string::npos);
  EXPECT_EQ(summary.find("challenger"), std::string::npos);

  models_ = WithRolledBack(models_).value();
  Append(At("03-03 00:00"), MakeModels(models_));
  EXPECT_EQ(runner_.task->models().champion()->hash, HandModel{}.Text().hash());
  EXPECT_EQ(runner_.task->models().challenger()->hash, HandModel{.bias = -1}.Text().hash());
}

TEST_F(LiveModel, TellsTheStageWhereItMay) {
  Offer({.stages = SmallStages()});
  Signal("blog_page", "03-01 10:00");
  std::string summary = Summary("03-01 10:00");
  EXPECT_NE(summary.find(R"("stage":"exploring","stages")"), std::string::npos) << summary;
  EXPECT_NE(summary.find(R"("stage_model":")" + models_.champion().hash()), std::string::npos);
  EXPECT_EQ(StagesCounted(), "exploring 1");

  Signal("pricing_page", "03-01 11:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().stage(), "deciding");
  EXPECT_EQ(Last().stage_model(), models_.champion().hash());
  ASSERT_EQ(Last().stage_shares_size(), 5);
  double total = 3 + std::exp(2) + std::exp(4);
  EXPECT_NEAR(Last().stage_shares(2), std::exp(2) / total, 1e-12);
  EXPECT_NEAR(Last().stage_shares(4), std::exp(4) / total, 1e-12);
  ASSERT_GE(Last().questions_size(), 2);
  EXPECT_EQ(Last().questions(1), "Who must agree?");  // of that stage; the first is of the topic
  EXPECT_EQ(StagesCounted(), "deciding 1");
}

TEST_F(LiveModel, ARiseOfTheStageThatItTellsRaises) {
  Offer({.bias = 0, .stages = SmallStages()});
  Signal("blog_page", "03-01 10:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().stage(), "exploring");
  std::string opened_by = Last().model();
  Append(At("03-01 10:30"), MakePolicies(ByProbability(2)));
  Signal("pricing_page", "03-01 11:00");
  ASSERT_EQ(Opened(), 2U);
  EXPECT_EQ(Last().state(), pb::Trigger::RAISED);
  EXPECT_EQ(Last().stage(), "deciding");
  EXPECT_EQ(Last().policy_version(), 2U);
  EXPECT_EQ(Last().opened_policy_version(), 1U);  // what fired it stays
  EXPECT_EQ(Last().opened_model(), opened_by);
}

// The evidence for one visit to the pricing page says comparing.
TEST_F(LiveModel, DoesNotTellStagesThatItHasNotShownToKnow) {
  Offer({.stages = SmallStages(), .stage_open = false});
  Signal("pricing_page", "03-01 10:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().stage(), "comparing");
  EXPECT_EQ(Last().stage_model(), "");
  EXPECT_EQ(Summary("03-01 10:00").find("stage_model"), std::string::npos);
  EXPECT_EQ(StagesCounted(), "comparing 1");
}

TEST_F(LiveModel, DoesNotTellStagesThatTheCatalogueDoesNotHave) {
  Offer({.stages = {"new", "warm", "hot"}});
  Signal("pricing_page", "03-01 10:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().stage(), "comparing");
  EXPECT_EQ(StagesCounted(), "comparing 1");
}

TEST_F(LiveModel, ALeverOfAnOlderVersionChangesNothing) {
  Offer({});
  pb::ModelSet older = models_;
  *older.mutable_champion() = HandModel{.bias = 3}.Text();
  Append(At("02-02 00:00"), MakeModels(older));
  EXPECT_EQ(runner_.task->models().champion()->hash, HandModel{}.Text().hash());
}

TEST_F(LiveModel, ASteeredThresholdTakesTheStatedOnesPlaceUntilThatChanges) {
  Offer({});
  pb::Thresholds thresholds;
  thresholds.set_version(1);
  pb::Threshold& threshold = *thresholds.add_thresholds();
  threshold.set_policy("strike");
  threshold.set_measure(pb::Policy::PROBABILITY);
  threshold.set_stated(0.4);
  threshold.set_value(0.6);
  Append(At("02-02 00:00"), MakeThresholds(thresholds));
  Signal("pricing_page", "03-01 10:00");
  EXPECT_EQ(Opened(), 0U);
  pb::PolicySet changed = ByProbability(2);
  changed.mutable_policies(0)->set_threshold(0.45);
  Append(At("03-01 11:00"), MakePolicies(changed));
  Signal("docs_page", "03-01 12:00");
  ASSERT_EQ(Opened(), 1U);
  EXPECT_EQ(Last().threshold(), 0.45);
}

// ---------------------------------------------------------------- roles

TEST(ModelRoles, AModelThatIsKnownIsNotOfferedAgain) {
  pb::ModelText a = HandModel{.bias = 1}.Text();
  pb::ModelText b = HandModel{.bias = 2}.Text();
  pb::ModelText c = HandModel{.bias = 3}.Text();
  pb::ModelSet set = WithOffered({}, a).value();
  EXPECT_EQ(set.version(), 1U);
  EXPECT_EQ(set.champion().hash(), a.hash());
  EXPECT_FALSE(WithOffered(set, a));
  set = WithOffered(set, b).value();
  EXPECT_EQ(set.champion().hash(), a.hash());
  EXPECT_EQ(set.challenger().hash(), b.hash());
  set = WithPromoted(set).value();
  EXPECT_EQ(set.version(), 3U);
  EXPECT_FALSE(WithOffered(set, a));  // the file that a process began with
  EXPECT_FALSE(WithOffered(set, b));
  EXPECT_EQ(WithOffered(set, c).value().challenger().hash(), c.hash());
}

TEST(ModelRoles, ThereMustBeOneToPromoteOrToGoBackTo) {
  pb::ModelSet set = WithOffered({}, HandModel{}.Text()).value();
  EXPECT_EQ(WithPromoted(set).error().code, Error::Code::kInvalid);
  EXPECT_EQ(WithRolledBack(set).error().code, Error::Code::kInvalid);
}

TEST(ModelRoles, ATrialOutlivesARollback) {
  pb::ModelText a = HandModel{.bias = 1}.Text();
  pb::ModelText b = HandModel{.bias = 2}.Text();
  pb::ModelText c = HandModel{.bias = 3}.Text();
  pb::ModelSet set = WithPromoted(WithOffered(WithOffered({}, a).value(), b).value()).value();
  pb::ModelSet back = WithRolledBack(set).value();
  EXPECT_EQ(back.champion().hash(), a.hash());
  EXPECT_EQ(back.challenger().hash(), b.hash());
  EXPECT_FALSE(back.has_previous());
  back = WithRolledBack(WithOffered(set, c).value()).value();
  EXPECT_EQ(back.champion().hash(), a.hash());
  EXPECT_EQ(back.challenger().hash(), c.hash());
  EXPECT_EQ(back.previous().hash(), b.hash());
  EXPECT_EQ(WithRolledBack(back).value().champion().hash(), b.hash());
}

TEST(ModelRoles, AModelOfAnotherTimeUnitIsRefused) {
  pb::ModelSet set = WithOffered({}, HandModel{}.Text()).value();
  Result<ModelsInForce> models = ModelsInForce::Read(set, {.unit = hours{1}});
  ASSERT_FALSE(models.ok());
  EXPECT_NE(models.error().message.find("journeys.time_unit"), std::string::npos)
      << models.error().message;
}

}  // namespace
}  // namespace hotiron
