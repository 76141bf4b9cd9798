#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// The outcome of an account that has none yet; so is an empty one.
inline constexpr std::string_view kOpenOutcome = "open";

// How an account's journey ended.
struct OutcomeRow {
  std::string account;
  std::optional<EventTime> start;
  std::string outcome;            // "won", "lost_declined", ...; kOpenOutcome for open
  std::optional<EventTime> time;  // always there unless open
  std::string owner;              // who is responsible for the account; "" when it does not say
  uint64_t line = 0;

  bool open() const { return outcome == kOpenOutcome; }
};

// Reads a file of outcomes: account, outcome, outcome_ts and perhaps start_ts and owner, as
// CsvReader has it. A row that says again what an earlier one said is counted in `repeated` and
// left out; two different outcomes of one account are an error.
Result<std::vector<OutcomeRow>> ReadOutcomes(const std::string& path, uint64_t& repeated);

}  // namespace hotiron
