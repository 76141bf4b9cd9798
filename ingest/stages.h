#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// From `time` on an account was in a stage, until another row says otherwise.
struct StageRow {
  std::string account;
  EventTime time;
  std::string stage;  // "": not known any more
  uint64_t line = 0;
};

// Reads a file of known stages: account, ts, stage, as CsvReader has it, in any order.
Result<std::vector<StageRow>> ReadStages(const std::string& path);

}  // namespace hotiron
