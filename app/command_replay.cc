#include <fmt/format.h>

#include <map>

#include "app/commands.h"
#include "app/config.h"
#include "app/output_file.h"
#include "app/pipeline.h"
#include "app/progress.h"
#include "base/json.h"
#include "ingest/history.h"
#include "ingest/native.h"
#include "kafka/admin.h"
#include "kafka/producer.h"

namespace hotiron {
namespace {

constexpr uint64_t kBatchEvents = 10'000;  // queued before their delivery is waited for
constexpr Duration kDeliveryPatience{60'000};
constexpr Duration kStopPatience{5'000};  // of one that was told to stop
constexpr Duration kLookInterval{200};
constexpr uint64_t kRefusedShown = 5;

struct ReplayOptions {
  std::vector<std::string> events;
  std::string brokers;
  std::string topic;
  std::string config;
  std::string as = "history";
  std::string json;
};

struct Sent {
  uint64_t events = 0;
  uint64_t refused = 0;
  bool interrupted = false;
};

// Until all that is queued has been delivered, or nothing moves for too long: how many are left.
Result<size_t> Deliver(Producer& producer, Progress& progress) {
  using std::chrono::steady_clock;
  steady_clock::time_point moved = steady_clock::now();
  std::optional<steady_clock::time_point> stop;
  for (size_t before = SIZE_MAX;;) {
    TRY_ASSIGN(size_t left, producer.FlushSome(kLookInterval));
    steady_clock::time_point now = steady_clock::now();
    if (left < before) {
      before = left;
      moved = now;
    }
    if (!stop && progress.LookForStop()) {
      stop = now;
    }
    if (left == 0 || (stop && now - *stop > kStopPatience)) {
      return left;
    }
    if (now - moved > kDeliveryPatience) {
      return Unavailable(fmt::format("for {} s the brokers have taken none of {} events",
                                     kDeliveryPatience.count() / 1000, left));
    }
  }
}

Result<Sent> Replay(const ReplayOptions& options) {
  std::vector<std::string> inputs = options.events;
  inputs.push_back(options.config);
  TRY(CheckOutputs({{"--json", options.json}}, inputs));
  KafkaOptions kafka;
  if (!options.config.empty()) {
    TRY_ASSIGN(Config config, ReadConfig(options.config));
    TRY_ASSIGN(kafka.properties, ResolveKafka(config));
  }
  if (!options.brokers.empty()) {
    kafka.properties["bootstrap.servers"] = options.brokers;
  }
  if (kafka.properties.count("bootstrap.servers") == 0) {
    return Invalid("--brokers: is missing: host:port, or a --config that names them");
  }
  kafka.log = KafkaLog();
  TRY_ASSIGN(MergedHistory history,
             MergedHistory::Open(options.events,
                                 {.source = "history", .history = options.as == "history"}));
  TRY_ASSIGN(Admin admin, Admin::Create(kafka));
  TRY_ASSIGN(auto topics, admin.Topics());
  if (topics.count(options.topic) == 0) {
    return Invalid(fmt::format("--topic: '{}' does not exist: create it first", options.topic));
  }
  kafka.properties.emplace("compression.type", "lz4");
  kafka.properties.emplace("linger.ms", "20");
  TRY_ASSIGN(Producer producer, Producer::Create(kafka, std::nullopt));

  Progress progress("replay");
  Sent sent;
  Observation observation;
  size_t left = 0;  // not delivered by one that was told to stop
  bool whole = false;
  while (!progress.interrupted()) {
    Result<bool> more = history.Next(observation);
    if (!more.ok() && more.error().code == Error::Code::kInvalid) {
      if (++sent.refused <= kRefusedShown) {
        fmt::print(stderr, "replay: left out: {}\n", more.error().message);
      }
      continue;
    }
    TRY(more);
    if (!more.value()) {
      whole = true;
      break;
    }
    std::string value = WriteNative(observation);
    TRY(producer.Produce({.topic = options.topic, .key = observation.account, .value = value}));
    ++sent.events;
    progress.Show(history.progress().bytes_read, history.progress().bytes_total, sent.events);
    if (sent.events % kBatchEvents == 0) {
      TRY_ASSIGN(left, Deliver(producer, progress));
    }
  }
  if (left == 0) {
    TRY_ASSIGN(left, Deliver(producer, progress));
  }
  sent.events -= left;
  sent.interrupted = left > 0 || !whole;
  progress.Finish();
  return sent;
}

int Report(const ReplayOptions& options) {
  Result<Sent> sent = Replay(options);
  if (!sent.ok()) {
    return Fail(sent.error());
  }
  const Sent& result = sent.value();
  if (!options.json.empty()) {
    JsonWriter json;
    json.BeginObject().Field("events", result.events).Field("refused", result.refused);
    json.Field("interrupted", result.interrupted).EndObject();
    Result<void> written = WriteJsonFile(options.json, json.text());
    if (!written.ok()) {
      return Fail(written.error());
    }
  }
  fmt::print(stderr, "replay: {} events sent to {}, {} rows refused{}\n", result.events,
             options.topic, result.refused,
             result.interrupted ? "; interrupted: replay again to complete, what was sent is "
                                  "recognised"
                                : "");
  return result.interrupted ? kExitFailed : kExitFine;
}

}  // namespace

void AddReplay(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "replay", "Publish a history file to a topic in the native format (docs/FORMATS.md)");
  auto options = std::make_shared<ReplayOptions>();
  command
      ->add_option("--events", options->events,
                   "History (account,contact,ts,source,signal,value), plain or gzip; several files "
                   "are merged by time")
      ->required();
  command->add_option("--topic", options->topic, "Topic to publish to; it must exist")->required();
  command->add_option("--brokers", options->brokers, "Kafka brokers, host:port,host:port");
  command->add_option("--config", options->config,
                      "Configuration file whose `kafka:` section says how to connect");
  command
      ->add_option("--as", options->as,
                   "history (default): changes journeys, never decisions; live: as if it happened "
                   "now, for a rehearsal in `clock: event`")
      ->check(CLI::IsMember({"history", "live"}));
  command->add_option("--json", options->json, "Write the result as JSON to this file");
  command->callback([&chosen, options] { chosen = [options] { return Report(*options); }; });
}

}  // namespace hotiron
