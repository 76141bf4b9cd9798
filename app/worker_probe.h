#pragma once

#include <prometheus/registry.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "app/boards.h"
#include "app/config.h"
#include "app/decision_board.h"
#include "app/intake.h"
#include "app/probes.h"
#include "app/reject_notice.h"
#include "base/records.pb.h"
#include "base/time.h"
#include "kafka/types.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"

namespace hotiron {

// What workers report, and everything that /metrics shows of a process. docs/RUNBOOK.md lists the
// metrics.
//
// Operation: workers tell it what they have committed, never what may still be taken back. What of
// it could not be used is also said on the log.
// Ownership: borrows the stores; scrapes (Text) must end before they go.
// Concurrency: any thread.
// Limits: below 2,000 series, whatever comes in: labels have closed sets of values (labelled.h).
class WorkerProbe {
 public:
  // What this process has committed since it was started; companies are those of its tasks now.
  struct Totals {
    uint64_t input_records = 0;
    uint64_t rejected = 0;
    uint64_t triggers_opened = 0;
    uint64_t companies = 0;
    int64_t lag = 0;  // filled in by the pipeline
  };

  // `on_trigger` is called for every revision of a trigger that was committed.
  WorkerProbe(const Config& config, const pb::PolicySet& policy, const pb::Catalogue& catalogue,
              const StoreResources& stores, std::function<void(const pb::Trigger&)> on_trigger);

  // Everything, in Prometheus' text format.
  std::string Text() const;

  Totals totals() const;

  // ---- assignment

  void Rebalanced() { commits_.Rebalanced(); }

  // The task of a partition of <app>.events was given to this process, or must be made anew.
  void Restoring(int32_t partition) { tasks_.Restoring(partition); }

  void Restored(int32_t partition, const Task& task, uint64_t records);

  // A partition has gone to another member.
  void Released(const TopicPartition& at, bool is_task);

  // `role`: input, feedback, control or events. `last`: of the last record processed.
  void Lag(const TopicPartition& at, std::string_view role, int64_t records, EventTime last) {
    lag_.Set(at, role, records, last);
  }

  // ---- work

  // A commit has succeeded: what tasks and intake have done since the last, the records it covers,
  // the time it took, and the wall clock now.
  void Committed(const TaskOutputs& outputs, const std::map<std::string, IntakeCounts>& intake,
                 uint64_t records, std::chrono::steady_clock::duration took, EventTime now);

  // And one call for each task that was part of it.
  void TaskCommitted(int32_t partition, const Task& task) {
    tasks_.Running(partition, task);
    decisions_.Running(task);
  }

  void Ticked() { commits_.Ticked(); }

  // ---- trouble

  // Records of an input, or of feedback, that retention took before they were read.
  void InputLost(std::string_view source, uint64_t records) { intake_.Lost(source, records); }

  void Aborted() { commits_.Aborted(); }

  void Reset() { commits_.Reset(); }

  void Remade() { commits_.Remade(); }

 private:
  const std::function<void(const pb::Trigger&)> on_trigger_;
  prometheus::Registry registry_;  // all of these provide their own synchronisation
  IntakeProbe intake_;
  TaskProbe outcomes_;
  CommitProbe commits_;
  TaskBoard tasks_;
  DecisionBoard decisions_;
  LagBoard lag_;
  StoreBoard stores_;
  ProcessBoard process_;
  RejectNotice reject_notice_;

  std::atomic<uint64_t> input_records_{0};
  std::atomic<uint64_t> rejected_{0};
  std::atomic<uint64_t> triggers_opened_{0};
};

}  // namespace hotiron
