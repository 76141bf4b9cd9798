// Plays every tests/scenarios/*.yaml but market.yaml: events in, expected triggers and journeys
// out.
//
//   story: what is told
//   policy: |              optional, in the form of deploy/policy.yaml
//   events:                in the order of the task log; times are of 2026, account acme unless
//   named
//     - {at: "03-01 10:00", signal: pricing_page, by: anna}
//       also taken_in (record time, when it differs), history, sequence, id (for duplicates)
//     - {at: .., fact: relationship, is: Customer, of: "opportunity:1"}   (of: default the account)
//     - {at: .., feedback: accept, opened: "03-01 10:00", until: .., reason: ..}
//     - {at: .., tick: true}
//     - {at: .., lever: |  a policy of a higher version }
//   triggers:              every revision, in order
//     - {at: .., state: opened, stage: deciding, reasons: [quote], account: .., reason: ..}
//   accounts:              after the last event: what is named is compared
//     acme: {stage: .., events: 3, people: 2, sessions: 2, armed: false, suppressed: cooldown}
//   counts: {applied: .., duplicate: .., late: ..}
//
// Each is played in commits of 1 and 7 records and in one, with a stop and a new start after every
// commit, and with every commit failing once.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>

#include "base/hash.h"
#include "fixture.h"
#include "processors/policy.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

std::string Text(const YAML::Node& node, const char* key, std::string otherwise = "") {
  return node[key] ? node[key].as<std::string>() : otherwise;
}

void CheckKeys(const YAML::Node& node, const std::vector<std::string>& allowed) {
  for (const auto& pair : node) {
    std::string key = pair.first.as<std::string>();
    ASSERT_TRUE(std::find(allowed.begin(), allowed.end(), key) != allowed.end())
        << "unknown key " << key << " in line " << pair.first.Mark().line + 1;
  }
}

pb::PolicySet PolicyOf(const std::string& text) {
  Result<pb::PolicySet> policies = ParsePolicy(text, "scenario");
  EXPECT_TRUE(policies.ok()) << (policies.ok() ? "" : policies.error().message);
  return policies.ok() ? policies.value() : pb::PolicySet();
}

pb::Feedback::Action ActionOf(const std::string& word) {
  return word == "accept"    ? pb::Feedback::ACCEPT
         : word == "snooze"  ? pb::Feedback::SNOOZE
         : word == "dismiss" ? pb::Feedback::DISMISS
         : word == "outcome" ? pb::Feedback::OUTCOME
                             : pb::Feedback::UNKNOWN;
}

pb::Catalogue MarketCatalogue(const YAML::Node& market) {
  pb::Catalogue catalogue;
  catalogue.set_version(1);
  for (const auto& pair : market["signals"]) {
    pb::SignalDefinition* signal = catalogue.add_signals();
    signal->set_signal(pair.first.as<std::string>());
    signal->set_label(pair.second[0].as<std::string>());
    signal->set_topic(pair.second[1].as<std::string>());
    signal->set_anchor(pair.second[2].as<int>());
    signal->set_weight(pair.second[3].as<double>());
    signal->set_contact(pair.second[4].as<bool>());
  }
  return catalogue;
}

