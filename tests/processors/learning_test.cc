// Learning on an invented market: the numbers behind a model, each by its definition.

#include <gtest/gtest.h>

#include <cmath>

#include "processors/learning/evaluation.h"
#include "processors/learning/logistic.h"
#include "processors/learning/metrics.h"
#include "processors/learning/random.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

TrainedModel MustTrain(const LabelledHistory& history, const TimeScale& scale = {}) {
  Result<Training> training =
      Train(history, {.scale = scale, .horizons = DefaultHorizons(scale)}, {}, {});
  EXPECT_TRUE(training.ok()) << training.error().message;
  return std::move(training).value().model;
}

// Rows of three random columns, and labels that depend on them.
struct RandomRows {
  Rows rows{3};
  std::vector<uint8_t> labels;
  std::vector<uint32_t> chosen;

  explicit RandomRows(size_t number) {
    Random random(7);
    auto draw = [&] { return static_cast<double>(random.Below(2000)) / 1000 - 1; };
    for (uint32_t i = 0; i < number; ++i) {
      std::vector<double> values{draw(), i % 3 == 0 ? draw() : 0.0, draw()};
      rows.Add({.account = i, .time = {}, .age = 0}, values);
      labels.push_back(values[0] + values[1] + draw() > 0.3 ? 1 : 0);
      chosen.push_back(i);
    }
  }
};

TEST(LogisticTest, GradientIsTheSlopeOfTheLoss) {
  RandomRows data(200);
  std::vector<double> prior{0.3, 0, -0.1};
  RidgeProblem problem{
      .rows = data.rows, .chosen = data.chosen, .labels = data.labels, .c = 0.1, .prior = prior};
  LinearModel at{.bias = 0.2, .weights = {0.5, -0.4, 0.1}};
  std::vector<double> gradient;
  RidgeLoss(problem, at, {}, &gradient);
  for (size_t i = 0; i < 4; ++i) {
    constexpr double kStep = 1e-5;
    LinearModel up = at;
    LinearModel down = at;
    (i < 3 ? up.weights[i] : up.bias) += kStep;
    (i < 3 ? down.weights[i] : down.bias) -= kStep;
    double slope =
        (RidgeLoss(problem, up, {}, nullptr) - RidgeLoss(problem, down, {}, nullptr)) / (2 * kStep);
    EXPECT_NEAR(gradient[i], slope, 1e-5 * std::max(1.0, std::abs(slope))) << "column " << i;
  }
}

TEST(LogisticTest, NoNeighbourOfTheEndHasALowerLoss) {
  RandomRows data(500);
  for (double c : {0.005, 1.0}) {
    RidgeProblem problem{.rows = data.rows, .chosen = data.chosen, .labels = data.labels, .c = c};
    Work work;
    RidgeSolver solver(work);
    LinearModel fit = solver.Fit(problem, {}).value();
    double least = RidgeLoss(problem, fit, work, nullptr);
    for (size_t i = 0; i < 4; ++i) {
      for (double step : {-1e-3, 1e-3}) {
        LinearModel neighbour = fit;
        (i < 3 ? neighbour.weights[i] : neighbour.bias) += step;
        EXPECT_GT(RidgeLoss(problem, neighbour, work, nullptr), least);
      }
    }
  }
}

TEST(LogisticTest, AFactorOfOtherRowsChangesTheWayNotTheEnd) {
  RandomRows data(500);
  Work work;
  std::vector<uint32_t> half(data.chosen.begin(), data.chosen.begin() + 250);
  RidgeProblem all{.rows = data.rows, .chosen = data.chosen, .labels = data.labels};
  RidgeProblem part{.rows = data.rows, .chosen = half, .labels = data.labels};
  RidgeSolver used(work);
  LinearModel start = used.Fit(all, {}).value();
  LinearModel warm = used.Fit(part, start).value();
  RidgeSolver fresh(work);
  LinearModel cold = fresh.Fit(part, {}).value();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(warm.weights[i], cold.weights[i], 1e-4);
  }
}

TEST(LogisticTest, OneClassGivesItsRateAndNoWeights) {
  RandomRows data(50);
  data.labels.assign(50, 0);
  Work work;
  RidgeSolver solver(work);
  LinearModel fit =
      solver.Fit({.rows = data.rows, .chosen = data.chosen, .labels = data.labels}, {}).value();
  EXPECT_EQ(fit.weights, std::vector<double>(3, 0.0));
  EXPECT_NEAR(Logistic(fit.bias), 0.5 / 51, 1e-9);
}

