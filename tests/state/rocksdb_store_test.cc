#include "state/rocksdb_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/state/writer_model.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

namespace fs = std::filesystem;
using State = OpenOutcome::State;

constexpr EventTime kNow = FromMillis(1'800'000'000'000);
constexpr Duration kHour = std::chrono::hours(1);

// The offset row of these tests is the commit time in milliseconds.
std::optional<EventTime> ReadCommitTime(std::string_view offset_row) {
  if (offset_row.empty()) {
    return std::nullopt;
  }
  return FromMillis(std::stoll(std::string(offset_row)));
}

Result<void> PutRow(Store& store, const std::string& key, const std::string& value) {
  return store.Write(std::vector<Row>{{.key = key, .value = value}});
}

std::string GetRow(const Store& store, const std::string& key) {
  Result<std::optional<std::string>> value = store.Get(key);
  return value.ok() ? value.value().value_or("(none)") : value.error().message;
}

std::map<std::string, std::string> AllRows(const Store& store) {
  std::map<std::string, std::string> rows;
  Result<void> scanned = store.Scan("", "", [&rows](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return true;
  });
  EXPECT_TRUE(scanned.ok());
  return rows;
}

void MakeFile(const fs::path& path) {
  std::ofstream file(path);
  ASSERT_TRUE(file.good()) << path;
}

void Overwrite(const fs::path& file, size_t from, size_t count) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(from));
  stream << std::string(count, '\x5a');
  ASSERT_TRUE(stream.good()) << file;
}

