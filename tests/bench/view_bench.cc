// The strike list's view at 100,000 accounts and 5,000 open triggers: what an answer costs, and
// what memory an account takes.
//   view_bench            figures per answer; the counter p99_ms is the slowest but 1 in 100
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "delivery/view.h"

namespace hotiron {
namespace {

constexpr int kAccounts = 100'000;
constexpr int kTriggers = 5'000;

std::string Time(int i) {
  return FormatTime(EventTime{std::chrono::hours{493'000} + std::chrono::minutes{i}});
}

// About 3 kB, as an account with five people and eight signals has.
std::string Summary(int account, int round) {
  std::string json = fmt::format(
      R"({{"version":1,"account":"a:{0}","as_of":"{1}","name":"Company {0}","owner":"o{2}",)"
      R"("segment":"small","customer":false,"stage":"comparing","progress":{3},"points":{4}.25,)"
      R"("stages":[{{"stage":"unaware","share":0.05}},{{"stage":"comparing","share":0.95}}],)"
      R"("events":40,"sessions":9,"people":5,"people_known":3,"buying_group":[)",
      account, Time(round * 90), account % 40, (account * 7 + round * 13) % 100, account % 90);
  for (int i = 0; i < 5; ++i) {
    json += fmt::format(R"({}{{"person":"p:{:016x}","role":"Planner","first":"{}","last":"{}"}})",
                        i == 0 ? "" : ",", account * 31 + i, Time(i), Time(i + round));
  }
  json += R"(],"signals":[)";
  for (int i = 0; i < 8; ++i) {
    json += fmt::format(
        R"({}{{"signal":"signal_{}","label":"did this and that","count":{},"first":"{}",)"
        R"("last":"{}",)"
        R"("decayed":[0.{},1.{},2.{}],"points":1.{},"progress":2.{}}})",
        i == 0 ? "" : ",", i, i + 1, Time(i), Time(i + 9), account * 77 + i, account * 33 + i,
        account * 11 + i, account + i, account * 3 + i);
  }
  json += R"(],"recent":[)";
  for (int i = 0; i < 20; ++i) {
    json +=
        fmt::format(R"({}{{"time":"{}","signal":"signal_{}","source":"web","person":"p:{:016x}"}})",
                    i == 0 ? "" : ",", Time(i * 3), i % 8, account * 31 + i % 5);
  }
  return json + R"(],"policies":[{"policy":"strike","armed":true}]})";
}

std::string Trigger(int i) {
  return fmt::format(
      R"({{"version":1,"id":"t{0}","revision":1,"state":"opened","account":"a:{1}","name":"C {1}",)"
      R"("owner":"o{2}","team":"t{3}","segment":"small","policy":"strike","opened":"{4}",)"
      R"("as_of":"{4}","progress":64.1,"points":14.2,"stage":"comparing","sale":"solution",)"
      R"("priority":{5},"why":"{6}"}})",
      i, i * 17 % kAccounts, i % 40, i % 5, Time(i), (i * 7919) % 100'000, std::string(1'800, 'w'));
}

int64_t ResidentBytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096;
}

struct Filled {
  View view;
  double bytes_per_account = 0;
  double seconds = 0;
};

// Made once: it takes seconds.
Filled& TheView() {
  static std::unique_ptr<Filled> filled;
  if (filled == nullptr) {
    filled = std::make_unique<Filled>();
    int64_t before = ResidentBytes();
    auto begin = std::chrono::steady_clock::now();
    for (int round = 0; round < 2; ++round) {
      for (int account = 0; account < kAccounts; ++account) {
        std::string key = fmt::format("a:{}", account);
        filled->view.TakeJourney(key, Summary(account, round));
      }
    }
    filled->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (int i = 0; i < kTriggers; ++i) {
      filled->view.TakeTrigger(fmt::format("t{}", i), Trigger(i));
    }
    filled->bytes_per_account = static_cast<double>(ResidentBytes() - before) / kAccounts;
  }
  return *filled;
}

template <typename Answer>
void Measure(benchmark::State& state, const Answer& answer) {
  Filled& filled = TheView();
  std::vector<double> times;
  size_t i = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    auto begin = std::chrono::steady_clock::now();
    JsonWriter json;
    answer(filled.view, i++, json);
    bytes = json.text().size();
    benchmark::DoNotOptimize(bytes);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  std::sort(times.begin(), times.end());
  state.counters["p99_ms"] = times[times.size() * 99 / 100];
  state.counters["answer_kb"] = static_cast<double>(bytes) / 1e3;
  state.counters["bytes_per_account"] = filled.bytes_per_account;
}

void BM_List(benchmark::State& state) {
  Measure(state,
          [](const View& view, size_t, JsonWriter& json) { view.WriteTriggers({}, 0, 50, json); });
}

void BM_ListOfAnOwner(benchmark::State& state) {
  Measure(state, [](const View& view, size_t i, JsonWriter& json) {
    view.WriteTriggers({.owner = fmt::format("o{}", i % 40)}, 0, 50, json);
  });
}

void BM_LastPage(benchmark::State& state) {
  Measure(state, [](const View& view, size_t, JsonWriter& json) {
    view.WriteTriggers({}, kTriggers - 200, 200, json);
  });
}

void BM_Account(benchmark::State& state) {
  Measure(state, [](const View& view, size_t i, JsonWriter& json) {
    view.WriteAccount(fmt::format("a:{}", i * 7919 % kAccounts), json);
  });
}

void BM_TakeJourney(benchmark::State& state) {
  Filled& filled = TheView();
  int i = 0;
  for (auto _ : state) {
    state.PauseTiming();
    int account = (i += 7919) % kAccounts;
    std::string key = fmt::format("a:{}", account);
    std::string summary = Summary(account, i % 50);
    state.ResumeTiming();
    filled.view.TakeJourney(key, summary);
  }
  state.counters["fill_seconds"] = filled.seconds;
}

BENCHMARK(BM_List)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ListOfAnOwner)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LastPage)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Account)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TakeJourney)->Unit(benchmark::kMicrosecond)->Iterations(20'000);

}  // namespace
}  // namespace hotiron

BENCHMARK_MAIN();
