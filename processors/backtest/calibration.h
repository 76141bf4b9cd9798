#pragma once

#include <optional>
#include <span>
#include <vector>

#include "processors/backtest/scores.h"
#include "processors/learning/metrics.h"

namespace hotiron {

// About a tenth of the forecasts, of neighbouring probabilities: on average, what was stated and
// what came true.
struct ReliabilityBin {
  size_t number = 0;
  double stated = 0;
  double happened = 0;
};

// The forecasts made at the beginning of one period.
struct ForecastPeriod {
  int64_t period = 0;
  size_t number = 0;
  double stated = 0;    // on average
  double happened = 0;  // share
};

// How right the probabilities of one horizon were, over all open accounts at the beginning of every
// period: alerts look at the top of the list only.
struct Calibration {
  std::optional<Duration> horizon;
  ForecastQuality quality;
  std::vector<ReliabilityBin> bins;     // by probability
  std::vector<ForecastPeriod> periods;  // in order; drift shows here
};

// `head` is the horizon's place among a snapshot's probabilities. Forecasts whose horizon had not
// passed at the end of the history do not count.
Calibration Calibrate(const LabelledHistory& history, std::span<const Ending> endings,
                      const Calendar& calendar, std::span<const Snapshot> snapshots, size_t head,
                      std::optional<Duration> horizon);

}  // namespace hotiron
