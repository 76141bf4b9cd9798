#pragma once

#include <cstdint>
#include <vector>

#include "processors/learning/labelled_history.h"

namespace hotiron {

// What became of an account, as far as the end of its history tells.
enum class Ending : uint8_t {
  kBought,
  kNotBought,  // closed otherwise, or still open at an age by which 95 % of outcomes have come
  kUndecided,  // open, and too young to say
};

// Of every account of the history. `maturity` is that age (MaturityOf).
std::vector<Ending> EndingsOf(const LabelledHistory& history, Duration maturity);

// The stretch in which alerts were judged, and how it is cut into periods of equal length, a week
// for journeys that are counted in days. A period begins on a Monday, or so many periods after one.
struct Calendar {
  EventTime from;
  EventTime until;
  Duration period = std::chrono::days{7};

  int64_t IndexOf(EventTime time) const;
  EventTime StartOf(int64_t index) const;

  // How many periods the stretch is long; not a whole number, and above 0.
  double periods() const;
};

}  // namespace hotiron
