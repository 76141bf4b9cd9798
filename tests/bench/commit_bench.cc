// One commit without Kafka: Task::Process for its records, StageRows, Store::Write, Committed. What
// a worker does for one partition, with RocksDB in a temporary directory.
//
//   Commit/ACCOUNTS/RECORDS   ACCOUNTS of the whole process, of which the partition has a twelfth,
//                             as in the default configuration (12 partitions, 200,000 decoded
//                             accounts in the cache of the process); RECORDS per commit, for
//                             accounts at random, which is the worst for the cache
//
// The cost per record should not depend on ACCOUNTS (design: at most 1.5 times from 10^4 to 10^6).
// Counters: us_per_record (CPU), rows and bytes written per record, and the size of account rows.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "app/defaults.h"
#include "app/task_host.h"
#include "base/hash.h"
#include "ingest/catalogue.h"
#include "processors/policy.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr uint64_t kPartitions = 12;
constexpr uint64_t kCachedAccounts = 200'000;
constexpr uint64_t kEntries = 10;  // of each account before it is measured
// Few enough that accounts stay of one size, whatever their number.
constexpr int64_t kMeasuredRecords = 5'000;
constexpr int kWarmUpCommits = 10;  // until as many summaries fall due as are newly owed
constexpr size_t kLoadRecords = 5'000;
constexpr EventTime kStart = FromMillis(1'772'438'400'000);

constexpr const char* kSignals[] = {"page_viewed",    "product_page",       "pricing_page",
                                    "form_submitted", "content_downloaded", "webinar",
                                    "demo_requested"};

// A task with its store.
class Partition {
 public:
  explicit Partition(uint64_t accounts) : accounts_(std::max<uint64_t>(1, accounts / kPartitions)) {
    StoreOptions options;
    options.directory = directory_.path();
    Result<std::unique_ptr<StoreResources>> resources = StoreResources::Create(options);
    CHECK(resources.ok());
    resources_ = std::move(resources).value();
    Result<OpenedStore> opened = resources_->Open("bench", 0, kStart, {});
    CHECK(opened.ok());
    store_ = std::move(opened.value().store);
    rows_ = std::make_unique<StoreRows>(*store_);
    TaskOptions task;
    task.cached_accounts = kCachedAccounts / kPartitions;
    task_ = std::make_unique<Task>(task, *rows_);
    Load();
  }

  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  ~Partition() {
    task_.reset();
    rows_.reset();
    (void)store_->Close();
    store_.reset();
    resources_.reset();
  }

  struct Made {
    std::string key;
    std::string value;
    EventTime time;
  };

  // Records for accounts at random.
  std::vector<Made> Make(size_t records) {
    std::vector<Made> made;
    for (size_t i = 0; i < records; ++i) {
      time_ += Duration{20};
      made.push_back(MakeOne(random_() % accounts_));
    }
    return made;
  }

  void Process(const std::vector<Made>& made) {
    for (const Made& record : made) {
      CHECK(task_->Process({offset_++, record.time, record.key, record.value}, outputs_).ok());
    }
  }

  // 100 ms after the last one, by the wall clock that spaces summaries.
  void Commit(bool all_summaries = false) {
    staged_.clear();
    wall_ += Duration{100};
    CHECK(task_->StageRows(wall_, all_summaries, staged_, outputs_).ok());
    CHECK(store_->Write(staged_).ok());
    task_->Committed();
    outputs_.Clear();
  }

  const std::vector<Row>& staged() const { return staged_; }

  // Of all account rows, keys included, sorted.
  std::vector<size_t> AccountBytes() const {
    std::vector<size_t> sizes;
    CHECK(store_
              ->Scan(std::string(1, kAccountRow), "",
                     [&](std::string_view key, std::string_view value) {
                       sizes.push_back(key.size() + value.size());
                       return true;
                     })
              .ok());
    std::sort(sizes.begin(), sizes.end());
    return sizes;
  }

