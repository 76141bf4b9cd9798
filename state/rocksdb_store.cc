#include "state/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>
#if __has_include(<rocksdb/advanced_cache.h>)  // Debian 13's; before it cache.h has all of Cache
#include <rocksdb/advanced_cache.h>
#endif

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace hotiron {
namespace {

namespace fs = std::filesystem;

// Smaller write buffers than this make more files than compaction can keep up with.
constexpr size_t kWriteBufferBytesMin = size_t{1} << 20;

// The part of the write share that full buffers of all databases come to. The rest is for buffers
// on their way to a file. Were it 1, buffers of idle databases could fill the share, and every
// write of a busy one would then flush a file of one batch.
constexpr double kActiveBufferShare = 0.75;

// RocksDB's own log, per database; older ones are deleted.
constexpr size_t kInfoLogBytesMax = size_t{1} << 20;
constexpr size_t kInfoLogsKept = 2;
constexpr uint64_t kManifestBytesMax = uint64_t{16} << 20;

// How long a flush may take, and how often to ask whether it has ended.
constexpr Duration kFlushTimeMax = std::chrono::seconds(30);
constexpr Duration kFlushPoll = std::chrono::milliseconds(1);

// How long a write waits where compaction has fallen behind, and how often to ask again.
constexpr Duration kStallTimeMax = std::chrono::seconds(10);
constexpr Duration kStallPoll = std::chrono::milliseconds(5);

// Files of level 0 at which a write must wait.
constexpr int kLevel0FilesMax = 40;

// About one false positive in a hundred.
constexpr double kFilterBitsPerKey = 10;

constexpr std::string_view kAsideSuffix = ".corrupt-";

rocksdb::Slice ToSlice(std::string_view bytes) {
  return rocksdb::Slice(bytes.data(), bytes.size());
}

std::string_view ToView(const rocksdb::Slice& slice) {
  return std::string_view(slice.data(), slice.size());
}

bool IsSupported(rocksdb::CompressionType type) {
  std::vector<rocksdb::CompressionType> types = rocksdb::GetSupportedCompressions();
  return std::find(types.begin(), types.end(), type) != types.end();
}

// The smallest key above all that begin with `prefix`; "" = there is none.
std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') {
    end.pop_back();
  }
  if (!end.empty()) {
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  }
  return end;
}

// False for a directory that is missing, empty, or was being made when the process died.
bool HoldsDatabase(const fs::path& path) {
  std::error_code failure;
  for (fs::directory_iterator entry(path, failure), end; entry != end; entry.increment(failure)) {
    if (entry->path().filename() == "CURRENT" || entry->path().extension() == ".sst") {
      return true;
    }
  }
  return false;
}

bool Says(const rocksdb::Status& status, std::string_view text) {
  return status.ToString().find(text) != std::string::npos;
}

// RocksDB says this of a LOCK held by another process, and of one held by this process. There is no
// code for it, and looking at the lock with fcntl would release our own.
bool IsLocked(const rocksdb::Status& status) {
  return status.IsIOError() &&
         (Says(status, "While lock file") || Says(status, "lock hold by current process"));
}

// An existing database cannot be opened because of what is in it, not because of the disk: a file
// is damaged, or gone (for CURRENT that is kInvalidArgument), or of a later version of RocksDB.
bool IsDamaged(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound() ||
         status.IsInvalidArgument() || status.IsNotSupported();
}

// Whether a database with rows is too old to be trusted. Without a stamp nothing is known of its
// age; one from the far future says that a clock was wrong.
rocksdb::Status IsStale(rocksdb::DB& database, EventTime now, Duration stale_after,
                        const CommitTimeReader& commit_time, bool* stale) {
  std::string offset_row;
  rocksdb::Status status = database.Get(rocksdb::ReadOptions(), ToSlice(kOffsetKey), &offset_row);
  if (!status.ok() && !status.IsNotFound()) {
    return status;
  }
  if (std::optional<EventTime> last = status.ok() ? commit_time(offset_row) : std::nullopt) {
    *stale = std::chrono::abs(now - *last) > stale_after;
    return rocksdb::Status::OK();
  }
  std::unique_ptr<rocksdb::Iterator> row(database.NewIterator(rocksdb::ReadOptions()));
  row->SeekToFirst();
  *stale = row->Valid();
  return row->status();
}

uint64_t Property(rocksdb::DB& database, const std::string& name) {
  uint64_t value = 0;
  database.GetIntProperty(name, &value);
  return value;
}

