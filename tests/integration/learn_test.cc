// A platform that has run for a while learns from its own log what it would have learnt from files
// of the same events and outcomes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "app/topics.h"
#include "tests/integration/rig.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

constexpr const char* kCatalogue =
    "version: 3\n"
    "signals:\n"
    "  - {signal: visit, label: visit, stage: aware, weight: 1, when: [{event: visit}]}\n"
    "  - {signal: prices, label: prices, stage: comparing, weight: 3, when: [{event: pricing}]}\n"
    "  - {signal: docs, label: docs, stage: exploring, weight: 2, when: [{event: docs}]}\n"
    "  - {signal: careers, label: careers, stage: none, weight: 0.5, when: [{event: careers}]}\n";

std::string EventsFile(const LabelledHistory& market) {
  std::string csv = "account,contact,ts,source,signal,value\n";
  for (const PastAccount& account : market.accounts) {
    for (const PastEvent& event : account.events) {
      csv += fmt::format("{},person {},{},web,{},\n", account.name, event.person,
                         FormatTime(event.time), market.signals[event.signal]);
    }
  }
  return csv;
}

std::string OutcomesFile(const LabelledHistory& market) {
  std::string csv = "account,start_ts,outcome,outcome_ts\n";
  for (const PastAccount& account : market.accounts) {
    csv += account.closed
               ? fmt::format("{},,{},{}\n", account.name, account.bought ? "won" : "lost",
                             FormatTime(*account.closed))
               : fmt::format("{},,open,\n", account.name);
  }
  return csv;
}

// What a CRM tells of the same: every account has an opportunity from its first day on, and only
// the change that opens it says whose it is.
void SendOpportunities(Rig& rig, const LabelledHistory& market) {
  for (size_t i = 0; i < market.accounts.size(); ++i) {
    const PastAccount& account = market.accounts[i];
    auto send = [&](std::string_view kind, EventTime time, std::string_view stage,
                    std::string_view owner) {
      rig.Send({.topic = rig.config.inputs[0].topic,
                .key = account.name,
                .value = fmt::format(
                    R"({{"id":"{0}-{1}","time":"{2}",{3}"change":{{"entity":"Opportunity",)"
                    R"("object":"006-{0}","kind":"{1}","fields":{{"StageName":"{4}"}}}}}})",
                    i, kind, FormatTime(time), owner, stage)});
    };
    send("created", account.start, "Prospecting", fmt::format(R"("account":"{}",)", account.name));
    if (account.closed) {
      send("updated", *account.closed, account.bought ? "Closed Won" : "Closed Lost", "");
    }
  }
  rig.Flush();
}

class Learn : public testing::Test {
 protected:
  // Runs `hotiron ARGUMENTS`; what it has said.
  std::string Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HOTIRON_BINARY);
    Process process({.arguments = arguments, .log = rig_.folder() / "command.log"});
    EXPECT_EQ(process.WaitForExit(kRigPatience), 0) << process.Log();
    return process.Log();
  }

  std::string PathOf(const std::string& name) const { return (rig_.folder() / name).string(); }

  std::string Content(const std::string& name) const {
    std::ifstream file(PathOf(name));
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
  }

  Rig rig_{"learn"};
};

TEST_F(Learn, TheLogOfAPlatformGivesTheModelOfTheSameFiles) {
  rig_.config.clock = Config::Clock::kEvent;
  rig_.config.catalogue_file = rig_.WriteFile("catalogue.yaml", kCatalogue);
  rig_.config.inputs = {
      {.topic = "learn-in", .format = "native", .source = "history", .unknown = ""}};
  rig_.CreateTopic("learn-in", 2);
  LabelledHistory market = Invent({.accounts = 300});
  std::string events = rig_.WriteFile("events.csv", EventsFile(market));
  std::string outcomes = rig_.WriteFile("outcomes.csv", OutcomesFile(market));
  std::string config = rig_.WriteConfig("one");

  std::unique_ptr<Process> process = rig_.Start();
  SendOpportunities(rig_, market);
  for (int turn = 0; turn < 2; ++turn) {  // the second time everything is a duplicate
    Run({"replay", "--events", events, "--topic", "learn-in", "--config", config});
  }
  ASSERT_TRUE(rig_.WaitUntilDone({process.get()}));

  std::string said = Run({"train", "--config", config, "--out", PathOf("log.yaml")});
  EXPECT_NE(said.find("outcomes by the CRM's opportunities: lost ("), std::string::npos) << said;
  EXPECT_NE(said.find("events are there twice"), std::string::npos) << said;
  Run({"train", "--events", events, "--outcomes", outcomes, "--catalogue",
       rig_.config.catalogue_file, "--time-unit", "1d", "--out", PathOf("files.yaml")});
  EXPECT_GT(Content("log.yaml").size(), 5'000U);
  EXPECT_EQ(Content("log.yaml"), Content("files.yaml"));

  // Outcomes may come from a file, and the log may be named without a configuration.
  Run({"evaluate", "--brokers", rig_.config.kafka.at("bootstrap.servers"), "--topic",
       rig_.config.Topic(kEventsTopic), "--outcomes", outcomes, "--time-unit", "1d", "--json",
       PathOf("log.json")});
  Run({"evaluate", "--events", events, "--outcomes", outcomes, "--catalogue",
       rig_.config.catalogue_file, "--time-unit", "1d", "--json", PathOf("files.json")});
  EXPECT_NE(Content("log.json").find("\"hotiron\""), std::string::npos);
  EXPECT_EQ(Content("log.json"), Content("files.json"));
  ASSERT_TRUE(Rig::Stop(*process));
}

}  // namespace
}  // namespace hotiron
