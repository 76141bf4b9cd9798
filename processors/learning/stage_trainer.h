#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processors/learning/labelled_history.h"
#include "processors/learning/rows.h"
#include "processors/learning/work.h"
#include "processors/model.h"
#include "processors/trained_model.h"

namespace hotiron {

inline constexpr size_t kStageAccounts = 100;  // of known stage, without which none is learnt

// What learning stages needs of a training.
struct StageProblem {
  const LabelledHistory& history;
  const Rows& rows;  // standardised by `standard`
  const Standard& standard;
  std::span<const uint8_t> folds;  // of every row
  size_t fold_count = 0;
  const Model* anchors = nullptr;  // the catalogue, where signals are evidence for stages
};

// Learns which stage accounts are in, from the rows at which it is known. Nothing, with a remark,
// where too few accounts or only one stage is known. kUnavailable when interrupted.
Result<std::optional<StageHead>> TrainStages(const StageProblem& problem, const Work& work,
                                             std::vector<std::string>& remarks);

// The distribution that the stage shown comes from where there is no such head: cumulative
// evidence, with a little doubt, so that what it holds for impossible is very unlikely.
std::vector<double> EvidenceDistribution(const Journey& journey, const Model& anchors,
                                         EventTime as_of);

}  // namespace hotiron
