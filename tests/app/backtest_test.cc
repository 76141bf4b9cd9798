// The command's core on invented markets: whom it judges, by what it learns, what it says when
// there is nothing to say.

#include "app/backtest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "app/backtest_report.h"
#include "app/backtest_text.h"
#include "processors/trained_model_file.h"
#include "tests/processors/invented_market.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr const char* kPolicy =
    "version: 3\n"
    "policies:\n"
    "  - {name: busy, when: {points: 6, rearm: 3}, cooldown: 5d}\n";

class BacktestTest : public testing::Test {
 protected:
  BacktestTest() {
    options_.learning.won = {"won"};
    options_.policy = directory_.Write("policy.yaml", kPolicy);
  }

  // Files of an invented market. Events go on after the outcome, as they do in life.
  void Write(const LabelledHistory& history) {
    std::string events = "account,contact,ts,signal\n";
    std::string outcomes = "account,start_ts,outcome,outcome_ts,owner\n";
    std::vector<std::pair<EventTime, std::string>> rows;
    for (const PastAccount& account : history.accounts) {
      for (const PastEvent& event : account.events) {
        rows.emplace_back(
            event.time, fmt::format("\"{}\",{},{},{}\n", account.name,
                                    event.person == 0 ? "" : fmt::format("person {}", event.person),
                                    FormatTime(event.time), history.signals[event.signal]));
      }
      std::string owner = "rep " + std::to_string(rows.size() % 3);
      if (account.closed) {
        rows.emplace_back(*account.closed, fmt::format("\"{}\",,{},contract\n", account.name,
                                                       FormatTime(*account.closed)));
        outcomes +=
            fmt::format("\"{}\",{},{},{},{}\n", account.name, FormatTime(account.start),
                        account.bought ? "won" : "lost", FormatTime(*account.closed), owner);
      }
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [time, row] : rows) {
      events += row;
    }
    options_.learning.events = {directory_.Write("events.csv", events)};
    if (std::count(outcomes.begin(), outcomes.end(), '\n') == 1) {
      outcomes += fmt::format("\"{}\",,open,,\n", history.accounts[0].name);
    }
    options_.learning.outcomes = directory_.Write("outcomes.csv", outcomes);
  }

  Result<Backtest> Run() {
    Progress progress("test");
    revisions_.clear();
    return RunBacktest(
        options_, [&](const pb::Trigger& trigger) { revisions_.push_back(trigger); }, progress);
  }

  Backtest MustRun() {
    Result<Backtest> backtest = Run();
    EXPECT_TRUE(backtest.ok()) << backtest.error().message;
    return std::move(backtest).value();
  }

  static bool Says(const Backtest& backtest, std::string_view text) {
    return std::any_of(
        backtest.remarks.begin(), backtest.remarks.end(),
        [&](const std::string& remark) { return remark.find(text) != std::string::npos; });
  }

  TempDir directory_;
  BacktestOptions options_;
  std::vector<pb::Trigger> revisions_;
};

TEST_F(BacktestTest, JudgesLaterAccountsThanItLearnsFrom) {
  LabelledHistory market = Invent({.accounts = 600, .seed = 4});
  Write(market);
  Backtest backtest = MustRun();
  EXPECT_EQ(backtest.judged.accounts.size(), 240U);
  ASSERT_EQ(backtest.models.size(), 1U);
  ASSERT_TRUE(backtest.models[0].trained);
  const TrainedModel& model = *backtest.models[0].trained;
  EXPECT_EQ(model.facts.accounts, 360U);
  for (const PastAccount& account : backtest.judged.accounts) {
    EXPECT_GE(account.start, model.facts.until);
  }
  EXPECT_FALSE(backtest.in_sample);
  const Contender& contender = backtest.contenders.at(0);
  EXPECT_GT(contender.tally.count.alerts, 100U);
  EXPECT_GT(contender.tally.buyers, 50U);
  // Nothing of a trigger is told at or after its account's outcome.
  for (const pb::Trigger& trigger : revisions_) {
    auto account =
        std::find_if(backtest.judged.accounts.begin(), backtest.judged.accounts.end(),
                     [&](const PastAccount& a) { return "a:" + a.name == trigger.account(); });
    ASSERT_NE(account, backtest.judged.accounts.end());
    EXPECT_TRUE(account->OpenAt(FromMillis(trigger.as_of_ms())));
  }
  EXPECT_EQ(contender.replayed.revisions, revisions_.size());
  // Each rep has about a third; the CRM's owner is on the trigger.
  ASSERT_EQ(contender.tally.owners.size(), 3U);
  EXPECT_GT(contender.tally.owners[2].count.alerts, contender.tally.count.alerts / 6);
  EXPECT_EQ(revisions_[0].owner().substr(0, 4), "rep ");
  std::set<Scorer> scorers;
  for (const JudgedModel::AtLoad& load : backtest.models[0].loads) {
    scorers.insert(load.scorer);
  }
  EXPECT_EQ(scorers.size(), 5U);  // no progress: the built-in catalogue knows none of these signals
}

