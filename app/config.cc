#include "app/config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/limits.h"
#include "base/yaml.h"
#include "delivery/access.h"
#include "delivery/event_hub.h"
#include "delivery/view.h"
#include "delivery/view_feed.h"
#include "ingest/router.h"

namespace hotiron {
namespace {

constexpr size_t kFileBytesMax = size_t{4} << 20;
constexpr std::array<std::string_view, 3> kFormats{"native", "segment", "salesforce"};
// Properties of librdkafka that the guarantee rests on, or that follow from `app` and `instance`.
constexpr std::string_view kOurProperties[] = {"group.id",
                                               "group.instance.id",
                                               "transactional.id",
                                               "enable.auto.commit",
                                               "enable.auto.offset.store",
                                               "auto.commit.enable",
                                               "isolation.level",
                                               "enable.idempotence",
                                               "acks",
                                               "request.required.acks",
                                               "auto.offset.reset",
                                               "message.max.bytes",
                                               "enable.partition.eof"};

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "hotiron";
}

// `path` as seen from `folder`; empty stays empty.
std::string Under(const std::string& folder, const std::string& path) {
  if (path.empty() || folder.empty()) {
    return path;
  }
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

bool IsTopicName(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

void ReadInput(YamlMap& map, Config& config) {
  InputConfig input;
  size_t format = 0;
  size_t unknown = 2;
  map.Read("topic", input.topic);
  map.ReadChoice("format", {kFormats.begin(), kFormats.end()}, format);
  map.Read("source", input.source);
  map.Read("history", input.history);
  map.ReadChoice("unknown", {"keep", "ignore"}, unknown);
  if (!IsTopicName(input.topic)) {
    map.Fail("topic", "must name a topic: letters, digits, '.', '_' and '-'");
  }
  bool twice = std::any_of(config.inputs.begin(), config.inputs.end(),
                           [&](const InputConfig& other) { return other.topic == input.topic; });
  if (twice) {
    map.Fail("topic", "is given to two inputs");
  }
  input.format = kFormats[format];
  input.unknown = unknown == 2 ? "" : unknown == 0 ? "keep" : "ignore";
  if (input.source.empty()) {
    input.source = input.topic;
  }
  config.inputs.push_back(std::move(input));
}

// Where to listen. Names are not asked for: which address they stand for may change.
void ReadAddress(YamlMap& map, std::string& address) {
  map.Read("address", address);
  std::array<char, sizeof(in6_addr)> parsed{};
  if (address != "localhost" && inet_pton(AF_INET, address.c_str(), parsed.data()) != 1 &&
      inet_pton(AF_INET6, address.c_str(), parsed.data()) != 1) {
    map.Fail("address", fmt::format("'{}' is no address to listen on: an IP address of this "
                                    "machine, 0.0.0.0 for all of them, or localhost",
                                    address));
  }
}

void ReadProcessing(YamlMap& map, Config& config) {
  size_t guarantee = static_cast<size_t>(config.guarantee);
  map.Read("workers", config.workers, 1, 64);
  map.ReadChoice("guarantee", {"exactly_once", "at_least_once"}, guarantee);
  config.guarantee = static_cast<Config::Guarantee>(guarantee);
  map.Read("commit_interval", config.commit_interval);
  if (config.commit_interval < Duration{5} || config.commit_interval > std::chrono::seconds{5}) {
    map.Fail("commit_interval", "must be from 5ms to 5s");
  }
  map.Read("commit_records", config.commit_records, 1, 10'000'000);
  map.Read("commit_bytes", config.commit_bytes, 1 << 16, 1 << 30);
  map.Read("input_lag", config.input_lag_max, 1'000, 1'000'000'000);
  map.Read("restore_patience", config.restore_patience);
  map.Read("drain_deadline", config.drain_deadline);
  map.Read("stuck_after", config.stuck_after);
  if (config.stuck_after < std::chrono::seconds{5}) {
    map.Fail("stuck_after", "must be at least 5s");
  }
}

void ReadJourneys(YamlMap& map, Config& config) {
  map.Read("interval", config.journey_interval);
  map.Read("time_unit", config.time_unit);
  map.Read("log_age", config.log_age);
  map.Read("log_entries", config.log_entries, 4, kLogEntriesLimit);
  map.Read("signals", config.journey_signals, 8, kJourneySignalsLimit);
  map.Read("slices", config.journey_slices, 10, 100'000);
  if (config.time_unit < std::chrono::seconds{1} || config.time_unit > std::chrono::days{3660}) {
    map.Fail("time_unit", "must be from 1s to 3660d");
  }
  if (config.log_age < Duration{1}) {
    map.Fail("log_age", "must be longer than 0");
  }
}

void ReadStart(YamlMap& map, Config& config) {
  std::string start = "earliest";
  map.Read("start", start);
  if (start == "earliest" || start == "latest") {
    config.start = start == "latest" ? Config::Start::kLatest : Config::Start::kEarliest;
    return;
  }
  std::optional<EventTime> time = ParseTime(start);
  if (!time) {
    map.Fail("start", "must be earliest, latest or a time such as 2026-03-01T00:00:00Z");
    return;
  }
  config.start = Config::Start::kTime;
  config.start_time = *time;
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted + "\"";
}

std::string FormatList(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const std::string& item : list) {
    text += (text.size() > 1 ? ", " : "") + Quote(item);
  }
  return text + "]";
}

bool IsSecret(std::string_view property) {
  return property.find("password") != std::string_view::npos ||
         property.find("secret") != std::string_view::npos ||
         property.find(".pem") != std::string_view::npos;
}

}  // namespace

MemoryBudget BudgetOf(const Config& config) {
  constexpr int kAccountBytes = 3'000;        // of a decoded account with its share of the table
  constexpr int kProducerMb = 64;             // kafka/: queue.buffering.max.kbytes
  constexpr int kServedAccountBytes = 2'000;  // of an account in the strike list's view
  constexpr int kServedTriggerBytes = 2'500;  // of a live trigger there
  constexpr int kStreamBytes = 64 * 1024;     // of a connection that listens
  constexpr int kRestMb = 96;
  auto queue = config.kafka.find("queued.max.messages.kbytes");
  int queue_mb = queue == config.kafka.end() ? 32 : std::atoi(queue->second.c_str()) / 1024;
  int read = config.partitions + static_cast<int>(config.inputs.size()) * config.partitions;
  return {.state = config.state_memory_mb,
          .accounts = static_cast<int>(int64_t{config.cached_accounts} * kAccountBytes >> 20),
          .fetch = read * queue_mb,
          .produce = config.workers * (kProducerMb + (config.commit_bytes >> 20)),
          .serve = static_cast<int>(int64_t{config.serve_accounts} * kServedAccountBytes >> 20) +
                   static_cast<int>(View::Limits().live_triggers * kServedTriggerBytes >> 20) +
                   static_cast<int>(EventHub::kBytesMax >> 20) +
                   static_cast<int>(int64_t{config.serve_streams} * kStreamBytes >> 20) +
                   2 * config.partitions * (ViewFeed::kQueueKb >> 10),
          .rest = kRestMb};
}

std::string FormatBudget(const MemoryBudget& budget) {
  return fmt::format(
      "{} MiB at most: state {}, accounts {}, fetched {}, to produce {}, strike list {}, rest {}",
      budget.total(), budget.state, budget.accounts, budget.fetch, budget.produce, budget.serve,
      budget.rest);
}

Result<std::string> ReadFile(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) {
    return Invalid(fmt::format("{}: is a folder, not a file", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Invalid(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str().size() > kFileBytesMax) {
    return Invalid(fmt::format("{}: larger than {} bytes", path, kFileBytesMax));
  }
  return text.str();
}

Result<std::string> ReadNamed(std::string_view key, const std::string& path) {
  Result<std::string> text = ReadFile(path);
  return text.ok() ? std::move(text)
                   : Result<std::string>(Invalid(fmt::format("{}: {}", key, text.error().message)));
}

Result<Config> ReadConfig(const std::string& file_name) {
  TRY_ASSIGN(std::string text, ReadFile(file_name));
  return ParseConfig(text, file_name, std::filesystem::path(file_name).parent_path().string());
}

Result<Config> ParseConfig(const std::string& text, const std::string& file_name,
                           const std::string& folder) {
  TRY_ASSIGN(YamlMap map, YamlMap::Parse(text, file_name));
  Config config;
  config.instance = HostName();
  map.Read("app", config.app);
  map.Read("instance", config.instance);
  for (std::string_view key : {"app", "instance"}) {
    if (!IsTopicName(key == "app" ? config.app : config.instance)) {
      map.Fail(key, "must be letters, digits, '.', '_' and '-'");
    }
  }
  size_t clock = 0;
  map.ReadChoice("clock", {"wall", "event"}, clock);
  config.clock = static_cast<Config::Clock>(clock);
  ReadStart(map, config);
  size_t when_lost = 0;
  map.ReadChoice("when_lost", {"stop", "continue"}, when_lost);
  config.when_lost = static_cast<Config::WhenLost>(when_lost);
  map.ReadEach("inputs", [&](YamlMap& input) { ReadInput(input, config); });
  map.Read("policy", config.policy_file);
  map.Read("catalogue", config.catalogue_file);
  map.Read("model", config.model_file);
  map.Read("segments", config.segments);
  if (config.segments.size() > 20) {
    map.Fail("segments", "at most 20: they are metric labels");
  }
  for (const std::string& segment : config.segments) {
    if (segment.size() > kSignalNameBytesMax) {
      map.Fail("segments", fmt::format("a name has at most {} bytes", kSignalNameBytesMax));
    }
  }
  map.Read("free_mail", config.free_mail);
  map.Read("own_origins", config.own_origins);
  map.ReadMap("fields", [&](YamlMap& fields) {
    for (std::string subject : {"account", "opportunity", "person"}) {
      fields.ReadMap(subject, [&](YamlMap& facts) {
        facts.ReadAll(
            [&](const std::string& key) { facts.Read(key, config.fields[subject][key]); });
      });
    }
  });
  map.ReadMap("kafka", [&](YamlMap& kafka) {
    kafka.ReadAll([&](const std::string& key) { kafka.Read(key, config.kafka[key]); });
  });
  map.ReadMap("privacy", [&](YamlMap& privacy) {
    privacy.Read("key_file", config.person_key_file);
    privacy.Read("unkeyed", config.unkeyed);
  });
  map.ReadMap("topics", [&](YamlMap& topics) {
    topics.Read("partitions", config.partitions, 1, 1'000);
    topics.Read("replication", config.replication, 1, 10);
    topics.Read("retention", config.retention);
  });
  map.ReadMap("processing", [&](YamlMap& processing) { ReadProcessing(processing, config); });
  map.ReadMap("ingest", [&](YamlMap& ingest) {
    ingest.Read("record_bytes", config.record_bytes_max, 1 << 10, 64 << 20);
    ingest.Read("ahead", config.ahead_max);
  });
  map.ReadMap("state", [&](YamlMap& state) {
    state.Read("directory", config.state_directory);
    state.Read("memory_mb", config.state_memory_mb, 16, 1 << 20);
    state.Read("disk_mb", config.state_disk_mb, 0, 1 << 30);
    state.Read("cached_accounts", config.cached_accounts, 100, 100'000'000);
  });
  map.ReadMap("journeys", [&](YamlMap& journeys) { ReadJourneys(journeys, config); });
  map.ReadMap("serve", [&](YamlMap& serve) {
    ReadAddress(serve, config.serve_address);
    serve.Read("port", config.serve_port, 0, 65'535);
    serve.Read("token_file", config.serve_token_file);
    serve.Read("notice", config.serve_notice);
    serve.Read("streams", config.serve_streams, 1, 10'000);
    serve.Read("accounts", config.serve_accounts, 100, 10'000'000);
  });
  map.ReadMap("admin", [&](YamlMap& admin) {
    ReadAddress(admin, config.admin_address);
    admin.Read("port", config.admin_port, 0, 65'535);
  });
  TRY(map.Finish());
  for (std::string* path :
       {&config.policy_file, &config.catalogue_file, &config.model_file, &config.person_key_file,
        &config.state_directory, &config.serve_token_file}) {
    *path = Under(folder, *path);
  }
  for (auto& [property, value] : config.kafka) {
    if (property.size() > 5 && property.compare(property.size() - 5, 5, ".file") == 0) {
      value = Under(folder, value);
    }
  }
  return config;
}

Result<void> CheckRunnable(const Config& config, Roles roles) {
  for (const auto& [property, value] : config.kafka) {
    if (std::find(std::begin(kOurProperties), std::end(kOurProperties), property) !=
        std::end(kOurProperties)) {
      return Invalid(fmt::format(
          "kafka: '{}' is set by Hotiron itself, for nothing is to be lost: remove it", property));
    }
  }
  if (config.kafka.count("bootstrap.servers") == 0) {
    return Invalid("kafka: bootstrap.servers is missing: the brokers, as host:port,host:port");
  }
  if (roles.serve) {
    TRY_ASSIGN(std::string token, ReadServeToken(config));
    if (token.empty() && !IsLoopback(config.serve_address)) {
      return Invalid(fmt::format(
          "serve.address: {} can be reached from other machines, so serve.token_file is needed",
          config.serve_address));
    }
  }
  TRY(ResolveKafka(config));
  if (!roles.process) {
    if (roles.serve && !config.person_key_file.empty()) {
      TRY(ReadPersonKey(config));
    }
    return {};
  }
  if (config.inputs.empty()) {
    return Invalid("inputs: is missing: at least one topic to read, each with its format");
  }
  for (const InputConfig& input : config.inputs) {
    if (input.topic.compare(0, config.app.size() + 1, config.app + ".") == 0) {
      return Invalid(fmt::format("inputs: '{}' begins with '{}.', which is for our own topics",
                                 input.topic, config.app));
    }
  }
  if (config.policy_file.empty() || config.catalogue_file.empty()) {
    return Invalid("policy and catalogue: both files must be named; see deploy/ for examples");
  }
  TRY(ReadPersonKey(config));
  return {};
}

Result<std::map<std::string, std::string>> ResolveKafka(const Config& config) {
  std::map<std::string, std::string> properties;
  for (const auto& [property, value] : config.kafka) {
    size_t stem = property.size() < 5 ? 0 : property.size() - 5;
    if (stem == 0 || property.compare(stem, 5, ".file") != 0) {
      properties[property] = value;
      continue;
    }
    TRY_ASSIGN(std::string secret, ReadNamed("kafka." + property, value));
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
      secret.pop_back();
    }
    properties[property.substr(0, stem)] = std::move(secret);
  }
  return properties;
}

Result<std::string> ReadPersonKey(const Config& config) {
  if (config.person_key_file.empty()) {
    if (config.unkeyed) {
      return std::string();
    }
    return Invalid(
        "privacy.key_file: is missing: people are known by keyed hashes only. Make a key with "
        "'head -c 32 /dev/urandom | base64 > person.key', keep it, and name it here (or set "
        "privacy.unkeyed: true for test data)");
  }
  TRY_ASSIGN(std::string key, ReadNamed("privacy.key_file", config.person_key_file));
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) {
    key.pop_back();
  }
  if (key.size() < 16) {
    return Invalid(fmt::format("{}: a key of at least 16 characters is wanted, this has {}",
                               config.person_key_file, key.size()));
  }
  return key;
}

Result<std::string> ReadServeToken(const Config& config) {
  if (config.serve_token_file.empty()) {
    return std::string();
  }
  TRY_ASSIGN(std::string token, ReadNamed("serve.token_file", config.serve_token_file));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) {
    token.pop_back();
  }
  if (token.size() < Access::kTokenBytesMin) {
    return Invalid(fmt::format(
        "{}: a token of at least {} characters is wanted, this has {}. Make one with 'head -c 32 "
        "/dev/urandom | base64 > serve.token'",
        config.serve_token_file, Access::kTokenBytesMin, token.size()));
  }
  return token;
}

std::string FormatConfig(const Config& config) {
  std::string text;
  auto line = [&](int indent, std::string_view key, std::string_view value) {
    text += fmt::format("{:{}}{}:{}{}\n", "", indent, key, value.empty() ? "" : " ", value);
  };
  auto number = [](auto value) { return fmt::format("{}", value); };
  line(0, "app", config.app);
  line(0, "instance", Quote(config.instance));
  line(0, "clock", config.clock == Config::Clock::kWall ? "wall" : "event");
  line(0, "start",
       config.start == Config::Start::kEarliest ? "earliest"
       : config.start == Config::Start::kLatest ? "latest"
                                                : FormatTime(config.start_time));
  line(0, "when_lost", config.when_lost == Config::WhenLost::kStop ? "stop" : "continue");
  line(0, "policy", Quote(config.policy_file));
  line(0, "catalogue", Quote(config.catalogue_file));
  line(0, config.model_file.empty() ? "# model" : "model",
       config.model_file.empty() ? "none" : Quote(config.model_file));
  line(0, "inputs", config.inputs.empty() ? "[]" : "");
  for (const InputConfig& input : config.inputs) {
    line(2, "- topic", Quote(input.topic));
    line(4, "format", input.format);
    line(4, "source", Quote(input.source));
    line(4, "history", input.history ? "true" : "false");
    bool keep = DefaultUnknownNames(*ParseFormat(input.format)) == UnknownNames::kKeep;
    line(4, "unknown", !input.unknown.empty() ? input.unknown : keep ? "keep" : "ignore");
  }
  line(0, "segments", FormatList(config.segments));
  line(0, "free_mail", FormatList(config.free_mail));
  line(0, "own_origins", FormatList(config.own_origins));
  line(0, "fields", config.fields.empty() ? "{}" : "");
  for (const auto& [subject, facts] : config.fields) {
    line(2, subject, "");
    for (const auto& [field, fact] : facts) {
      line(4, Quote(field), Quote(fact));
    }
  }
  line(0, "kafka", config.kafka.empty() ? "{}" : "");
  for (const auto& [property, value] : config.kafka) {
    bool from_file = property.size() > 5 && property.substr(property.size() - 5) == ".file";
    line(2, property, IsSecret(property) && !from_file ? "\"(not shown)\"" : Quote(value));
  }
  line(0, "privacy", "");
  line(2, "key_file", Quote(config.person_key_file));
  line(2, "unkeyed", config.unkeyed ? "true" : "false");
  line(0, "topics", "");
  line(2, "partitions", number(config.partitions));
  line(2, config.replication > 0 ? "replication" : "# replication",
       config.replication > 0 ? number(config.replication) : "the brokers' default");
  line(2, "retention", FormatDuration(config.retention));
  line(0, "processing", "");
  line(2, "workers", number(config.workers));
  line(2, "guarantee",
       config.guarantee == Config::Guarantee::kExactlyOnce ? "exactly_once" : "at_least_once");
  line(2, "commit_interval", FormatDuration(config.commit_interval));
  line(2, "commit_records", number(config.commit_records));
  line(2, "commit_bytes", number(config.commit_bytes));
  line(2, "input_lag", number(config.input_lag_max));
  line(2, "restore_patience", FormatDuration(config.restore_patience));
  line(2, "drain_deadline", FormatDuration(config.drain_deadline));
  line(2, "stuck_after", FormatDuration(config.stuck_after));
  line(0, "ingest", "");
  line(2, "record_bytes", number(config.record_bytes_max));
  line(2, "ahead", FormatDuration(config.ahead_max));
  line(0, "state", "");
  line(2, "directory", Quote(config.state_directory));
  line(2, "memory_mb", number(config.state_memory_mb));
  line(2, "disk_mb", number(config.state_disk_mb));
  line(2, "cached_accounts", number(config.cached_accounts));
  line(0, "journeys", "");
  line(2, "interval", FormatDuration(config.journey_interval));
  line(2, "time_unit", FormatDuration(config.time_unit));
  line(2, "log_age", FormatDuration(config.log_age));
  line(2, "log_entries", number(config.log_entries));
  line(2, "signals", number(config.journey_signals));
  line(2, "slices", number(config.journey_slices));
  line(0, "serve", "");
  line(2, "address", Quote(config.serve_address));
  line(2, "port", number(config.serve_port));
  line(2, "token_file", Quote(config.serve_token_file));
  line(2, "notice", Quote(config.serve_notice));
  line(2, "streams", number(config.serve_streams));
  line(2, "accounts", number(config.serve_accounts));
  line(0, "admin", "");
  line(2, "address", Quote(config.admin_address));
  line(2, "port", number(config.admin_port));
  return text;
}

}  // namespace hotiron
