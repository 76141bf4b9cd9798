// A model in use: features, scores, explanations, its file.

#include "processors/trained_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"
#include "tests/processors/hand_model.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;

class TrainedModelTest : public testing::Test {
 protected:
  TrainedModelTest() {
    model_ = Train(history_, {.scale = {}, .horizons = DefaultHorizons({})}, {}, {}).value().model;
  }

  // Of every account, at ages within and beyond those trained at.
  std::vector<Features> Everybody() const {
    std::vector<Features> all;
    for (const PastAccount& account : history_.accounts) {
      Replay replay(history_, account, model_.scale);
      for (double units : {0.0, 0.1, 2.7, 9.0, 30.0, 400.0}) {
        EventTime time = account.start + Duration(static_cast<int64_t>(units * 86'400'000));
        ReadFeatures(replay.To(time), model_.vocabulary, model_.scale, time, time,
                     all.emplace_back());
      }
    }
    return all;
  }

  LabelledHistory history_ = Invent({});
  TrainedModel model_;
};

TEST(FeaturesTest, AreWhatTheirNamesSay) {
  LabelledHistory history;
  history.signals = {"visit", "pricing", "unheard of"};
  EventTime start = kEarliestTime;
  PastAccount account{.name = "one", .start = start};
  account.events = {{start, 1, 0, 1, 1},
                    {start + hours{24}, 2, 1, 2, 3},
                    {start + hours{24} + hours{1}, 3, 1, 2, 3},
                    {start + hours{48}, 4, 2, 2, 1}};
  history.accounts.push_back(account);
  Vocabulary vocabulary({"pricing", "visit"});
  Features features;
  EventTime time = start + days{4};
  Replay replay(history, history.accounts[0], {});
  ReadFeatures(replay.To(time), vocabulary, {}, time, time, features);
  auto at = [&](size_t column) { return features.values[column]; };
  EXPECT_DOUBLE_EQ(features.age, 4);
  double pricing = 3 * std::exp2(-3.0) + 3 * std::exp2(-(3.0 - 1.0 / 24));
  EXPECT_NEAR(at(ColumnOf(0, kDecayedColumn)), std::log1p(pricing), 1e-12);
  EXPECT_NEAR(at(ColumnOf(1, kDecayedColumn + 1)), std::log1p(std::exp2(-4.0 / 7)), 1e-12);
  EXPECT_NEAR(at(kTotalColumn), std::log1p(pricing + std::exp2(-4.0) + std::exp2(-2.0)), 1e-12);
  EXPECT_NEAR(at(kSilenceColumn), std::log1p(2.0), 1e-12);
  EXPECT_NEAR(at(kSilenceColumn + 3), std::log1p(2.0) - std::log1p(1.0), 1e-12);
  EXPECT_EQ(at(kSilenceColumn + 4), 0);
  EXPECT_NEAR(at(kAgeColumn), std::log1p(4.0), 1e-12);
  EXPECT_NEAR(at(kSessionsColumn), std::log1p(4.0), 1e-12);  // pauses of an hour and more
  EXPECT_NEAR(at(kEventsColumn), std::log1p(4.0), 1e-12);
  EXPECT_NEAR(at(kPeopleColumn), std::log1p(2.0), 1e-12);
  EXPECT_EQ(at(ColumnOf(0, kSeenColumn)), 1);
  EXPECT_NEAR(at(ColumnOf(0, kSeenAgeColumn)), std::log1p(4.0), 1e-12);
  EXPECT_EQ(at(ColumnOf(0, kLastColumn)), 0);  // the last one is unheard of
  EXPECT_EQ(at(ColumnOf(0, kBeforeLastColumn)), 1);
  EXPECT_EQ(features.values.size(), ColumnsOf(2));
}

