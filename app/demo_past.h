#pragma once

#include <string>

#include "app/config.h"
#include "app/market.h"
#include "app/progress.h"
#include "base/result.h"

namespace hotiron {

// What a vendor has on file when the demo begins: the history of his market, as `train`, `evaluate`
// and `backtest` read it.
struct DemoPast {
  std::string events_file;    // account,contact,ts,source,signal
  std::string outcomes_file;  // account,outcome,outcome_ts: what became of opportunities
  uint64_t market_events = 0;
  uint64_t signals = 0;
  uint64_t accounts = 0;  // with an outcome
  uint64_t bought = 0;
};

// Plays a market until `end` through the intake of `config` and writes what came of it into
// `folder`. The payloads are decoded, classified and routed as the live pipeline would; signals and
// opportunities of companies are kept.
Result<DemoPast> WritePast(const MarketOptions& market, EventTime end, const Config& config,
                           const std::string& folder, Progress& progress);

}  // namespace hotiron
