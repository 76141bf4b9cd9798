// The whole path on a real Apache Kafka, started and stopped here, with everything on one machine.
//
//   throughput  `hotiron run` works through a backlog of Segment and Salesforce events (the demo's
//               market, about 1 kB each, lz4), exactly once, 100 ms commits, `clock: event`.
//               Measured from the first committed input offset to the last commit, so neither
//               start-up nor joining the group counts.
//   relay       beside it, on the same topics: relay.cc, measured in the same way
//   restart     hotiron stopped and started again: with its local state, and without, which is a
//               restore from the changelog. Until a record that waits in the input is committed.
//   latency     at half of the measured throughput (or --rate), `clock: wall`: from the broker's
//               timestamp of the input record that fires a trigger (LogAppendTime) to the moment
//               when a read_committed consumer has it. Every 200th event is of a company never seen
//               before and opens a trigger.
//
// Throughput and relay take turns --rounds times and medians are given, because the machine is
// shared: the ratios within a run mean more than the figures. CPU is the program's own user and
// system time, not the broker's.
#include <fmt/format.h>
#include <httplib.h>
#include <rapidjson/document.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/config.h"
#include "app/defaults.h"
#include "app/market.h"
#include "app/market_payloads.h"
#include "app/topics.h"
#include "base/json.h"
#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "processors/row_source.h"
#include "tests/bench/child.h"
#include "tests/kafka_broker/real_broker.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Duration kAdminTimeout{30'000};
constexpr Duration kAskTimeout{10'000};
constexpr Duration kFlushTimeout{60'000};
constexpr std::chrono::milliseconds kLookInterval{50};
constexpr std::chrono::milliseconds kSettle{1'000};  // no commit for so long: all is done
constexpr std::chrono::minutes kPatience{10};
constexpr int kEventsPartitions = 12;  // the default configuration's
constexpr double kWarmUpSeconds = 20;  // a broker that has just started is slow: it compiles itself
constexpr int kKnownCompanies = 2'000;  // of the latency run
constexpr uint64_t kFreshEvery = 200;   // events of the latency run per company never seen before
constexpr std::string_view kFreshDomain = "fresh-";

struct Options {
  uint64_t events = 1'000'000;
  int companies = 10'000;
  int partitions = 4;
  int rounds = 3;
  int workers = 1;
  int seconds = 30;
  int rate = 0;
  bool smoke = false;
  std::string hotiron = HOTIRON_BINARY;
  std::string json;
  std::vector<std::string> kafka;  // more librdkafka properties for hotiron, name=value
};

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    fmt::print(stderr, "end_to_end: {}\n", result.error().message);
    std::exit(1);
  }
  return std::move(result).value();
}

void Must(const Result<void>& result) {
  if (!result.ok()) {
    fmt::print(stderr, "end_to_end: {}\n", result.error().message);
    std::exit(1);
  }
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double Percentile(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

class NoListener final : public RebalanceListener {
 public:
  void OnAssigned(std::span<TopicPartitionOffset>) override {}

  void OnRevoked(std::span<const TopicPartition>) override {}

  void OnLost(std::span<const TopicPartition>) override {}
};

// Watches from outside how far a group has come; not a member of it.
class Watch {
 public:
  Watch(const KafkaOptions& kafka, const std::string& group, std::vector<TopicPartition> partitions)
      : consumer_(Must(Consumer::Create(kafka, {.group = group}, listener_))),
        partitions_(std::move(partitions)) {}

  // Committed offsets, 0 where there is none.
  std::vector<int64_t> Look() {
    Result<std::vector<std::optional<CommittedOffset>>> committed =
        consumer_.Committed(partitions_, kAskTimeout);
    std::vector<int64_t> offsets(partitions_.size());
    for (size_t i = 0; committed.ok() && i < offsets.size(); ++i) {
      offsets[i] = committed.value()[i] ? committed.value()[i]->offset : 0;
    }
    return offsets;
  }

 private:
  NoListener listener_;
  Consumer consumer_;
  std::vector<TopicPartition> partitions_;
};

struct Speed {
  double events_per_second = 0;
  double cpu_per_million = 0;
  double megabytes = 0;  // at most in RAM
};

class EndToEnd {
 public:
  explicit EndToEnd(Options options) : options_(std::move(options)) {
    RealBroker::Options broker;
    broker.jvm_flags = {"-Xmx1g", "-Xshare:auto", "-XX:+UseSerialGC"};
    broker_ = Must(RealBroker::Start(broker));
    kafka_.properties = {{"bootstrap.servers", broker_->bootstrap()}};
    admin_.emplace(Must(Admin::Create(kafka_, kAdminTimeout)));
  }

  EndToEnd(const EndToEnd&) = delete;
  EndToEnd& operator=(const EndToEnd&) = delete;

  void Run() {
    Fill();
    for (int round = 0; round < options_.rounds; ++round) {
      pipeline_.push_back(MeasurePipeline(round));
      Say(fmt::format("hotiron {}", round + 1), pipeline_.back());
      relay_.push_back(MeasureRelay(round));
      Say(fmt::format("relay {}", round + 1), relay_.back());
    }
    CountOutputs();
    MeasureRestarts();
    MeasureLatency();
    Report();
  }

 private:
  static void Say(const std::string& what, const Speed& speed) {
    fmt::print("{:<12} {:>9.0f} events/s  {:>6.2f} CPU-s per million  {:>5.0f} MiB\n", what,
               speed.events_per_second, speed.cpu_per_million, speed.megabytes);
    std::fflush(stdout);
  }

  void CreateTopic(const std::string& name, int partitions,
                   std::map<std::string, std::string> config = {}) {
    Must(
        admin_->CreateTopic({.name = name, .partitions = partitions, .config = std::move(config)}));
  }

  std::vector<TopicPartition> Inputs() const {
    std::vector<TopicPartition> all;
    for (const char* topic : {"web", "crm"}) {
      for (int32_t p = 0; p < options_.partitions; ++p) {
        all.push_back({topic, p});
      }
    }
    return all;
  }

  // The backlog.
  void Fill() {
    CreateTopic("web", options_.partitions);
    CreateTopic("crm", options_.partitions);
    Producer producer = Must(Producer::Create(kafka_, std::nullopt));
    Market market({.companies = options_.companies});
    EventTime first = market.PeekTime();
    uint64_t bytes = 0;
    EventTime last = first;
    for (uint64_t i = 0; i < options_.events; ++i) {
      MarketEvent event = market.Next();
      bytes += event.payload.size();
      last = event.time;
      Must(producer.Produce({.topic = event.feed == Feed::kWeb ? "web" : "crm",
                             .key = event.key,
                             .value = event.payload}));
    }
    Must(producer.Flush(kFlushTimeout));
    bytes_per_event_ = static_cast<double>(bytes) / static_cast<double>(options_.events);
    fmt::print("{} events of {:.0f} bytes, {} companies, {:.1f} days of the market\n",
               options_.events, bytes_per_event_, options_.companies,
               Seconds(last - first).count() / 86'400);
    std::fflush(stdout);
  }

  // A configuration file for `hotiron run`.
  std::string WriteConfig(const std::string& app, const std::string& clock,
                          const std::string& inputs, const std::string& policy) {
    std::string base = folder_ + "/" + app;
    std::ofstream(base + ".policy.yaml") << policy;
    std::ofstream(base + ".catalogue.yaml") << DefaultCatalogue();
    std::ofstream file(base + ".yaml");
    file << "app: " << app << "\ninstance: bench\nclock: " << clock << "\ninputs:\n" << inputs;
    file << "policy: " << base << ".policy.yaml\ncatalogue: " << base << ".catalogue.yaml\n";
    file << "free_mail: [";
    for (std::string_view domain : kMarketFreeMailDomains) {
      file << domain << ", ";
    }
    file << "]\nprivacy: {unkeyed: true}\nadmin: {port: 0}\n";
    file << "processing: {workers: " << options_.workers << "}\n";
    file << "topics: {partitions: " << kEventsPartitions << ", replication: 1}\n";
    file << "state: {directory: " << folder_ << "/state}\n";
    file << "kafka:\n  bootstrap.servers: " << broker_->bootstrap() << "\n";
    for (const std::string& property : options_.kafka) {
      size_t equals = property.find('=');
      CHECK(equals != std::string::npos);
      file << "  " << property.substr(0, equals) << ": " << property.substr(equals + 1) << "\n";
    }
    return base + ".yaml";
  }

  std::string MarketConfig(const std::string& app) {
    // Partitions are not read in step, so event times jump back and forth; in life they do not.
    std::string policy = DefaultPolicy();
    size_t at = policy.find("live_within: 15m");
    CHECK(at != std::string::npos);
    policy.replace(at, 16, "live_within: 365d");
    return WriteConfig(app, "event",
                       "  - {topic: web, format: segment}\n  - {topic: crm, format: salesforce}\n",
                       policy);
  }

  // From the first committed input to the last commit.
  Speed MeasureGroup(Child& child, const std::string& group,
                     const std::vector<TopicPartition>& partitions) {
    Watch watch(kafka_, group, partitions);
    size_t inputs = Inputs().size();
    std::vector<int64_t> seen(partitions.size());
    auto taken_in = [&](const std::vector<int64_t>& offsets) {
      uint64_t sum = 0;
      for (size_t i = 0; i < inputs; ++i) {
        sum += static_cast<uint64_t>(offsets[i]);
      }
      return sum;
    };
    std::optional<steady_clock::time_point> began;
    const steady_clock::time_point start = steady_clock::now();
    steady_clock::time_point changed = start;
    double cpu_began = 0;
    double cpu_changed = 0;
    uint64_t in_began = 0;
    const steady_clock::time_point deadline = start + kPatience;
    for (;;) {
      std::vector<int64_t> offsets = watch.Look();
      steady_clock::time_point now = steady_clock::now();
      CHECK(child.Running() && now < deadline);
      if (taken_in(offsets) >= taken_in(seen) && offsets != seen) {
        seen = offsets;
        changed = now;
        cpu_changed = child.CpuSeconds();
        if (!began && taken_in(offsets) > 0) {
          began = now;
          cpu_began = cpu_changed;
          in_began = taken_in(offsets);
        }
      }
      if (taken_in(seen) == options_.events && now - changed > kSettle) {
        break;
      }
      std::this_thread::sleep_for(kLookInterval);
    }
    if (in_began == options_.events) {  // all in one commit: a smoke run
      began = start;
      cpu_began = 0;
      in_began = 0;
    }
    auto measured = static_cast<double>(options_.events - in_began);
    return {measured / Seconds(changed - *began).count(),
            1e6 * (cpu_changed - cpu_began) / measured, child.PeakMegabytes()};
  }

  Speed MeasurePipeline(int round) {
    app_ = fmt::format("market{}", round);
    config_ = MarketConfig(app_);
    std::vector<TopicPartition> partitions = Inputs();
    for (int32_t p = 0; p < kEventsPartitions; ++p) {
      partitions.push_back({fmt::format("{}.{}", app_, kEventsTopic), p});
    }
    Child child({options_.hotiron, "run", "--roles", "process", "--config", config_},
                folder_ + "/" + app_ + ".log");
    Speed speed = MeasureGroup(child, app_, partitions);
    child.Stop();
    return speed;
  }

  Speed MeasureRelay(int round) {
    std::string suffix = fmt::format(".copy{}", round);
    CreateTopic("web" + suffix, options_.partitions);
    CreateTopic("crm" + suffix, options_.partitions);
    std::string group = fmt::format("relay{}", round);
    Child child({RELAY_BINARY, broker_->bootstrap(), group, suffix, "web", "crm"},
                folder_ + "/" + group + ".log");
    Speed speed = MeasureGroup(child, group, Inputs());
    child.Stop();
    return speed;
  }

  // Offsets that a topic has used: records, and one marker per transaction and partition.
  double OffsetsOf(const std::string& topic, int partitions) {
    Reader reader = Must(Reader::Create(kafka_));
    double sum = 0;
    for (int32_t p = 0; p < partitions; ++p) {
      sum += static_cast<double>(Must(reader.QueryWatermarks({topic, p}, kAskTimeout)).high);
    }
    return sum;
  }

  double DiskBytesOf(const std::string& topic, int partitions) {
    double sum = 0;
    for (int p = 0; p < partitions; ++p) {
      std::error_code ignored;
      for (const auto& file : std::filesystem::directory_iterator(
               broker_->directory() / "data" / fmt::format("{}-{}", topic, p), ignored)) {
        sum += file.path().extension() == ".log" ? static_cast<double>(file.file_size()) : 0;
      }
    }
    return sum;
  }

  void CountOutputs() {
    auto events = static_cast<double>(options_.events);
    for (std::string_view kind : {kEventsTopic, kStateTopic, kJourneysTopic, kTriggersTopic}) {
      std::string topic = fmt::format("{}.{}", app_, kind);
      double records = OffsetsOf(topic, kEventsPartitions) / events;
      produced_[std::string(kind)] = {records, DiskBytesOf(topic, kEventsPartitions) / events};
    }
    for (const char* topic : {"web", "crm"}) {
      input_bytes_ += DiskBytesOf(topic, options_.partitions) / events;
    }
    rejected_ = OffsetsOf(fmt::format("{}.{}", app_, kRejectedTopic), 1);
    account_bytes_ = AccountBytes();
  }

  // Sizes of the account rows that the changelog ends with, keys included, sorted.
  std::vector<double> AccountBytes() {
    Reader reader = Must(Reader::Create(kafka_));
    std::vector<TopicPartitionOffset> from;
    for (int32_t p = 0; p < kEventsPartitions; ++p) {
      from.push_back({{fmt::format("{}.{}", app_, kStateTopic), p}, kOffsetBeginning});
    }
    Must(reader.Add(from));
    std::map<std::string, double, std::less<>> sizes;
    for (int ended = 0; ended < kEventsPartitions;) {
      std::optional<Message> message = Must(reader.Poll(kAskTimeout));
      CHECK(message);
      if (message->IsEof()) {
        ++ended;
      } else if (message->key().starts_with(kAccountRow)) {
        sizes[std::string(message->key())] =
            static_cast<double>(message->key().size() + message->value().size());
      }
    }
    std::vector<double> sorted;
    for (const auto& [key, bytes] : sizes) {
      sorted.push_back(bytes);
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  // Seconds and CPU-seconds until every task is restored and a record that waits in the input has
  // been committed.
  std::pair<double, double> Restart() {
    Watch watch(kafka_, app_, Inputs());
    std::vector<int64_t> before = watch.Look();
    Producer producer = Must(Producer::Create(kafka_, std::nullopt));
    Market market({.companies = 1});
    Must(producer.Produce({.topic = "web", .value = market.Next().payload}));
    Must(producer.Flush(kFlushTimeout));
    steady_clock::time_point began = steady_clock::now();
    std::string log = fmt::format("{}/{}.restart{}.log", folder_, app_, ++restarts_);
    Child child({options_.hotiron, "run", "--roles", "process", "--config", config_}, log);
    while (!IsReady(log) || watch.Look() == before) {
      CHECK(child.Running() && steady_clock::now() < began + kPatience);
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    std::pair<double, double> took{Seconds(steady_clock::now() - began).count(),
                                   child.CpuSeconds()};
    child.Stop();
    return took;
  }

  // /readyz, at the address that the program logs when it has started.
  static bool IsReady(const std::string& log) {
    constexpr std::string_view kMark = "metrics=http://127.0.0.1:";
    std::ifstream file(log);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    size_t at = text.find(kMark);
    if (at == std::string::npos || text.find('\n', at) == std::string::npos) {
      return false;
    }
    httplib::Client client("127.0.0.1", std::atoi(text.c_str() + at + kMark.size()));
    httplib::Result answer = client.Get("/readyz");
    return answer && answer->status == 200;
  }

  void MeasureRestarts() {
    changelog_records_ = OffsetsOf(fmt::format("{}.{}", app_, kStateTopic), kEventsPartitions);
    std::vector<double> clean, clean_cpu, empty, empty_cpu;
    for (int round = 0; round < options_.rounds; ++round) {
      auto [seconds, cpu] = Restart();
      clean.push_back(seconds);
      clean_cpu.push_back(cpu);
      std::filesystem::remove_all(folder_ + "/state/" + app_);
      auto [empty_seconds, empty_cpu_seconds] = Restart();
      empty.push_back(empty_seconds);
      empty_cpu.push_back(empty_cpu_seconds);
    }
    restart_ = Median(clean);
    restart_empty_ = Median(empty);
    restore_rate_ = changelog_records_ / std::max(1e-3, restart_empty_ - restart_);
    restore_per_cpu_ = changelog_records_ / std::max(1e-2, Median(empty_cpu) - Median(clean_cpu));
  }

  // Calls of Segment's libraries as they come in now.
  void Pace(double rate, const std::atomic<bool>& stop) {
    Producer producer = Must(Producer::Create(kafka_, std::nullopt));
    std::mt19937_64 random(11);
    const std::string run = fmt::format("{:x}", ToMillis(Now()));
    const steady_clock::time_point began = steady_clock::now();
    uint64_t sent = 0;
    while (!stop) {
      auto due = static_cast<uint64_t>(rate * Seconds(steady_clock::now() - began).count());
      for (; sent < due; ++sent) {
        bool fresh = sent % kFreshEvery == 0;
        std::string domain = fresh ? fmt::format("{}{}.example", kFreshDomain, sent)
                                   : fmt::format("known-{}.example", random() % kKnownCompanies);
        std::string email = fmt::format("person{}@{}", random() % 7, domain);
        WebSender sender{};
        sender.visitor = email;
        sender.email = email;
        sender.time_zone = "Europe/Berlin";
        sender.locale = "de-DE";
        sender.address = "192.0.2.17";
        WebTimes times{Now(), Now(), Now()};
        PageView page{fresh ? "/pricing" : "/blog/uptime", "Page"};
        Must(producer.Produce(
            {.topic = "pages",
             .key = email,
             .value = SegmentPage(sender, times, fmt::format("{}-{}", run, sent), page)}));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    Must(producer.Flush(kFlushTimeout));
    sent_per_second_ = static_cast<double>(sent) / Seconds(steady_clock::now() - began).count();
  }

  static EventTime Now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

  void MeasureLatency() {
    CreateTopic("pages", options_.partitions, {{"message.timestamp.type", "LogAppendTime"}});
    std::string policy =
        "version: 1\npolicies:\n  - name: any\n    when: {points: 0.01}\n"
        "    buying_group: {people: 0}\n    expires: 1d\n";
    std::string config =
        WriteConfig("latency", "wall", "  - {topic: pages, format: segment}\n", policy);
    Child child({options_.hotiron, "run", "--roles", "process", "--config", config},
                folder_ + "/latency.log");
    // It reads its input from the beginning: nothing is sent before it has joined.
    std::this_thread::sleep_for(std::chrono::seconds{4});
    Reader reader = Must(Reader::Create(kafka_));
    std::vector<TopicPartitionOffset> from;
    for (int32_t p = 0; p < kEventsPartitions; ++p) {
      from.push_back({{"latency.triggers", p}, kOffsetBeginning});
    }
    Must(reader.Add(from));

    std::vector<double> speeds;
    for (const Speed& speed : pipeline_) {
      speeds.push_back(speed.events_per_second);
    }
    double rate = options_.rate > 0 ? options_.rate : Median(speeds) / 2;
    std::atomic<bool> stop{false};
    std::jthread sender([&] { Pace(rate, stop); });
    const steady_clock::time_point began = steady_clock::now();
    const Seconds warm_up{options_.smoke ? 1.0 : kWarmUpSeconds};
    const Seconds whole = warm_up + Seconds(options_.seconds);
    double cpu = 0;
    while (steady_clock::now() - began < whole) {
      std::optional<Message> message = Must(reader.Poll(Duration{10}));
      EventTime now = Now();
      if (steady_clock::now() - began < warm_up) {
        cpu = child.CpuSeconds();
        continue;
      }
      if (message && !message->IsEof() && message->has_value()) {
        NoteTrigger(message->value(), now);
      }
    }
    latency_cpu_ = (child.CpuSeconds() - cpu) / options_.seconds;
    stop = true;
    sender.join();
    child.Stop();
    std::sort(latencies_.begin(), latencies_.end());
    if (latencies_.empty()) {
      fmt::print(stderr, "end_to_end: no trigger came while latency was measured\n");
      std::exit(1);
    }
  }

  void NoteTrigger(std::string_view json, EventTime now) {
    rapidjson::Document trigger;
    trigger.Parse(json.data(), json.size());
    CHECK(!trigger.HasParseError());
    if (!trigger.HasMember("cause") ||
        std::string_view(trigger["account"].GetString()).find(kFreshDomain) ==
            std::string_view::npos) {
      return;
    }
    std::optional<EventTime> cause = ParseTime(trigger["cause"]["timestamp"].GetString());
    CHECK(cause);
    latencies_.push_back(static_cast<double>((now - *cause).count()));
  }

  void Report() {
    std::vector<double> rates, cpus, relay_rates, relay_cpus, rate_ratios, cpu_ratios, megabytes;
    for (size_t i = 0; i < pipeline_.size(); ++i) {
      rates.push_back(pipeline_[i].events_per_second);
      cpus.push_back(pipeline_[i].cpu_per_million);
      megabytes.push_back(pipeline_[i].megabytes);
      relay_rates.push_back(relay_[i].events_per_second);
      relay_cpus.push_back(relay_[i].cpu_per_million);
      rate_ratios.push_back(rates[i] / relay_rates[i]);
      cpu_ratios.push_back(cpus[i] / relay_cpus[i]);
    }
    double p50 = Percentile(latencies_, 0.5);
    double p99 = Percentile(latencies_, 0.99);
    fmt::print("\n{:<34}{:>12}{:>12}{:>10}\n", "median of rounds", "hotiron", "relay", "ratio");
    fmt::print("{:<34}{:>12.0f}{:>12.0f}{:>10.2f}\n", "events/s", Median(rates),
               Median(relay_rates), Median(rate_ratios));
    fmt::print("{:<34}{:>12.2f}{:>12.2f}{:>10.2f}\n", "CPU-s per million events", Median(cpus),
               Median(relay_cpus), Median(cpu_ratios));
    fmt::print("{:<34}{:>12.0f}\n", "memory, MiB at most", Median(megabytes));
    double records = 0;
    double bytes = 0;
    for (const auto& [topic, per_event] : produced_) {
      fmt::print("{:<34}{:>12.3f}{:>12.0f} bytes\n", fmt::format("offsets per event, .{}", topic),
                 per_event.first, per_event.second);
      records += per_event.first;
      bytes += per_event.second;
    }
    fmt::print("{:<34}{:>12.3f}{:>12.0f} bytes (input: {:.0f})\n", "offsets per event, all",
               records, bytes, input_bytes_);
    fmt::print("{:<34}{:>12.0f}\n", "rejected", rejected_);
    fmt::print("{:<34}{:>12.0f} median, {:.0f} p99 of {}\n", "account row, bytes",
               Percentile(account_bytes_, 0.5), Percentile(account_bytes_, 0.99),
               account_bytes_.size());
    fmt::print("{:<34}{:>12.2f} s\n", "restart with local state", restart_);
    fmt::print("{:<34}{:>12.2f} s, {:.0f} offsets, {:.0f}/s, {:.0f} per CPU-s\n", "restart without",
               restart_empty_, changelog_records_, restore_rate_, restore_per_cpu_);
    fmt::print("{:<34}{:>12.0f} events/s, {:.2f} CPUs\n", "latency at", sent_per_second_,
               latency_cpu_);
    fmt::print("{:<34}{:>12.0f} ms p50, {:.0f} p90, {:.0f} p99, {:.0f} max of {} triggers\n",
               "trigger latency", p50, Percentile(latencies_, 0.9), p99, latencies_.back(),
               latencies_.size());
    if (!options_.json.empty()) {
      JsonWriter json;
      json.BeginObject()
          .Field("events", options_.events)
          .Field("bytes_per_event", bytes_per_event_);
      json.Field("rounds", options_.rounds).Field("events_per_second", Median(rates));
      json.Field("cpu_seconds_per_million", Median(cpus)).Field("memory_mib", Median(megabytes));
      json.Field("relay_events_per_second", Median(relay_rates));
      json.Field("relay_cpu_seconds_per_million", Median(relay_cpus));
      json.Field("events_per_second_ratio", Median(rate_ratios));
      json.Field("cpu_ratio", Median(cpu_ratios));
      json.Key("offsets_per_event").BeginObject();
      for (const auto& [topic, per_event] : produced_) {
        json.Field(topic, per_event.first);
      }
      json.EndObject().Field("rejected", rejected_);
      json.Field("account_bytes_median", Percentile(account_bytes_, 0.5));
      json.Field("account_bytes_p99", Percentile(account_bytes_, 0.99));
      json.Field("restart_seconds", restart_).Field("restart_empty_seconds", restart_empty_);
      json.Field("restore_records_per_second", restore_rate_);
      json.Field("restore_records_per_cpu_second", restore_per_cpu_);
      json.Field("latency_events_per_second", sent_per_second_);
      json.Field("latency_p50_ms", p50).Field("latency_p99_ms", p99);
      json.Field("latency_triggers", static_cast<uint64_t>(latencies_.size())).EndObject();
      std::ofstream(options_.json) << json.text() << '\n';
    }
  }

  const Options options_;
  TempDir temp_dir_;
  const std::string folder_ = temp_dir_.path().string();
  std::unique_ptr<RealBroker> broker_;
  KafkaOptions kafka_;
  std::optional<Admin> admin_;
  std::string app_;     // of the last round
  std::string config_;  // of the last round

  double bytes_per_event_ = 0;
  std::vector<Speed> pipeline_;
  std::vector<Speed> relay_;
  std::map<std::string, std::pair<double, double>> produced_;  // offsets and bytes per event
  double input_bytes_ = 0;                                     // per event, as compressed
  double rejected_ = 0;
  std::vector<double> account_bytes_;  // sorted
  int restarts_ = 0;
  double changelog_records_ = 0;
  double restart_ = 0;
  double restart_empty_ = 0;
  double restore_rate_ = 0;
  double restore_per_cpu_ = 0;
  double sent_per_second_ = 0;
  double latency_cpu_ = 0;
  std::vector<double> latencies_;  // milliseconds, sorted at the end
};

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  hotiron::Options options;
  CLI::App app("hotiron run beside a bare relay on a real Kafka");
  app.add_option("--events", options.events, "Size of the backlog");
  app.add_option("--companies", options.companies, "Of the market");
  app.add_option("--partitions", options.partitions, "Of each input topic");
  app.add_option("--rounds", options.rounds, "Medians are of so many");
  app.add_option("--workers", options.workers, "processing.workers");
  app.add_option("--seconds", options.seconds, "That latency is measured for");
  app.add_option("--rate", options.rate, "Events/s of the latency run (0: half the throughput)");
  app.add_option("--hotiron", options.hotiron, "The program measured (to compare two builds)");
  app.add_option("--kafka", options.kafka, "name=value: a librdkafka property for hotiron");
  app.add_option("--json", options.json, "File for the figures");
  app.add_flag("--smoke", options.smoke, "Few events: only whether it runs");
  CLI11_PARSE(app, argc, argv);
  if (options.smoke) {
    options.events = 5'000;
    options.companies = 200;
    options.rounds = 1;
    options.seconds = 3;
    options.rate = 500;
  }
  hotiron::EndToEnd(options).Run();
  return 0;
}
