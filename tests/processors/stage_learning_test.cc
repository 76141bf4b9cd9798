// Learning which stage accounts are in.

#include <gtest/gtest.h>

#include <cmath>

#include "processors/learning/evaluation.h"
#include "processors/learning/softmax.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

using std::chrono::days;

// The invented market with three stages, entered at a third and two thirds of an account's life.
// What is done in a stage is mostly of its own kind; `telling` 0: of no kind.
LabelledHistory Staged(double telling, size_t accounts = 150) {
  LabelledHistory history = Invent({.accounts = accounts});
  history.stages = {"look", "compare", "decide"};
  Random random(5);
  for (PastAccount& account : history.accounts) {
    size_t number = account.events.size();
    for (size_t i = 0; i < number; ++i) {
      auto stage = static_cast<uint32_t>(3 * i / number);
      if (account.stages.empty() || account.stages.back().stage != stage) {
        account.stages.push_back({account.events[i].time, stage});
      }
      bool tells = static_cast<double>(random.Below(1000)) / 1000 < telling;
      account.events[i].signal = tells ? stage : static_cast<uint32_t>(random.Below(4));
    }
  }
  return history;
}

pb::Catalogue Anchored() {
  pb::Catalogue catalogue;
  catalogue.set_version(1);
  for (const char* stage : {"look", "compare", "decide"}) {
    catalogue.add_stages(stage);
  }
  int anchor = 0;
  for (const char* signal : {"visit", "pricing", "docs"}) {
    pb::SignalDefinition* definition = catalogue.add_signals();
    definition->set_signal(signal);
    definition->set_anchor(anchor++);
    definition->set_weight(1);
  }
  return catalogue;
}

TrainedModel TrainStages(const LabelledHistory& history, const Model* anchors = nullptr) {
  return Train(history, {.scale = {}, .horizons = {std::nullopt}, .anchors = anchors}, {}, {})
      .value()
      .model;
}

// Learnt once: it takes a while.
const TrainedModel& Learnt() {
  static const TrainedModel model = TrainStages(Staged(0.8));
  return model;
}

TEST(SoftmaxTest, NoNeighbourOfTheEndHasALowerLoss) {
  Random random(11);
  Rows rows(3);
  std::vector<uint8_t> labels;
  std::vector<uint32_t> chosen;
  auto draw = [&] { return static_cast<double>(random.Below(2000)) / 1000 - 1; };
  for (uint32_t i = 0; i < 400; ++i) {
    std::vector<double> values{draw(), draw(), draw()};
    rows.Add({.account = i, .time = {}, .age = 0}, values);
    double first = values[0] + draw() / 2;
    double second = values[1] + draw() / 2;
    labels.push_back(first > second && first > 0 ? 0 : second > 0 ? 1 : 2);
    chosen.push_back(i);
  }
  SoftmaxProblem problem{.rows = rows, .chosen = chosen, .labels = labels, .classes = 3, .c = 0.1};
  SoftmaxModel fit = FitSoftmax(problem, {}).value();
  auto loss = [&](const SoftmaxModel& model) {
    double sum = 0;
    for (uint32_t row : chosen) {
      std::vector<double> stated;
      for (const LinearModel& of_class : model) {
        stated.push_back(of_class.Logit(rows, row));
      }
      Softmax(stated);
      EXPECT_NEAR(stated[0] + stated[1] + stated[2], 1, 1e-12);
      sum -= std::log(stated[labels[row]]);
    }
    for (const LinearModel& of_class : model) {
      for (double weight : of_class.weights) {
        sum += weight * weight / 0.2;
      }
    }
    return sum;
  };
  double least = loss(fit);
  for (size_t k = 0; k < 3; ++k) {
    for (size_t i = 0; i < 4; ++i) {
      for (double step : {-0.02, 0.02}) {
        SoftmaxModel neighbour = fit;
        (i < 3 ? neighbour[k].weights[i] : neighbour[k].bias) += step;
        EXPECT_GT(loss(neighbour), least) << "class " << k << " column " << i;
      }
    }
  }
}

TEST(StageLearningTest, LearnsWhatSignalsTellAndOpensTheGate) {
  const TrainedModel& model = Learnt();
  ASSERT_TRUE(model.stage);
  const StageGate& gate = model.stage->gate;
  EXPECT_TRUE(gate.open) << gate.gain << " (" << gate.error << ")";
  EXPECT_EQ(gate.reference, kBaseRateReference);
  EXPECT_GT(gate.accuracy, gate.reference_accuracy + 0.2);
  EXPECT_EQ(model.stage->stages, (std::vector<std::string>{"look", "compare", "decide"}));
}