// A store_writer process (see store_writer.cc), killed with its object.
class Writer {
 public:
  Writer(const std::string& mode, const fs::path& directory, uint64_t seed = 0) {
    int to_child[2];
    int from_child[2];
    CHECK(pipe2(to_child, O_CLOEXEC) == 0 && pipe2(from_child, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    std::vector<std::string> arguments = {STORE_WRITER, mode, directory.string(),
                                          std::to_string(seed)};
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    CHECK(posix_spawn(&pid_, STORE_WRITER, &actions, nullptr, pointers.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to_child[0]);
    close(from_child[1]);
    input_ = to_child[1];
    output_ = fdopen(from_child[0], "r");
    CHECK(output_ != nullptr);
  }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  ~Writer() {
    Kill();
    fclose(output_);
    close(input_);
  }

  // The next line of its output, or "" when it has ended.
  std::string ReadLine() {
    char line[512];
    if (fgets(line, sizeof(line), output_) == nullptr) {
      return "";
    }
    std::string text = line;
    return text.substr(0, text.find('\n'));
  }

  void Kill() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }

  // Its exit code.
  int Wait() {
    int status = 0;
    CHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
  FILE* output_ = nullptr;
};

class RocksDbStoreTest : public testing::Test {
 protected:
  RocksDbStoreTest() {
    options_.directory = directory_.path();
    options_.memory_bytes = size_t{16} << 20;
    options_.databases = 2;
  }

  StoreResources& Resources() {
    if (resources_ == nullptr) {
      Result<std::unique_ptr<StoreResources>> resources = StoreResources::Create(options_);
      CHECK(resources.ok());
      resources_ = std::move(resources).value();
    }
    return *resources_;
  }

  Result<OpenedStore> TryOpen(EventTime now = kNow) {
    return Resources().Open("events", 3, now, ReadCommitTime);
  }

  // Opens and says what was found.
  State Open(EventTime now = kNow) {
    Result<OpenedStore> opened = TryOpen(now);
    CHECK(opened.ok());
    store_ = std::move(opened.value().store);
    aside_ = opened.value().outcome.aside;
    return opened.value().outcome.state;
  }

  void Close() {
    ASSERT_TRUE(store_->Close().ok());
    store_.reset();
  }

  // A closed store of one file with some rows and an offset row of the time kNow.
  void MakeStore() {
    Open();
    for (int i = 0; i < 1'000; ++i) {
      ASSERT_TRUE(PutRow(*store_, "a:" + std::to_string(i), std::string(100, 'v')).ok());
    }
    ASSERT_TRUE(PutRow(*store_, std::string(kOffsetKey), std::to_string(ToMillis(kNow))).ok());
    Close();
  }

  fs::path StorePath() const { return directory_.path() / "events-3"; }

  fs::path FileLike(const std::string& part) const {
    for (const fs::directory_entry& entry : fs::directory_iterator(StorePath())) {
      if (entry.path().filename().string().find(part) != std::string::npos) {
        return entry.path();
      }
    }
    return "";
  }

  TempDir directory_;
  StoreOptions options_;
  std::unique_ptr<StoreResources> resources_;
  std::unique_ptr<Store> store_;
  fs::path aside_;
};

// ------------------------------------------------------------------ opening

TEST_F(RocksDbStoreTest, SaysWhetherItWasThere) {
  EXPECT_EQ(Open(), State::kFresh);
  Close();
  EXPECT_EQ(Open(), State::kReopened);
  EXPECT_TRUE(fs::is_directory(StorePath()));
}

TEST_F(RocksDbStoreTest, IsFreshWhereTheProcessDiedWhileMakingIt) {
  fs::create_directories(StorePath());
  MakeFile(StorePath() / "LOCK");
  MakeFile(StorePath() / "MANIFEST-000001");
  EXPECT_EQ(Open(), State::kFresh);
}

TEST_F(RocksDbStoreTest, IsFreshAfterItWasRemoved) {
  MakeStore();
  ASSERT_TRUE(Resources().Remove("events", 3).ok());
  EXPECT_FALSE(fs::exists(StorePath()));
  EXPECT_EQ(Open(), State::kFresh);
  EXPECT_TRUE(AllRows(*store_).empty());
}

TEST_F(RocksDbStoreTest, IsTrustedWhileYoung) {
  MakeStore();
  EXPECT_EQ(Open(kNow + options_.stale_after), State::kReopened);
  EXPECT_EQ(AllRows(*store_).size(), 1'001u);
}

TEST_F(RocksDbStoreTest, IsWipedWhenStale) {
  MakeStore();
  EXPECT_EQ(Open(kNow + options_.stale_after + Duration(1)), State::kWasStale);
  EXPECT_TRUE(AllRows(*store_).empty());
  ASSERT_TRUE(PutRow(*store_, "a:1", "new").ok());
  Close();
  EXPECT_FALSE(fs::exists(directory_.path() / "events-3.corrupt-1"));
}

TEST_F(RocksDbStoreTest, IsWipedWhenItsClockWasFarAhead) {
  MakeStore();
  EXPECT_EQ(Open(kNow - 1'000 * kHour), State::kWasStale);
}

TEST_F(RocksDbStoreTest, IsWipedWhenItsAgeIsUnknown) {
  Open();
  ASSERT_TRUE(PutRow(*store_, "a:1", "one").ok());
  Close();
  EXPECT_EQ(Open(), State::kWasStale);
  ASSERT_TRUE(PutRow(*store_, std::string(kOffsetKey), "").ok());
  Close();
  EXPECT_EQ(Open(), State::kWasStale);
}

TEST_F(RocksDbStoreTest, NamesTheDirectoryThatAnotherProcessUses) {
  Writer other("hold", directory_.path());
  ASSERT_EQ(other.ReadLine(), "open");
  Result<OpenedStore> opened = Resources().Open("events", 0, kNow, nullptr);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Error::Code::kConflict);
  EXPECT_NE(opened.error().message.find((directory_.path() / "events-0").string()),
            std::string::npos);
  EXPECT_NE(opened.error().message.find("another hotiron uses it"), std::string::npos);
  other.Kill();
  EXPECT_TRUE(Resources().Open("events", 0, kNow, nullptr).ok());
}

TEST_F(RocksDbStoreTest, OpensTwiceInOneProcessOnlyOnce) {
  Open();
  Result<OpenedStore> again = TryOpen();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Error::Code::kConflict);
  EXPECT_EQ(GetRow(*store_, "a:1"), "(none)");
}

TEST_F(RocksDbStoreTest, RefusesADirectoryItCannotMake) {
  MakeFile(directory_.path() / "file");
  options_.directory = directory_.path() / "file" / "state";
  Result<std::unique_ptr<StoreResources>> resources = StoreResources::Create(options_);
  ASSERT_FALSE(resources.ok());
  EXPECT_NE(resources.error().message.find(options_.directory.string()), std::string::npos);
}

TEST_F(RocksDbStoreTest, SaysHowMuchMemoryItNeeds) {
  options_.databases = 100;
  Result<std::unique_ptr<StoreResources>> refused = StoreResources::Create(options_);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("at least 534 MiB"), std::string::npos)
      << refused.error().message;
  options_.memory_bytes = size_t{534} << 20;
  EXPECT_TRUE(StoreResources::Create(options_).ok());
}

// ------------------------------------------------------------------ damage

TEST_F(RocksDbStoreTest, MovesADamagedManifestAside) {
  MakeStore();
  fs::path manifest = FileLike("MANIFEST");
  Overwrite(manifest, 0, fs::file_size(manifest));
  EXPECT_EQ(Open(), State::kWasCorrupt);
  EXPECT_EQ(aside_, directory_.path() / "events-3.corrupt-1");
  EXPECT_TRUE(fs::exists(aside_ / manifest.filename()));
  EXPECT_TRUE(AllRows(*store_).empty());
  ASSERT_TRUE(PutRow(*store_, std::string(kOffsetKey), std::to_string(ToMillis(kNow))).ok());
  Close();
  EXPECT_EQ(Open(), State::kReopened);
}

TEST_F(RocksDbStoreTest, MovesAsideWhatLostAFile) {
  for (const char* file : {"MANIFEST", "CURRENT", ".sst"}) {
    MakeStore();
    fs::remove(FileLike(file));
    EXPECT_EQ(Open(), State::kWasCorrupt) << file;
    Close();
  }
}

TEST_F(RocksDbStoreTest, MovesAsideAFileCutShort) {
  MakeStore();
  fs::path table = FileLike(".sst");
  fs::resize_file(table, fs::file_size(table) / 2);
  EXPECT_EQ(Open(), State::kWasCorrupt);
}

TEST_F(RocksDbStoreTest, MovesAsideWhenItsOffsetRowDoesNotReadBack) {
  MakeStore();
  Overwrite(FileLike(".sst"), 0, 64);  // the first block; the offset row sorts before all others
  EXPECT_EQ(Open(), State::kWasCorrupt);
}

TEST_F(RocksDbStoreTest, ReportsDamageFoundWhileReading) {
  MakeStore();
  fs::path table = FileLike(".sst");
  Overwrite(table, fs::file_size(table) / 4, fs::file_size(table) / 4);
  ASSERT_EQ(Open(), State::kReopened);
  Result<void> scanned =
      store_->Scan("", "", [](std::string_view, std::string_view) { return true; });
  ASSERT_FALSE(scanned.ok());
  EXPECT_EQ(scanned.error().code, Error::Code::kCorrupt);
  EXPECT_NE(scanned.error().message.find(StorePath().string()), std::string::npos);

  store_->Close().ok();
  store_.reset();
  Result<fs::path> aside = Resources().SetAside("events", 3);
  ASSERT_TRUE(aside.ok());
  EXPECT_TRUE(fs::exists(aside.value() / table.filename()));
  EXPECT_EQ(Open(), State::kFresh);
}

TEST_F(RocksDbStoreTest, KeepsABoundedNumberAside) {
  for (int i = 1; i <= 4; ++i) {
    MakeStore();
    fs::remove(FileLike("CURRENT"));
    ASSERT_EQ(Open(), State::kWasCorrupt);
    EXPECT_EQ(aside_.filename(), "events-3.corrupt-" + std::to_string(i));
    Close();
    ASSERT_TRUE(Resources().Remove("events", 3).ok());
  }
  EXPECT_FALSE(fs::exists(directory_.path() / "events-3.corrupt-2"));
  EXPECT_TRUE(fs::exists(directory_.path() / "events-3.corrupt-3"));
  EXPECT_TRUE(fs::exists(directory_.path() / "events-3.corrupt-4"));
}

TEST_F(RocksDbStoreTest, LeavesTheAsidesOfOtherPartitions) {
  fs::create_directories(directory_.path() / "events-33.corrupt-1");
  fs::create_directories(directory_.path() / "events-3.corrupt-x");
  options_.asides_kept = 0;
  MakeStore();
  fs::remove(FileLike("CURRENT"));
  ASSERT_EQ(Open(), State::kWasCorrupt);
  EXPECT_TRUE(fs::exists(directory_.path() / "events-33.corrupt-1"));
  EXPECT_FALSE(fs::exists(directory_.path() / "events-3.corrupt-1"));
}

// ------------------------------------------------------------------ crash

class RocksDbCrashTest : public RocksDbStoreTest {
 protected:
  // The batch that the store says it holds; fails unless it holds exactly the rows of it.
  uint64_t CheckRows(uint64_t seed) {
    Result<OpenedStore> opened = Resources().Open("events", 0, kNow, nullptr);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    std::map<std::string, std::string> rows = AllRows(*opened.value().store);
    uint64_t number = rows.empty() ? 0 : std::stoull(rows[std::string(kOffsetKey)]);
    matches_ = rows == WriterRows(seed, number);
    return number;
  }

  bool matches_ = false;
};

TEST_F(RocksDbCrashTest, HoldsAWholePrefixOfTheBatchesAfterEachKill) {
  constexpr uint64_t kSeed = 20'261'122;
  constexpr int kKills = 25;
  std::mt19937_64 random(kSeed);
  uint64_t last = 0;
  int advanced = 0;
  for (int i = 0; i < kKills; ++i) {
    Writer writer("write", directory_.path(), kSeed);
    uint64_t written = 0;
    for (uint64_t lines = random() % 150; lines > 0; --lines) {
      written = std::stoull(writer.ReadLine());
    }
    writer.Kill();
    uint64_t number = CheckRows(kSeed);
    ASSERT_TRUE(matches_) << "after kill " << i << ": the rows are not those of batch " << number;
    ASSERT_GE(number, last) << "flushed batches are gone";
    ASSERT_GE(number + 64, written) << "a batch was flushed every 64";
    advanced += number > last ? 1 : 0;
    last = number;
  }
  EXPECT_GT(advanced, kKills / 4) << "too few kills came after a flush for this to prove anything";
}

TEST_F(RocksDbCrashTest, ThisTestCanFail) {
  constexpr uint64_t kSeed = 7;
  Writer writer("torn", directory_.path(), kSeed);
  ASSERT_EQ(writer.Wait(), 0);
  EXPECT_EQ(CheckRows(kSeed), 1u);
  EXPECT_FALSE(matches_);
}

// ------------------------------------------------------------------ sharing and full disks

TEST_F(RocksDbStoreTest, CountsWhatTheStoresOfAProcessUse) {
  std::unique_ptr<Store> other =
      std::move(Resources().Open("events", 4, kNow, ReadCommitTime).value().store);
  Open();
  ASSERT_TRUE(PutRow(*store_, "a:1", "three").ok());
  ASSERT_TRUE(PutRow(*other, "a:1", "four").ok());
  EXPECT_EQ(GetRow(*store_, "a:1"), "three");
  EXPECT_EQ(GetRow(*other, "a:1"), "four");
  ASSERT_TRUE(other->Flush().ok());

  StoreStats stats = Resources().Stats();
  EXPECT_EQ(stats.databases, 2u);
  EXPECT_EQ(stats.rows, 2u);
  EXPECT_EQ(stats.memory_limit_bytes, options_.memory_bytes);
  EXPECT_GT(stats.table_bytes, 0u);
  EXPECT_GT(stats.write_buffer_bytes, 0u);
  EXPECT_EQ(stats.background_errors, 0u);

  ASSERT_TRUE(other->Close().ok());
  EXPECT_EQ(Resources().Stats().databases, 1u);
}

TEST_F(RocksDbStoreTest, StaysWithinItsMemory) {
  options_.databases = 3;
  std::vector<std::unique_ptr<Store>> stores;
  stores.reserve(static_cast<size_t>(options_.databases));
  for (int32_t i = 0; i < options_.databases; ++i) {
    stores.push_back(std::move(Resources().Open("events", i, kNow, nullptr).value().store));
  }
  std::string value(1'000, 'v');
  uint64_t most = 0;
  for (int i = 0; i < 60'000; ++i) {  // 60 MB through a budget of 16
    Store& store = *stores[static_cast<size_t>(i) % stores.size()];
    ASSERT_TRUE(PutRow(store, "a:" + std::to_string(i), value).ok());
    ASSERT_NE(GetRow(store, "a:" + std::to_string(i / 2)), "x");
    if (i % 100 == 0) {
      most = std::max(most, Resources().Stats().cache_bytes);
    }
  }
  EXPECT_LT(most, options_.memory_bytes + options_.memory_bytes / 10);
}

TEST_F(RocksDbStoreTest, StopsAtItsDiskLimitAndGoesOnWhenThereIsRoom) {
  options_.disk_bytes = uint64_t{10} << 20;
  std::unique_ptr<Store> other =
      std::move(Resources().Open("events", 4, kNow, ReadCommitTime).value().store);
  std::mt19937_64 random(1);
  std::string value(4'000, ' ');
  std::generate(value.begin(), value.end(), [&random] { return static_cast<char>(random()); });
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(PutRow(*other, "a:" + std::to_string(i), value).ok());
  }
  ASSERT_TRUE(other->Close().ok());

  Open();
  int accepted = 0;
  Result<void> written;
  while (written.ok() && accepted < 10'000) {
    std::generate(value.begin(), value.end(), [&random] { return static_cast<char>(random()); });
    written = PutRow(*store_, "a:" + std::to_string(accepted), value);
    accepted += written.ok() ? 1 : 0;
  }
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, Error::Code::kUnavailable);
  EXPECT_NE(written.error().message.find(StorePath().string()), std::string::npos);
  EXPECT_NE(written.error().message.find("of the 10 MiB it may use"), std::string::npos)
      << written.error().message;
  EXPECT_EQ(GetRow(*store_, "a:" + std::to_string(accepted - 1)).size(), value.size());
  EXPECT_FALSE(store_->Resume().ok());

  ASSERT_TRUE(Resources().Remove("events", 4).ok());  // that partition lives elsewhere now
  Result<void> resumed = store_->Resume();
  ASSERT_TRUE(resumed.ok()) << resumed.error().message;
  EXPECT_TRUE(PutRow(*store_, "a:last", "last").ok());
  Close();
  ASSERT_TRUE(Resources().Stats().disk_bytes > 0);
  store_ = std::move(Resources().Open("events", 3, kNow, nullptr).value().store);
  EXPECT_EQ(GetRow(*store_, "a:last"), "last");
  EXPECT_EQ(AllRows(*store_).size(), static_cast<size_t>(accepted) + 1);
}

TEST_F(RocksDbStoreTest, SurvivesAFullDisk) {
  Writer writer("full", directory_.path(), 1);
  std::string complaint = writer.ReadLine();
  int code = writer.Wait();
  if (code == 77) {
    GTEST_SKIP() << "mounting a small disk needs root";
  }
  EXPECT_EQ(code, 0) << complaint;
}

}  // namespace
}  // namespace hotiron
