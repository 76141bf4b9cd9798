#pragma once

#include <optional>
#include <span>
#include <vector>

#include "processors/backtest/ending.h"
#include "processors/backtest/tally.h"
#include "processors/learning/labelled_history.h"

namespace hotiron {

// A moment at which an account's score was higher than ever before.
struct Rise {
  EventTime time;
  double score = 0;
};

// All of them, in order of time and so of score. Where the score first reached a threshold is where
// its running maximum did, so this is all that any threshold needs to know of an account.
using Track = std::vector<Rise>;

// Adds a score to a track, if it is a rise. Times must not go back.
void AddScore(Track& track, EventTime time, double score);

// When the score first reached the threshold; nothing if it never did.
std::optional<EventTime> FlaggedAt(const Track& track, double threshold);

// What one threshold would have come to, had it flagged each account once, when the account's score
// first reached it. Numbers of accounts; not whole where a load lies between two thresholds.
struct SweepPoint {
  double threshold = 0;
  double flagged = 0;
  double buyers = 0;        // of these, bought
  double ahead = 0;         // of these, flagged early enough before they bought
  double false_alarms = 0;  // flagged and did not buy; what is missing is undecided

  // The share of buyers among the flagged whose outcome is known.
  std::optional<double> precision() const;
};

// Every threshold in one pass over the rises of all accounts, the highest score first.
class Sweep {
 public:
  // Tracks and endings are of the accounts of `history`; refers to all of them. A buyer flagged at
  // least `ahead_by` before the outcome counts as ahead.
  Sweep(const LabelledHistory& history, std::span<const Ending> endings,
        std::span<const Track> tracks, Duration ahead_by);

  // One point for each score that is a rise somewhere, from the highest down.
  const std::vector<SweepPoint>& points() const { return points_; }

  // The same curve in at most `most` points (at least 2), evenly spread over the flagged accounts.
  std::vector<SweepPoint> Thinned(size_t most) const;

  // The point at a load. Between two thresholds the accounts that the lower one adds are taken by
  // their share, as if at random; its threshold is then the lower one. A load that no threshold
  // reaches gives the last point.
  SweepPoint AtFlagged(double accounts) const;
  SweepPoint AtFalseAlarms(double accounts) const;

  // The alerts of a point, in order of time: each account that reaches its threshold, when it does.
  // Of those that only just reach it, as many as the load leaves room for, by lot (of the account's
  // number: always the same).
  std::vector<Alert> AlertsAt(const SweepPoint& point) const;

  // How long before their outcome buyers were flagged, shortest first.
  std::vector<Duration> Leads(double threshold) const;

 private:
  SweepPoint At(double SweepPoint::*load, double accounts) const;

  const LabelledHistory& history_;
  std::span<const Ending> endings_;
  std::span<const Track> tracks_;
  std::vector<SweepPoint> points_;
};

// The value below which half of the sorted durations lie; nothing for none.
std::optional<Duration> Median(std::span<const Duration> sorted);

}  // namespace hotiron
