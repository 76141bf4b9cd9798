#pragma once

#include <string>

#include "app/backtest.h"

namespace hotiron {

// A backtest as one HTML page that needs nothing else: no script, no font, no network; plots are
// SVG. Light and dark.
std::string BacktestReport(const Backtest& backtest);

}  // namespace hotiron
