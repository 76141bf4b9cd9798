#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "state/store.h"

namespace hotiron {

struct StoreOptions {
  // ---- behaviour

  // Holds one directory per partition, "<topic>-<partition>". Made when missing.
  std::filesystem::path directory;

  // A local copy whose last commit is older than this is wiped when it is opened: the changelog may
  // have forgotten by now which rows were deleted since. Must stay below the changelog's
  // delete.retention.ms (24 h); the difference pays for the restore itself and for clocks that
  // differ.
  Duration stale_after = std::chrono::hours(20);

  // Disk that all databases of the process may use; 0 = as much as there is. Writes fail with
  // kUnavailable when what is left of it would not hold the rows in memory; a compaction that was
  // under way may then still add to it, within the reserve below.
  uint64_t disk_bytes = 0;

  // Space on that disk which is left alone: writes fail with kUnavailable before it is touched,
  // since RocksDB does badly on a disk that is really full.
  uint64_t disk_reserve_bytes = uint64_t{128} << 20;

  // Corrupt directories kept aside per partition for whoever wants to know why; the oldest go
  // first.
  int asides_kept = 2;

  // ---- performance

  // Memory of all databases of the process together: blocks, index and filters of files that were
  // read, and the rows not yet in a file. It is one cache, and what the others need is taken from
  // the blocks.
  size_t memory_bytes = size_t{256} << 20;

  // The part of memory_bytes for rows not yet in a file. More means fewer and larger files.
  double write_share = 0.25;

  // Databases that are open at once at most: the partition count of <app>.events. The write share
  // is divided by it, so that idle partitions cannot crowd out busy ones.
  int databases = 12;

  // Files that one database keeps open. More saves reopening; each takes a file descriptor and some
  // memory of the cache.
  int open_files = 128;

  // Threads for flushes and compactions, of all databases together. RocksDB 7.8 is not safe with 8.
  int background_jobs = 2;
};

// What was found when a store was opened. Anything but kReopened starts empty and must be restored.
struct OpenOutcome {
  enum class State : uint8_t {
    kFresh,       // there was none
    kReopened,    // as it was left, or as the crash left it: a whole number of batches
    kWasCorrupt,  // did not open; moved to `aside`
    kWasStale,    // too old to be trusted (StoreOptions::stale_after), or of unknown age; wiped
  };
  State state = State::kFresh;
  std::filesystem::path aside;
};

struct OpenedStore {
  std::unique_ptr<Store> store;
  OpenOutcome outcome;
};

// Reads the wall clock of the last commit from the value of the offset row; nullopt when it cannot.
using CommitTimeReader = std::function<std::optional<EventTime>(std::string_view offset_row)>;

// What the databases of a process use at this moment.
struct StoreStats {
  uint64_t databases = 0;
  uint64_t memory_limit_bytes = 0;
  uint64_t cache_bytes = 0;         // everything charged to the memory budget
  uint64_t cache_pinned_bytes = 0;  // of these, what cannot be given back now
  uint64_t write_buffer_bytes = 0;  // of these, rows not yet in a file
  uint64_t table_bytes = 0;         // live SST files of the open databases
  uint64_t disk_bytes = 0;          // SST files of this process, also those waiting for deletion
  uint64_t disk_limit_bytes = 0;    // 0 = none
  uint64_t pending_compaction_bytes = 0;
  uint64_t rows = 0;               // estimate
  uint64_t background_errors = 0;  // of the open databases
  uint64_t writes_stopped = 0;     // databases that take no writes until a flush or compaction ends
};

// The RocksDB databases of one process, one per partition, and what they share: one cache, one
// write-buffer manager charged to it, one count of the disk they use, one pool of threads.
//
// Operation: Open gives the rows of a partition as they were left, or empty and says why. It never
//   tries twice. The write-ahead log is off, since the changelog is the log; all rows are in one
//   column family, because two of them come back torn after a crash without that log.
// Ownership: must outlive the stores it opened.
// Concurrency: thread-safe. Each opened store belongs to one thread.
// Limits: never fork while a store is open: the child's copy would not flush and holds no lock.
class StoreResources {
 public:
  static Result<std::unique_ptr<StoreResources>> Create(const StoreOptions& options);

  StoreResources(const StoreResources&) = delete;
  StoreResources& operator=(const StoreResources&) = delete;
  ~StoreResources();

  // kConflict: another process has it open. kUnavailable: the disk does not allow it. Without
  // `commit_time` the age is not looked at; `now` is the wall clock.
  Result<OpenedStore> Open(const std::string& topic, int32_t partition, EventTime now,
                           const CommitTimeReader& commit_time);

  // Moves the directory of a partition aside, after its store said kCorrupt and was closed, and
  // returns where to. The next Open is fresh.
  Result<std::filesystem::path> SetAside(const std::string& topic, int32_t partition);

  // Deletes the directory of a partition, whose store must be closed.
  Result<void> Remove(const std::string& topic, int32_t partition);

  StoreStats Stats() const;

 private:
  struct Shared;
  class RocksDbStore;

  explicit StoreResources(std::unique_ptr<Shared> shared);

  std::unique_ptr<Shared> shared_;  // provides its own synchronisation
};

}  // namespace hotiron
