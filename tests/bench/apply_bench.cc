// What one record costs the pure core: an entry applied to a journey, its level, a decision, a row
// written and read, and a whole task record; the last over 10^4 and 10^5 accounts, all warm.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "base/hash.h"
#include "processors/task.h"

namespace hotiron {
namespace {

constexpr const char* kSignals[] = {"blog_page", "docs_page", "pricing_page", "trial",
                                    "quote",     "call",      "careers_page", "video"};
constexpr EventTime kStart = FromMillis(1'772'323'200'000);  // 2026-03-01

// Rows in a map, for what leaves the cache.
class MapRows : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override {
    auto at = rows.find(key);
    return at == rows.end() ? std::optional<std::string>() : std::optional(at->second);
  }

  Result<void> Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) override {
    for (auto at = rows.lower_bound(prefix);
         at != rows.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at) {
      if (!visit(at->first, at->second)) {
        break;
      }
    }
    return {};
  }

  std::map<std::string, std::string, std::less<>> rows;
};

pb::Catalogue Catalogue() {
  pb::Catalogue catalogue;
  catalogue.set_version(1);
  for (int i = 0; i < 8; ++i) {
    pb::SignalDefinition* signal = catalogue.add_signals();
    signal->set_signal(kSignals[i]);
    signal->set_anchor(i < 5 ? std::min(i + 1, 4) : -1);
    signal->set_contact(i == 5);
  }
  return catalogue;
}

pb::PolicySet Policies() {
  pb::PolicySet set;
  set.set_version(1);
  set.set_live_within_ms(900'000);
  pb::Policy* policy = set.add_policies();
  policy->set_name("strike");
  policy->set_measure(pb::Policy::PROGRESS);
  policy->set_threshold(60);
  policy->set_rearm(40);
  policy->set_people_min(2);
  policy->set_people_within_ms(30LL * 86'400'000);
  policy->set_cooldown_ms(14LL * 86'400'000);
  policy->set_expires_ms(7LL * 86'400'000);
  return set;
}

pb::TaskRecord Record(uint64_t number, EventTime time) {
  uint64_t random = Hash64(fmt::format("{}", number));
  pb::TaskRecord record;
  record.set_version(1);
  record.mutable_cause()->set_topic("web");
  record.mutable_cause()->set_offset(static_cast<int64_t>(number));
  record.mutable_cause()->set_timestamp_ms(ToMillis(time));
  pb::Signal* signal = record.mutable_signal();
  signal->set_id(random);
  signal->set_time_ms(ToMillis(time));
  signal->set_signal(kSignals[random % 8]);
  signal->set_weight(0.1);  // few accounts reach the policy, as in life
  signal->add_path(fmt::format("p:{:016x}", random / 8 % 3));
  signal->set_source("web");
  return record;
}

// An account with `entries` signals, one every three hours.
struct Walked {
  explicit Walked(uint64_t entries) {
    account.key = "a:0011T00002J4kniQAB";
    for (uint64_t i = 0; i < entries; ++i) {
      Apply(Record(i, kStart + std::chrono::hours{3 * i}).signal());
    }
  }

  void Apply(const pb::Signal& signal) {
    benchmark::DoNotOptimize(
        account.journey.Apply(account.key, signal, scale, limits, slices, folds).ok());
  }

  TimeScale scale;
  JourneyLimits limits;
  FoldCounts folds;
  MapRows rows;
  SliceTable slices{rows};
  Account account;
};

void BM_JourneyApply(benchmark::State& state) {
  Walked walked(20);
  uint64_t number = 20;
  std::vector<pb::TaskRecord> records;
  size_t next = 0;
  for (auto _ : state) {
    if (next == records.size()) {
      state.PauseTiming();
      records.clear();
      for (next = 0; records.size() < 4096; ++number) {
        records.push_back(Record(number, kStart + std::chrono::hours{3 * number}));
      }
      state.ResumeTiming();
    }
    walked.Apply(records[next++].signal());
  }
}

void BM_EstimateLevel(benchmark::State& state) {
  Walked walked(static_cast<uint64_t>(state.range(0)));
  Model model(Catalogue(), {});
  EventTime now = *walked.account.journey.Newest();
  for (auto _ : state) {
    benchmark::DoNotOptimize(EstimateLevel(walked.account.journey, model, now));
  }
}

void BM_Decide(benchmark::State& state) {
  Walked walked(20);
  Model model(Catalogue(), {});
  pb::PolicySet policies = Policies();
  std::vector<pb::Trigger> triggers;
  std::vector<Suppressed> suppressions;
  pb::Thresholds thresholds;
  ModelsInForce models;
  Decider decider(
      {policies, thresholds, model, models, *walked.account.journey.Newest(), nullptr, true},
      triggers, suppressions);
  for (auto _ : state) {
    decider.Decide(walked.account);
  }
}

void BM_EncodeAccount(benchmark::State& state) {
  Walked walked(20);
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = walked.account.Encode().size();
    benchmark::DoNotOptimize(bytes);
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

void BM_DecodeAccount(benchmark::State& state) {
  Walked walked(20);
  std::string bytes = walked.account.Encode();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Account::Decode(walked.account.key, bytes).ok());
  }
}

