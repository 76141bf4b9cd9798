// A history that goes through Kafka ends in the journeys that the offline command computes from the
// same files.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <zlib.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "app/topics.h"
#include "processors/model.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"
#include "tests/kafka_broker/real_broker.h"
#include "tests/processors/hand_model.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr Duration kRunPatience = minutes{4};

enum class Order : uint8_t { kByTime, kLateRows };

// Accounts that are busy and quiet, several sources, times that are equal, and perhaps rows that
// come days after their turn: some of them too late for their journey, which both sides must see
// alike.
std::string History(uint64_t seed, int rows, int accounts, EventTime start, Duration span,
                    Order order = Order::kLateRows) {
  std::mt19937_64 random(seed);
  const char* sources[] = {"web", "crm", "mail", "events"};
  const char* signals[] = {"Pricing Viewed",        "Demo Requested", "Form Submitted",
                           "Whitepaper Downloaded", "login",          "Webinar Attended"};
  std::string csv = "account,contact,ts,source,signal,value\n";
  auto number = [&](uint64_t below) { return random() % below; };
  for (int i = 0; i < rows; ++i) {
    uint64_t account =
        std::min(number(static_cast<uint64_t>(accounts)), number(static_cast<uint64_t>(accounts)));
    Duration at = span * i / rows;
    if (order == Order::kLateRows && number(20) == 0) {
      at -= std::min(at, Duration(static_cast<int64_t>(number(20 * 86'400'000))));
    }
    at -= at % Duration{60'000};  // many rows of one time
    csv += fmt::format("acme-{},person-{},{},{},{},{}\n", account, number(6),
                       FormatTime(start + at), sources[number(4)], signals[number(6)], i);
  }
  return csv;
}

std::string WriteGzip(const Rig& rig, const std::string& name, const std::string& content) {
  std::string path = (rig.folder() / name).string();
  gzFile file = gzopen(path.c_str(), "wb1");
  CHECK(file != nullptr);
  CHECK(gzwrite(file, content.data(), static_cast<unsigned>(content.size())) ==
        static_cast<int>(content.size()));
  CHECK(gzclose(file) == Z_OK);
  return path;
}

// Runs a command of the program to its end.
void RunCommand(const Rig& rig, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), HOTIRON_BINARY);
  Process process({.arguments = arguments, .log = rig.folder() / "command.log"});
  ASSERT_EQ(process.WaitForExit(kRunPatience), 0) << process.Log();
}

// Equal but for the last digits of sums. Integers and texts must be the same.
bool Alike(const std::string& a, const std::string& b) {
  size_t i = 0;
  size_t j = 0;
  auto token = [](const std::string& text, size_t& at) {
    size_t from = at;
    auto numeric = [&](char c) {
      return std::isdigit(c) != 0 || std::string("+-.eE").find(c) != std::string::npos;
    };
    if (std::isdigit(text[at]) == 0 && text[at] != '-') {
      return text.substr(at++, 1);
    }
    while (at < text.size() && numeric(text[at])) {
      ++at;
    }
    return text.substr(from, at - from);
  };
  while (i < a.size() && j < b.size()) {
    std::string x = token(a, i);
    std::string y = token(b, j);
    if (x == y) {
      continue;
    }
    if (x.find('.') == std::string::npos && y.find('.') == std::string::npos) {
      return false;
    }
    double p = std::strtod(x.c_str(), nullptr);
    double q = std::strtod(y.c_str(), nullptr);
    if (!(std::abs(p - q) <= 1e-9 * std::max(std::abs(p), std::abs(q)))) {
      return false;
    }
  }
  return i == a.size() && j == b.size();
}

std::map<std::string, std::string> Journeys(const Rig& rig) {
  std::map<std::string, std::string> journeys;
  for (const auto& partition : rig.Read(rig.config.Topic(kJourneysTopic))) {
    for (const LogEntry& entry : partition) {
      journeys[entry.key] = entry.value.value_or("");
    }
  }
  return journeys;
}

