// What every command says, and which exit code it ends with, where no broker is needed to know: 0
// done, 2 for the user to correct, 3 for a reason outside. The rest is in bad_input_test.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/process.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr Duration kPatience{60'000};
constexpr const char* kHistory =
    "account,contact,ts,source,signal,value\nacme,ann,2026-03-03T10:05:01Z,web,Demo Requested,1\n";

class ExitCode : public testing::Test {
 protected:
  // Runs `hotiron ARGUMENTS`; it must end with this code and say these words.
  void Expect(int code, std::vector<std::string> arguments, const std::string& words) {
    arguments.insert(arguments.begin(), HOTIRON_BINARY);
    Process process({.arguments = arguments, .log = folder_.path() / "log"});
    SCOPED_TRACE(fmt::format("hotiron {}", fmt::join(arguments.begin() + 1, arguments.end(), " ")));
    EXPECT_EQ(process.WaitForExit(kPatience), code) << process.Log();
    EXPECT_NE(process.Log().find(words), std::string::npos)
        << words << " is not in: " << process.Log();
  }

  // A configuration with these lines besides what it needs.
  std::string WriteConfig(const std::string& more = "") const {
    return folder_.Write(
        "hotiron.yaml",
        fmt::format("policy: {0}/policy.yaml\ncatalogue: {0}/catalogue.yaml\n"
                    "inputs: [{{topic: web}}]\nkafka: {{bootstrap.servers: 127.0.0.1:1}}\n"
                    "privacy: {{unkeyed: true}}\n{1}",
                    HOTIRON_SOURCE_DIR "/deploy", more));
  }

  TempDir folder_;
  const std::string history_ = folder_.Write("history.csv", kHistory);
};

TEST_F(ExitCode, OfWrongUsage) {
  Expect(0, {"--version"}, "hotiron ");
  Expect(0, {"--help"}, "check-config");
  Expect(2, {}, "subcommand");
  Expect(2, {"walk"}, "'walk' is no command");
  for (const char* command : {"run", "demo", "replay", "journeys", "check-config"}) {
    Expect(0, {command, "--help"}, command);
    Expect(2, {command, "--no-such-option", "--config", "c", "--events", "e", "--topic", "t"},
           "--no-such-option");
  }
  for (const char* command : {"train", "evaluate", "backtest"}) {
    Expect(0, {command, "--help"}, command);
    Expect(2, {command, "--no-such-option", "--events", "e", "--outcomes", "o", "--out", "m"},
           "--");
  }
  Expect(2, {"evaluate"}, "--events");
  Expect(2, {"evaluate", "--events", history_}, "--outcomes");
  Expect(2, {"train", "--events", history_, "--out", "m"}, "--outcomes");
  Expect(2, {"train", "--events", history_}, "--out");
  Expect(2, {"train", "--topic", "t", "--out", "m"}, "--brokers");
  Expect(2, {"train", "--brokers", "127.0.0.1:1", "--out", "m"}, "--topic");
  Expect(2, {"evaluate", "--topic", "t", "--brokers", "b:1", "--events", history_}, "--events");
  Expect(2, {"backtest", "--topic", "t", "--brokers", "127.0.0.1:1"}, "--events: is missing");
  Expect(2, {"run"}, "--config");
  Expect(2, {"demo", "--seconds", "-1"}, "--seconds");
  Expect(2, {"replay", "--events", history_}, "--topic");
  Expect(2, {"journeys"}, "--events");
}