TEST_F(BacktestTest, IsTheSameEveryTime) {
  Write(Invent({.accounts = 200, .seed = 9}));
  Backtest first = MustRun();
  std::vector<pb::Trigger> revisions = revisions_;
  Backtest second = MustRun();
  first.contenders[0].replayed.seconds = second.contenders[0].replayed.seconds = 0;
  EXPECT_EQ(BacktestJson(first), BacktestJson(second));
  ASSERT_EQ(revisions.size(), revisions_.size());
  for (size_t i = 0; i < revisions.size(); ++i) {
    EXPECT_EQ(revisions[i].SerializeAsString(), revisions_[i].SerializeAsString());
  }
}

TEST_F(BacktestTest, AMaskHidesASignalFromTheReplay) {
  Write(Invent({.accounts = 200, .seed = 9}));
  uint64_t events = MustRun().contenders[0].replayed.events;
  options_.learning.masks = {"^pricing"};
  Backtest backtest = MustRun();
  EXPECT_LT(backtest.contenders[0].replayed.events, events);
  for (const pb::Trigger& trigger : revisions_) {
    for (const pb::Reason& reason : trigger.reasons()) {
      EXPECT_NE(reason.signal(), "pricing");
    }
  }
}

TEST_F(BacktestTest, WhatAModelLearntWithoutItIsNotShown) {
  Write(Invent({.accounts = 300, .seed = 9}));
  Backtest whole = MustRun();
  options_.learning.masks = {"^pricing"};
  Backtest masked = MustRun();
  options_.model = directory_.Write("model.yaml", WriteModel(*masked.models[0].trained));
  options_.learning.masks.clear();
  options_.all = true;
  MustRun();
  EXPECT_FALSE(revisions_.empty());
  for (const pb::Trigger& trigger : revisions_) {
    for (const pb::Reason& reason : trigger.reasons()) {
      EXPECT_NE(reason.signal(), "pricing");
    }
  }
  // Beside another model, whose masks are others, it must be shown more than it has learnt from.
  options_.against = options_.model;
  options_.model.clear();
  EXPECT_TRUE(
      Says(MustRun(), "it learnt without what matches '^pricing', which it was shown here"));
  // And the other way round: what the first learnt without is hidden from the second.
  options_.model = options_.against;
  options_.against = directory_.Write("whole.yaml", WriteModel(*whole.models[0].trained));
  EXPECT_TRUE(
      Says(MustRun(), "it learnt with what matches '^pricing', which it was not shown here"));
}

TEST_F(BacktestTest, WithoutAnyOutcomeNothingIsDecided) {
  LabelledHistory market = Invent({.accounts = 100, .seed = 2});
  for (PastAccount& account : market.accounts) {
    account.closed.reset();
    account.bought = false;
  }
  Write(market);
  Backtest backtest = MustRun();
  const Tally& tally = backtest.contenders[0].tally;
  EXPECT_GT(tally.count.alerts, 10U);
  EXPECT_EQ(tally.others, 0U);
  EXPECT_EQ(tally.count.undecided(), tally.count.alerts);
}

TEST_F(BacktestTest, APolicyThatHasNothingToGoByIsSaidSo) {
  Write(Invent({.accounts = 300, .seed = 6}));
  options_.policy = directory_.Write("policy.yaml",
                                     "version: 1\npolicies:\n"
                                     "  - {name: odd, when: {probability: 0.3, horizon: 9d}}\n");
  Backtest backtest = MustRun();
  EXPECT_TRUE(Says(backtest, "has no `otherwise`, and opened nothing"));
  EXPECT_TRUE(Says(backtest, "no policy had anything to go by"));
}

