#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "app/backtest.h"
#include "app/backtest_text.h"
#include "app/commands.h"
#include "app/defaults.h"
#include "app/demo_past.h"
#include "app/learning_input.h"
#include "app/market.h"
#include "app/market_reps.h"
#include "app/output_file.h"
#include "app/pipeline.h"
#include "app/topics.h"
#include "app/trigger_words.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mutex.h"
#include "kafka/embedded_broker.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr int kPartitions = 4;
constexpr int64_t kInputsAhead = 3'000;  // the generator waits while more are not taken in
constexpr double kDaySeconds = 2.5;      // a day of the market, until it has caught up with today
constexpr double kSlowDown = 100;        // afterwards: days take that much longer
constexpr Duration kSettle{600};  // without any lag, before the demo believes that it is done
constexpr Duration kDrainPatience{60'000};
constexpr char kHistorySuffix[] = "-history";
constexpr auto kTriggerInterval = std::chrono::milliseconds{1'200};
constexpr auto kSummaryInterval = std::chrono::seconds{5};

struct DemoOptions {
  int seconds = 0;  // 0: until Ctrl-C
  uint64_t seed = 1;
  int companies = 1'200;
  int admin_port = 9464;
  int serve_port = 8484;
  std::string serve_token_file;
  int days = 30;
  int history = 120;
  std::string json;

  // Full hours, so that the market of a seed looks the same at every start.
  EventTime Live() const {
    return std::chrono::floor<std::chrono::hours>(std::chrono::system_clock::now()) -
           std::chrono::days{days};
  }

  MarketOptions Market() const {
    return {.seed = seed, .companies = companies, .start = Live() - std::chrono::days{history}};
  }
};

// A folder of its own that goes when the demo ends.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> Make() {
    std::string name = (std::filesystem::temp_directory_path() / "hotiron-demo-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return Unavailable(fmt::format("{}: no temporary folder can be made there", name));
    }
    return TemporaryFolder(name);
  }

  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}

  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) {
      std::filesystem::remove_all(path_, ignored);
    }
  }

  std::string File(std::string_view name, std::string_view content) const {
    std::string file = path_ + "/" + std::string(name);
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The latest trigger worth showing: of those opened since the last look the one of highest
// priority.
class Showcase {
 public:
  void Add(const pb::Trigger& trigger) {
    MutexLock lock(mutex_);
    if (trigger.state() == pb::Trigger::OPENED && trigger.revision() == 1 &&
        (!best_ || trigger.priority() > best_->priority())) {
      best_ = trigger;
    }
  }

  std::optional<pb::Trigger> Take() {
    MutexLock lock(mutex_);
    std::optional<pb::Trigger> best = std::move(best_);
    best_.reset();
    return best;
  }

 private:
  Mutex mutex_;
  std::optional<pb::Trigger> best_ HOTIRON_GUARDED_BY(mutex_);
};

size_t Columns() {
  winsize size{};
  bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
  return known ? size.ws_col : 100;
}

Config DemoConfig(const DemoOptions& options, const EmbeddedBroker& broker,
                  const TemporaryFolder& folder) {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) {
    key += Hex(uint64_t{random()} << 32 | random());
  }
  Config config;
  config.app = "hotiron";
  config.instance = "demo";
  config.clock = Config::Clock::kEvent;
  config.inputs = {{.topic = "web", .format = "segment", .source = "web", .unknown = ""},
                   {.topic = "crm", .format = "salesforce", .source = "crm", .unknown = ""}};
  config.policy_file = folder.File("policy.yaml", DefaultPolicy());
  config.catalogue_file = folder.File("catalogue.yaml", DefaultCatalogue());
  // What its sources call history changes journeys and opens nothing.
  for (const InputConfig& live : std::vector<InputConfig>(config.inputs)) {
    InputConfig past = live;
    past.topic += kHistorySuffix;
    past.history = true;
    config.inputs.push_back(std::move(past));
  }
  config.free_mail.assign(kMarketFreeMailDomains.begin(), kMarketFreeMailDomains.end());
  // Its CRM keeps the owner's name beside the user's id.
  config.fields["account"] = {{"OwnerId", ""}, {"Owner_Name", "owner"}};
  config.person_key_file = folder.File("person.key", key);
  config.serve_notice =
      "A demo: the companies are invented. Time runs fast until it has caught up with today, and "
      "simulated colleagues take triggers, too.";
  config.kafka = {{"bootstrap.servers", broker.bootstrap()},
                  {"session.timeout.ms", "6000"},
                  {"fetch.wait.max.ms", "10"}};
  config.partitions = kPartitions;
  // The embedded broker cannot show exactly-once; docs/ARCHITECTURE.md says what that costs.
  config.guarantee = Config::Guarantee::kAtLeastOnce;
  config.state_directory = folder.path() + "/state";
  config.state_memory_mb = 64;
  config.admin_port = options.admin_port;
  config.serve_port = options.serve_port;
  config.serve_token_file = options.serve_token_file;
  return config;
}

