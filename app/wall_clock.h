#pragma once

#include <chrono>

#include "base/time.h"

namespace hotiron {

// The clock of this machine: when something was taken in, and what spaces ticks and summaries.
// Never what a decision depends on.
inline EventTime WallNow() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace hotiron
