// The strike list at its limit of 200,000 accounts, with 5,000 open triggers: what a browser waits
// for an answer (over HTTP on loopback, one after another), and what memory an account takes.
//   view_bench            figures per answer; the counter p99_ms is the slowest but 1 in 100
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "delivery/api.h"
#include "delivery/event_hub.h"
#include "delivery/http_server.h"
#include "delivery/view.h"

namespace hotiron {
namespace {

constexpr int kAccounts = 200'000;
constexpr int kTriggers = 5'000;

std::string Time(int i) {
  return FormatTime(EventTime{std::chrono::hours{493'000} + std::chrono::minutes{i}});
}

// About 3.5 kB, as an account with five people, eight signals and a full curve has.
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
  json += R"(],"policies":[{"policy":"strike","armed":true}],"curve":{"seconds":[)";
  for (int i = 0; i < 32; ++i) {
    json += fmt::format("{}{}", i == 0 ? "" : ",", 1'774'800'000 + i * 7'260 + account % 60);
  }
  json += R"(],"progress":[)";
  for (int i = 0; i < 32; ++i) {
    json += fmt::format("{}{}", i == 0 ? "" : ",", (account * 7 + i * 13) % 200 / 2.0);
  }
  json += R"(],"points":[)";
  for (int i = 0; i < 32; ++i) {
    json += fmt::format("{}{}", i == 0 ? "" : ",", (account * 3 + i * 17) % 400 / 10.0);
  }
  return json + R"(],"chances":[]}})";
}

std::string Trigger(int i) {
  return fmt::format(
      R"({{"version":1,"id":"t{0}","revision":1,"state":"opened","account":"a:{1}","name":"C {1}",)"
      R"("owner":"o{2}","team":"t{3}","segment":"small","policy":"strike","opened":"{4}",)"
      R"("as_of":"{4}","progress":64.1,"points":14.2,"stage":"comparing","sale":"solution",)"
      R"("expected_value":{5},"why":"{6}"}})",
      i, i * 17 % kAccounts, i % 40, i % 5, Time(i), (i * 7919) % 100'000, std::string(1'800, 'w'));
}

int64_t ResidentBytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096;
}

// Made once: it takes seconds.
class Served {
 public:
  static Served& Get() {
    static Served served;
    return served;
  }

  HttpServer& server() { return *server_; }

  void TakeJourney(std::string_view account, std::string_view summary) {
    MutexLock lock(shared_.mutex);
    shared_.view.TakeJourney(account, summary);
  }

  double bytes_per_account = 0;
  double fill_seconds = 0;

 private:
  Served() {
    MutexLock lock(shared_.mutex);
    int64_t before = ResidentBytes();
    auto begin = std::chrono::steady_clock::now();
    for (int account = 0; account < kAccounts; ++account) {
      shared_.view.TakeJourney(fmt::format("a:{}", account), Summary(account, 0));
    }
    fill_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (int i = 0; i < kTriggers; ++i) {
      shared_.view.TakeTrigger(fmt::format("t{}", i), Trigger(i));
    }
    bytes_per_account = static_cast<double>(ResidentBytes() - before) / kAccounts;
    server_ = HttpServer::Start(
                  {.address = "127.0.0.1",
                   .handler = [this](const HttpRequest& request,
                                     uint64_t number) { return api_.Handle(request, number); }})
                  .value();
  }

  SharedView shared_;
  Access access_{""};
  EventHub hub_{"bench", 1};
  Api api_{{.view = shared_,
            .access = access_,
            .hub = hub_,
            .freshness = [] { return Freshness{.connected = true, .complete = true}; },
            .now = [] { return EventTime{std::chrono::hours{493'100}}; },
            .write_feedback = [](uint64_t, const FeedbackRecord&) { return false; },
            .answer = [](uint64_t, const HttpResponse&) {},
            .on_answer = [](Route, int) {}}};
  std::unique_ptr<HttpServer> server_;
};

template <typename MakePath>
void Ask(benchmark::State& state, const MakePath& path) {
  Served& served = Served::Get();
  httplib::Client client("127.0.0.1", served.server().port());
  client.set_keep_alive(true);
  std::vector<double> times;
  int i = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    auto begin = std::chrono::steady_clock::now();
    httplib::Result answer = client.Get(path(i++));
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
    if (!answer || answer->status != 200) {
      state.SkipWithError("no answer");
      return;
    }
    bytes = answer->body.size();
  }
  std::sort(times.begin(), times.end());
  state.counters["p99_ms"] = times[times.size() * 99 / 100];
  state.counters["answer_kb"] = static_cast<double>(bytes) / 1e3;
  state.counters["bytes_per_account"] = served.bytes_per_account;
}

void BM_List(benchmark::State& state) {
  Ask(state, [](int) { return "/api/v1/triggers"; });
}

void BM_ListOfAnOwner(benchmark::State& state) {
  Ask(state, [](int i) { return fmt::format("/api/v1/triggers?owner=o{}", i % 40); });
}

void BM_LastPage(benchmark::State& state) {
  Ask(state,
      [](int) { return fmt::format("/api/v1/triggers?offset={}&limit=200", kTriggers - 200); });
}

void BM_Account(benchmark::State& state) {
  Ask(state, [](int i) { return fmt::format("/api/v1/accounts/a:{}", i * 7'919 % kAccounts); });
}

void BM_Search(benchmark::State& state) {
  Ask(state,
      [](int i) { return fmt::format("/api/v1/accounts?q=pany%20{}", i * 7'919 % kAccounts); });
}

void BM_SearchThatFindsAll(benchmark::State& state) {
  Ask(state, [](int) { return "/api/v1/accounts?q=COMP"; });
}

void BM_TakeJourney(benchmark::State& state) {
  Served& served = Served::Get();
  int i = 0;
  for (auto _ : state) {
    state.PauseTiming();
    int account = (i += 7919) % kAccounts;
    std::string key = fmt::format("a:{}", account);
    std::string summary = Summary(account, i % 50);
    state.ResumeTiming();
    served.TakeJourney(key, summary);
  }
  state.counters["fill_seconds"] = served.fill_seconds;
}

BENCHMARK(BM_List)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_ListOfAnOwner)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_LastPage)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_Account)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_SearchThatFindsAll)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_Search)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_TakeJourney)->Unit(benchmark::kMicrosecond)->Iterations(20'000);

}  // namespace
}  // namespace hotiron

BENCHMARK_MAIN();