TEST_F(BacktestTest, APolicyByProbabilityFlagsBetterThanActivity) {
  Write(Invent({.accounts = 900, .seed = 21}));
  options_.policy = directory_.Write("policy.yaml",
                                     "version: 1\npolicies:\n"
                                     "  - {name: likely, when: {probability: 0.5, horizon: 14d}, "
                                     "cooldown: 60d}\n");
  options_.learning.time_unit = "1d";
  Backtest backtest = MustRun();
  const Tally& tally = backtest.contenders[0].tally;
  ASSERT_GT(tally.count.alerts, 20U);
  EXPECT_GT(tally.stated.number, 20U);
  EXPECT_NEAR(tally.stated.stated, tally.stated.happened, 0.2);
  // The same model by its curve: where the policy decides, the score has reached the threshold.
  for (const JudgedModel::AtLoad& load : backtest.models[0].loads) {
    if (load.scorer == Scorer::kProbability && !load.false_alarms) {
      EXPECT_NEAR(load.point.threshold, 0.5, 0.05);
      EXPECT_NEAR(load.point.ahead, static_cast<double>(tally.ahead), 5);
    }
    ASSERT_EQ(load.tally.has_value(), !load.false_alarms);
    if (load.tally) {  // the baselines, too: as many accounts, told one by one
      EXPECT_NEAR(static_cast<double>(load.tally->flagged), load.point.flagged, 0.5);
      EXPECT_EQ(load.tally->leads.size(), load.tally->flagged_buyers);
      EXPECT_EQ(load.tally->periods.size(), tally.periods.size());
    }
  }
  ASSERT_TRUE(backtest.models[0].windowed);
  EXPECT_EQ(backtest.models[0].windowed->horizon, std::chrono::days{14});
  EXPECT_FALSE(backtest.contenders[0].examples.empty());
  EXPECT_FALSE(backtest.contenders[0].examples[0].openings[0].why.empty());
}

TEST_F(BacktestTest, ACapacityIsKept) {
  Write(Invent({.accounts = 900, .seed = 21}));
  auto alerts_a_week = [&](std::string_view capacity) {
    options_.policy = directory_.Write(
        "policy.yaml", fmt::format("version: 1\npolicies:\n  - {{name: busy, when: {{points: 3}}, "
                                   "cooldown: 30d{}}}\n",
                                   capacity));
    Backtest backtest = MustRun();
    return static_cast<double>(backtest.contenders[0].tally.count.alerts) /
           backtest.calendar.periods();
  };
  double freely = alerts_a_week("");
  EXPECT_LT(alerts_a_week(", capacity: {per_week: 5}"), freely * 0.8);
}

TEST_F(BacktestTest, SaysWhenAModelHasSeenTheAccounts) {
  LabelledHistory market = Invent({.accounts = 300, .seed = 5});
  Write(market);
  Backtest learnt = MustRun();
  const TrainedModel& model = *learnt.models[0].trained;
  options_.model = directory_.Write("model.yaml", WriteModel(model));
  Backtest backtest = MustRun();
  EXPECT_FALSE(backtest.in_sample);
  EXPECT_TRUE(Says(backtest, "are left out (--all judges them all the same)"));
  EXPECT_EQ(backtest.models[0].trained->hash, model.hash);
  options_.all = true;
  backtest = MustRun();
  EXPECT_TRUE(backtest.in_sample);
  EXPECT_EQ(backtest.judged.accounts.size(), 300U);
  EXPECT_TRUE(Says(backtest, "its figures flatter it"));
  EXPECT_NE(BacktestReport(backtest).find("In sample."), std::string::npos);
  EXPECT_NE(BacktestSummary(backtest).find("IN SAMPLE"), std::string::npos);
  EXPECT_NE(BacktestJson(backtest).find("\"in_sample\":true"), std::string::npos);

  TrainedModel later = model;
  later.facts.until = market.end;
  options_.all = false;
  options_.model = directory_.Write("later.yaml", WriteModel(later));
  Result<Backtest> nothing = Run();
  ASSERT_FALSE(nothing.ok());
  EXPECT_NE(nothing.error().message.find("there is nothing to judge it by"), std::string::npos);
}

TEST_F(BacktestTest, SetsASecondPolicyOrModelBesideTheFirst) {
  Write(Invent({.accounts = 300, .seed = 5}));
  options_.against = directory_.Write(
      "other.yaml", "version: 9\npolicies:\n  - {name: calm, when: {points: 12}}\n");
  Backtest backtest = MustRun();
  ASSERT_EQ(backtest.contenders.size(), 2U);
  EXPECT_EQ(backtest.models.size(), 1U);
  EXPECT_LT(backtest.contenders[1].tally.count.alerts, backtest.contenders[0].tally.count.alerts);

  TrainedModel rival = *backtest.models[0].trained;
  rival.facts.seed = 77;
  options_.against = directory_.Write("rival.yaml", WriteModel(rival));
  backtest = MustRun();
  ASSERT_EQ(backtest.contenders.size(), 2U);
  ASSERT_EQ(backtest.models.size(), 2U);
  EXPECT_EQ(backtest.contenders[1].model, 1U);
  EXPECT_EQ(backtest.models[0].calibrations[0].quality.brier,
            backtest.models[1].calibrations[0].quality.brier);  // the same weights
}