TEST(MetricsTest, AucIsTheShareOfPairsInTheRightOrder) {
  Random random(3);
  std::vector<ForecastOutcome> forecasts;
  for (uint32_t i = 0; i < 300; ++i) {
    // Few different probabilities: many ties.
    forecasts.push_back({.probability = static_cast<double>(random.Below(20)) / 20,
                         .happened = random.Below(3) == 0,
                         .account = i / 2});
  }
  double right = 0;
  double pairs = 0;
  for (const ForecastOutcome& hit : forecasts) {
    for (const ForecastOutcome& miss : forecasts) {
      if (hit.happened && !miss.happened) {
        ++pairs;
        right += hit.probability > miss.probability    ? 1
                 : hit.probability == miss.probability ? 0.5
                                                       : 0;
      }
    }
  }
  ForecastQuality quality = Measure(forecasts, {});
  EXPECT_NEAR(*quality.auc, right / pairs, 1e-12);
  EXPECT_LT(*quality.auc_low, *quality.auc);
  EXPECT_GT(*quality.auc_high, *quality.auc);
}

TEST(MetricsTest, NumbersOfAWorkedExample) {
  // Ranked: hit .9, miss .8, hit .6, miss .1
  std::vector<ForecastOutcome> forecasts{
      {0.6, true, 1}, {0.9, true, 2}, {0.1, false, 3}, {0.8, false, 4}};
  ForecastQuality quality = Measure(forecasts, {.top_share = 0.5});
  EXPECT_DOUBLE_EQ(*quality.base_rate, 0.5);
  EXPECT_DOUBLE_EQ(*quality.auc, 0.75);
  EXPECT_DOUBLE_EQ(*quality.pr_auc, (1.0 + 2.0 / 3) / 2);
  EXPECT_NEAR(*quality.brier, (0.16 + 0.01 + 0.01 + 0.64) / 4, 1e-12);
  EXPECT_DOUBLE_EQ(*quality.precision_top, 0.5);
}

TEST(MetricsTest, WhatOneClassCannotTellIsAbsent) {
  std::vector<ForecastOutcome> forecasts{{0.6, true, 1}, {0.9, true, 2}};
  ForecastQuality quality = Measure(forecasts, {});
  EXPECT_FALSE(quality.auc || quality.auc_low || quality.pr_auc);
  EXPECT_TRUE(quality.brier);
  EXPECT_FALSE(Measure({}, {}).brier);
}

// A history of one account, with the given outcome after so many days, known for 20 days.
LabelledHistory OneAccount(std::optional<int> closed, bool bought) {
  LabelledHistory history;
  history.signals = {"visit"};
  history.end = kEarliestTime + days{20};
  PastAccount account{.name = "one", .start = kEarliestTime};
  account.events.push_back({kEarliestTime, 1, 0, 0, 1});
  if (closed) {
    account.closed = kEarliestTime + days{*closed};
    account.bought = bought;
  }
  history.accounts.push_back(account);
  return history;
}

TEST(LabelTest, AHorizonThatHasNotPassedIsUnknownWhateverHasCome) {
  auto label = [](const LabelledHistory& history, int day, Duration horizon) {
    return LabelOf(history, {.account = 0, .time = kEarliestTime + days{day}, .age = 0}, horizon,
                   days{0});
  };
  LabelledHistory bought = OneAccount(15, true);
  EXPECT_EQ(label(bought, 5, days{10}), Label::kYes);  // (5, 15] holds day 15
  EXPECT_EQ(label(bought, 4, days{10}), Label::kNo);   // (4, 14] does not
  EXPECT_EQ(label(bought, 10, days{10}), Label::kYes);
  EXPECT_EQ(label(bought, 11, days{10}), Label::kUnknown);  // ends on day 21, after all is known
  LabelledHistory lost = OneAccount(15, false);
  EXPECT_EQ(label(lost, 10, days{10}), Label::kNo);
  EXPECT_EQ(label(lost, 11, days{10}), Label::kUnknown);
  EXPECT_EQ(label(OneAccount(std::nullopt, false), 10, days{10}), Label::kNo);
}

TEST(LabelTest, EverIsKnownOfOldAccountsOnly) {
  Moment moment{.account = 0, .time = kEarliestTime, .age = 0};
  for (bool bought : {true, false}) {
    LabelledHistory history = OneAccount(15, bought);
    EXPECT_EQ(LabelOf(history, moment, std::nullopt, days{20}), bought ? Label::kYes : Label::kNo);
    EXPECT_EQ(LabelOf(history, moment, std::nullopt, days{21}), Label::kUnknown);
  }
}

TEST(LabelTest, OutcomesAndEventsAfterTheTimeOfTrainingAreNotKnown) {
  LabelledHistory known = KnownAt(OneAccount(15, true), {0}, kEarliestTime + days{14});
  EXPECT_FALSE(known.accounts[0].closed);
  EXPECT_FALSE(known.accounts[0].bought);
  EXPECT_TRUE(KnownAt(OneAccount(15, true), {0}, kEarliestTime + days{15}).accounts[0].bought);
}

