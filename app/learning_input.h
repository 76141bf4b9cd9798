#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "app/progress.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"

namespace hotiron {

// The options that `train` and `evaluate` share.
struct LearningOptions {
  std::vector<std::string> events;
  std::string outcomes;
  std::vector<std::string> masks;
  std::vector<std::string> won;
  std::string time_unit;
  std::string catalogue;
  std::string json;
  uint64_t seed = 1;
};

void AddLearningOptions(CLI::App& command, LearningOptions& options);

// What the files hold, ready to learn from.
struct LearningInput {
  LabelledHistory history;
  TimeScale scale;                   // as stated, or found
  uint64_t catalogue = 0;            // version of the catalogue that signals and weights are of
  std::string data_hash;             // of all rows, in their order
  std::vector<std::string> remarks;  // what was left out and why, with counts
};

// Reads events and outcomes. Events under a mask, and those at or after their account's outcome,
// are left out; a mask that leaves out nothing is an error.
Result<LearningInput> ReadLearningInput(const LearningOptions& options, Progress& progress);

// The same by a catalogue that is read already. Names that it does not know are signals of weight
// 1, as they are to a live input of the native format.
Result<LearningInput> ReadLearningInput(const LearningOptions& options,
                                        const pb::Catalogue& catalogue, Progress& progress);

// Work on all processors, shown and interrupted by `progress`.
Work MakeWork(Progress& progress);

}  // namespace hotiron
