#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "app/assignment.h"
#include "app/commit.h"
#include "app/config.h"
#include "app/intake.h"
#include "app/levers.h"
#include "app/outbox.h"
#include "app/worker_probe.h"
#include "kafka/consumer.h"
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
  // The loop, in order.
  Result<void> Work(const std::stop_token& stop);
  Result<void> CreateClients();
  Result<void> Join();
  Result<void> Rejoin();
  Result<void> Step();
  Result<void> TakeBackOwed();
  Result<void> ReadBatch();
  Result<void> PollFailed(const Error& error);
  void NoteEnd(const Message& message);
  Result<void> Handle(const Message& message);
  Result<void> HandleInput(const Partition& partition, const Message& message);
  Result<void> HandleControl(const Message& message);
  Result<void> HandleEvent(Partition& partition, const Message& message);
  Result<void> AppendTicks();
  Result<void> CommitNow(bool all_summaries);
  Result<void> Throttle();
  Result<void> Drain();

  // When something went wrong.
  Result<void> Recover(const Error& error);
  Result<void> Abort();
  Result<void> ServeGroup();
  Result<void> Reset();
  void Forget();

  // RebalanceListener
  void OnAssigned(std::span<TopicPartitionOffset> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;
  void DropStaged();
  void TellOwner();

  const Config& config_;  // constant after construction
  const WorkerContext& context_;
  const int index_;
  WorkerStatus status_;  // atomics

  // Owner thread only from here on. Destroyed in reverse: the consumer first.
  std::optional<Intake> intake_;
  Outbox outbox_;
  Assignment assignment_;
  Commit commit_;
  std::optional<Consumer> consumer_;

  Intake::Output taken_;  // of one record
  enum class Rewinding : uint8_t { kNone, kSeek, kReset };
  Rewinding rewind_ = Rewinding::kNone;  // owed since what was staged was dropped
  bool owns_control_ = false;
  int failures_in_a_row_ = 0;  // without a commit or a quiet time between them
  std::chrono::steady_clock::time_point last_failure_;
  bool fenced_ = false;  // one of these was that somebody else took over
};

}  // namespace hotiron