 private:
  Made MakeOne(uint64_t account) {
    uint64_t random = Hash64(fmt::format("{}", ++number_));
    pb::TaskRecord record;
    record.set_version(1);
    record.mutable_cause()->set_topic("web");
    record.mutable_cause()->set_offset(static_cast<int64_t>(number_));
    record.mutable_cause()->set_timestamp_ms(ToMillis(time_));
    pb::Signal* signal = record.mutable_signal();
    signal->set_id(random);
    signal->set_time_ms(ToMillis(time_));
    signal->set_signal(kSignals[random % std::size(kSignals)]);
    signal->set_weight(0.5);
    signal->add_path(fmt::format("p:{:016x}", Hash64(fmt::format("{}", account)) + random / 8 % 3));
    signal->set_source("web");
    return {fmt::format("d:company-{}.example", account), record.SerializeAsString(), time_};
  }

  void Load() {
    pb::TaskRecord levers;
    levers.set_version(1);
    Result<pb::PolicySet> policy = ParsePolicy(DefaultPolicy(), "policy");
    Result<pb::Catalogue> catalogue = ParseCatalogue(DefaultCatalogue(), "catalogue");
    CHECK(policy.ok() && catalogue.ok());
    *levers.mutable_levers()->mutable_policy() = policy.value();
    *levers.mutable_levers()->mutable_catalogue() = catalogue.value();
    Process({{"", levers.SerializeAsString(), kStart}});
    std::vector<Made> made;
    for (uint64_t entry = 0; entry < kEntries; ++entry) {
      for (uint64_t account = 0; account < accounts_; ++account) {
        time_ = std::max(time_, kStart + std::chrono::hours{3 * entry} + Duration{account});
        made.push_back(MakeOne(account));
        if (made.size() == kLoadRecords) {
          Process(made);
          Commit();
          made.clear();
        }
      }
    }
    Process(made);
    Commit(true);
    CHECK(store_->Flush().ok());
  }

  const uint64_t accounts_;
  TempDir directory_;
  std::unique_ptr<StoreResources> resources_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreRows> rows_;
  std::unique_ptr<Task> task_;
  TaskOutputs outputs_;
  std::vector<Row> staged_;
  std::mt19937_64 random_{7};
  uint64_t number_ = 0;
  int64_t offset_ = 0;
  EventTime time_ = kStart;
  EventTime wall_ = kStart;
};

void Commit(benchmark::State& state, uint64_t accounts, uint64_t records) {
  Partition partition(accounts);
  for (int i = 0; i < kWarmUpCommits; ++i) {
    partition.Process(partition.Make(records));
    partition.Commit();
  }
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Partition::Made> made = partition.Make(records);
    state.ResumeTiming();
    partition.Process(made);
    partition.Commit();
    state.PauseTiming();
    for (const Row& row : partition.staged()) {
      ++rows;
      bytes += row.key.size() + (row.value ? row.value->size() : 0);
    }
    state.ResumeTiming();
  }
  double total = static_cast<double>(state.iterations()) * static_cast<double>(records);
  state.SetItemsProcessed(static_cast<int64_t>(total));
  state.counters["us_per_record"] =
      benchmark::Counter(total / 1e6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["rows_per_record"] = static_cast<double>(rows) / total;
  state.counters["bytes_per_record"] = static_cast<double>(bytes) / total;
  std::vector<size_t> sizes = partition.AccountBytes();
  state.counters["account_median"] = static_cast<double>(sizes[sizes.size() / 2]);
  state.counters["account_p99"] = static_cast<double>(sizes[sizes.size() * 99 / 100]);
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  struct Case {
    uint64_t accounts;
    uint64_t records;
  };

#ifdef __SANITIZE_ADDRESS__  // only whether it runs
  const std::vector<Case> cases{{10'000, 500}};
#else
  const std::vector<Case> cases{{10'000, 500}, {100'000, 500}, {1'000'000, 500}};
#endif
  benchmark::Initialize(&argc, argv);
  for (const Case& one : cases) {
    benchmark::RegisterBenchmark(
        fmt::format("Commit/{}/{}", one.accounts, one.records).c_str(),
        [one](benchmark::State& state) { hotiron::Commit(state, one.accounts, one.records); })
        ->Iterations(hotiron::kMeasuredRecords / static_cast<int64_t>(one.records))
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