// Plays the market into the input topics, and what its sales people do with triggers into
// <app>.feedback: a simulated clock, held back while the pipeline is behind.
class Generator {
 public:
  Generator(const DemoOptions& options, Producer producer, const Pipeline& pipeline,
            MarketReps& reps)
      : market_(options.Market()),
        live_(options.Live()),
        producer_(std::move(producer)),
        pipeline_(pipeline),
        reps_(reps) {}

  // The past, as fast as the pipeline takes it in; false when told to stop.
  Result<bool> PlayPast(const std::stop_token& stop) {
    while (market_.PeekTime() < live_) {
      if (stop.stop_requested()) {
        return false;
      }
      if (IsAhead()) {
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
        continue;
      }
      market_time_ = market_.PeekTime();
      TRY(SendNext(kHistorySuffix));
    }
    return true;
  }

  Result<void> Run(const std::stop_token& stop) {
    EventTime clock = market_.PeekTime();
    steady_clock::time_point last = steady_clock::now();
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      steady_clock::time_point now = steady_clock::now();
      double seconds = std::chrono::duration<double>(now - last).count();
      last = now;
      bool caught_up = clock >= std::chrono::system_clock::now();
      double day = caught_up ? kDaySeconds * kSlowDown : kDaySeconds;
      clock += Duration{static_cast<int64_t>(seconds / day * 86'400'000.0)};
      while (market_.PeekTime() <= clock && !stop.stop_requested()) {
        if (IsAhead()) {
          clock = market_.PeekTime();  // the world waits too
          break;
        }
        TRY(SendNext(""));
      }
      for (const RepAction& action : reps_.TakeDue(clock)) {
        TRY(Send({.topic = pipeline_.config().Topic("feedback"),
                  .key = action.account,
                  .value = action.feedback}));
      }
      market_time_ = clock;
    }
    return producer_.Flush(std::chrono::seconds{30});
  }

  uint64_t sent() const { return sent_; }

  EventTime market_time() const { return market_time_; }

 private:
  bool IsAhead() const {
    auto taken = static_cast<int64_t>(pipeline_.totals().input_records);
    return static_cast<int64_t>(sent_) - taken > kInputsAhead;
  }

  Result<void> SendNext(const std::string& suffix) {
    MarketEvent event = market_.Next();
    return Send({.topic = (event.feed == Feed::kWeb ? "web" : "crm") + suffix,
                 .key = event.key,
                 .value = event.payload});
  }

  Result<void> Send(const ProduceRecord& record) {
    TRY(producer_.Produce(record));
    ++sent_;
    return {};
  }

  Market market_;
  const EventTime live_;  // what is earlier is history
  Producer producer_;
  const Pipeline& pipeline_;
  MarketReps& reps_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<EventTime> market_time_{EventTime{}};
};

// What the terminal shows while the demo runs.
class Screen {
 public:
  Screen() : terminal_(isatty(STDOUT_FILENO) == 1) {}

