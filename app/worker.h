#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/intake.h"
#include "app/levers.h"
#include "app/task_host.h"
#include "app/worker_probe.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "state/rocksdb_store.h"

namespace hotiron {

// What all workers of a process share. Outlives them.
struct WorkerContext {
  const Config& config;
  KafkaOptions kafka;
  StoreResources& stores;
  LeverBoard& levers;
  WorkerProbe& probe;
  std::string person_key;
};

// Seen by other threads.
struct WorkerStatus {
  // How long the worker has not moved; 0 while it does not run.
  Duration StillFor() const;

  std::atomic<int64_t> heartbeat_ms{0};  // steady clock; 0 while it does not run
  std::atomic<bool> joined{false};       // the group has given it an assignment
  std::atomic<int> restoring{0};         // partitions assigned and not yet ready to be read
  std::atomic<int64_t> lag{0};           // records assigned and not yet processed
};

// One thread, one group consumer, one producer, and the tasks of the partitions that the group
// gives to it. The loop is the program:
//
//   restore what is new -> read a batch -> intake or task, record by record -> commit -> write rows
//
// A transaction holds everything that a commit says: records for <app>.events, triggers, journeys,
// rejects, changelog rows, offsets. Rows reach RocksDB only after it. Whatever goes wrong before
// that is an abort: tasks drop what they staged and every partition is read again from its last
// commit. When the outcome is unknown the producer is made anew and the tasks restored: the log
// decides. At-least-once mode flushes and commits offsets instead, after the rows.
// Concurrency: Run on the worker's own thread; status() from any.
class Worker final : private RebalanceListener {
 public:
  Worker(const WorkerContext& context, int index);
  ~Worker() override;

  // Works until asked to stop, then commits, leaves the group and closes the stores.
  Result<void> Run(const std::stop_token& stop);

  const WorkerStatus& status() const { return status_; }

 private:
  enum class Role : uint8_t { kInput, kFeedback, kControl, kEvents };

  // One assigned partition.
  struct Partition {
    TopicPartition at;
    Role role = Role::kInput;
    bool located = false;            // it is known where to begin
    bool reading = false;            // resumed
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

    bool IsReady() const {
      return located && (!host || host->stage() == TaskHost::Stage::kRunning);
    }
  };

  // The loop, in order.
  Result<void> Work(const std::stop_token& stop);
  Result<void> CreateClients();
  Result<void> CreateProducer();
  Result<void> Step();
  Result<void> LocateNew();
  Result<void> OpenAndRestore();
  Result<void> ReadBatch();
  void NoteEnd(const Message& message);
  Result<void> Handle(const Message& message);
  Result<void> HandleInput(Partition& partition, const Message& message);
  Result<void> HandleControl(const Message& message);
  Result<void> HandleEvent(Partition& partition, const Message& message);
  Result<void> AppendTicks();
  Result<void> Throttle();
  bool CommitIsDue() const;
  Result<void> Commit(bool all_summaries);
  Result<void> Drain();

  // The parts of a commit.
  Result<void> StageTasks(bool all_summaries);
  Result<void> ProduceOutputs();
  Result<void> ProduceChangelog();
  Result<void> ProduceEvent(std::string_view key, const pb::TaskRecord& record, EventTime time);
  std::vector<TopicPartitionOffset> OffsetsToCommit();
  Result<void> CommitTransaction(const std::vector<TopicPartitionOffset>& offsets);
  Result<void> CommitAtLeastOnce(const std::vector<TopicPartitionOffset>& offsets);
  Result<void> EnsureTransaction();
  Result<void> WriteRows();
  void AfterCommit(const std::vector<TopicPartitionOffset>& offsets);

  // When something went wrong.
  Result<void> Recover(const Error& error);
  Result<void> Abort();
  Result<void> Reset();
  void Forget();
  Result<void> Rewind();
  static Error TaskFailed(Partition& partition, const Error& error);
  Result<void> Remake(Partition& partition, const Error& error);
  void CloseHost(Partition& partition);

  // RebalanceListener
  void OnAssigned(std::span<TopicPartitionOffset> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;
  void DropStaged();
  void Release(std::span<const TopicPartition> partitions);

  Partition* Find(std::string_view topic, int32_t partition);
  Role RoleOf(std::string_view topic) const;
  static std::string_view NameOf(Role role);
  EventTime WallNow() const;

  bool ExactlyOnce() const { return config_.guarantee == Config::Guarantee::kExactlyOnce; }

  const Config& config_;  // constant after construction
  const WorkerContext& context_;
  const int index_;
  const std::string events_topic_;
  const std::string state_topic_;
  WorkerStatus status_;  // atomics

  // Owner thread only from here on. Destroyed in reverse: tasks before clients.
  std::optional<Intake> intake_;
  std::optional<Reader> reader_;
  std::optional<Producer> producer_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  Partition* last_found_ = nullptr;
  std::optional<Consumer> consumer_;

  // Since the last commit.
  bool in_transaction_ = false;
  std::optional<TransactionResult::Next> verdict_;  // of the transactional call that failed
  Intake::Output taken_;
  TaskOutputs outputs_;

  struct StagedTask {
    Partition* partition;
    std::vector<Row> rows;
  };

  std::vector<StagedTask> staged_;
  uint64_t handled_ = 0;  // records
  // The interval is from one commit's begin to the next one's, so that the time that a commit takes
  // does not add to how long a record waits; after a quiet time the first record goes at once.
  std::chrono::steady_clock::time_point commit_began_;
  bool timers_left_ = false;
  enum class Rewinding : uint8_t { kNone, kSeek, kReset };
  Rewinding rewind_ = Rewinding::kNone;  // owed since a rebalance dropped what was staged
  bool inputs_paused_ = true;
  int failures_in_a_row_ = 0;
  bool fenced_ = false;  // one of these was that somebody else took over
};

}  // namespace hotiron
