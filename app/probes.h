#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/intake.h"
#include "app/labelled.h"
#include "base/mutex.h"
#include "base/time.h"
#include "processors/task.h"

namespace hotiron {

// How many values of a configured label are told apart; the rest are "other". Together they keep a
// process below 2,000 series.
inline constexpr size_t kSourceLabelsMax = 16;
inline constexpr size_t kStageLabelsMax = 10;
inline constexpr size_t kSegmentLabelsMax = 10;
inline constexpr size_t kPolicyLabelsMax = 10;
inline constexpr size_t kTopicLabelsMax = 20;

// The values that labels may have, from the configuration and the levers at the start. What a later
// version of a lever adds is "other" until the next start.
struct LabelSets {
  std::vector<std::string> sources;
  std::vector<std::string> stages;  // in their order
  std::vector<std::string> topics;  // of signals
  std::vector<std::string> segments;
  std::vector<std::string> policies;
};

// A histogram that takes many values at once. Thread-safe.
class Distribution {
 public:
  Distribution(prometheus::Histogram& histogram, std::vector<double> buckets)
      : histogram_(histogram), buckets_(std::move(buckets)) {}

  void Observe(double value) { histogram_.Observe(value); }

  // Milliseconds are observed as seconds, those below zero as zero.
  void ObserveMillis(const std::vector<int64_t>& values);

 private:
  prometheus::Histogram& histogram_;  // owned by the registry
  const std::vector<double> buckets_;
};

// `buckets` with one more at `objective`, so that the share within the objective is exact.
std::vector<double> WithObjective(std::vector<double> buckets, double objective);

// What inputs bring in, by source. Thread-safe.
class IntakeProbe {
 public:
  IntakeProbe(prometheus::Registry& registry, const LabelSets& labels);

  void Took(const std::map<std::string, IntakeCounts>& by_source);

  void Lost(std::string_view source, uint64_t records);

 private:
  Labelled<prometheus::Counter> lost_;
  Labelled<prometheus::Counter> records_;
  Labelled<prometheus::Counter> bytes_;
  Labelled<prometheus::Counter> routed_;
  Labelled<prometheus::Counter> unknown_kept_;
  Labelled<prometheus::Counter> lost_changes_;
  Labelled<prometheus::Counter> rejected_;
  Labelled<prometheus::Counter> ignored_;
  Labelled<prometheus::Histogram> delay_;
  Mutex mutex_;
  Labelled<prometheus::Gauge> newest_ HOTIRON_GUARDED_BY(mutex_);  // never goes back
};

// What tasks make of it: journeys, decisions, triggers. Thread-safe.
class TaskProbe {
 public:
  // `objective`: of the time from an input record to the commit of what it brought about.
  TaskProbe(prometheus::Registry& registry, const LabelSets& labels, double objective_seconds);

  // What one commit made durable, at `now` on the wall clock.
  void Committed(const TaskOutputs& outputs, EventTime now);

 private:
  void CountTransitions(const TaskOutputs& outputs);
  void CountTriggers(const TaskOutputs& outputs, EventTime now);
  void CountAnswer(const pb::Trigger& trigger);
  void CountChance(const pb::Trigger& opened);

  const std::vector<std::string> stages_;
  Labelled<prometheus::Counter> records_;
  Labelled<prometheus::Counter> rejections_;
  Labelled<prometheus::Counter> transitions_;
  Labelled<prometheus::Counter> moves_;
  Labelled<prometheus::Counter> signals_;
  Labelled<prometheus::Counter> topics_;
  Labelled<prometheus::Counter> revisions_;
  Labelled<prometheus::Counter> dismissals_;
  Labelled<prometheus::Counter> trigger_outcomes_;
  Labelled<prometheus::Counter> outcomes_by_chance_;
  Labelled<prometheus::Counter> challenger_;
  Labelled<prometheus::Counter> suppressions_;
  prometheus::Counter& folded_;
  prometheus::Counter& over_limit_;
  prometheus::Counter& pooled_;
  prometheus::Counter& other_names_;
  prometheus::Counter& timers_;
  prometheus::Counter& summaries_;
  Distribution buying_group_;
  Labelled<prometheus::Counter> claims_;
  prometheus::Counter& claims_expected_;
  Distribution chance_;
  Distribution response_;
  Distribution lead_;
  Distribution latency_;
  Distribution trigger_latency_;
};

// How the workers fare. Thread-safe.
class CommitProbe {
 public:
  CommitProbe(prometheus::Registry& registry, double objective_seconds);

  void Committed(uint64_t records, std::chrono::steady_clock::duration took);
  void Restored(uint64_t records, std::chrono::steady_clock::duration took);

  void Aborted() { aborts_.Increment(); }

  void Reset() { resets_.Increment(); }

  void Remade() { remade_.Increment(); }

  void Rebalanced() { rebalances_.Increment(); }

  void Ticked() { ticks_.Increment(); }

 private:
  prometheus::Counter& commits_;
  prometheus::Counter& aborts_;
  prometheus::Counter& resets_;
  prometheus::Counter& remade_;
  prometheus::Counter& rebalances_;
  prometheus::Counter& ticks_;
  prometheus::Counter& restores_;
  prometheus::Counter& restored_records_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Histogram& commit_records_;
  prometheus::Histogram& restore_seconds_;
};

}  // namespace hotiron
