#pragma once

#include <optional>
#include <string>
#include <vector>

#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"
#include "processors/model.h"
#include "processors/trained_model.h"

namespace hotiron {

inline constexpr double kRidgeC = 0.005;
inline constexpr size_t kVocabularyMax = 100;  // signals told apart; the most common ones
inline constexpr size_t kTrainingRowsMax = 2'000'000;

struct TrainingOptions {
  TimeScale scale;
  // Sorted, ever (nothing) last.
  std::vector<std::optional<Duration>> horizons;
  uint64_t seed = 1;
  // The catalogue, where its signals are evidence for the stages of the history: what a model of
  // the stage has to be better than. None: the share of each stage.
  const Model* anchors = nullptr;
};

// 7, 14 and 30 units, and ever.
std::vector<std::optional<Duration>> DefaultHorizons(const TimeScale& scale);

// The unit in which journeys of this history have their pace: of a list of common ones the nearest
// to a fourteenth of the median time from start to purchase.
Duration FindTimeUnit(const LabelledHistory& history);

struct Training {
  TrainedModel model;
  std::vector<std::string> remarks;  // what could not be learnt, and why; what was bounded
};

// Learns a model from a history, as known at its end. Pure: the same history and options give the
// same model. A horizon at which no row, or every row, came true has no head, with a remark.
// Of `facts`, what the trainer counts itself is overwritten. kUnavailable when interrupted.
Result<Training> Train(const LabelledHistory& history, const TrainingOptions& options,
                       TrainingFacts facts, const Work& work);

}  // namespace hotiron
