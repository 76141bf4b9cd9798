#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace hotiron {

// One probability that was stated, and what came.
struct ForecastOutcome {
  double probability = 0;
  bool happened = false;
  uint32_t account = 0;  // intervals treat the forecasts of one account as one observation
  uint32_t group = 0;    // precision_top takes the best of each group (a week's snapshot)
};

// How good forecasts are. What cannot be computed is absent: everything for no forecasts, what
// ranks (AUC, PR-AUC) for forecasts of one class.
struct ForecastQuality {
  size_t number = 0;
  std::optional<double> base_rate;  // share that happened
  std::optional<double> auc;        // P(a hit is ranked above a miss), ties count half
  std::optional<double> auc_low;    // 95 % interval: bootstrap over accounts
  std::optional<double> auc_high;
  std::optional<double> pr_auc;  // average precision; equal probabilities enter together
  std::optional<double> brier;
  std::optional<double> ece;  // mean |stated - happened| over tenths of the forecasts
  std::optional<double> precision_top;
};

struct QualityOptions {
  double top_share = 0.05;  // of each group, at least one; ties count by their share
  size_t resamples = 500;
  uint64_t seed = 1;
};

ForecastQuality Measure(std::span<const ForecastOutcome> forecasts, const QualityOptions& options);

}  // namespace hotiron