// Another history in place of the invented one: HOTIRON_HISTORY_FILE.
TEST(Replay, AHistoryGivesTheJourneysOfTheOfflineCommand) {
  Rig rig("history");
  rig.config.clock = Config::Clock::kEvent;
  rig.config.partitions = 8;
  rig.config.state_memory_mb = 64;
  rig.config.inputs = {
      {.topic = "history-in", .format = "native", .source = "history", .unknown = ""}};
  rig.CreateTopic("history-in", 4);
  EventTime start = FromMillis(1'700'000'000'000);
  const int rows = Knob("HOTIRON_HISTORY", 200'000);
  std::vector<std::string> events;
  if (const char* file = std::getenv("HOTIRON_HISTORY_FILE")) {
    events = {"--events", file};
  } else {
    events = {"--events",
              WriteGzip(rig, "a.csv.gz", History(1, rows / 2 + 2'000, 1'500, start, days{300})),
              "--events", rig.WriteFile("b.csv", History(2, rows / 2, 2'000, start, days{300}))};
  }

  std::unique_ptr<Process> process = rig.Start();
  auto run = [&](std::vector<std::string> command) {
    command.insert(command.end(), events.begin(), events.end());
    RunCommand(rig, command);
  };
  std::string config = rig.WriteConfig("one");
  ASSERT_NO_FATAL_FAILURE(run({"replay", "--topic", "history-in", "--config", config}));
  if (events.size() > 2) {
    ASSERT_EQ(rig.Sent(), rows + 2'000);
  }
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}, kRunPatience));
  ASSERT_TRUE(Rig::Stop(*process));

  std::map<std::string, std::string> live = Journeys(rig);
  std::string stated;
  for (const auto& [key, json] : live) {
    stated += json + "\n";
  }
  std::string moments = rig.WriteFile("stated.jsonl", stated);
  std::string out = (rig.folder() / "offline.jsonl").string();
  ASSERT_NO_FATAL_FAILURE(
      run({"journeys", "--config", config, "--as-of-from", moments, "--json", out}));
  std::ifstream offline(out);
  std::map<std::string, std::string> computed;
  for (std::string line; std::getline(offline, line);) {
    constexpr std::string_view kAccount = "\"account\":\"";
    size_t from = line.find(kAccount) + kAccount.size();
    computed[line.substr(from, line.find('"', from) - from)] = line;
  }
  EXPECT_GT(computed.size(), 1'900U);
  EXPECT_EQ(computed.size(), live.size());
  size_t other = 0;
  std::string example;
  uint64_t in_journeys = 0;
  for (const auto& [key, json] : computed) {
    constexpr std::string_view kEvents = "\"events\":";
    in_journeys += std::strtoull(json.c_str() + json.find(kEvents) + kEvents.size(), nullptr, 10);
    if (!Alike(live[key], json)) {
      ++other;
      example = live[key] + "\n" + json;
    }
  }
  EXPECT_EQ(other, 0U) << "of " << computed.size() << ", such as\n" << example;
  // Nearly all of it is in the journeys; a little came too late for them.
  EXPECT_GT(in_journeys, static_cast<uint64_t>(rig.Sent()) * 9 / 10);
  RecordProperty("history", fmt::format("{} records, {} accounts, {} entries in their journeys",
                                        rig.Sent(), computed.size(), in_journeys));
  for (const auto& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
    EXPECT_TRUE(partition.empty());  // history never fires
  }
}

// Every revision of every trigger by id and revision, without the record that caused it.
using Revisions = std::map<std::string, std::string>;

void AddRevision(std::string json, Revisions& revisions) {
  size_t cause = json.find(",\"cause\":");
  if (cause != std::string::npos) {
    json.erase(cause, json.find('}', cause) + 1 - cause);
  }
  std::string name = JsonField(json, "id") + "/" + JsonField(json, "revision");
  EXPECT_TRUE(revisions.emplace(name, json).second) << name << " comes twice";
}

// The triggers of a history that went through Kafka are those of a backtest of it, revision by
// revision.
void ExpectSameTriggersAsBacktest(Rig& rig) {
  rig.config.clock = Config::Clock::kEvent;
  rig.config.inputs = {
      {.topic = rig.config.app + "-in", .format = "native", .source = "history", .unknown = ""}};
  const std::string& input = rig.config.inputs[0].topic;
  rig.CreateTopic(input, 1);  // one partition, so that the log is in order of time
  EventTime start = FromMillis(1'700'000'000'000);
  std::string history =
      rig.WriteFile("a.csv", History(4, 10'000, 200, start, days{60}, Order::kByTime));
  // One account's journey ends in the middle.
  EventTime closed = start + days{30};
  std::string outcomes = rig.WriteFile(
      "outcomes.csv",
      fmt::format("account,outcome,outcome_ts\nacme-3,won,{}\nacme-4,open,\n", FormatTime(closed)));
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_NO_FATAL_FAILURE(RunCommand(rig, {"replay", "--events", history, "--topic", input, "--as",
                                           "live", "--config", rig.WriteConfig("one")}));
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  std::string out = (rig.folder() / "triggers.jsonl").string();
  std::vector<std::string> command{"backtest",    "--events",
                                   history,       "--outcomes",
                                   outcomes,      "--all",
                                   "--time-unit", "1d",
                                   "--policy",    rig.config.policy_file,
                                   "--catalogue", rig.config.catalogue_file,
                                   "--triggers",  out};
  if (!rig.config.model_file.empty()) {
    command.insert(command.end(), {"--model", rig.config.model_file});
  }
  ASSERT_NO_FATAL_FAILURE(RunCommand(rig, command));

  // Where each partition's time ends: timers that are due later have not fired there.
  std::map<std::string, EventTime> last_time;
  for (const auto& partition : rig.Read(rig.config.Topic(kEventsTopic))) {
    EventTime last{};
    for (const LogEntry& entry : partition) {
      last = std::max(last, entry.timestamp);
    }
    for (const LogEntry& entry : partition) {
      last_time[entry.key] = last;
    }
  }
  Revisions live;
  for (const auto& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
    for (const LogEntry& entry : partition) {
      EventTime as_of = *ParseTime(JsonField(*entry.value, "as_of"));
      if (JsonField(*entry.value, "account") != "a:acme-3" || as_of < closed) {
        AddRevision(*entry.value, live);
      }
    }
  }
  Revisions backtest;
  std::ifstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    if (*ParseTime(JsonField(line, "as_of")) <= last_time[JsonField(line, "account")]) {
      AddRevision(line, backtest);
    }
  }
  EXPECT_GT(live.size(), 500U);
  EXPECT_EQ(live.size(), backtest.size());
  for (const auto& [name, json] : live) {
    ASSERT_EQ(json, backtest[name]) << name;
  }
}

TEST(Replay, ABacktestFindsTheTriggersOfTheLivePipeline) {
  Rig rig("backtest");
  ExpectSameTriggersAsBacktest(rig);
}

// By probability, with looks in silence and stages that the model tells.
TEST(Replay, ABacktestFindsTheTriggersThatAModelOpens) {
  Rig rig("backtest-model");
  HandModel model{.bias = -2,
                  .silence = 0.4,
                  .stages = DefaultStages(),
                  .signals = {"demo_requested", "webinar_attended"}};
  rig.config.model_file = rig.WriteFile("model.yaml", model.Text().yaml());
  rig.WriteFile("policy.yaml",
                "version: 1\nlive_within: 3650d\nreconsider_after: 1s\npolicies:\n"
                "  - name: likely\n"
                "    when: {probability: 0.55, rearm: 0.52, horizon: 14d, otherwise: {points: 3}}\n"
                "    cooldown: 1d\n    expires: 2d\n    buying_group: {people: 1}\n");
  ExpectSameTriggersAsBacktest(rig);
}

// Told to stop while the broker takes nothing: it says what has not been sent, soon, and another
// run completes it.
TEST(Replay, IsStoppedInTheMiddleAndCompletedLater) {
  Rig rig("interrupted");
  rig.config.inputs = {
      {.topic = "interrupted-in", .format = "native", .source = "history", .unknown = ""}};
  rig.CreateTopic("interrupted-in", 1);
  std::string plain =
      rig.WriteFile("a.csv", History(5, 400'000, 200, FromMillis(1'700'000'000'000), days{60}));
  std::vector<std::string> command{
      HOTIRON_BINARY, "replay",         "--events", plain,
      "--topic",      "interrupted-in", "--config", rig.WriteConfig("one")};
  Process first({.arguments = command, .log = rig.folder() / "first.log"});
  ASSERT_TRUE(Rig::WaitFor([&] {
    std::vector<int64_t> ends = rig.Ends("interrupted-in", false);
    return !ends.empty() && ends[0] > 0;
  })) << first.Log();
  SharedBroker().Freeze();
  first.Signal(SIGINT);
  std::optional<int> ended = first.WaitForExit(minutes{1});
  SharedBroker().Thaw();
  EXPECT_EQ(ended, 3) << first.Log();
  EXPECT_NE(first.Log().find("interrupted: replay again to complete"), std::string::npos)
      << first.Log();

  Process again({.arguments = command, .log = rig.folder() / "again.log"});
  ASSERT_EQ(again.WaitForExit(kRunPatience), 0) << again.Log();
  std::set<std::string> ids;
  std::vector<LogEntry> sent = std::move(rig.Read("interrupted-in").at(0));
  for (const LogEntry& entry : sent) {
    ids.insert(JsonField(entry.value.value_or(""), "id"));
  }
  EXPECT_EQ(ids.size(), 400'000U);
  EXPECT_GT(sent.size(), 400'000U);  // the first run sent some of them
}

TEST(Replay, ARehearsalFires) {
  Rig rig("rehearsal");
  rig.config.clock = Config::Clock::kEvent;
  rig.config.inputs = {
      {.topic = "rehearsal-in", .format = "native", .source = "history", .unknown = ""}};
  rig.CreateTopic("rehearsal-in", 1);
  std::string plain =
      rig.WriteFile("a.csv", History(3, 10'000, 200, FromMillis(1'700'000'000'000), days{60}));
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_NO_FATAL_FAILURE(
      RunCommand(rig, {"replay", "--events", plain, "--topic", "rehearsal-in", "--as", "live",
                       "--brokers", rig.config.kafka.at("bootstrap.servers")}));
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
  EXPECT_GT(found.triggers, 100U) << found.Words();
}

}  // namespace
}  // namespace hotiron
