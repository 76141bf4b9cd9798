#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/backtest_replay.h"
#include "app/learning_input.h"
#include "app/progress.h"
#include "base/result.h"
#include "processors/backtest/calibration.h"
#include "processors/backtest/scores.h"
#include "processors/backtest/sweep.h"
#include "processors/backtest/tally.h"
#include "processors/trained_model.h"

namespace hotiron {

struct BacktestOptions {
  LearningOptions learning;
  double split = 0.6;            // share of the accounts, by start, to learn from
  std::string policy;            // file; "": the built-in one
  std::string model;             // file; "": learn one
  std::string against;           // file of a second policy or a second model
  bool all = false;              // judge accounts that the model has learnt from, too
  std::vector<double> per_week;  // loads to report thresholds for
};

// What a model says, or points where there is none: how its thresholds would have done.
struct JudgedModel {
  std::string name;  // "model 3f2a9c1d, trained on ...", or why there is none
  std::optional<TrainedModel> trained;
  size_t head = 0;                        // whose probability is swept
  std::vector<Calibration> calibrations;  // by head
  std::optional<Calibration> windowed;  // of the logistic on windowed counts, which states one, too

  struct Curve {
    Scorer scorer;
    std::vector<SweepPoint> points;  // thinned
  };

  std::vector<Curve> curves;

  // One scorer at one load.
  struct AtLoad {
    Scorer scorer;
    double per_period = 0;
    bool false_alarms = false;  // the load is of false alarms, else of flagged accounts
    bool reached = false;       // else no threshold flags so many
    SweepPoint point;
    std::optional<Duration> lead;        // median, of flagged buyers
    std::optional<Duration> lead_ahead;  // of those flagged a time unit ahead or more
    std::optional<Tally> tally;          // of a load of flagged accounts: what became of each
  };

  std::vector<AtLoad> loads;
};

// An account to look at: what it did, what was said of it, how it ended.
struct Example {
  std::string title;  // "flagged 6 days before it bought"
  uint32_t account = 0;
  Course course;                  // of the swept probability, or points
  std::vector<Opening> openings;  // of this account, in order
};

// What one policy with one model would have done.
struct Contender {
  std::string name;
  pb::PolicySet policies;
  size_t model = 0;  // index into Backtest::models
  Replayed replayed;
  Tally tally;
  std::vector<Example> examples;
};

struct Backtest {
  LabelledHistory judged;
  std::vector<Ending> endings;
  TimeScale scale;
  Calendar calendar;
  std::string period_name;  // "week", or a duration
  Duration maturity{};
  std::string data_hash;
  uint64_t accounts = 0;   // of the history
  bool in_sample = false;  // a model has learnt from accounts that it was judged on
  std::vector<std::string> remarks;
  std::vector<JudgedModel> models;
  std::vector<Contender> contenders;  // one, or two with `against`
};

// Replays and judges. `revised` sees every trigger revision of the first contender.
Result<Backtest> RunBacktest(const BacktestOptions& options,
                             const std::function<void(const pb::Trigger&)>& revised,
                             Progress& progress);

}  // namespace hotiron