// The number of a directory that was moved aside from `path`, or 0.
int AsideNumber(const fs::path& path, const fs::path& aside) {
  std::string prefix = path.filename().string() + std::string(kAsideSuffix);
  std::string name = aside.filename().string();
  int number = 0;
  if (name.starts_with(prefix)) {
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  }
  return number;
}

}  // namespace

struct StoreResources::Shared {
  StoreOptions options;                                 // constant after Create
  rocksdb::Options database;                            // constant after Create
  std::shared_ptr<rocksdb::Cache> cache;                // its own synchronisation
  std::shared_ptr<rocksdb::WriteBufferManager> writes;  // its own synchronisation
  std::shared_ptr<rocksdb::SstFileManager> files;       // its own synchronisation

  Mutex mutex;
  std::set<rocksdb::DB*> open HOTIRON_GUARDED_BY(mutex);  // a store is in it until it closes

  fs::path PathOf(const std::string& topic, int32_t partition) const {
    return options.directory / fmt::format("{}-{}", topic, partition);
  }

  // An existing database is never created anew: RocksDB would do so where CURRENT is gone, and
  // delete the files it then does not know.
  rocksdb::Status Open(const fs::path& path, bool create,
                       std::unique_ptr<rocksdb::DB>* opened) const;
  Error Fail(const rocksdb::Status& status, const fs::path& path) const;
  Result<void> CheckRoom(const fs::path& path) const;
  Result<uint64_t> CheckDisk(const fs::path& path, uint64_t reserve) const;
  Result<fs::path> MoveAside(const fs::path& path) const;
  Result<void> Wipe(const fs::path& path) const;
};

rocksdb::Status StoreResources::Shared::Open(const fs::path& path, bool create,
                                             std::unique_ptr<rocksdb::DB>* opened) const {
  rocksdb::Options with_create = database;
  with_create.create_if_missing = create;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(with_create, path.string(), &raw);
  opened->reset(raw);
  return status;
}

Error StoreResources::Shared::Fail(const rocksdb::Status& status, const fs::path& path) const {
  if (IsLocked(status)) {
    return Conflict(fmt::format(
        "State directory {} is in use: another hotiron uses it. Stop that one, or give this one a "
        "state directory of its own.",
        path.string()));
  }
  if (status.IsCorruption()) {
    return Corrupt(fmt::format(
        "State in {} does not read back ({}). It must be moved aside and restored from the "
        "changelog.",
        path.string(), status.ToString()));
  }
  if (status.IsIncomplete() || status.IsNoSpace() ||
      status.subcode() == rocksdb::Status::kSpaceLimit) {
    return Unavailable(fmt::format(
        "State in {} takes no more writes: a flush or compaction does not end ({}). Check that its "
        "disk is neither full nor failing.",
        path.string(), status.ToString()));
  }
  if (status.IsBusy()) {
    return Unavailable(fmt::format("State in {} is recovering from a full disk.", path.string()));
  }
  return Unavailable(fmt::format("State in {} cannot be used ({}). Check the disk.", path.string(),
                                 status.ToString()));
}

// A write is refused while everything in memory still fits into files. RocksDB itself notices a
// full disk when a flush or compaction fails, and 7.8.3 then blocks writes for minutes, or aborts
// on an assertion that Debian's build leaves in. It meets a full disk only if somebody else fills
// it fast.
Result<void> StoreResources::Shared::CheckRoom(const fs::path& path) const {
  uint64_t used = files->GetTotalSize();
  uint64_t buffers = writes->buffer_size();
  if (options.disk_bytes > 0 && used + buffers > options.disk_bytes) {
    return Unavailable(fmt::format(
        "State in {} takes no more writes: this process uses {} of the {} MiB it may use for state "
        "and needs {} to work. Raise the limit, or add a process to share the partitions.",
        path.string(), used >> 20, options.disk_bytes >> 20, buffers >> 20));
  }
  TRY_ASSIGN(uint64_t available, CheckDisk(path, options.disk_reserve_bytes));
  // Beyond this a flush fails. Compactions stay below it by the reserve (SetCompactionBufferSize),
  // because the files they are writing are on the disk already but not yet in `used`.
  uint64_t most = used + available;
  if (options.disk_bytes > 0) {
    most = std::min(most, options.disk_bytes + options.disk_reserve_bytes);
  }
  files->SetMaxAllowedSpaceUsage(most);
  return {};
}