pb::TaskRecord RecordOf(const YAML::Node& event, const YAML::Node& market, size_t number) {
  EventTime at = At(event["at"].as<std::string>());
  if (event["signal"]) {
    std::string signal = event["signal"].as<std::string>();
    SignalSpec spec{.by = Text(event, "by", "anna")};
    spec.weight = market["signals"][signal][3].as<double>();
    spec.id = event["id"] ? event["id"].as<uint64_t>() : 1000 + number;
    spec.sequence = event["sequence"] ? event["sequence"].as<uint64_t>() : 0;
    spec.history = event["history"] && event["history"].as<bool>();
    return MakeSignal(signal, at, spec);
  }
  if (event["fact"]) {
    return MakeFact(Text(event, "of"), {{Text(event, "fact"), Text(event, "is")}}, at);
  }
  if (event["lever"]) {
    return MakePolicies(PolicyOf(Text(event, "lever")));
  }
  if (event["tick"]) {
    return MakeTick();
  }
  pb::TaskRecord record;
  record.set_version(1);
  pb::Feedback* feedback = record.mutable_feedback();
  feedback->set_action(ActionOf(Text(event, "feedback")));
  EXPECT_NE(feedback->action(), pb::Feedback::UNKNOWN) << "event " << number;
  feedback->set_trigger(Hex(
      Hash64(fmt::format("a:{}\n{}\n{}", Text(event, "account", "acme"),
                         Text(event, "policy", "strike"), ToMillis(At(Text(event, "opened")))))));
  feedback->set_reason(Text(event, "reason"));
  feedback->set_until_ms(event["until"] ? ToMillis(At(Text(event, "until"))) : 0);
  feedback->set_id(event["id"] ? event["id"].as<uint64_t>() : 1000 + number);
  return record;
}

std::vector<Line> LogOf(const YAML::Node& file) {
  YAML::Node market = YAML::LoadFile(std::string(SCENARIO_DIR) + "/market.yaml");
  std::vector<Line> log{
      MakeLine(At("01-01 00:00"), "a:acme", MakeCatalogue(MarketCatalogue(market))),
      MakeLine(At("01-01 00:00"), "a:acme",
               MakePolicies(PolicyOf(Text(file, "policy", Text(market, "policy")))))};
  for (const YAML::Node& event : file["events"]) {
    CheckKeys(event,
              {"at", "taken_in", "account", "signal", "by", "id", "sequence", "history", "fact",
               "is", "of", "feedback", "opened", "policy", "until", "reason", "tick", "lever"});
    EventTime taken_in = At(Text(event, "taken_in", Text(event, "at")));
    log.push_back(MakeLine(taken_in, "a:" + Text(event, "account", "acme"),
                           RecordOf(event, market, log.size())));
  }
  return log;
}

void ExpectTriggers(const YAML::Node& expected, const std::vector<pb::Trigger>& triggers) {
  std::string wanted;
  std::string got;
  for (const YAML::Node& trigger : expected) {
    CheckKeys(trigger, {"at", "state", "account", "stage", "reasons", "reason", "policy"});
    wanted += fmt::format("{} {} {}\n", Text(trigger, "at"), Text(trigger, "account", "acme"),
                          Text(trigger, "state"));
  }
  for (const pb::Trigger& trigger : triggers) {
    got += fmt::format("{} {} {}\n", Short(FromMillis(trigger.as_of_ms())),
                       trigger.account().substr(2), StateName(trigger.state()));
  }
  ASSERT_EQ(got, wanted);
  std::map<std::string, uint32_t> revisions;
  for (size_t i = 0; i < triggers.size(); ++i) {
    const YAML::Node& wants = expected[i];
    EXPECT_EQ(triggers[i].revision(), ++revisions[triggers[i].id()]);
    EXPECT_EQ(triggers[i].stage(), Text(wants, "stage", triggers[i].stage())) << i;
    EXPECT_EQ(triggers[i].feedback_reason(), Text(wants, "reason", triggers[i].feedback_reason()));
    EXPECT_EQ(triggers[i].policy(), Text(wants, "policy", triggers[i].policy()));
    if (wants["reasons"]) {
      std::vector<std::string> reasons;
      for (const pb::Reason& reason : triggers[i].reasons()) {
        reasons.push_back(reason.signal());
      }
      EXPECT_EQ(reasons, wants["reasons"].as<std::vector<std::string>>()) << i;
    }
  }
}