TEST_F(ExitCode, OfCheckConfigAndRun) {
  Expect(0, {"check-config", "--config", WriteConfig()}, "stuck_after: 2m");
  Expect(3, {"check-config", "--config", WriteConfig(), "--json", "/nowhere/verdict.json"},
         "/nowhere/verdict.json: cannot be written");
  std::string only_serves =
      folder_.Write("serves.yaml", "kafka: {bootstrap.servers: 127.0.0.1:1}\n");
  Expect(2, {"check-config", "--config", only_serves}, "inputs: is missing");
  Expect(0, {"check-config", "--config", only_serves, "--roles", "serve"}, "# memory: ");
  for (const char* command : {"check-config", "run"}) {
    Expect(2, {command, "--config", WriteConfig(), "--roles", "walk"}, "'walk' is none");
    Expect(2, {command, "--config", "/nowhere/hotiron.yaml"},
           "/nowhere/hotiron.yaml: cannot be read");
    Expect(2, {command, "--config", WriteConfig("colour: red\n")}, "colour: unknown key");
    Expect(2, {command, "--config", WriteConfig("admin: {port: 70000}\n")}, "port");
    Expect(2, {command, "--config", folder_.Write("empty.yaml", "")}, "bootstrap.servers");
  }
}

TEST_F(ExitCode, OfTrainAndEvaluate) {
  std::string events = "account,ts,signal\n";
  std::string outcomes = "account,outcome,outcome_ts\n";
  for (int i = 0; i < 60; ++i) {
    events += fmt::format("{0},2026-01-{1:02},visit\n{0},2026-01-{2:02},prices\n", i, 1 + i % 20,
                          2 + i % 20);
    outcomes += fmt::format("{},{},2026-01-{:02}\n", i, i % 3 == 0 ? "won" : "lost", 8 + i % 20);
  }
  std::string history = folder_.Write("e.csv", events);
  std::string ended = folder_.Write("o.csv", outcomes);
  std::string model = (folder_.path() / "model.yaml").string();
  Expect(0, {"train", "--events", history, "--outcomes", ended, "--out", model}, "60 accounts");
  Expect(0, {"evaluate", "--events", history, "--outcomes", ended}, "windowed_logistic");
  Expect(0, {"evaluate", "--events", history, "--outcomes", ended, "--json", "-"}, "\"gate\":[");
  Expect(3, {"train", "--events", history, "--outcomes", ended, "--out", "/nowhere/m.yaml"},
         "/nowhere/m.yaml: cannot be written");
  for (const char* command : {"train", "evaluate"}) {
    std::vector<std::string> good{command, "--events", history, "--outcomes", ended};
    if (good[0] == "train") {
      good.insert(good.end(), {"--out", model});
    }
    auto expect_usage = [&](const std::vector<std::string>& more, const std::string& words) {
      std::vector<std::string> arguments = good;
      arguments.insert(arguments.end(), more.begin(), more.end());
      Expect(2, arguments, words);
    };
    expect_usage({"--mask", "careers"}, "'careers': no signal has it in its name");
    expect_usage({"--time-unit", "soon"}, "--time-unit 'soon'");
    expect_usage({"--catalogue", "/nowhere/c.yaml"}, "/nowhere/c.yaml");
    Expect(2, {command, "--events", "/nowhere/e.csv", "--outcomes", ended, "--out", model},
           command == std::string("train") ? "/nowhere/e.csv" : "--out");
  }
  Expect(2, {"evaluate", "--events", history, "--outcomes", ended, "--landmarks", "soon"},
         "--landmarks 'soon'");
  Expect(2, {"evaluate", "--events", history, "--outcomes", ended, "--horizons", "soon"},
         "'soon' is not a horizon");
  std::string lost = folder_.Write("lost.csv", "account,outcome,outcome_ts\n1,lost,2026-02-01\n");
  Expect(2, {"train", "--events", history, "--outcomes", lost, "--out", model},
         "nothing can be learnt");
  Expect(0, {"evaluate", "--events", history, "--outcomes", lost}, "there is no AUC");
}

