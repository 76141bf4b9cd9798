#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/integration/rig.h"

namespace hotiron {

// What an oracle found wrong, in words, and what it looked at.
struct Findings {
  std::vector<std::string> differences;
  size_t inputs = 0;
  size_t events = 0;
  size_t forwards = 0;
  size_t ticks = 0;
  size_t triggers = 0;  // revisions
  size_t accounts = 0;
  size_t rejects = 0;

  bool clean() const { return differences.empty(); }

  std::string Words() const;
};

struct OracleOptions {
  bool exactly_once = true;             // else: at least once
  bool inputs = true;                   // compare <app>.events with the input topics
  std::vector<std::string> local = {};  // instances that stopped well: compare their stores too
  uint64_t seed = 1;                    // of where the core commits
};

// Recomputes all that a run left behind and compares. The run must have come to its end
// (Rig::WaitUntilDone) and have stopped.
//
// - Input: <app>.events holds what the pure intake makes of every input record, once, and nothing
//   else but levers (once per partition and version), forwards and ticks.
// - Triggers: what the pure core decides over <app>.events, with commits at other places than the
//   run's, is what <app>.triggers holds: none lost, none doubled.
// - Forwards: what the core forwards are the records of <app>.events that were.
// - State: every row of the core is the compacted <app>.state, and the local copy of whoever
//   stopped last, byte for byte. Of the position only offset and time: commits and wall clock are
//   the run's own.
// - Journeys: the last summary of every account is the core's, for the moment that it states.
// - Rejects: what intake and core reject is in <app>.rejected.
// - Offsets: all inputs are committed to their ends, the log but for ticks; no transaction is open.
Findings Judge(const Rig& rig, const OracleOptions& options = {});

// Triggers and rows after a run, to compare runs on one log: partition -> rows, without the
// position's own counts.
struct Outcomes {
  std::map<std::string, int> triggers;  // id and JSON -> how often
  std::map<std::pair<int32_t, std::string>, std::string> rows;

  friend bool operator==(const Outcomes&, const Outcomes&) = default;
};

Outcomes ReadOutcomes(const Rig& rig);

}  // namespace hotiron
