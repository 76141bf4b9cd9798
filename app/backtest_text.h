#pragma once

#include <optional>
#include <string>

#include "app/backtest.h"

namespace hotiron {

// A backtest as one JSON object (docs/MODEL.md says what its fields mean).
std::string BacktestJson(const Backtest& backtest);

// What people look at first, for a terminal.
std::string BacktestSummary(const Backtest& backtest);

// The first contender in three lines: how right, how early, how many.
std::string BacktestHeadline(const Backtest& backtest);

// "63.2 %", "-" for nothing.
std::string SayShare(std::optional<double> share);

// "buying_group (12 times), cooldown (3 times)": why triggers did not open that would have.
std::string SaySuppressed(const Replayed& replayed);

// "6.3 days", in minutes where the time unit is less than an hour, and so on.
std::string SayLead(std::optional<Duration> lead, const TimeScale& scale);

// "(nobody)" for accounts without one.
std::string SayOwner(const OwnerTally& owner);

// "14.4 weeks", "10.7 periods of 210d"
std::string SayPeriods(const Backtest& backtest);

// The share that `part` is of `whole`; nothing of nothing.
std::optional<double> ShareOf(double part, double whole);

// The value below which `share` of the sorted leads lie.
std::optional<Duration> QuantileOf(const std::vector<Duration>& sorted, double share);

// Precision in the first and in the second half of the periods: drift.
struct Halves {
  AlertCount first;
  AlertCount second;
};

Halves HalvesOf(const Tally& tally);

// "61.2 % -> 58.0 %"
std::string SayHalves(const Tally& tally);

}  // namespace hotiron
