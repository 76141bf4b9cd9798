// What the state costs per row: read-modify-write in batches as a commit does it, restore, and
// scan.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "state/rocksdb_store.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr size_t kValueBytes = 300;

std::string KeyOf(uint64_t number) {
  return "a:" + std::to_string(number * 2'654'435'761 % 1'000'000'007);
}

// A store in a directory of its own.
class Bench {
 public:
  Bench() {
    StoreOptions options;
    options.directory = directory_.path();
    Result<std::unique_ptr<StoreResources>> resources = StoreResources::Create(options);
    CHECK(resources.ok());
    resources_ = std::move(resources).value();
    Result<OpenedStore> opened = resources_->Open("events", 0, EventTime(), nullptr);
    CHECK(opened.ok());
    store_ = std::move(opened.value().store);
  }

  void Fill(uint64_t rows) {
    std::vector<Row> batch;
    for (uint64_t i = 0; i < rows; ++i) {
      batch.push_back({.key = KeyOf(i), .value = std::string(kValueBytes, 'v')});
      if (batch.size() == 1'000) {
        CHECK(store_->Write(batch).ok());
        batch.clear();
      }
    }
    CHECK(store_->Write(batch).ok());
    CHECK(store_->Flush().ok());
  }

  Store& store() { return *store_; }

 private:
  TempDir directory_;
  std::unique_ptr<StoreResources> resources_;
  std::unique_ptr<Store> store_;
};

// range(0) rows are there, range(1) of them are read, changed and written in one batch.
void BM_ReadModifyWrite(benchmark::State& state) {
  Bench bench;
  uint64_t rows = static_cast<uint64_t>(state.range(0));
  size_t batch = static_cast<size_t>(state.range(1));
  bench.Fill(rows);
  std::mt19937_64 random(1);
  std::vector<std::string> keys(batch);
  std::vector<Row> changed(batch);
  for (auto _ : state) {
    for (std::string& key : keys) {
      key = KeyOf(random() % rows);
    }
    for (size_t i = 0; i < batch; ++i) {
      Result<std::optional<std::string>> value = bench.store().Get(keys[i]);
      CHECK(value.ok());
      changed[i] = {.key = keys[i], .value = std::move(value).value()};
      changed[i].value->front() = static_cast<char>(random());
    }
    CHECK(bench.store().Write(changed).ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

BENCHMARK(BM_ReadModifyWrite)->ArgsProduct({{10'000, 1'000'000}, {1, 100, 1'000}});

// Rows per second as a restore writes them, in batches of range(0).
void BM_Restore(benchmark::State& state) {
  Bench bench;
  std::vector<Row> batch(static_cast<size_t>(state.range(0)));
  uint64_t number = 0;
  for (auto _ : state) {
    for (Row& row : batch) {
      row.key = KeyOf(number++);
      row.value = std::string(kValueBytes, 'v');
    }
    CHECK(bench.store().Write(batch).ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BM_Restore)->Arg(1'000);

void BM_Scan(benchmark::State& state) {
  Bench bench;
  bench.Fill(static_cast<uint64_t>(state.range(0)));
  for (auto _ : state) {
    size_t bytes = 0;
    CHECK(bench.store()
              .Scan("a:", "",
                    [&bytes](std::string_view, std::string_view value) {
                      bytes += value.size();
                      return true;
                    })
              .ok());
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BM_Scan)->Arg(100'000);

}  // namespace
}  // namespace hotiron
