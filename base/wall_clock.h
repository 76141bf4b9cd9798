#pragma once

#include <chrono>

#include "base/time.h"

namespace hotiron {

// The clock of this machine: when something was taken in, what spaces ticks and summaries, how long
// a session lasts. Never what a decision depends on: processors do without (structure_test).
inline EventTime WallNow() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace hotiron