  void Intro(const Pipeline& pipeline, int seconds) const {
    fmt::print(
        "Hotiron demo: a market of invented companies browses, asks, stalls and buys.\n"
        "  page      http://{4}:{5}/   the strike list: whom to call now, and why\n"
        "  metrics   http://{0}:{1}/metrics   (also /livez and /readyz)\n"
        "  pace      a day of the market takes {2:.1f} s, until it has caught up with today\n"
        "  stop      {3}\n\n",
        pipeline.config().admin_address, pipeline.admin_port(), kDaySeconds,
        seconds > 0 ? fmt::format("by itself after {} s of it, or Ctrl-C", seconds) : "Ctrl-C",
        pipeline.config().serve_address, pipeline.serve_port());
    std::fflush(stdout);
  }

  void Show(const Pipeline& pipeline, const Generator& generator, Showcase& showcase) {
    steady_clock::time_point now = steady_clock::now();
    if (now - last_trigger_ >= kTriggerInterval) {
      std::optional<pb::Trigger> trigger = showcase.Take();
      if (trigger) {
        last_trigger_ = now;
        fmt::print("{}{}\n", terminal_ ? "\r\x1b[K" : "",
                   TriggerWords(*trigger, {.columns = Columns(), .colour = terminal_}));
        last_summary_ = {};
      }
    }
    if (now - last_summary_ >= (terminal_ ? steady_clock::duration(std::chrono::milliseconds{250})
                                          : steady_clock::duration(kSummaryInterval))) {
      last_summary_ = now;
      WorkerProbe::Totals totals = pipeline.totals();
      std::string line =
          fmt::format("{}  {} events in, {} companies, {} triggers, {} rejected, {} behind",
                      FormatTime(generator.market_time()).substr(0, 10), totals.input_records,
                      totals.companies, totals.triggers_opened, totals.rejected, totals.lag);
      fmt::print("{}{}{}", terminal_ ? "\r\x1b[K" : "", line.substr(0, Columns() - 1),
                 terminal_ ? "" : "\n");
      std::fflush(stdout);
    }
  }

