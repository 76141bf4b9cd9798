// What the model costs: an event applied to a journey, a score, an account's row, a training. Each
// beside a plain loop over arrays that computes the same sums and the same product, and keeps no
// log, knows no duplicate and no late event, and explains nothing.
//
// Histories: the demo's market, and BPI Challenge 2012 where HOTIRON_BPI_DIR says that it is.

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "app/defaults.h"
#include "app/intake.h"
#include "app/learning_input.h"
#include "app/market.h"
#include "base/identity.h"
#include "processors/account.h"
#include "processors/learning/history_builder.h"
#include "processors/learning/random.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr size_t kScores = 200'000;

// Of this process: what others do on the machine does not count.
double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <typename T>
T Need(Result<T> result) {
  if (!result.ok()) {
    CheckFailed("model_cost", 0, result.error().message.c_str());
  }
  return std::move(result).value();
}

// What the demo's market does to the companies that it names.
LabelledHistory OfMarket(size_t events) {
  Config config;
  config.unkeyed = true;
  config.inputs = {{.topic = "web", .format = "segment", .source = "web", .unknown = ""},
                   {.topic = "crm", .format = "salesforce", .source = "crm", .unknown = ""}};
  config.free_mail.assign(kMarketFreeMailDomains.begin(), kMarketFreeMailDomains.end());
  Intake intake = Need(Intake::Make(config, "", Need(CatalogueOf(config))));
  Market market({.seed = 7, .companies = 3'000, .start = kEarliestTime, .pace = 3.0});
  HistoryBuilder builder;
  Intake::Output output;
  for (size_t taken = 0; taken < events;) {
    MarketEvent event = market.Next();
    output.Clear();
    intake.Take({.value = event.payload,
                 .key = event.key,
                 .headers = {},
                 .topic = event.feed == Feed::kWeb ? "web" : "crm",
                 .timestamp = event.time},
                event.time, output);
    for (const RoutedRecord& routed : output.routed) {
      const pb::Signal& signal = routed.record.signal();
      if (!routed.record.has_signal() || !IsCompany(routed.key)) {
        continue;
      }
      ++taken;
      builder.Add(routed.key, {.time = FromMillis(signal.time_ms()),
                               .sequence = signal.sequence(),
                               .id = signal.id(),
                               .signal = signal.signal(),
                               .person = IsCompany(signal.path(0)) ? "" : signal.path(0),
                               .weight = signal.weight()});
    }
  }
  std::vector<std::string> remarks;
  return builder.Build(remarks);
}

// Accounts with `signals` signals, of which a tenth are told apart by those who will buy.
LabelledHistory Invented(size_t accounts, size_t signals) {
  Random random(1);
  auto chance = [&] { return static_cast<double>(random.Below(1'000'000)) / 1e6; };
  auto days = [](double number) { return Duration(static_cast<int64_t>(number * 86'400'000)); };
  LabelledHistory history;
  history.end = kEarliestTime + days(400);
  for (size_t i = 0; i < signals; ++i) {
    history.signals.push_back(fmt::format("signal {:03}", i));
  }
  for (size_t i = 0; i < accounts; ++i) {
    PastAccount account{.name = fmt::format("account {}", i),
                        .start = kEarliestTime + days(300 * chance())};
    bool buys = chance() < 0.2;
    EventTime closes = account.start + days(10 + 60 * chance());
    for (EventTime time = account.start; time < closes; time += days(0.01 + 6 * chance())) {
      size_t signal = random.Below(chance() < (buys ? 0.4 : 0.1) ? signals / 10 : signals);
      account.events.push_back({time, account.events.size() + 1, static_cast<uint32_t>(signal),
                                static_cast<uint32_t>(1 + random.Below(3)), 1.0});
    }
    account.closed = closes;
    account.bought = buys;
    history.accounts.push_back(std::move(account));
  }
  return history;
}

// A model of the right size; its weights matter to nobody here.
TrainedModel AnyModel(const LabelledHistory& history, const TimeScale& scale) {
  TrainedModel model;
  model.scale = scale;
  std::vector<std::string> names(
      history.signals.begin(),
      history.signals.begin() +
          static_cast<std::ptrdiff_t>(std::min<size_t>(history.signals.size(), kVocabularyMax)));
  model.vocabulary = Vocabulary(std::move(names));
  size_t columns = ColumnsOf(model.vocabulary.size());
  model.standard = {std::vector<double>(columns, 0.5), std::vector<double>(columns, 2.0)};
  for (std::optional<Duration> horizon : DefaultHorizons(scale)) {
    Head head;
    head.horizon = horizon;
    head.gate = {.slope = 1, .error = 0.1, .open = true};
    head.weights.assign(columns, 0.01);
    model.heads.push_back(std::move(head));
  }
  return model;
}

// The events of all accounts, in the order in which they happened.
struct Played {
  uint32_t account;
  const PastEvent* event;
};

std::vector<Played> InOrder(const LabelledHistory& history) {
  std::vector<Played> events;
  for (uint32_t i = 0; i < history.accounts.size(); ++i) {
    for (const PastEvent& event : history.accounts[i].events) {
      events.push_back({i, &event});
    }
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Played& a, const Played& b) { return a.event->time < b.event->time; });
  return events;
}

class NoRows final : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view) override {
    return std::optional<std::string>();
  }

  Result<void> Scan(std::string_view,
                    const std::function<bool(std::string_view, std::string_view)>&) override {
    return {};
  }
};

