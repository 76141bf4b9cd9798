#pragma once

// The same history through a Task twice: as it happened, and as a platform gets it.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "base/identity.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/random.h"
#include "processors/summary.h"
#include "tests/processors/fixture.h"

namespace hotiron {

struct Disorder {
  double duplicates = 0.05;                 // share of the records that come again
  double late = 0.05;                       // share that comes late
  Duration late_by = std::chrono::days{2};  // on average, exponential; also how long until again
  uint64_t seed = 1;
};

struct AfterDisorder {
  size_t records = 0;
  size_t repeated = 0;
  size_t too_late = 0;  // kept out: not after what has left the log
  size_t accounts = 0;
  size_t differing = 0;  // of those with nothing kept out, that did not end as in order
  std::string example;
};

struct Arrival {
  EventTime time;
  Line line;
  bool again = false;
};

// Every account's summary at `end`, and how many of its records were kept out as too late.
struct Finals {
  std::map<std::string, std::string> summaries;
  std::map<std::string, size_t> too_late;
};

inline Finals PlayThroughTask(std::vector<Arrival> arrivals, const pb::Catalogue& catalogue,
                              EventTime end) {
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
  MapRows rows;
  TaskOptions options;
  options.cached_accounts = SIZE_MAX;
  Task task(options, rows);
  TaskOutputs outputs;
  Finals finals;
  int64_t offset = 0;
  std::string levers = MakeCatalogue(catalogue).SerializeAsString();
  CHECK(task.Process({offset++, {}, "", levers}, outputs).ok());
  for (const Arrival& arrival : arrivals) {
    outputs.Clear();
    const Line& line = arrival.line;
    CHECK(task.Process({offset++, arrival.time, line.key, line.value}, outputs).ok());
    bool late = outputs.verdicts[static_cast<size_t>(Verdict::kLate)] > 0;
    bool twice = outputs.verdicts[static_cast<size_t>(Verdict::kDuplicate)] > 0;
    CHECK(arrival.again ? late || twice : !twice);
    finals.too_late[line.key] += late && !arrival.again ? 1U : 0U;
  }
  CHECK(task.ForEachAccount([&](const Account& account) {
              finals.summaries[account.key] =
                  WriteSummary(account, task.model(), task.models(), end);
            })
            .ok());
  return finals;
}

inline AfterDisorder PlayDisordered(const LabelledHistory& history, const pb::Catalogue& catalogue,
                                    const Disorder& disorder) {
  Random random(disorder.seed);
  auto chance = [&] { return static_cast<double>(random.Below(1'000'000) + 1) / 1e6; };
  auto some_time = [&] {
    return Duration(
        static_cast<int64_t>(-std::log(chance()) * static_cast<double>(disorder.late_by.count())));
  };
  std::vector<Arrival> as_happened;
  std::vector<Arrival> as_arrived;
  AfterDisorder after;
  for (const PastAccount& account : history.accounts) {
    std::string key = MakeKey(IdentityKind::kAccount, account.name);
    for (const PastEvent& event : account.events) {
      pb::TaskRecord record =
          MakeSignal(history.signals[event.signal], event.time,
                     {.by = event.person == 0 ? key : fmt::format("c:{:016x}", event.person),
                      .weight = event.weight,
                      .id = Hash64(key, event.sequence),
                      .sequence = event.sequence});
      Line line = MakeLine(event.time, key, record);
      as_happened.push_back({event.time, line});
      EventTime arrives = event.time;
      if (chance() <= disorder.late) {
        arrives += some_time();
      }
      as_arrived.push_back({arrives, line});
      if (chance() <= disorder.duplicates) {
        as_arrived.push_back({arrives + some_time(), line, true});
        ++after.repeated;
      }
    }
  }
  after.records = as_arrived.size();
  Finals in_order = PlayThroughTask(std::move(as_happened), catalogue, history.end);
  Finals disordered = PlayThroughTask(std::move(as_arrived), catalogue, history.end);
  after.accounts = in_order.summaries.size();
  for (const auto& [key, summary] : in_order.summaries) {
    if (size_t late = disordered.too_late[key]; late > 0) {
      after.too_late += late;
      continue;
    }
    // The curve is what was told along the way.
    std::string difference = JsonDifference(summary, disordered.summaries[key], {"curve"});
    if (!difference.empty()) {
      ++after.differing;
      after.example = key + ": " + difference;
    }
  }
  return after;
}

}  // namespace hotiron
