#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "app/task_host.h"
#include "app/worker_probe.h"
#include "kafka/consumer.h"
#include "state/rocksdb_store.h"

namespace hotiron {

// What a partition is read for.
enum class Role : uint8_t { kInput, kFeedback, kControl, kEvents };

// "input", "feedback", ...: a metric label.
std::string_view NameOf(Role role);

// One assigned partition: how far it has been processed, and the task that does it.
struct Partition {
  TopicPartition at;
  Role role = Role::kInput;
  bool located = false;            // it is known where to begin
  bool reading = false;            // resumed
  bool start_owed = false;         // nobody has committed yet where it begins: the next commit does
  int64_t next = 0;                // next offset to process
  int64_t end = 0;                 // where it ended when it was last read to its end
  int64_t committed = 0;           // what an abort goes back to
  EventTime last_time{};           // of the last record processed
  bool stuck = false;              // a task has timers to fire before the record at `next`
  std::unique_ptr<TaskHost> host;  // of kEvents
  std::optional<Error> damage;     // found in its state by a step that is being taken back
  int found_damaged = 0;           // times that was made anew since the assignment
  std::chrono::steady_clock::time_point rests_until{};               // is not located before
  std::optional<std::chrono::steady_clock::time_point> unwell_said;  // last logged

  // Its task, once it is restored; none of other roles.
  Task* task() const {
    return host && host->stage() == TaskHost::Stage::kRunning ? &host->task() : nullptr;
  }

  bool IsReady() const { return located && (!host || task() != nullptr); }

  // What a step that failed in the task returns. Damage is remembered: the step is taken back like
  // any other, then the task is made anew (RemakeDamaged).
  Error Failed(const Error& error);
};

// The partitions that the group has given to a worker, with their positions and tasks.
//
// Operation: a partition comes paused (Add). Locate finds out where to begin; one of <app>.events
// is then opened and restored before it is read, control and feedback are read at once, inputs when
// PauseInputs lets them. Rewind and Reset take back what was not committed; Remake does one task
// over whose store is unwell.
// Ownership: owns partitions, tasks and the reader of changelogs. The consumer is the worker's, and
// lent to the calls that move its positions.
// Errors: the worker takes the step back (Worker::Recover).
// Concurrency: the worker's thread.
class Assignment {
 public:
  Assignment(const Config& config, StoreResources& stores, WorkerProbe& probe);

  // Once, before anything is added.
  Result<void> Start(const KafkaOptions& kafka);

  // In a rebalance: nothing here waits for the broker.
  void Add(const TopicPartition& at);
  void Release(std::span<const TopicPartition> partitions);

  std::span<const std::unique_ptr<Partition>> all() const { return partitions_; }

  Partition* Find(std::string_view topic, int32_t partition);

  // How many are not ready to be read.
  int restoring() const;

  // Whether a changelog is being read; else the ones that are not ready wait for disk or broker.
  bool reads_changelogs() const;

  // ---- getting them ready

  Result<void> RemakeDamaged(Consumer& consumer);
  Result<void> Locate(Consumer& consumer);
  Result<void> OpenAndRestore(Consumer& consumer);

  // ---- while they are read

  struct Lag {
    int64_t events = 0;
    int64_t others = 0;
  };

  // Records not yet processed; tells the probe.
  Lag ReportLag(const Consumer& consumer) const;

  bool inputs_paused() const { return inputs_paused_; }

  Result<void> PauseInputs(bool paused, Consumer& consumer);

  // After a read error: whether a log does not have the offset to read next any more.
  Result<bool> AnyLost(Consumer& consumer) const;

  // After a commit: the records before which timers had to fire.
  Result<void> ReadStuckAgain(Consumer& consumer);

  // ---- when something went wrong

  // Forgets what was done since the last commit.
  void Forget();

  // Reads everything again from its last commit.
  Result<void> Rewind(Consumer& consumer);

  // Closes the tasks: everything is located and restored as if it had just been assigned.
  Result<void> Reset(Consumer& consumer);

  // A task whose store is unwell is closed and restored from its changelog, after a rest, while the
  // others go on; damage is set aside. What a restore cannot mend is an error: state that this
  // program does not take, and damage that is found again, since then it is in the changelog.
  Result<void> Remake(Partition& partition, const Error& error, Consumer& consumer);

  // Closes a task's store and makes it permanent (tests of the commit order).
  Result<void> Close(TaskHost& host) { return host.Close(*reader_); }

 private:
  Role RoleOf(std::string_view topic) const;
  Result<int64_t> FirstOffset(const Partition& partition, Consumer& consumer) const;
  void MakeHost(Partition& partition, const std::optional<CommittedOffset>& known);
  void CloseHost(Partition& partition);
  Result<void> ReadChangelogs(Consumer& consumer);
  Result<void> CheckThere(Partition& partition, int64_t first);
  std::string_view SourceOf(const Partition& partition) const;
  Result<void> BeginEvents(Consumer& consumer);
  Result<void> Begin(std::span<Partition* const> partitions, Consumer& consumer);

  const Config& config_;  // constant after construction
  const std::string events_topic_;
  const std::string state_topic_;
  StoreResources& stores_;
  WorkerProbe& probe_;

  std::optional<Reader> reader_;  // constant after Start; outlives the tasks
  std::vector<std::unique_ptr<Partition>> partitions_;
  Partition* last_found_ = nullptr;
  bool inputs_paused_ = true;
};

}  // namespace hotiron