// What is left of the disk, where it is enough for all that is in memory and for the reserve.
Result<uint64_t> StoreResources::Shared::CheckDisk(const fs::path& path, uint64_t reserve) const {
  std::error_code failure;
  fs::space_info space = fs::space(options.directory, failure);
  if (failure) {
    return Unavailable(fmt::format("State in {} cannot be written ({}). Check the disk.",
                                   path.string(), failure.message()));
  }
  uint64_t needed = reserve + writes->buffer_size();
  if (space.available < needed) {
    return Unavailable(
        fmt::format("State in {} takes no more writes: its disk has {} MiB left, less than the {} "
                    "that are kept in reserve. Free some space; nothing is lost.",
                    path.string(), space.available >> 20, needed >> 20));
  }
  return static_cast<uint64_t>(space.available);
}

Result<fs::path> StoreResources::Shared::MoveAside(const fs::path& path) const {
  std::error_code failure;
  std::map<int, fs::path> asides;
  for (fs::directory_iterator entry(options.directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (int number = AsideNumber(path, entry->path()); number > 0) {
      asides.emplace(number, entry->path());
    }
  }
  int number = asides.empty() ? 1 : asides.rbegin()->first + 1;
  fs::path aside = path;
  aside += fmt::format("{}{}", kAsideSuffix, number);
  if (!failure) {
    fs::rename(path, aside, failure);
  }
  asides.emplace(number, aside);
  while (!failure && asides.size() > static_cast<size_t>(options.asides_kept)) {
    fs::remove_all(asides.begin()->second, failure);
    asides.erase(asides.begin());
  }
  if (failure) {
    return Unavailable(
        fmt::format("Damaged state {} cannot be moved aside ({}). Move or delete it.",
                    path.string(), failure.message()));
  }
  return aside;
}

Result<void> StoreResources::Shared::Wipe(const fs::path& path) const {
  // By RocksDB, so that the count of the disk used learns of it; then what RocksDB does not know.
  rocksdb::Status status = rocksdb::DestroyDB(path.string(), database);
  if (!status.ok()) {
    return Fail(status, path);
  }
  std::error_code failure;
  fs::remove_all(path, failure);
  if (failure) {
    return Unavailable(
        fmt::format("State in {} cannot be deleted ({}).", path.string(), failure.message()));
  }
  return {};
}

// ------------------------------------------------------------------ one database

class StoreResources::RocksDbStore : public Store {
 public:
  RocksDbStore(Shared* shared, fs::path path, std::unique_ptr<rocksdb::DB> database)
      : shared_(shared), path_(std::move(path)), database_(std::move(database)) {
    write_options_.disableWAL = true;
    write_options_.no_slowdown = true;  // be told of a stall instead of sitting in it
    MutexLock lock(shared_->mutex);
    shared_->open.insert(database_.get());
  }

  ~RocksDbStore() override {
    if (database_ != nullptr) {
      Unregister();
    }
  }

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    CHECK(database_ != nullptr);
    std::string value;
    rocksdb::Status status = database_->Get(rocksdb::ReadOptions(), ToSlice(key), &value);
    if (status.IsNotFound()) {
      return std::optional<std::string>();
    }
    if (!status.ok()) {
      return Fail(status);
    }
    return std::optional<std::string>(std::move(value));
  }

  Result<void> Write(std::span<const Row> rows) override {
    CHECK(database_ != nullptr);
    TRY(shared_->CheckRoom(path_));
    rocksdb::WriteBatch batch;
    for (const Row& row : rows) {
      rocksdb::Status status =
          row.value.has_value() ? batch.Put(row.key, *row.value) : batch.Delete(row.key);
      CHECK(status.ok());  // fails only for a batch above 4 GiB
    }
    for (Duration waited(0);; waited += kStallPoll) {
      rocksdb::Status status = database_->Write(write_options_, &batch);
      if (!status.IsIncomplete() || waited >= kStallTimeMax) {
        return Done(status);
      }
      std::this_thread::sleep_for(kStallPoll);  // a flush or compaction must end first
      TRY(shared_->CheckRoom(path_));
    }
  }

  Result<void> Scan(std::string_view prefix, std::string_view from_key,
                    const Visitor& visitor) const override {
    CHECK(database_ != nullptr);
    std::string end = PrefixEnd(prefix);
    rocksdb::Slice end_slice(end);
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // a scan is read once; it must not drive out what is read often
    if (!end.empty()) {
      options.iterate_upper_bound = &end_slice;
    }
    std::unique_ptr<rocksdb::Iterator> row(database_->NewIterator(options));
    for (row->Seek(ToSlice(std::max(prefix, from_key))); row->Valid(); row->Next()) {
      if (!visitor(ToView(row->key()), ToView(row->value()))) {
        break;
      }
    }
    return Done(row->status());
  }

  Result<void> Flush() override {
    CHECK(database_ != nullptr);
    return Done(FlushAll());
  }

  Result<void> Resume() override {
    CHECK(database_ != nullptr);
    TRY(shared_->CheckRoom(path_));
    return Done(database_->Resume());
  }

  Result<void> Close() override {
    CHECK(database_ != nullptr);
    Unregister();
    // On a full disk a flush may never return. What is in memory is in the changelog.
    Result<uint64_t> room = shared_->CheckDisk(path_, 0);
    rocksdb::Status flushed = room.ok() ? FlushAll() : rocksdb::Status::OK();
    rocksdb::Status closed = database_->Close();
    database_.reset();
    if (!room.ok()) {
      return room.error();
    }
    return Done(flushed.ok() ? closed : flushed);
  }

 private:
  // RocksDB 7.8 returns from Flush before the rows are in a file, once it has recovered from a full
  // disk; closed at once, it loses them. So ask until none are left in memory.
  rocksdb::Status FlushAll() {
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;  // or it waits for compactions, on a full disk for ever
    for (Duration waited(0); waited <= kFlushTimeMax; waited += kFlushPoll) {
      rocksdb::Status status = database_->Flush(options);
      if (!status.ok() ||
          Property(*database_, rocksdb::DB::Properties::kNumImmutableMemTable) == 0) {
        return status;
      }
      std::this_thread::sleep_for(kFlushPoll);
    }
    return rocksdb::Status::TimedOut("flush");
  }

  Error Fail(const rocksdb::Status& status) const { return shared_->Fail(status, path_); }

  Result<void> Done(const rocksdb::Status& status) const {
    if (!status.ok()) {
      return Fail(status);
    }
    return {};
  }

  void Unregister() {
    MutexLock lock(shared_->mutex);
    shared_->open.erase(database_.get());
  }

  Shared* shared_;                         // constant, its own synchronisation
  fs::path path_;                          // constant
  rocksdb::WriteOptions write_options_;    // constant
  std::unique_ptr<rocksdb::DB> database_;  // null once closed; its own synchronisation
};