TEST(TrainingMomentsTest, LieWithinTheOpenLifeOfTheAccount) {
  LabelledHistory history = Invent({});
  for (const PastAccount& account : history.accounts) {
    for (EventTime time : TrainingMoments(account, {}, {}, history.end, 1)) {
      EXPECT_TRUE(account.OpenAt(time));
      EXPECT_LE(time, history.end);
      EXPECT_GE(time, account.start);
    }
  }
}

TEST(TrainerTest, LearnsWhatIsThereAndOpensTheGate) {
  TrainedModel model = MustTrain(Invent({}));
  ASSERT_EQ(model.heads.size(), 4U);
  for (const Head& head : model.heads) {
    EXPECT_TRUE(head.gate.open) << SayHorizon(head.horizon) << " slope " << head.gate.slope
                                << " error " << head.gate.error;
    EXPECT_GT(*head.auc, 0.65) << SayHorizon(head.horizon);
  }
}

TEST(TrainerTest, ClosesTheGateWhereNothingIsToBeLearnt) {
  size_t closed = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TrainedModel model = MustTrain(Invent({.telling = 0, .seed = seed}));
    closed += model.heads.back().gate.open ? 0 : 1;
  }
  EXPECT_GE(closed, 9U);  // two standard errors are wrong once in forty
}