void Compare(std::string_view name, const LabelledHistory& history) {
  const TimeScale scale;
  std::vector<Played> events = InOrder(history);
  std::vector<pb::Signal> signals(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const PastEvent& event = *events[i].event;
    signals[i].set_id(event.sequence);
    signals[i].set_time_ms(ToMillis(event.time));
    signals[i].set_sequence(event.sequence);
    signals[i].set_signal(history.signals[event.signal]);
    signals[i].set_weight(event.weight);
    signals[i].add_path(fmt::format("c:{:016x}", event.person));
    signals[i].set_source("web");
  }
  NoRows rows;
  SliceTable slices(rows);
  FoldCounts folds;
  std::vector<Account> accounts(history.accounts.size());
  for (size_t i = 0; i < accounts.size(); ++i) {
    accounts[i].key = "a:" + history.accounts[i].name;
  }
  double start = CpuSeconds();
  for (size_t i = 0; i < events.size(); ++i) {
    Account& account = accounts[events[i].account];
    CHECK(account.journey.Apply(account.key, signals[i], scale, {}, slices, folds).ok());
  }
  double apply = (CpuSeconds() - start) / static_cast<double>(events.size());

  // The plain loop: three decayed sums a signal, moved to the time of each event.
  size_t width = history.signals.size() * kHalfLives;
  std::vector<double> sums(accounts.size() * width, 0.0);
  std::vector<EventTime> at(accounts.size() * history.signals.size());
  start = CpuSeconds();
  for (const Played& played : events) {
    size_t cell = played.account * history.signals.size() + played.event->signal;
    double units = scale.UnitsIn(played.event->time - at[cell]);
    at[cell] = played.event->time;
    for (size_t h = 0; h < kHalfLives; ++h) {
      double& sum = sums[cell * kHalfLives + h];
      sum = sum * std::exp2(-units / TimeScale::kUnits[h]) + played.event->weight;
    }
  }
  double plain_apply = (CpuSeconds() - start) / static_cast<double>(events.size());

  TrainedModel model = AnyModel(history, scale);
  Features features;
  double told = 0;
  start = CpuSeconds();
  for (size_t i = 0; i < kScores; ++i) {
    const Account& account = accounts[i % accounts.size()];
    ReadFeatures(account.journey, model.vocabulary, scale, history.end, history.end, features);
    told += Score(model, features).back().probability;
  }
  double score = (CpuSeconds() - start) / kScores;
  start = CpuSeconds();
  for (size_t i = 0; i < kScores; ++i) {
    size_t account = i % accounts.size();
    for (const Head& head : model.heads) {
      double logit = head.bias;
      for (size_t k = 0; k < history.signals.size(); ++k) {
        size_t cell = account * history.signals.size() + k;
        double units = scale.UnitsIn(history.end - at[cell]);
        for (size_t h = 0; h < kHalfLives; ++h) {
          logit += 0.01 * std::log1p(sums[cell * kHalfLives + h] *
                                     std::exp2(-units / TimeScale::kUnits[h]));
        }
      }
      told += Logistic(logit);
    }
  }
  double plain_score = (CpuSeconds() - start) / kScores;

  std::vector<size_t> bytes;
  for (const Account& account : accounts) {
    bytes.push_back(account.key.size() + account.Encode().size());
  }
  std::sort(bytes.begin(), bytes.end());
  fmt::print(
      "{:<8} {:>9} {:>9} {:>8} | {:>8.0f} {:>8.0f} | {:>8.0f} {:>8.0f} | {:>8} {:>8} {:>8}\n", name,
      events.size(), accounts.size(), history.signals.size(), 1e9 * apply, 1e9 * plain_apply,
      1e9 * score, 1e9 * plain_score, bytes[bytes.size() / 2], bytes[bytes.size() * 99 / 100],
      width * sizeof(double));
  CHECK(std::isfinite(told));
}

void TimeTraining(size_t accounts) {
  LabelledHistory history = Invented(accounts, 38);
  steady_clock::time_point start = steady_clock::now();
  double cpu = CpuSeconds();
  Progress progress("model_cost");
  Training training =
      Need(Train(history, {.scale = {}, .horizons = DefaultHorizons({})}, {}, MakeWork(progress)));
  fmt::print(
      "\ntraining: {} rows of {} signals, {} horizons: {:.0f} s, {:.0f} CPU-s\n",
      training.model.facts.rows, training.model.vocabulary.size(), training.model.heads.size(),
      std::chrono::duration<double>(steady_clock::now() - start).count(), CpuSeconds() - cpu);
}

int Run(size_t events, size_t accounts) {
  fmt::print(
      "{:<8} {:>9} {:>9} {:>8} | {:>17} | {:>17} | {:>26}\n"
      "{:<8} {:>9} {:>9} {:>8} | {:>8} {:>8} | {:>8} {:>8} | {:>8} {:>8} {:>8}\n",
      "", "", "", "", "ns per event", "ns per score", "bytes per account", "", "events", "accounts",
      "signals", "hotiron", "plain", "hotiron", "plain", "median", "p99", "plain");
  Compare("market", OfMarket(events));
  if (const char* folder = std::getenv("HOTIRON_BPI_DIR")) {
    LearningOptions options;
    options.events = {std::string(folder) + "/events.csv.gz"};
    options.outcomes = std::string(folder) + "/outcomes.csv.gz";
    options.won = {"won"};
    Progress progress("model_cost");
    Compare("bpi", Need(ReadLearningInput(options, progress)).history);
  } else {
    fmt::print("bpi: not measured, HOTIRON_BPI_DIR names no folder\n");
  }
  TimeTraining(accounts);
  return 0;
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  CLI::App app("What the model costs, beside plain loops over arrays");
  size_t events = 300'000;
  size_t accounts = 25'000;
  app.add_option("--events", events, "Of the market")->capture_default_str();
  app.add_option("--accounts", accounts, "To train on, about 40 rows each")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return hotiron::Run(events, accounts);
}
