#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/progress.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "ingest/router.h"
#include "processors/backtest/tally.h"
#include "processors/learning/labelled_history.h"
#include "processors/sums.h"

namespace hotiron {

// What a history is replayed with.
struct ReplayPlan {
  std::vector<std::string> events;  // files
  std::vector<std::string> masks;   // signals that are left out
  TimeScale scale;
  pb::Catalogue catalogue;
  UnknownNames unknown = UnknownNames::kKeep;  // names that it does not know
  pb::PolicySet policies;
  pb::ModelSet models;            // in force from the beginning; none when it has no champion
  const LabelledHistory& judged;  // whose accounts take part, each until its outcome
};

// An alert, with what its trigger said when it opened.
struct Opening {
  Alert alert;
  std::string why;
  std::string stage;
  std::string measure;
  double value = 0;
  double threshold = 0;
};

struct Replayed {
  std::vector<Opening> openings;  // in order of time
  uint64_t rows = 0;              // read
  uint64_t events = 0;            // of the judged accounts, before their outcomes: processed
  uint64_t refused = 0;           // of these, name no usable account
  uint64_t revisions = 0;
  std::map<std::string, uint64_t> suppressed;  // reason -> openings that it kept from happening
  double seconds = 0;
};

// Replays a history as the live pipeline would take it: intake, task log, timers, policy, in event
// time, without Kafka. `revised` sees every revision of every trigger, in order. What a trigger
// goes through at or after its account's outcome is left out: the journey has ended there.
Result<Replayed> ReplayHistory(const ReplayPlan& plan,
                               const std::function<void(const pb::Trigger&)>& revised,
                               Progress& progress);

}  // namespace hotiron