  void ShowPast(const Pipeline& pipeline, const Generator& generator) {
    steady_clock::time_point now = steady_clock::now();
    if (now - last_summary_ <
        (terminal_ ? std::chrono::milliseconds{250} : std::chrono::milliseconds{5'000})) {
      return;
    }
    last_summary_ = now;
    WorkerProbe::Totals totals = pipeline.totals();
    fmt::print("{}{}  the past comes in: {} events, {} companies{}", terminal_ ? "\r\x1b[K" : "",
               FormatTime(generator.market_time()).substr(0, 10), totals.input_records,
               totals.companies, terminal_ ? "" : "\n");
    std::fflush(stdout);
  }

  void Clear() const { fmt::print("{}", terminal_ ? "\r\x1b[K" : ""); }

 private:
  const bool terminal_;
  steady_clock::time_point last_trigger_{};
  steady_clock::time_point last_summary_{};
};

Result<std::unique_ptr<Pipeline>> StartPipeline(Config config, Showcase& showcase,
                                                MarketReps& reps) {
  Pipeline::Options options{.config = std::move(config),
                            .topics_exist = true,
                            .on_trigger = [&](const pb::Trigger& trigger) {
                              showcase.Add(trigger);
                              reps.See(trigger);
                            }};
  // A port that is in use gives way to a free one.
  while (true) {
    Result<std::unique_ptr<Pipeline>> pipeline = Pipeline::Start(options);
    if (pipeline.ok()) {
      return pipeline;
    }
    auto names = [&](const char* key) {
      return pipeline.error().message.find(key) != std::string::npos;
    };
    int& port = names("admin.port") ? options.config.admin_port : options.config.serve_port;
    if (port == 0 || !(names("admin.port") || names("serve.port"))) {
      return pipeline;
    }
    fmt::print("Port {} is in use; taking a free one.\n", port);
    port = 0;
  }
}

// The vendor's past: what a model can be learnt from, how good it would have been, and the model.
// Leaves the model's file in `config`; a market that is too small to learn from has none.
Result<void> LearnFromPast(const DemoOptions& options, const TemporaryFolder& folder,
                           Progress& progress, Config& config) {
  fmt::print("The past {} days of the market, as a vendor has them on file:\n", options.history);
  std::fflush(stdout);
  TRY_ASSIGN(DemoPast past,
             WritePast(options.Market(), options.Live(), config, folder.path(), progress));
  fmt::print("  history   {} events, {} signals of companies; {} purchases ended, {} bought\n",
             past.market_events, past.signals, past.accounts, past.bought);
  std::fflush(stdout);
  BacktestOptions backtest;
  backtest.learning.events = {past.events_file};
  backtest.learning.outcomes = past.outcomes_file;
  backtest.learning.won = {"won"};
  backtest.learning.time_unit = "1d";
  backtest.learning.catalogue = config.catalogue_file;
  backtest.learning.seed = options.seed;
  backtest.policy = config.policy_file;
  Result<Backtest> judged = RunBacktest(
      backtest, [](const pb::Trigger&) {}, progress);
  if (!judged.ok() && judged.error().code == Error::Code::kInvalid) {
    fmt::print("  no model  {}; triggers go by progress\n\n", judged.error().message);
    return {};
  }
  TRY(judged);
  progress.Finish();
  fmt::print("{}", BacktestHeadline(judged.value()));
  std::fflush(stdout);
  TRY_ASSIGN(LearningInput input, ReadLearningInput(backtest.learning, progress));
  TimeScale scale = ScaleOf(input, input.history);
  Work work = MakeWork(progress);
  TRY_ASSIGN(Training training,
             Train(input.history,
                   {.scale = scale, .horizons = DefaultHorizons(scale), .seed = options.seed},
                   {.catalogue = input.catalogue.version(),
                    .won = backtest.learning.won,
                    .masks = backtest.learning.masks,
                    .data_hash = input.data_hash},
                   work));
  progress.Finish();
  for (const Head& head : training.model.heads) {
    fmt::print("  {:<9} {}\n", head.horizon ? SayHorizon(head.horizon) : "ever",
               head.gate.open
                   ? fmt::format("gate open: on accounts it had not seen the model knows more than "
                                 "their age (slope {:.2f}, error {:.2f})",
                                 head.gate.slope, head.gate.error)
                   : "gate closed: no demonstrated skill, triggers go by progress");
  }
  if (!training.model.heads.empty()) {
    config.model_file = folder.File("model.yaml", WriteModel(training.model));
  }
  fmt::print("\n");
  return {};
}

// Waits until everything that was sent has been taken in and processed.
Result<void> WaitUntilDrained(const Pipeline& pipeline, const Generator& generator,
                              Signals& signals) {
  steady_clock::time_point deadline = steady_clock::now() + kDrainPatience;
  steady_clock::time_point quiet_since = steady_clock::now();
  while (steady_clock::now() - quiet_since < kSettle) {
    if (pipeline.failed() || steady_clock::now() > deadline) {
      return Unavailable("the pipeline did not drain");
    }
    WorkerProbe::Totals totals = pipeline.totals();
    if (totals.input_records < generator.sent() || totals.lag > 0) {
      quiet_since = steady_clock::now();
    }
    signals.WaitForStop(20);
  }
  return {};
}

Result<WorkerProbe::Totals> Play(const DemoOptions& options, Signals& signals) {
  TRY(CheckOutputs({{"--json", options.json}}, {}));
  TRY_ASSIGN(TemporaryFolder folder, TemporaryFolder::Make());
  TRY_ASSIGN(EmbeddedBroker broker, EmbeddedBroker::Start(1, KafkaLog()));
  Config config = DemoConfig(options, broker, folder);
  if (options.history > 0) {
    Progress progress("demo");
    Result<void> learnt = LearnFromPast(options, folder, progress, config);
    if (progress.interrupted() || signals.WaitForStop(0)) {
      return WorkerProbe::Totals();
    }
    TRY(learnt);
  }
  TRY(CreateTopics(broker, config, kPartitions));
  Showcase showcase;
  MarketReps reps;
  TRY_ASSIGN(std::unique_ptr<Pipeline> pipeline, StartPipeline(config, showcase, reps));
  Screen screen;
  screen.Intro(*pipeline, options.seconds);

  // Members join before the generator starts: the embedded broker forgets what is not fetched.
  while (!pipeline->ready() && !pipeline->failed() && !signals.WaitForStop(20)) {
  }
  KafkaOptions kafka{.properties = config.kafka, .log = KafkaLog(), .statistics = {}};
  kafka.properties.erase("session.timeout.ms");
  kafka.properties.erase("fetch.wait.max.ms");
  TRY_ASSIGN(Producer producer, Producer::Create(kafka, std::nullopt));
  Generator generator(options, std::move(producer), *pipeline, reps);
  Result<void> generated;
  {
    std::atomic<bool> live{false};
    std::jthread thread([&](const std::stop_token& stop) {
      Result<bool> played = generator.PlayPast(stop);
      live = true;
      generated = !played.ok()     ? Result<void>(played.error())
                  : played.value() ? generator.Run(stop)
                                   : Result<void>();
    });
    while (!live && !pipeline->failed() && !signals.WaitForStop(50)) {
      screen.ShowPast(*pipeline, generator);
    }
    screen.Clear();
    const steady_clock::time_point end =
        steady_clock::now() + std::chrono::seconds{options.seconds};
    while (!signals.WaitForStop(50) && !pipeline->failed() &&
           (options.seconds == 0 || steady_clock::now() < end)) {
      screen.Show(*pipeline, generator, showcase);
    }
  }  // joins
  screen.Clear();
  if (!pipeline->failed()) {
    TRY(generated);
    TRY(WaitUntilDrained(*pipeline, generator, signals));
  }
  WorkerProbe::Totals totals = pipeline->totals();
  TRY(pipeline->Stop());
  return totals;
}

int Demo(const DemoOptions& options) {
  Signals signals;
  spdlog::set_level(spdlog::level::warn);
  Result<WorkerProbe::Totals> totals = Play(options, signals);
  if (!totals.ok()) {
    return Fail(totals.error());
  }
  const WorkerProbe::Totals& t = totals.value();
  if (!options.json.empty()) {
    JsonWriter json;
    json.BeginObject().Field("events", t.input_records).Field("accounts", t.companies);
    json.Field("triggers", t.triggers_opened).Field("rejected", t.rejected);
    json.Field("lag", t.lag).EndObject();
    Result<void> written = WriteJsonFile(options.json, json.text());
    if (!written.ok()) {
      return Fail(written.error());
    }
  }
  fmt::print("demo: events={} accounts={} triggers={} rejected={} lag={}\n", t.input_records,
             t.companies, t.triggers_opened, t.rejected, t.lag);
  return kExitFine;
}

}  // namespace

void AddDemo(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "demo", "Play an invented market on a broker inside the process and watch triggers arrive");
  auto options = std::make_shared<DemoOptions>();
  command
      ->add_option(
          "--seconds", options->seconds,
          "Stop by itself after the market has been live for this long (default 0: only by Ctrl-C)")
      ->check(CLI::Range(0, 86'400));
  command->add_option("--seed", options->seed, "Another market (default 1)");
  command->add_option("--companies", options->companies, "Size of the market (default 1200)")
      ->check(CLI::Range(10, 20'000));
  command
      ->add_option("--admin-port", options->admin_port,
                   "Port of /metrics (default 9464, a free one when it is in use)")
      ->check(CLI::Range(0, 65'535));
  command
      ->add_option("--serve-port", options->serve_port,
                   "Port of the strike list (default 8484, a free one when it is in use)")
      ->check(CLI::Range(0, 65'535));
  command->add_option("--serve-token-file", options->serve_token_file,
                      "Ask for the token in this file (default: none, for this machine only)");
  command
      ->add_option(
          "--days", options->days,
          fmt::format(
              "How many days ago the live market begins (default {}; each takes 2.5 s until "
              "it has caught up with today)",
              options->days))
      ->check(CLI::Range(1, 365));
  command
      ->add_option(
          "--history", options->history,
          "Days of the market before that, which a model of buying is learnt from (default "
          "120; 0: none, triggers go by progress)")
      ->check(CLI::Range(0, 365));
  command->add_option("--json", options->json, "Write the final figures as JSON to this file");
  command->callback([&chosen, options] { chosen = [options] { return Demo(*options); }; });
}

}  // namespace hotiron
