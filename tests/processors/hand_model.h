#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "processors/trained_model.h"
#include "processors/trained_model_file.h"

namespace hotiron {

// A model made by hand, so that every number can be computed on paper: within 7 and 14 days and
// ever, the logit is `bias` + 2 for having seen the pricing page + `silence` * log1p(days of it).
struct HandModel {
  double bias = -2;
  double silence = 0;
  bool open = true;

  pb::ModelText Text() const {
    TrainedModel model;
    model.vocabulary = Vocabulary({"docs_page", "pricing_page"});
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
    pb::ModelText text;
    text.set_yaml(WriteModel(model));
    text.set_hash(ReadModel(text.yaml(), "hand").value().hash);
    return text;
  }
};

}  // namespace hotiron
