// What people and systems do wrong: each gets one clear line that says what to do, and nothing is
// lost.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "app/topics.h"
#include "state/rocksdb_store.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

constexpr Duration kUnreachablePatience{50'000};  // the program gives up after 30 s

// A rig whose one input exists.
void AddInput(Rig& rig, const std::string& format = "native",
              std::map<std::string, std::string> settings = {}) {
  std::string topic = rig.config.app + "-in";
  rig.config.inputs = {{.topic = topic, .format = format, .source = "in", .unknown = ""}};
  rig.CreateTopic(topic, 2, std::move(settings));
}

// The process ends with this code, and its one line for people says all of these.
void ExpectRefused(Process& process, int code, const std::vector<std::string>& words,
                   Duration patience = kRigPatience) {
  ASSERT_EQ(process.WaitForExit(patience), code) << process.Log();
  std::istringstream log(process.Log());
  std::vector<std::string> said;
  for (std::string line; std::getline(log, line);) {
    if (line.rfind("hotiron: ", 0) == 0) {
      said.push_back(line);
    }
  }
  ASSERT_EQ(said.size(), 1U) << process.Log();
  for (const std::string& word : words) {
    EXPECT_NE(said[0].find(word), std::string::npos) << word << " is not in: " << said[0];
  }
}

void ExpectRefused(const Rig& rig, int code, const std::vector<std::string>& words,
                   Duration patience = kRigPatience) {
  std::unique_ptr<Process> process = rig.Start();
  ExpectRefused(*process, code, words, patience);
}

// `hotiron run` with a configuration file of this text.
void ExpectFileRefused(const Rig& rig, const std::string& text,
                       const std::vector<std::string>& words) {
  std::string file = rig.WriteFile("bad.yaml", text);
  Process process({.arguments = {HOTIRON_BINARY, "run", "--roles", "process", "--config", file},
                   .log = rig.folder() / "bad.log"});
  ExpectRefused(process, 2, words);
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Refused, ConfigurationFiles) {
  Rig rig("bad-config");
  AddInput(rig);
  std::string good = ReadText(rig.WriteConfig("one"));
  ExpectFileRefused(rig, good + "\n  broken: [", {"bad.yaml"});
  ExpectFileRefused(rig, good + "\ntypo_key: 1\n", {"bad.yaml", "typo_key"});
  rig.config.policy_file = "/nowhere/policy.yaml";
  ExpectRefused(rig, 2, {"/nowhere/policy.yaml", "cannot be read"});
}

TEST(Refused, BrokersThatDoNotAnswer) {
  Rig rig("unreachable");
  AddInput(rig);
  rig.config.kafka["bootstrap.servers"] = "127.0.0.1:1";
  std::unique_ptr<Process> run = rig.Start();
  std::string history = rig.WriteFile("a.csv", "account,contact,ts,source,signal,value\n");
  Process replay({.arguments = {HOTIRON_BINARY, "replay", "--events", history, "--topic", "any",
                                "--brokers", "127.0.0.1:1"},
                  .log = rig.folder() / "replay.log"});
  ExpectRefused(*run, 3, {"127.0.0.1:1"}, kUnreachablePatience);
  ExpectRefused(replay, 3, {"127.0.0.1:1"}, kUnreachablePatience);
}

TEST(Refused, TopicsOfAnotherShape) {
  struct Case {
    const char* app;
    const char* kind;
    int partitions;
    std::map<std::string, std::string> settings;
    std::vector<std::string> words;
  };

  const int usual = Rig("usual").config.partitions;
  const std::vector<Case> cases = {
      {"bad-count", "events", 3, {}, {"3 partitions", "topics.partitions: 3"}},
      {"bad-state", "state", 3, {{"cleanup.policy", "compact"}}, {"3 partitions", "delete"}},
      {"bad-age",
       "state",
       usual,
       {{"cleanup.policy", "compact"}, {"delete.retention.ms", "1000"}},
       {"delete.retention.ms", "86400000"}},
      {"bad-cleanup",
       "state",
       usual,
       {{"cleanup.policy", "delete"}},
       {"cleanup.policy", "compact"}},
      {"bad-feedback",
       "feedback",
       1,
       {{"cleanup.policy", "compact"}},
       {"cleanup.policy", "delete"}},
      {"bad-size",
       "journeys",
       usual,
       {{"cleanup.policy", "compact"}, {"max.message.bytes", "1000000"}},
       {"max.message.bytes", "4194304"}}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.app);
    Rig rig(one.app);
    AddInput(rig);
    rig.CreateTopic(rig.config.Topic(one.kind), one.partitions, one.settings);
    std::vector<std::string> words = one.words;
    words.push_back(rig.config.Topic(one.kind));
    ExpectRefused(rig, 2, words);
  }
  Rig rig("bad-input");
  AddInput(rig);
  rig.config.inputs[0].topic = "no-such-topic";
  ExpectRefused(rig, 2, {"no-such-topic", "does not exist"});
}