// Accounts close between the ages of 5 and 60: how soon tells a lot, and only age tells that.
TEST(TrainerTest, TheCourseOfAgeIsNoSkill) {
  size_t open = 0;
  size_t heads = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    TrainedModel model =
        MustTrain(Invent({.accounts = 2'000, .telling = 0, .seed = seed, .longest = 60}));
    for (const Head& head : model.heads) {
      open += head.gate.open ? 1 : 0;
      ++heads;
    }
  }
  EXPECT_GE(heads, 12U);
  EXPECT_LE(open, 1U);
}

// Had an account been known only up to some day, the same moments up to then would have been drawn.
TEST(TrainingMomentsTest, NothingThatComesLaterChoosesThem) {
  LabelledHistory history = Invent({.accounts = 30});
  TimeScale scale;
  for (PastAccount account : history.accounts) {
    for (int i = 1; i <= 40; ++i) {  // it comes back twice
      account.events.push_back({account.events[0].time + days{i <= 20 ? 120 : 300} + hours{i}});
    }
    account.closed.reset();
    EventTime end = account.events.back().time + days{50};
    std::vector<EventTime> all = TrainingMoments(account, scale, {}, end, 7);
    EXPECT_GT(all.size(), 100U);
    for (size_t known : {size_t{3}, account.events.size() - 30, account.events.size() - 10}) {
      PastAccount early = account;
      early.events.resize(known);
      EventTime until = early.events.back().time;
      std::vector<EventTime> before(all.begin(), std::upper_bound(all.begin(), all.end(), until));
      EXPECT_EQ(TrainingMoments(early, scale, {}, until, 7), before);
    }
  }
}

TEST(TrainingMomentsTest, LandmarksBeginAgainWithEachJourney) {
  PastAccount account{.name = "acme"};
  EventTime start = kEarliestTime;
  EventTime back = start + days{200};
  account.events = {{start}, {start + days{1}}, {back}};
  std::vector<EventTime> moments = LandmarksOf(account, {}, {}, back + days{2});
  std::vector<EventTime> last(moments.end() - 4, moments.end());
  EXPECT_EQ(last, (std::vector<EventTime>{back + hours{6}, back + hours{12}, back + days{1},
                                          back + days{2}}));
  EXPECT_LT(*(moments.end() - 5), back);
}

TEST(TrainerTest, AClosedGatePublishesWhatAgeAloneSays) {
  LabelledHistory history = Invent({});
  TrainedModel model = MustTrain(history);
  Head& head = model.heads.back();
  head.gate.open = false;
  Features features;
  Replay replay(history, history.accounts[0], model.scale);
  EventTime time = history.accounts[0].start + days{3};
  ReadFeatures(replay.To(time), model.vocabulary, model.scale, time, time, features);
  EXPECT_DOUBLE_EQ(LogitOf(model, head, features, true), head.age_model.Logit(3));
  EXPECT_NE(LogitOf(model, head, features, false), head.age_model.Logit(3));
}

TEST(TrainerTest, SameSeedSameBytesWhateverTheThreads) {
  LabelledHistory history = Invent({});
  TrainingOptions options{.scale = {}, .horizons = DefaultHorizons({})};
  Work backwards;
  backwards.parallel = [](const std::function<void(size_t)>& part) {
    for (size_t i = kParts; i-- > 0;) {
      part(i);
    }
  };
  std::string first = WriteModel(Train(history, options, {}, {}).value().model);
  EXPECT_EQ(first, WriteModel(Train(history, options, {}, backwards).value().model));
}

TEST(TrainerTest, TimeScalesDoNotMatter) {
  TimeScale fast{.unit = minutes{10}};
  LabelledHistory history = Invent({.unit = fast.unit});
  EXPECT_EQ(FindTimeUnit(history), fast.unit);
  EXPECT_EQ(FindTimeUnit(Invent({})), days{1});
  TrainedModel slow_model = MustTrain(Invent({}));
  TrainedModel fast_model = MustTrain(history, fast);
  EXPECT_NEAR(*slow_model.heads.back().auc, *fast_model.heads.back().auc, 0.005);
}

TEST(TrainerTest, NothingToLearnIsARemarkNotAModel) {
  LabelledHistory history = Invent({});
  for (PastAccount& account : history.accounts) {
    account.bought = false;
  }
  Result<Training> training =
      Train(history, {.scale = {}, .horizons = DefaultHorizons({})}, {}, {});
  ASSERT_TRUE(training.ok());
  EXPECT_TRUE(training.value().model.heads.empty());
  EXPECT_EQ(training.value().remarks.size(), 4U);
}

TEST(TrainerTest, AFewAccountsAreEnoughToRun) {
  for (size_t accounts : {1U, 2U, 5U, 20U}) {
    MustTrain(Invent({.accounts = accounts}));
  }
}

TEST(TrainerTest, RareSignalsOfManyAreGrouped) {
  LabelledHistory history = Invent({});
  for (uint32_t i = 0; i < 60; ++i) {
    history.signals.push_back("rare " + std::to_string(i));
    PastAccount& account = history.accounts[i];
    account.events.back().signal = static_cast<uint32_t>(history.signals.size()) - 1;
  }
  TrainedModel model = MustTrain(history);
  EXPECT_EQ(model.vocabulary.names(),
            (std::vector<std::string>{"careers", "docs", "pricing", "visit", "(rare)"}));
  EXPECT_EQ(model.vocabulary.IndexOf("rare 7"), 4U);
  EXPECT_EQ(model.vocabulary.IndexOf("never seen"), 4U);
}

TEST(TrainerTest, GivesUpWhenAskedTo) {
  Work work;
  work.progress = [](std::string_view, size_t, size_t) { return false; };
  Result<Training> training =
      Train(Invent({}), {.scale = {}, .horizons = DefaultHorizons({})}, {}, work);
  ASSERT_FALSE(training.ok());
  EXPECT_EQ(training.error().message, "interrupted");
}

TEST(EvaluateTest, IsBetterThanTheBaseRateOnLaterAccountsAndTheSameTwice) {
  LabelledHistory history = Invent({.accounts = 800});
  EvaluationOptions options{
      .training = {.scale = {}, .horizons = {days{7}, std::nullopt}},
      .landmarks = {{Landmark::By::kAge, days{3}, 0, "3d"}, {Landmark::By::kEvents, {}, 4, "4e"}}};
  Result<Evaluation> evaluation = Evaluate(history, options, {});
  ASSERT_TRUE(evaluation.ok()) << evaluation.error().message;
  ASSERT_EQ(evaluation.value().rows.size(), 2U * 2 * 6);
  for (const EvaluationRow& row : evaluation.value().rows) {
    EXPECT_GT(row.quality.number, 50U);
    if (row.model == "hotiron") {
      EXPECT_GT(*row.quality.auc_low, 0.5) << row.landmark << SayHorizon(row.horizon);
      EXPECT_GT(*row.brier_skill, 0) << row.landmark << SayHorizon(row.horizon);
    }
    if (row.model == "base_rate") {
      EXPECT_DOUBLE_EQ(*row.brier_skill, 0);
      EXPECT_DOUBLE_EQ(*row.quality.auc, 0.5);
    }
  }
  Result<Evaluation> again = Evaluate(history, options, {});
  for (size_t i = 0; i < evaluation.value().rows.size(); ++i) {
    EXPECT_EQ(evaluation.value().rows[i].quality.auc_low, again.value().rows[i].quality.auc_low);
    EXPECT_EQ(evaluation.value().rows[i].quality.brier, again.value().rows[i].quality.brier);
  }
}

TEST(EvaluateTest, SaysWhyAValueIsMissing) {
  LabelledHistory history = Invent({});
  for (PastAccount& account : history.accounts) {
    account.bought = false;
  }
  EvaluationOptions options{.training = {.scale = {}, .horizons = {std::nullopt}},
                            .landmarks = {{Landmark::By::kAge, days{3}, 0, "3d"}}};
  Result<Evaluation> evaluation = Evaluate(history, options, {});
  ASSERT_TRUE(evaluation.ok());
  for (const EvaluationRow& row : evaluation.value().rows) {
    EXPECT_FALSE(row.quality.auc) << row.model;
  }
  EXPECT_FALSE(evaluation.value().remarks.empty());
}

}  // namespace
}  // namespace hotiron