TEST(FeaturesTest, UntilLeavesOutWhatCameLater) {
  LabelledHistory history = Invent({.accounts = 50});
  Vocabulary vocabulary(history.signals);
  for (const PastAccount& account : history.accounts) {
    EventTime time = account.start + days{4};
    Features then;
    Replay earlier(history, account, {});
    ReadFeatures(earlier.To(time), vocabulary, {}, time, time, then);
    Features looking_back;
    Replay later(history, account, {});
    ReadFeatures(later.To(account.start + days{8}), vocabulary, {}, time, time, looking_back);
    for (size_t c = 0; c < then.values.size(); ++c) {
      EXPECT_NEAR(then.values[c], looking_back.values[c], 1e-9);
    }
  }
}

TEST_F(TrainedModelTest, LongerHorizonsAreNoLessLikely) {
  for (const Features& features : Everybody()) {
    std::vector<HeadScore> scores = Score(model_, features);
    ASSERT_EQ(scores.size(), 4U);
    for (size_t i = 1; i < scores.size(); ++i) {
      EXPECT_GE(scores[i].probability, scores[i - 1].probability);
      EXPECT_EQ(scores[i].horizon, model_.heads[i].horizon);
    }
  }
}

TEST_F(TrainedModelTest, ContributionsAddUpToTheLogit) {
  for (double slope : {0.0, 0.7, 1.0}) {
    for (Head& head : model_.heads) {
      head.gate = {.slope = slope, .error = 0.1, .open = slope > 0};
    }
    for (const Features& features : Everybody()) {
      for (const HeadScore& score : Score(model_, features)) {
        Explanation explanation = Explain(model_, features, score.head);
        double sum = explanation.base;
        for (const Contribution& part : explanation.contributions) {
          sum += part.logit;
        }
        EXPECT_NEAR(sum, score.logit, 1e-9);
        EXPECT_NEAR(explanation.logit, score.logit, 1e-12);
      }
    }
  }
}

TEST_F(TrainedModelTest, ChangesAddUpToTheChangeOfTheLogit) {
  std::vector<Features> all = Everybody();
  for (size_t i = 1; i < all.size(); ++i) {
    Explanation before = Explain(model_, all[i - 1], 1);
    Explanation now = Explain(model_, all[i], 1);
    double sum = 0;
    for (const Contribution& change : Change(now, before)) {
      sum += change.logit;
    }
    EXPECT_NEAR(sum, now.logit - before.logit, 1e-9);
  }
}

// A longer horizon is never less likely; whether its own model has shown skill stays as it is.
TEST(MixedGates, TheVerdictIsThatOfTheHorizonsOwnGate) {
  TrainedModel model = ReadModel(HandModel{.bias = -5}.Text().yaml(), "hand").value();
  model.heads[0].gate.open = false;
  model.heads[0].age_model.bias = -1;
  Features features;
  features.values.assign(ColumnsOf(2), 0);
  std::vector<HeadScore> scores = Score(model, features);
  EXPECT_FALSE(scores[0].skill);
  EXPECT_TRUE(scores[1].skill);
  EXPECT_DOUBLE_EQ(scores[1].logit, -1);
  EXPECT_EQ(scores[1].head, 0U);
  EXPECT_EQ(scores[1].horizon, model.heads[1].horizon);
}

TEST_F(TrainedModelTest, TheMostTellingChangesAreThreeUpAndOneDown) {
  std::vector<Contribution> changes;
  for (double logit : {0.1, -0.4, 0.9, 0.0, 0.3, 0.2, -0.1}) {
    changes.push_back({Contribution::Of::kSignal, changes.size(), logit});
  }
  std::vector<Contribution> telling = MostTelling(changes);
  ASSERT_EQ(telling.size(), 4U);
  EXPECT_EQ(telling[0].logit, 0.9);
  EXPECT_EQ(telling[1].logit, 0.3);
  EXPECT_EQ(telling[2].logit, 0.2);
  EXPECT_EQ(telling[3].logit, -0.4);
}