TEST_F(ExitCode, OfBacktest) {
  std::string events = "account,ts,signal\n";
  std::string outcomes = "account,outcome,outcome_ts,owner\n";
  for (int i = 1; i <= 60; ++i) {
    events += fmt::format("acme {0},2026-01-{1:02},Pricing Viewed\nacme {0},2026-01-{2:02},visit\n",
                          i, 1 + i / 3, 2 + i / 3);
    outcomes +=
        fmt::format("acme {},{},2026-01-{:02},kim\n", i, i % 3 == 0 ? "won" : "lost", 8 + i / 3);
  }
  std::string history = folder_.Write("e.csv", events);
  std::string ended = folder_.Write("o.csv", outcomes);
  std::string policy =
      folder_.Write("p.yaml",
                    "version: 1\npolicies:\n"
                    "  - {name: busy, when: {points: 1.5}, buying_group: {people: 0}}\n");
  std::string calm =
      folder_.Write("c.yaml", "version: 2\npolicies:\n  - {name: calm, when: {points: 100}}\n");
  std::vector<std::string> good{"backtest", "--events", history, "--outcomes", ended};
  auto expect = [&](int code, const std::vector<std::string>& more, const std::string& words) {
    std::vector<std::string> arguments = good;
    arguments.insert(arguments.end(), more.begin(), more.end());
    Expect(code, arguments, words);
  };
  expect(0, {"--policy", policy}, "precision         33.3 %");
  expect(0, {"--policy", policy, "--json", "-"}, "\"owner\":\"kim\"");
  expect(0, {"--policy", calm}, "no trigger opened");
  expect(0, {"--policy", policy, "--against", calm}, "c.yaml version 2");
  std::string html = (folder_.path() / "r.html").string();
  expect(0, {"--policy", policy, "--html", html}, "windowed_logistic");
  std::string model = (folder_.path() / "model.yaml").string();
  Expect(0, {"train", "--events", history, "--outcomes", ended, "--out", model}, "60 accounts");
  expect(2, {"--model", model}, "--all");
  expect(0, {"--model", model, "--all"}, "IN SAMPLE");
  expect(2, {"--model", policy}, "p.yaml");
  expect(2, {"--policy", model}, "model.yaml");
  expect(2, {"--policy", "/nowhere/p.yaml"}, "/nowhere/p.yaml");
  expect(2, {"--per-week", "0"}, "--per-week");
  expect(3, {"--html", "/nowhere/r.html"}, "/nowhere/r.html: cannot be written");
  expect(3, {"--triggers", "/nowhere/t.jsonl"}, "/nowhere/t.jsonl: cannot be written");
  std::string open = folder_.Write("open.csv", "account,outcome,outcome_ts\nacme 1,open,\n");
  Expect(0, {"backtest", "--events", history, "--outcomes", open, "--html", html},
         "no account that was judged bought");
}

TEST_F(ExitCode, OfJourneys) {
  Expect(0, {"journeys", "--events", history_}, "\"account\":\"a:acme\"");
  Expect(2, {"journeys", "--events", "/nowhere/h.csv"}, "/nowhere/h.csv");
  Expect(2, {"journeys", "--events", folder_.Write("not.csv", "what\n")}, "not.csv");
  Expect(2, {"journeys", "--events", history_, "--as-of", "soon"}, "'soon' is not a time");
  Expect(2, {"journeys", "--events", history_, "--config", "/nowhere/h.yaml"}, "/nowhere/h.yaml");
  Expect(3, {"journeys", "--events", history_, "--json", "/nowhere/out.jsonl"},
         "/nowhere/out.jsonl: cannot be written");
}

TEST_F(ExitCode, OfReplay) {
  Expect(2, {"replay", "--events", "/nowhere/h.csv", "--topic", "t", "--brokers", "127.0.0.1:1"},
         "/nowhere/h.csv");
  Expect(2, {"replay", "--events", history_, "--topic", "t"}, "--brokers: is missing");
  Expect(2, {"replay", "--events", history_, "--topic", "t", "--as", "rumour"}, "rumour");
}

}  // namespace
}  // namespace hotiron
