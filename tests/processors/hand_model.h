#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processors/trained_model.h"
#include "processors/trained_model_file.h"

namespace hotiron {

// A model made by hand, so that every number can be computed on paper: within 7 and 14 days and
// ever, the logit is `bias` + 2 for having seen the second signal + `silence` * log1p(days of it).
// With `stages` it tells the third (exploring) of them, and the last once it has seen that signal.
struct HandModel {
  double bias = -2;
  double silence = 0;
  bool open = true;
  std::vector<std::string> stages = {};
  bool stage_open = true;
  std::vector<std::string> signals = {"docs_page", "pricing_page"};

  pb::ModelText Text() const {
    TrainedModel model;
    model.vocabulary = Vocabulary(signals);
    const size_t columns = ColumnsOf(2);
    model.standard.mean.assign(columns, 0);
    model.standard.scale.assign(columns, 1);
    model.ages = {1};
    model.typical = {std::vector<double>(columns, 0)};
    for (std::optional<Duration> horizon :
         {std::optional<Duration>(std::chrono::days{7}),
          std::optional<Duration>(std::chrono::days{14}), std::optional<Duration>()}) {
      Head head;
      head.horizon = horizon;
      head.bias = bias;
      head.gate = {.slope = 1, .error = 0.1, .open = open};
      head.age_model.bias = -3;
      head.weights.assign(columns, 0);
      head.weights[ColumnOf(1, kSeenColumn)] = 2;
      head.weights[kSilenceColumn] = silence;
      model.heads.push_back(std::move(head));
    }
    if (!stages.empty()) {
      StageHead& head = model.stage.emplace();
      head.stages = stages;
      head.gate = {.reference = std::string(kEvidenceReference), .gain = 0.5, .open = stage_open};
      head.bias.assign(stages.size(), 0);
      head.bias[2] = 2;
      head.weights.assign(stages.size(), std::vector<double>(columns, 0));
      head.weights.back()[ColumnOf(1, kSeenColumn)] = 4;
    }
    pb::ModelText text;
    text.set_yaml(WriteModel(model));
    text.set_hash(ReadModel(text.yaml(), "hand").value().hash);
    return text;
  }
};

}  // namespace hotiron
