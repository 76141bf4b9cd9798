#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "processors/journey.h"
#include "processors/model.h"

namespace hotiron {

// What one signal adds, at the moment of the estimate.
struct SignalShare {
  std::string signal;
  std::array<double, kHalfLives> decayed{};  // weighted decayed sums
  uint64_t count = 0;
  EventTime first;
  EventTime last;
  double points = 0;    // adds up to Estimate::points
  double progress = 0;  // adds up to Estimate::progress
};

// How far an account has come, at one moment. How likely it is to buy: models_in_force.h.
struct Estimate {
  EventTime as_of;
  double points = 0;                   // evidence: catalogue weights, halved every 7 units
  double progress = 0;                 // 0 to 100 %
  size_t stage = 0;                    // index into the model's stages: the one shown
  std::vector<double> at_least;        // P(stage >= s) for each stage; the first is 1
  std::vector<double> distribution;    // P(stage = s), adds up to 1
  std::vector<SignalShare> signals;    // in order of name
  std::optional<EventTime> contacted;  // last touch by somebody of ours
};

// The estimate of a journey at `as_of`: a pure function of all its entries, wherever they are.
//
//   x_k = weighted sum of signal k, halved every 7 units;   points = sum of x_k
//   P(stage >= s) = 1 - product over k anchored at s or later of (1 + x_k)^(-1.1)
//   progress = 100 * mean of P(stage >= s) over s = 1 .. S-1;   stage = largest s with P >= 1/2
//
// Evidence of different signals adds up, repeats of one count less and less, silence fades it. A
// signal's share of the progress is its share of the exponent, stage by stage, so that the shares
// add up to the progress exactly.
Estimate EstimateJourney(const Journey& journey, const Model& model, EventTime as_of);

// The same, of what had happened by `as_of`: entries of the log after it do not count. (Slices hold
// what is older than the log, so this is exact for moments within the log.)
Estimate EstimateBefore(const Journey& journey, const Model& model, EventTime as_of);

// Points and progress only, for decisions: the same numbers at a fraction of the cost.
struct Level {
  double points = 0;
  double progress = 0;
  size_t stage = 0;
};

Level EstimateLevel(const Journey& journey, const Model& model, EventTime as_of);

}  // namespace hotiron
