#pragma once

#include <optional>
#include <string>
#include <vector>

#include "processors/learning/metrics.h"
#include "processors/learning/trainer.h"

namespace hotiron {

// When in an account's life forecasts are judged.
struct Landmark {
  enum class By : uint8_t {
    kAge,     // so long after its start
    kEvents,  // at its nth event
    kEveryEvent,
    kWeek,  // every Monday, 00:00 UTC
  };
  By by = By::kAge;
  Duration age{};     // for kAge
  size_t events = 0;  // for kEvents
  std::string name;   // as asked for
};

struct EvaluationOptions {
  TrainingOptions training;
  double split = 0.6;  // share of accounts, by start, to learn from
  std::vector<Landmark> landmarks{};
  std::optional<size_t> train_accounts{};  // learn from so many of them, drawn at random
  bool points = false;                     // signals have weights worth comparing with
  double top_share = 0.05;
};

struct EvaluationRow {
  std::string landmark;
  std::optional<Duration> horizon;
  std::string model;
  ForecastQuality quality;
  std::optional<double> brier_skill;  // 1 - Brier / Brier of base_rate
};

// How well one model tells the stage of accounts.
struct StageEvaluationRow {
  std::string landmark;
  std::string model;
  StageQuality quality;
};

struct Evaluation {
  EventTime split;  // when the first test account started: training knows nothing later
  size_t train_accounts = 0;
  size_t test_accounts = 0;
  Training training;
  std::vector<EvaluationRow> rows;         // by landmark, horizon, model
  std::vector<StageEvaluationRow> stages;  // by landmark, model; empty where no stages are known
  std::vector<std::string> remarks;        // why values are missing
};

// Learns from the first accounts by start, as known when the first of the rest started, and judges
// on the rest, at landmarks that they reached while they were open. The simpler models that the
// trained one is compared with learn from the same accounts at the same landmark:
//   base_rate          the share of them that bought
//   recency, count     logistic regression on log1p(silence), on log1p(events)
//   points             logistic regression on log1p(points), when signals have weights
//   windowed_logistic  ridge logistic regression on each signal's counts in 7 and 30 units, and age
// and hotiron_ungated is the trained model as if its gates were open. A horizon is judged where it
// ended before the end of the history; "ever" on accounts that were closed or, still open, are
// older than the maturity of the training.
//
// Stages, where known, are judged at the same landmarks:
//   base_rate            the share of the training accounts that were in each
//   cumulative_evidence  what is shown without a model, where the catalogue anchors signals
//   softmax              the trained model of the stage, where there is one
//
// Same input, same result. kUnavailable when interrupted.
Result<Evaluation> Evaluate(const LabelledHistory& history, const EvaluationOptions& options,
                            const Work& work);

}  // namespace hotiron