TEST(Refused, APortInUse) {
  Rig rig("bad-port");
  AddInput(rig);
  httplib::Server other;
  rig.config.admin_port = other.bind_to_any_port("127.0.0.1");
  ASSERT_GT(rig.config.admin_port, 0);
  ExpectRefused(rig, 3, {"admin.port", fmt::format("{}", rig.config.admin_port)});
}

TEST(Refused, AStateDirectoryThatCannotBeWritten) {
  Rig rig("unwritable");
  AddInput(rig);
  rig.WriteFile("state-one", "a file is where the directory should be");
  ExpectRefused(rig, 3, {rig.StateOf("one").string(), "cannot be made"});
}

// The demo takes another port by itself; its figures must have a place to go, and it says so at
// once.
TEST(Refused, AFileThatTheDemoCannotWrite) {
  Rig rig("demo");
  httplib::Server other;
  int port = other.bind_to_any_port("127.0.0.1");
  std::vector<std::string> arguments{HOTIRON_BINARY, "demo",
                                     "--seconds",    "1",
                                     "--companies",  "10",
                                     "--history",    "0",
                                     "--admin-port", std::to_string(port)};
  Process demo({.arguments = arguments, .log = rig.folder() / "demo.log"});
  arguments.insert(arguments.end(), {"--json", "/nowhere/demo.json"});
  Process refused({.arguments = arguments, .log = rig.folder() / "refused.log"});
  ExpectRefused(refused, 3, {"/nowhere/demo.json", "cannot be written"});
  EXPECT_EQ(refused.Log().find("Port"), std::string::npos) << refused.Log();
  EXPECT_EQ(demo.WaitForExit(kRigPatience), 0) << demo.Log();
  EXPECT_NE(demo.Log().find(fmt::format("Port {} is in use", port)), std::string::npos)
      << demo.Log();
}

TEST(Refused, AStateDirectoryThatIsLocked) {
  Rig rig("locked");
  AddInput(rig);
  rig.config.restore_patience = Duration{2'000};
  // Another process: not this one, which must not fork while it has a store open.
  std::string directory = (rig.StateOf("one") / rig.config.app).string();
  std::unique_ptr<Process> holder = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({holder.get()}));
  ASSERT_TRUE(Rig::WaitFor([&] {
    return std::filesystem::exists(directory + "/locked.events-3/LOCK") || !holder->running();
  }));
  holder->Signal(SIGSTOP);  // it keeps its locks, and loses its partitions
  Config own = rig.config;
  own.instance = "two";
  own.state_directory = rig.StateOf("one").string();
  std::string file = rig.WriteFile("two.yaml", FormatConfig(own));
  Process process({.arguments = {HOTIRON_BINARY, "run", "--roles", "process", "--config", file},
                   .log = rig.folder() / "two.log"});
  ExpectRefused(process, 3, {directory, "another hotiron uses it"});
}

