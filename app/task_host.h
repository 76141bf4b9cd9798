#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "base/time.h"
#include "kafka/consumer.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"

namespace hotiron {

// What the configuration says of tasks; each gets its share of the accounts kept decoded.
TaskOptions TaskOptionsOf(const Config& config);

// Reads a task's rows from its store.
class StoreRows final : public RowSource {
 public:
  explicit StoreRows(const Store& store) : store_(store) {}

  Result<std::optional<std::string>> Get(std::string_view key) override { return store_.Get(key); }

  Result<void> Scan(std::string_view prefix,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return store_.Scan(prefix, prefix, visit);
  }

 private:
  const Store& store_;
};

// One partition of <app>.events in the hands of a worker: its store, the changelog it is restored
// from, and its task once it is restored.
//
// Operation: kOpening (the store may still be another's, or the disk unwell) -> kRestoring (the
// changelog's tail is read into the store) -> kRunning. The restore is complete when the offset row
// has reached the commit that the group knows of *and* the changelog is read to its end: under
// read_committed the end may come before the last commit's own records (design of the restore in
// docs/ARCHITECTURE.md).
// Concurrency: the worker's thread. The reader is shared by the worker's tasks.
class TaskHost {
 public:
  enum class Stage : uint8_t { kOpening, kRestoring, kRunning };

  struct Options {
    TaskOptions task;
    TopicPartition events;
    TopicPartition changelog;
    Duration patience;  // for the changelog to show the commit that the group knows of, and for
                        // another process to let go of the store
    size_t batch_bytes = size_t{4} << 20;    // restored rows per write
    size_t commit_bytes = size_t{64} << 20;  // more rows than a commit can have
  };

  // `committed`: what the group has committed for the partition, with the task's commit number.
  TaskHost(Options options, StoreResources& stores, std::optional<CommittedOffset> committed);
  ~TaskHost();

  TaskHost(const TaskHost&) = delete;
  TaskHost& operator=(const TaskHost&) = delete;

  Stage stage() const { return stage_; }

  // Opens the store and lets `reader` read the changelog from where the store ends. False: not yet.
  // kUnavailable (a full disk) is waited out however long it takes, kConflict (another process has
  // the store open) until the patience is over; both are tried about once a second.
  Result<bool> Open(Reader& reader, EventTime now);

  // Takes one message of the changelog.
  Result<void> Restore(const Message& message);

  // True when the restore is complete; loads the task then, and the reader has let go.
  Result<bool> FinishRestore(Reader& reader);

  Task& task() { return *task_; }

  // Writes what was committed; the offset row, the last of `rows`, gets the place in the changelog.
  // An error means that the store is behind the changelog: the host must be made anew, which
  // restores the difference.
  Result<void> WriteCommitted(std::vector<Row>& rows, std::optional<int64_t> changelog_next);

  // Where to read <app>.events on; nothing when no record of it was ever processed.
  std::optional<int64_t> next_offset() const;

  const TopicPartition& changelog() const { return options_.changelog; }

  uint64_t restored_records() const { return restored_records_; }

  // Flushes and closes the store; the host is of no use afterwards.
  Result<void> Close(Reader& reader);

  // The wall time at which the worker last appended a tick.
  EventTime ticked{};

 private:
  Result<void> WriteRestored(size_t rows);

  const Options options_;
  StoreResources& stores_;
  const std::optional<CommittedOffset> committed_;
  std::chrono::steady_clock::time_point waiting_since_;
  std::chrono::steady_clock::time_point open_next_;                    // not tried before
  std::optional<std::chrono::steady_clock::time_point> waiting_said_;  // last logged

  Stage stage_ = Stage::kOpening;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreRows> rows_;
  std::unique_ptr<Task> task_;
  bool reading_ = false;  // the reader has our changelog

  // The offset row as restored so far, with the place in the changelog.
  pb::OffsetRow position_;
  std::vector<Row> restored_;
  size_t whole_ = 0;        // so many of them belong to commits whose offset row has been read
  int64_t whole_next_ = 0;  // changelog record after the last of these
  size_t restored_bytes_ = 0;
  bool at_end_ = false;
  uint64_t restored_records_ = 0;
};

}  // namespace hotiron