TEST_F(BacktestTest, JourneysMayTakeMinutesOrYears) {
  for (Duration unit : {Duration(minutes{1}), Duration(days{60})}) {
    Write(Invent({.accounts = 300, .unit = unit, .seed = 6}));
    options_.learning.time_unit = FormatDuration(unit);
    Backtest backtest = MustRun();
    EXPECT_EQ(backtest.period_name, FormatDuration(unit * 7));
    EXPECT_LT(backtest.contenders[0].tally.periods.size(), 30U);
    EXPECT_NE(BacktestReport(backtest).find("Lead time"), std::string::npos);
  }
}

// Whatever its pace, and with nobody named in it.
TEST_F(BacktestTest, TheBuiltInPolicyFitsTheHistory) {
  for (Duration unit : {Duration(minutes{10}), Duration(days{1})}) {
    LabelledHistory market = Invent({.accounts = 400, .unit = unit, .seed = 6});
    for (PastAccount& account : market.accounts) {
      for (PastEvent& event : account.events) {
        event.person = 0;
      }
    }
    Write(market);
    options_.policy = "";
    options_.learning.time_unit = FormatDuration(unit);
    Backtest backtest = MustRun();
    EXPECT_GT(backtest.contenders[0].tally.count.alerts, 0U) << FormatDuration(unit);
    EXPECT_TRUE(Says(backtest, "the built-in policy was fitted to this history"));
  }
}

TEST_F(BacktestTest, SaysThatAModelDoesNotStateWhatThePolicyAsks) {
  Write(Invent({.accounts = 300, .seed = 6}));
  options_.policy = directory_.Write(
      "policy.yaml",
      "version: 1\npolicies:\n"
      "  - {name: odd, when: {probability: 0.3, horizon: 9d, otherwise: {points: 6}}}\n");
  EXPECT_TRUE(
      Says(MustRun(), "asks for the probability within 9d, which the model does not state"));
}

TEST_F(BacktestTest, WithoutOutcomesThereIsNoModelAndItSaysSo) {
  LabelledHistory market = Invent({.accounts = 60, .seed = 2});
  for (PastAccount& account : market.accounts) {
    account.bought = false;
  }
  Write(market);
  options_.policy = directory_.Write("policy.yaml",
                                     "version: 1\npolicies:\n"
                                     "  - {name: never, when: {points: 1000}}\n");
  Backtest backtest = MustRun();
  EXPECT_FALSE(backtest.models[0].trained);
  EXPECT_TRUE(Says(backtest, "no probability, no model"));
  EXPECT_TRUE(Says(backtest, "no account that was judged bought"));
  EXPECT_TRUE(Says(backtest, "no trigger opened"));
  std::string summary = BacktestSummary(backtest);
  EXPECT_NE(summary.find("buyers flagged    - of 0"), std::string::npos) << summary;
  EXPECT_NE(BacktestReport(backtest).find("No trigger opened."), std::string::npos);
}

TEST_F(BacktestTest, TheReportNeedsNothingButItself) {
  LabelledHistory market = Invent({.accounts = 300, .seed = 5});
  market.signals[1] = "<script>alert(1)</script> & \u00e4";
  for (PastAccount& account : market.accounts) {
    account.name = "<b>" + account.name;
  }
  Write(market);
  std::string report = BacktestReport(MustRun());
  EXPECT_EQ(report.find("<script"), std::string::npos);
  EXPECT_EQ(report.find("<b>account"), std::string::npos);
  EXPECT_NE(report.find("&lt;script&gt;alert(1)&lt;/script&gt; &amp; \u00e4"), std::string::npos);
  EXPECT_EQ(report.find("http://"), std::string::npos);
  EXPECT_EQ(report.find("https://"), std::string::npos);
  EXPECT_EQ(report.find("nan"), std::string::npos);
  for (const char* tag : {"svg", "figure", "div", "table", "main", "dl", "ul"}) {
    auto count = [&](const std::string& text) {
      size_t number = 0;
      for (size_t at = report.find(text); at != std::string::npos; at = report.find(text, at + 1)) {
        ++number;
      }
      return number;
    };
    EXPECT_EQ(count(fmt::format("<{}>", tag)) + count(fmt::format("<{} ", tag)),
              count(fmt::format("</{}>", tag)))
        << tag;
  }
}

}  // namespace
}  // namespace hotiron