TEST(Refused, TheSameInstanceTwice) {
  Rig rig("twice");
  rig.config.commit_records = 50;
  rig.AddMarketInEventTime();
  rig.SendMarket(1'000);
  std::unique_ptr<Process> first = rig.Start("one");
  ASSERT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() > 100; })) << first->Log();
  Config own = rig.config;
  own.instance = "one";
  own.state_directory = rig.StateOf("two").string();
  std::string file = rig.WriteFile("two.yaml", FormatConfig(own));
  const Process::Options options{
      .arguments = {HOTIRON_BINARY, "run", "--roles", "process", "--config", file},
      .log = rig.folder() / "two.log"};
  auto second = std::make_unique<Process>(options);
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(*first, 3, {"instance"}));
  if (!second->running()) {  // they may have fenced each other
    ASSERT_NO_FATAL_FAILURE(ExpectRefused(*second, 3, {"instance"}));
    second = std::make_unique<Process>(options);
  }
  ASSERT_TRUE(rig.WaitUntilDone({second.get()}));
  ASSERT_TRUE(Rig::Stop(*second));
  Findings found = Judge(rig);
  EXPECT_TRUE(found.clean()) << found.Words();
}

TEST(Rejected, WhatCannotBeUsedIsKeptAndCountedAndTheRestGoesOn) {
  Rig rig("poison");
  AddInput(rig, "segment", {{"max.message.bytes", "8000000"}});
  const std::string in = rig.config.inputs[0].topic;
  const std::string now = FormatTime(Now());
  auto track = [&](const std::string& id, const std::string& time, const std::string& more = "") {
    return fmt::format(
        R"({{"type":"track","messageId":"{}","event":"Demo Requested","timestamp":"{}",)"
        R"("context":{{"traits":{{"email":"pat@initech.example"}}}}{}}})",
        id, time, more);
  };
  rig.Send({.topic = in, .value = track("good-1", now)});
  rig.Send({.topic = in, .value = R"({"id":"1","time":"2026-03-03T10:05:01Z","event":"x"})"});
  rig.Send({.topic = in, .value = std::string("\x00\xff\xfe\x80 binary", 11)});
  rig.Send({.topic = in, .value = "garbage"});
  rig.Send({.topic = in, .key = "tombstone"});
  std::string filler = ",\"filler\":\"" + std::string(5'000'000, 'x') + "\"";
  rig.Send({.topic = in, .value = track("huge", now, filler)});
  rig.Send({.topic = in, .value = track("far", "2099-01-01T00:00:00Z")});
  rig.Send({.topic = in, .value = track("good-2", now)});
  rig.Flush();
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  std::string scrape;
  ASSERT_TRUE(Rig::WaitFor([&] {
    scrape = Get(*process, "/metrics");
    return Metric(scrape, "hotiron_input_records_total") == 8;
  })) << scrape;
  EXPECT_EQ(Metric(scrape, "hotiron_observations_routed_total"), 2);
  EXPECT_EQ(Metric(scrape, "hotiron_observations_rejected_total"), 6);
  EXPECT_EQ(Metric(scrape, "hotiron_observations_ignored_total"), 0);
  ASSERT_TRUE(Rig::Stop(*process));
  for (const char* line : {"reason=null_value rejected=1", "reason=too_large rejected=1",
                           "reason=time_out_of_range rejected=1"}) {
    EXPECT_NE(process->Log().find(fmt::format(
                  "cannot be used and are kept in poison.rejected: source=in {}", line)),
              std::string::npos)
        << process->Log();
  }
  std::map<std::string, int> reasons;
  const std::vector<std::vector<LogEntry>> rejected = rig.Read(rig.config.Topic(kRejectedTopic));
  for (const LogEntry& entry : rejected[0]) {
    std::map<std::string, std::string> headers(entry.headers.begin(), entry.headers.end());
    ++reasons[headers["reason"]];
    EXPECT_LE(entry.value.value_or("").size(), size_t{64} << 10);
  }
  EXPECT_EQ(reasons["too_large"], 1);
  EXPECT_EQ(reasons["null_value"], 1);
  EXPECT_EQ(reasons["time_out_of_range"], 1);
  EXPECT_EQ(reasons["unknown_type"] + reasons["missing_field"], 1);
  EXPECT_EQ(reasons["not_utf8"] + reasons["not_json"], 2);
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

}  // namespace
}  // namespace hotiron