TEST_F(TrainedModelTest, WhatLeavesTheOddsAsTheyAreTellsNothing) {
  std::vector<Contribution> changes;
  for (double logit : {0.04, -0.04, 0.9}) {
    changes.push_back({Contribution::Of::kSignal, changes.size(), logit});
  }
  std::vector<Contribution> telling = MostTelling(changes);
  ASSERT_EQ(telling.size(), 1U);
  EXPECT_EQ(telling[0].logit, 0.9);
  EXPECT_TRUE(MostTelling({}).empty());
}

TEST_F(TrainedModelTest, PricesExplainWhoBuys) {
  // In the invented market only looking at prices tells buyers from others.
  double buyers = 0;
  double others = 0;
  double number = 0;
  for (const PastAccount& account : history_.accounts) {
    EventTime time = account.start + days{4};
    Features features;
    Replay replay(history_, account, model_.scale);
    ReadFeatures(replay.To(time), model_.vocabulary, model_.scale, time, time, features);
    Explanation explanation = Explain(model_, features, model_.heads.size() - 1);
    double pricing = explanation.contributions[model_.vocabulary.IndexOf("pricing")].logit;
    (account.bought ? buyers : others) += pricing;
    number += account.bought ? 1 : 0;
  }
  buyers /= number;
  others /= static_cast<double>(history_.accounts.size()) - number;
  EXPECT_GT(buyers, others + 0.2);
}

TEST_F(TrainedModelTest, AFileReadsBackToTheSameScores) {
  model_.facts.won = {"won", "a \"quoted\": name"};
  std::string text = WriteModel(model_);
  Result<TrainedModel> read = ReadModel(text, "model.yaml");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(WriteModel(read.value()), text);
  EXPECT_EQ(read.value().facts.won, model_.facts.won);
  EXPECT_FALSE(read.value().hash.empty());
  for (const Features& features : Everybody()) {
    std::vector<HeadScore> ours = Score(model_, features);
    std::vector<HeadScore> theirs = Score(read.value(), features);
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_EQ(ours[i].logit, theirs[i].logit);
    }
  }
}

TEST_F(TrainedModelTest, AChangedFileIsRefused) {
  std::string text = WriteModel(model_);
  auto problem = [](const std::string& changed) {
    Result<TrainedModel> read = ReadModel(changed, "model.yaml");
    return read.ok() ? "" : read.error().message;
  };
  std::string other = text;
  size_t at = other.find("slope: ") + 7;
  other[at] = other[at] == '1' ? '2' : '1';
  EXPECT_EQ(problem(other),
            "model.yaml: hash: does not fit the content: the file was changed or cut after it was "
            "written");
  EXPECT_NE(problem(text.substr(0, text.size() - 20)), "");
  other = text;
  other.replace(other.find("hotiron_model: 2"), 16, "hotiron_model: 9");
  EXPECT_EQ(problem(other),
            "model.yaml: hotiron_model: 9; this program reads model files of formats 1 to 2");
  EXPECT_NE(problem(""), "");
  EXPECT_NE(problem("signals: ["), "");
}

TEST_F(TrainedModelTest, AFileOfFormat1IsRead) {
  std::string text = WriteModel(model_);
  std::string body = text.substr(text.find("time_unit:"));
  size_t changed = 0;
  for (size_t at = body.find("age_model: {"); at != std::string::npos;
       at = body.find("age_model: {", at + 1)) {
    body.replace(at, body.find('}', at) + 1 - at,
                 "age_model: {bias: -1, log_age: 0.5, age: -0.01, age_max: 60}");
    ++changed;
  }
  EXPECT_EQ(changed, model_.heads.size());
  std::string old = "hotiron_model: 1\nhash: " + Hex(Hash64(body)) + "\n" + body;
  Result<TrainedModel> read = ReadModel(old, "model.yaml");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_DOUBLE_EQ(read.value().heads[0].age_model.Logit(9), -1 + 0.5 * std::log(10) - 0.09);
}

}  // namespace
}  // namespace hotiron