// range(0) accounts of about 20 entries, in memory; records for accounts at random.
void BM_TaskProcess(benchmark::State& state) {
  uint64_t accounts = static_cast<uint64_t>(state.range(0));
  MapRows rows;
  TaskOptions options;
  options.cached_accounts = 2 * accounts;
  Task task(options, rows);
  TaskOutputs outputs;
  int64_t offset = 0;
  auto process = [&](const std::string& key, const pb::TaskRecord& record, EventTime time) {
    std::string value = record.SerializeAsString();
    CHECK(task.Process({offset++, time, key, value}, outputs).ok());
  };
  pb::TaskRecord levers;
  levers.set_version(1);
  *levers.mutable_levers()->mutable_policy() = Policies();
  *levers.mutable_levers()->mutable_catalogue() = Catalogue();
  process("a:0", levers, kStart);
  auto key_of = [](uint64_t account) { return fmt::format("a:0011T{:012}", account); };
  std::mt19937_64 random(7);
  uint64_t number = 0;
  for (int entry = 0; entry < 20; ++entry) {
    for (uint64_t account = 0; account < accounts; ++account) {
      EventTime time = kStart + std::chrono::hours{3 * entry} + Duration{account};
      process(key_of(account), Record(number++, time), time);
      outputs.Clear();
    }
  }
  std::vector<Row> staged;
  CHECK(task.StageRows(kStart, true, staged, outputs).ok());
  std::vector<size_t> sizes;
  for (const Row& row : staged) {
    if (row.key[0] == kAccountRow && row.value) {
      sizes.push_back(row.key.size() + row.value->size());
    }
  }
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2),
                   sizes.end());
  task.Committed();
  outputs.Clear();
  staged.clear();

  constexpr size_t kRecords = 1 << 14;

  struct Made {
    std::string key;
    std::string value;
    EventTime time;
  };

  std::vector<Made> records;
  size_t next = 0;
  for (auto _ : state) {
    if (next == records.size()) {
      state.PauseTiming();
      CHECK(task.StageRows(kStart, true, staged, outputs).ok());
      task.Committed();  // all stay in the cache, so the rows are not needed
      staged.clear();
      outputs.Clear();
      records.clear();
      EventTime time = task.time();
      for (next = 0; records.size() < kRecords;) {
        time += Duration{20};
        records.push_back(
            {key_of(random() % accounts), Record(number++, time).SerializeAsString(), time});
      }
      state.ResumeTiming();
    }
    const Made& record = records[next++];
    benchmark::DoNotOptimize(
        task.Process({offset++, record.time, record.key, record.value}, outputs).ok());
  }
  state.counters["account_bytes_median"] = static_cast<double>(sizes[sizes.size() / 2]);
}

BENCHMARK(BM_JourneyApply);
BENCHMARK(BM_EstimateLevel)->Arg(5)->Arg(20)->Arg(100);
BENCHMARK(BM_Decide);
BENCHMARK(BM_EncodeAccount);
BENCHMARK(BM_DecodeAccount);
BENCHMARK(BM_TaskProcess)->Arg(10'000)->Arg(100'000)->Iterations(100'000);

}  // namespace
}  // namespace hotiron

BENCHMARK_MAIN();