// ------------------------------------------------------------------ all of them

Result<std::unique_ptr<StoreResources>> StoreResources::Create(const StoreOptions& options) {
  CHECK(options.databases > 0);
  CHECK(options.background_jobs > 0 && options.background_jobs < 8);
  CHECK(options.write_share > 0 && options.write_share < 1);
  CHECK(options.open_files > 0);
  CHECK(options.asides_kept >= 0);

  std::unique_ptr<Shared> shared = std::make_unique<Shared>();
  shared->options = options;

  double write_bytes = static_cast<double>(options.memory_bytes) * options.write_share;
  double buffer_bytes = write_bytes * kActiveBufferShare / options.databases;
  if (buffer_bytes < static_cast<double>(kWriteBufferBytesMin)) {
    double needed = static_cast<double>(options.memory_bytes) *
                    static_cast<double>(kWriteBufferBytesMin) / buffer_bytes;
    return Invalid(fmt::format(
        "{} MiB of memory for state are too little for {} partitions: give at least {} "
        "MiB.",
        options.memory_bytes >> 20, options.databases, (static_cast<size_t>(needed) >> 20) + 1));
  }

  std::error_code failure;
  fs::create_directories(options.directory, failure);
  if (failure) {
    return Unavailable(fmt::format("State directory {} cannot be made: {}.",
                                   options.directory.string(), failure.message()));
  }

  // Not strict: a full cache must make reads slower, never fail them.
  shared->cache = rocksdb::NewLRUCache(options.memory_bytes);
  shared->writes = std::make_shared<rocksdb::WriteBufferManager>(static_cast<size_t>(write_bytes),
                                                                 shared->cache);
  shared->files.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  shared->files->SetCompactionBufferSize(options.disk_reserve_bytes +
                                         static_cast<uint64_t>(write_bytes));

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared->cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.cache_usage_options.options_overrides[rocksdb::CacheEntryRole::kBlockBasedTableReader] = {
      .charged = rocksdb::CacheEntryRoleOptions::Decision::kEnabled};
  table.cache_usage_options.options_overrides[rocksdb::CacheEntryRole::kFilterConstruction] = {
      .charged = rocksdb::CacheEntryRoleOptions::Decision::kEnabled};
  // Bloom for the files of level 0, which live shortly; Ribbon, smaller and slower to make, below.
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(kFilterBitsPerKey, 1));
  table.optimize_filters_for_memory = true;
  table.format_version = 5;

  rocksdb::Options& database = shared->database;
  database.create_if_missing = true;
  database.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  database.write_buffer_manager = shared->writes;
  database.write_buffer_size = static_cast<size_t>(buffer_bytes);
  // Writes are stopped, never slowed down: above 3 buffers, or below the stop trigger, RocksDB
  // would make single writes sleep.
  database.max_write_buffer_number = 3;
  database.level0_slowdown_writes_trigger = kLevel0FilesMax;
  database.level0_stop_writes_trigger = kLevel0FilesMax;
  database.soft_pending_compaction_bytes_limit = 0;
  database.sst_file_manager = shared->files;
  database.max_background_jobs = options.background_jobs;
  database.max_open_files = options.open_files;
  database.level_compaction_dynamic_level_bytes = true;
  database.compression =
      IsSupported(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  database.bottommost_compression =
      IsSupported(rocksdb::kZSTD) ? rocksdb::kZSTD : database.compression;
  database.avoid_flush_during_shutdown = true;  // it would wait for compactions; Close flushes
  database.allow_fallocate = false;  // it takes space ahead of need that CheckRoom then misses
  database.max_manifest_file_size = kManifestBytesMax;
  database.max_log_file_size = kInfoLogBytesMax;
  database.keep_log_file_num = kInfoLogsKept;
  database.info_log_level = rocksdb::WARN_LEVEL;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;

  return std::unique_ptr<StoreResources>(new StoreResources(std::move(shared)));
}

