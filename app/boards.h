#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/probes.h"
#include "base/mutex.h"
#include "base/records.pb.h"
#include "base/time.h"
#include "kafka/types.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"

// What is looked up when somebody asks, rather than counted as it happens.
namespace hotiron {

// Partitions whose lag is told apart; the rest are summed under "other".
inline constexpr size_t kLagPartitionsMax = 256;

// The tasks of this process and what their rows add up to: companies by stage and segment. As exact
// and as durable as the rows, since each task keeps its census with them. Thread-safe.
class TaskBoard final : public prometheus::Collectable {
 public:
  explicit TaskBoard(const LabelSets& labels);

  // The task of a partition is being restored. What it counted before is shown until it has been.
  void Restoring(int32_t partition);

  // It runs; called when it is restored and after each of its commits. Returns how long the restore
  // has taken, the first time.
  void Running(int32_t partition, const Task& task);

  // Since Restoring.
  std::chrono::steady_clock::duration RestoringFor(int32_t partition) const;

  // Another member has it now.
  void Released(int32_t partition);

  uint64_t companies() const;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  static constexpr std::array<const char*, 4> kLeverKinds{"policy", "catalogue", "models",
                                                          "thresholds"};
  using LeverVersions = std::array<uint32_t, kLeverKinds.size()>;

  struct Entry {
    bool running = false;
    std::chrono::steady_clock::time_point restoring_since;
    pb::CensusRow census;
    LeverVersions versions{};
  };

  const MetricLabel stages_;
  const MetricLabel segments_;
  mutable Mutex mutex_;
  std::map<int32_t, Entry> entries_ HOTIRON_GUARDED_BY(mutex_);
};

// How far each partition of this process is behind. The age grows even when nobody reports: a
// worker that is stuck is seen. Thread-safe.
class LagBoard final : public prometheus::Collectable {
 public:
  explicit LagBoard(std::function<EventTime()> now) : now_(std::move(now)) {}

  // `last`: timestamp of the last record processed; the epoch when there is none yet.
  void Set(const TopicPartition& at, std::string_view role, int64_t records, EventTime last);
  void Released(const TopicPartition& at);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Entry {
    std::string role;
    int64_t records = 0;
    EventTime last{};
    EventTime since{};  // first reported
  };

  const std::function<EventTime()> now_;
  mutable Mutex mutex_;
  std::map<TopicPartition, Entry> entries_ HOTIRON_GUARDED_BY(mutex_);
};

// What the databases use. Thread-safe.
class StoreBoard final : public prometheus::Collectable {
 public:
  // `stats` is called at every scrape.
  explicit StoreBoard(std::function<StoreStats()> stats) : stats_(std::move(stats)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::function<StoreStats()> stats_;
};

// What the process uses, from /proc, under the names that other programs use too; and which version
// it is. Thread-safe.
class ProcessBoard final : public prometheus::Collectable {
 public:
  explicit ProcessBoard(uint64_t memory_budget_bytes) : memory_budget_bytes_(memory_budget_bytes) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const uint64_t memory_budget_bytes_;
};

}  // namespace hotiron