void ExpectAccount(const YAML::Node& wants, const Account& account, const Task& task) {
  CheckKeys(wants, {"stage", "events", "people", "sessions", "armed", "suppressed", "last"});
  Level level = EstimateLevel(account.journey, task.model(), task.AsOf(account));
  EXPECT_EQ(task.model().stages()[level.stage],
            Text(wants, "stage", task.model().stages()[level.stage]));
  auto number = [&](const char* key, uint64_t got) {
    EXPECT_EQ(Text(wants, key, std::to_string(got)), std::to_string(got)) << key;
  };
  number("events", account.journey.events());
  number("people", account.journey.People().size());
  number("sessions", account.journey.sessions(task.model().scale()));
  if (wants["last"]) {
    EXPECT_EQ(account.journey.Last()[0].signal, Text(wants, "last"));
  }
  bool armed = account.ledger.empty() || !account.ledger[0].disarmed();
  EXPECT_EQ(Text(wants, "armed", armed ? "true" : "false"), armed ? "true" : "false");
  std::string suppressed = account.ledger.empty() ? "" : account.ledger[0].suppressed();
  EXPECT_EQ(Text(wants, "suppressed", suppressed), suppressed);
}

void ExpectOutcome(const YAML::Node& file, Runner& runner) {
  ExpectTriggers(file["triggers"], runner.done.triggers);
  for (const auto& pair : file["accounts"]) {
    const Account* account = runner.Find("a:" + pair.first.as<std::string>());
    ASSERT_NE(account, nullptr) << pair.first;
    ExpectAccount(pair.second, *account, *runner.task);
  }
  const char* names[] = {"applied", "duplicate", "late", "forwarded", "rejected"};
  for (size_t i = 0; i < std::size(names) && file["counts"]; ++i) {
    std::string count = std::to_string(runner.done.verdicts[i]);
    EXPECT_EQ(Text(file["counts"], names[i], count), count) << names[i];
  }
}

enum class Mode : uint8_t { kPlain, kReopen, kDiscard };

// Commits of `batch` records; a failing commit is done again.
std::function<Cut()> Batches(size_t batch, Mode mode) {
  return [batch, mode, in_batch = size_t{0}, failed = false]() mutable {
    if (in_batch < batch) {
      ++in_batch;
      return Cut::kGoOn;
    }
    in_batch = 1;
    if (mode == Mode::kDiscard && !failed) {
      failed = true;
      return Cut::kDiscardStaged;
    }
    failed = false;
    return mode == Mode::kReopen ? Cut::kReopen : Cut::kCommit;
  };
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, IsTheSameHoweverItIsPlayed) {
  YAML::Node file = YAML::LoadFile(std::string(SCENARIO_DIR) + "/" + GetParam() + ".yaml");
  CheckKeys(file, {"story", "policy", "events", "triggers", "accounts", "counts"});
  std::vector<Line> log = LogOf(file);
  Runner whole;
  whole.Run(log);
  {
    SCOPED_TRACE("in one commit");
    ExpectOutcome(file, whole);
  }
  for (size_t batch : {size_t{1}, size_t{7}, log.size()}) {
    for (Mode mode : {Mode::kPlain, Mode::kReopen, Mode::kDiscard}) {
      SCOPED_TRACE(fmt::format("commits of {}, mode {}", batch, static_cast<int>(mode)));
      Runner runner;
      runner.Run(log, Batches(batch, mode));
      ExpectOutcome(file, runner);
      EXPECT_EQ(runner.TriggerTexts(), whole.TriggerTexts());
      EXPECT_TRUE(runner.Rows() == whole.Rows());
    }
  }
}

std::vector<std::string> Stories() {
  std::vector<std::string> stories;
  for (const auto& entry : std::filesystem::directory_iterator(SCENARIO_DIR)) {
    if (entry.path().extension() == ".yaml" && entry.path().stem() != "market") {
      stories.push_back(entry.path().stem());
    }
  }
  std::sort(stories.begin(), stories.end());
  return stories;
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::ValuesIn(Stories()),
                         [](const auto& story) { return story.param; });

}  // namespace
}  // namespace hotiron
