#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/progress.h"
#include "base/json.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "ingest/router.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"
#include "processors/model.h"
#include "processors/trained_model.h"

namespace hotiron {

// The options that `train` and `evaluate` share. What is learnt from are files, or the task log of
// a platform (`<app>.events`).
struct LearningOptions {
  std::vector<std::string> events;
  std::string outcomes;
  std::string stages;
  std::string config;   // of the platform
  std::string brokers;  // or where its log is
  std::string topic;
  std::vector<std::string> masks;
  std::vector<std::string> model_masks;  // of a model in use: they may leave out nothing
  std::vector<std::string> won;
  std::string time_unit;
  std::string catalogue;
  std::string json;
  uint64_t seed = 1;
};

// The files that are read.
std::vector<std::string> InputsOf(const LearningOptions& options);

void AddLearningOptions(CLI::App& command, LearningOptions& options);

// What files or topics hold, ready to learn from.
struct LearningInput {
  LabelledHistory history;
  std::optional<Duration> time_unit;  // as stated; nothing: to be found (ScaleOf)
  pb::Catalogue catalogue;            // that signals and weights are of; version 0: none
  std::string data_hash;              // of the history
  std::vector<std::string> remarks;   // what was left out and why, with counts
};

// Reads events, outcomes and stages. Events under a mask, and those at or after their account's
// outcome, are left out; a mask that leaves out nothing is an error. Of a task log the records of
// companies are read: signals, each id once, and as outcomes what became of opportunities
// (processors/learning/crm_outcome.h), unless a file of outcomes is named.
Result<LearningInput> ReadLearningInput(const LearningOptions& options, Progress& progress);

// The same by a catalogue that is read already. Names that it does not know are left out, or
// signals of weight 1, as they are to a live input of the native format.
Result<LearningInput> ReadLearningInput(const LearningOptions& options,
                                        const pb::Catalogue& catalogue, UnknownNames unknown,
                                        Progress& progress);

// By the time unit that was stated, or that of those who are learnt from: what is judged later must
// not choose it.
TimeScale ScaleOf(const LearningInput& input, const LabelledHistory& learnt_from);

// Of the catalogue, where it anchors signals at stages; nothing where it does not.
std::unique_ptr<Model> AnchorsOf(const LearningInput& input, const TimeScale& scale);

// What `train` and `evaluate` say of a model of the stage, as a JSON object.
void WriteStageGate(JsonWriter& json, const StageHead& head);

// Work on all processors, shown and interrupted by `progress`.
Work MakeWork(Progress& progress);

}  // namespace hotiron