StoreResources::StoreResources(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

StoreResources::~StoreResources() {
  MutexLock lock(shared_->mutex);
  CHECK(shared_->open.empty());
}

Result<OpenedStore> StoreResources::Open(const std::string& topic, int32_t partition, EventTime now,
                                         const CommitTimeReader& commit_time) {
  fs::path path = shared_->PathOf(topic, partition);
  // Opening writes too, and on a full disk Debian's RocksDB aborts the process over it.
  TRY(shared_->CheckDisk(path, 0));
  OpenedStore opened;
  std::unique_ptr<rocksdb::DB> database;
  if (HoldsDatabase(path)) {
    opened.outcome.state = OpenOutcome::State::kReopened;
    rocksdb::Status status = shared_->Open(path, false, &database);
    bool stale = false;
    if (status.ok() && commit_time) {
      status = IsStale(*database, now, shared_->options.stale_after, commit_time, &stale);
    }
    if (stale) {
      opened.outcome.state = OpenOutcome::State::kWasStale;
      database.reset();
      TRY(shared_->Wipe(path));
    } else if (!status.ok()) {
      database.reset();
      if (IsLocked(status) || !IsDamaged(status)) {
        return shared_->Fail(status, path);
      }
      opened.outcome.state = OpenOutcome::State::kWasCorrupt;
      TRY_ASSIGN(opened.outcome.aside, shared_->MoveAside(path));
    }
  }
  if (database == nullptr) {
    rocksdb::Status status = shared_->Open(path, true, &database);
    if (!status.ok()) {
      return shared_->Fail(status, path);
    }
  }
  opened.store = std::make_unique<RocksDbStore>(shared_.get(), path, std::move(database));
  return opened;
}

Result<fs::path> StoreResources::SetAside(const std::string& topic, int32_t partition) {
  return shared_->MoveAside(shared_->PathOf(topic, partition));
}

Result<void> StoreResources::Remove(const std::string& topic, int32_t partition) {
  return shared_->Wipe(shared_->PathOf(topic, partition));
}

StoreStats StoreResources::Stats() const {
  StoreStats stats;
  stats.memory_limit_bytes = shared_->options.memory_bytes;
  stats.cache_bytes = shared_->cache->GetUsage();
  stats.cache_pinned_bytes = shared_->cache->GetPinnedUsage();
  stats.write_buffer_bytes = shared_->writes->memory_usage();
  stats.disk_bytes = shared_->files->GetTotalSize();
  stats.disk_limit_bytes = shared_->options.disk_bytes;
  MutexLock lock(shared_->mutex);
  stats.databases = shared_->open.size();
  for (rocksdb::DB* database : shared_->open) {
    using Properties = rocksdb::DB::Properties;
    stats.table_bytes += Property(*database, Properties::kLiveSstFilesSize);
    stats.pending_compaction_bytes +=
        Property(*database, Properties::kEstimatePendingCompactionBytes);
    stats.rows += Property(*database, Properties::kEstimateNumKeys);
    stats.background_errors += Property(*database, Properties::kBackgroundErrors);
    stats.writes_stopped += Property(*database, Properties::kIsWriteStopped);
  }
  return stats;
}

}  // namespace hotiron
