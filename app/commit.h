#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "app/assignment.h"
#include "app/config.h"
#include "app/outbox.h"
#include "base/row.h"
#include "kafka/consumer.h"
#include "processors/task.h"

namespace hotiron {

// The commit that is under way: what has been done since the last one, until it has become
// permanent in one transaction, and only then in the stores.
//
// Operation: records add to `outputs` and count as Handled; when IsDue, Run stages the rows of the
// tasks, sends everything, commits it with the offsets, writes the rows. After an error of Run the
// caller takes everything back (Drop), or lets the log decide.
// Ownership: owns what is staged; borrows partitions and outbox.
// Concurrency: the worker's thread.
class Commit {
 public:
  Commit(const Config& config, Assignment& assignment, Outbox& outbox);

  // What tasks bring about; they append.
  TaskOutputs& outputs() { return outputs_; }

  // Records, since the last commit.
  uint64_t handled() const { return handled_; }

  void Handled(uint64_t records) { handled_ += records; }

  // A tick is no record, and is sent soon.
  void TickSent() { handled_ = std::max<uint64_t>(handled_, 1); }

  // A task has more timers to fire than one commit takes: nothing is read before the next.
  void LeaveTimers() { timers_left_ = true; }

  bool timers_left() const { return timers_left_; }

  bool IsFull() const { return handled_ >= static_cast<uint64_t>(config_.commit_records); }

  // Whether all that there is to read has been read.
  void SetCaughtUp(bool caught_up) { caught_up_ = caught_up; }

  bool IsDue() const;

  // How long until the interval is over. It runs from one commit's begin to the next one's, so that
  // the time that a commit takes does not add to how long a record waits; after a quiet time the
  // first record goes at once. A trigger waits half as long, unless there is more to read: people
  // wait for it, and under a backlog fewer commits let more through.
  Duration Remaining() const;

  struct Done {
    TaskOutputs outputs;
    uint64_t records = 0;
    std::vector<Partition*> tasks;  // those that had rows
    std::chrono::steady_clock::duration took{};
  };

  // Nothing: there was nothing to commit. `all_summaries`: those too that are not due yet.
  Result<std::optional<Done>> Run(bool all_summaries, Consumer& consumer);

  void Drop();

 private:
  struct StagedTask {
    Partition* partition;
    std::vector<Row> rows;
  };

  bool ExactlyOnce() const { return config_.guarantee == Config::Guarantee::kExactlyOnce; }

  Result<void> StageTasks(bool all_summaries);
  Result<void> Send();
  std::vector<TopicPartitionOffset> Offsets() const;
  Result<void> CommitTransaction(const std::vector<TopicPartitionOffset>& offsets,
                                 Consumer& consumer);
  Result<void> CommitAtLeastOnce(const std::vector<TopicPartitionOffset>& offsets,
                                 Consumer& consumer);
  Result<void> WriteRows(Consumer& consumer);
  Done Finish(const std::vector<TopicPartitionOffset>& offsets);

  const Config& config_;  // constant after construction
  Assignment& assignment_;
  Outbox& outbox_;

  TaskOutputs outputs_;
  std::vector<StagedTask> staged_;
  uint64_t handled_ = 0;
  bool timers_left_ = false;
  bool caught_up_ = false;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace hotiron
