#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "processors/features.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"

namespace hotiron {

// The model that a trained one must beat: a ridge logistic regression on how often each signal was
// seen in the last 7 and 30 units, and on age.

// Counts one account's events in these windows as time goes on.
class WindowedCounts {
 public:
  static constexpr std::array<int, 2> kUnits{7, 30};

  // Refers to all of them.
  WindowedCounts(const LabelledHistory& history, const PastAccount& account,
                 const Vocabulary& vocabulary, const TimeScale& scale);

  // The columns at `time`; times must not go back.
  std::span<const double> At(EventTime time);

  static size_t Columns(size_t signals) { return kUnits.size() * signals + 1; }

 private:
  const LabelledHistory& history_;
  const PastAccount& account_;
  const Vocabulary& vocabulary_;
  const TimeScale scale_;
  size_t seen_ = 0;                                // events that have happened
  std::array<size_t, kUnits.size()> forgotten_{};  // events that have left each window
  std::vector<double> counts_;
  std::vector<double> columns_;
};

struct WindowedModel {
  double bias = 0;
  std::vector<double> weights;  // of standardised columns
  Standard standard;

  double Logit(std::span<const double> columns) const;
};

// Learns from the history as known at its end whether an account buys within `horizon` (nothing:
// ever). Nothing when no row is of known outcome, or all are of one; kUnavailable when interrupted.
Result<std::optional<WindowedModel>> FitWindowed(const LabelledHistory& history,
                                                 const Vocabulary& vocabulary,
                                                 const TimeScale& scale,
                                                 std::optional<Duration> horizon, uint64_t seed,
                                                 const Work& work);

}  // namespace hotiron
