#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "processors/backtest/sweep.h"
#include "processors/backtest/windowed.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"
#include "processors/model.h"
#include "processors/trained_model.h"

namespace hotiron {

// What an account may be flagged by.
enum class Scorer : uint8_t {
  kProbability,  // of buying within the horizon, by the trained model
  kProgress,     // the estimator's, where the catalogue has anchors
  kPoints,       // weights, halved every 7 units
  kWindowed,     // the logistic regression of windowed.h
  kCount,        // how many events there were
  kRecency,      // how recent the last event is
};
inline constexpr size_t kScorers = 6;

std::string_view NameOf(Scorer scorer);

struct ScoreOptions {
  TimeScale scale;
  const TrainedModel* trained = nullptr;    // borrowed; null: no probability
  const WindowedModel* windowed = nullptr;  // borrowed; its vocabulary is the trained model's
  const Model* estimator = nullptr;         // borrowed; null: no progress
  size_t head = 0;                          // of the trained model: whose probability is swept
  Calendar calendar;                        // forecasts are taken at the beginning of each period
};

// What the model said of one account at the beginning of a period in which it was open.
struct Snapshot {
  uint32_t account = 0;
  int64_t period = 0;
  std::vector<float> probabilities;  // by head; then that of `windowed`, where there is one
};

struct Scores {
  // By scorer, then by account; a scorer that has nothing to go by has no tracks.
  std::vector<Track> tracks[kScorers];
  std::vector<Snapshot> snapshots;  // in order of account and period
};

// Plays every account of the history and scores it while it is open: after each of its events, and
// at the landmarks of its age, since silence is evidence too. kUnavailable when interrupted.
Result<Scores> ScoreAll(const LabelledHistory& history, const ScoreOptions& options,
                        const Work& work);

// A probability, or points where there is no model, at each such moment of one account.
struct Course {
  std::vector<EventTime> times;
  std::vector<double> values;
};

Course CourseOf(const LabelledHistory& history, const PastAccount& account,
                const ScoreOptions& options);

}  // namespace hotiron