TEST(StageLearningTest, MustBeBetterThanWhatTheCatalogueSays) {
  Model anchors(Anchored(), {});
  TrainedModel model = TrainStages(Staged(0.8), &anchors);
  ASSERT_TRUE(model.stage);
  EXPECT_EQ(model.stage->gate.reference, kEvidenceReference);
  // Signals of the past stay in the sums: features tell from the last signal what evidence cannot.
  EXPECT_TRUE(model.stage->gate.open);
}

TEST(StageLearningTest, ClosesTheGateWhereNothingIsToBeLearnt) {
  LabelledHistory history = Staged(0);
  Random random(3);
  for (PastAccount& account : history.accounts) {
    account.stages = {{account.start, static_cast<uint32_t>(random.Below(3))}};
  }
  TrainedModel model = TrainStages(history);
  ASSERT_TRUE(model.stage);
  EXPECT_FALSE(model.stage->gate.open) << model.stage->gate.gain;
}

TEST(StageLearningTest, FewAccountsOrOneStageAreARemark) {
  for (LabelledHistory history : {Staged(0.8, 60), Staged(0.8, 200)}) {
    if (history.accounts.size() == 200) {
      for (PastAccount& account : history.accounts) {
        account.stages = {{account.start, 1}};
      }
    }
    Training training = Train(history, {.scale = {}, .horizons = {std::nullopt}}, {}, {}).value();
    EXPECT_FALSE(training.model.stage);
    ASSERT_FALSE(training.remarks.empty());
    EXPECT_EQ(training.remarks.back().substr(0, 22), "stages are not learnt:");
  }
}

TEST(StageLearningTest, TheFileReadsBackToTheSameDistribution) {
  const TrainedModel& model = Learnt();
  std::string text = WriteModel(model);
  Result<TrainedModel> read = ReadModel(text, "model.yaml");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(WriteModel(read.value()), text);
  LabelledHistory history = Staged(0.8);
  for (size_t i = 0; i < 20; ++i) {
    const PastAccount& account = history.accounts[i];
    Replay replay(history, account, model.scale);
    EventTime time = account.start + days{6};
    Features features;
    ReadFeatures(replay.To(time), model.vocabulary, model.scale, time, time, features);
    std::vector<double> shares = StageDistribution(model, features);
    EXPECT_EQ(shares, StageDistribution(read.value(), features));
    EXPECT_NEAR(shares[0] + shares[1] + shares[2], 1, 1e-12);
  }
  std::string cut = text;
  cut.erase(cut.find("stages: [", cut.find("columns:")), 9);
  EXPECT_FALSE(ReadModel(cut, "model.yaml").ok());
}

TEST(StageLearningTest, IsJudgedOnLaterAccounts) {
  Model anchors(Anchored(), {});
  EvaluationOptions options{
      .training = {.scale = {}, .horizons = {std::nullopt}, .anchors = &anchors},
      .landmarks = {{Landmark::By::kAge, days{6}, 0, "6d"},
                    {Landmark::By::kEveryEvent, {}, 0, "every event"}}};
  LabelledHistory history = Staged(0.8, 300);
  Evaluation evaluation = Evaluate(history, options, {}).value();
  ASSERT_EQ(evaluation.stages.size(), 2U * 3);
  const StageEvaluationRow& base = evaluation.stages[3];
  const StageEvaluationRow& evidence = evaluation.stages[4];
  const StageEvaluationRow& softmax = evaluation.stages[5];
  EXPECT_EQ(base.landmark, "every event");
  EXPECT_EQ(evidence.model, kEvidenceReference);
  EXPECT_EQ(softmax.model, "softmax");
  EXPECT_NEAR(*base.quality.auc, 0.5, 1e-9);
  EXPECT_GT(*softmax.quality.accuracy, *base.quality.accuracy + 0.2);
  EXPECT_GT(*softmax.quality.auc, 0.8);
  EXPECT_LT(*softmax.quality.log_loss, *evidence.quality.log_loss);
}

TEST(StageMetricsTest, NumbersOfAWorkedExample) {
  std::vector<StageForecast> forecasts{{{0.5, 0.3, 0.2}, 0}, {{0.2, 0.2, 0.6}, 1}};
  StageQuality quality = Measure(forecasts);
  EXPECT_EQ(*quality.accuracy, 0.5);
  EXPECT_NEAR(*quality.log_loss, -(std::log(0.5) + std::log(0.2)) / 2, 1e-12);
  EXPECT_NEAR(*quality.auc, (1.0 + 0.0) / 2, 1e-12);  // the third stage never came
  EXPECT_FALSE(Measure(std::span<const StageForecast>()).accuracy);
}

}  // namespace
}  // namespace hotiron
