// What /metrics shows, from outside: a WorkerProbe that was told what workers tell it, behind a
// listener, read as a scrape reads it.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "app/admin_server.h"
#include "app/serve_probe.h"
#include "app/worker_probe.h"
#include "base/identity.h"
#include "processors/task.h"
#include "state/memory_store.h"
#include "state/rocksdb_store.h"
#include "tests/app/http_client.h"
#include "tests/processors/hand_model.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr EventTime kNow = FromMillis(1'772'535'600'000);
constexpr size_t kSeriesMax = 2'000;

// The rows of a task in memory.
class MemoryRows final : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override { return store_.Get(key); }

  Result<void> Scan(std::string_view prefix,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return store_.Scan(prefix, prefix, visit);
  }

  MemoryStore& store() { return store_; }

 private:
  MemoryStore store_;
};

class ProbesTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<StoreResources>> stores =
        StoreResources::Create({.directory = folder_.path() / "state"});
    ASSERT_TRUE(stores.ok()) << stores.error().message;
    stores_ = std::move(stores).value();
    config_.inputs = {{.topic = "web", .source = "web", .unknown = ""},
                      {.topic = "crm", .source = "crm", .unknown = ""}};
    policy_.add_policies()->set_name("strike");
    MakeProbe();
  }

  void TearDown() override {
    probe_.reset();
    stores_.reset();
  }

  void MakeProbe() {
    probe_ = std::make_unique<WorkerProbe>(
        config_, policy_, catalogue_, *stores_,
        [this](const pb::Trigger& trigger) { told_.push_back(trigger.id()); });
  }

  // One scrape over HTTP.
  std::string Scrape() {
    Result<std::unique_ptr<AdminServer>> server =
        AdminServer::Start({.address = "127.0.0.1",
                            .port = 0,
                            .metrics = [this] { return probe_->Text(); },
                            .live = [] { return Health(); },
                            .ready = [] { return Health(); }});
    EXPECT_TRUE(server.ok());
    return server.ok() ? Body(Ask(server.value()->port(), "GET", "/metrics")) : "";
  }

  // The value of one series, written as in the text; -1 when it is not there.
  double Value(const std::string& series) {
    std::istringstream lines(Scrape());
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(series + " ", 0) == 0) {
        return std::strtod(line.c_str() + series.size(), nullptr);
      }
    }
    return -1;
  }

  static size_t SeriesOf(const std::string& text) {
    size_t series = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      series += !line.empty() && line[0] != '#' ? 1 : 0;
    }
    return series;
  }

  void Commit(const TaskOutputs& outputs, const std::map<std::string, IntakeCounts>& intake = {}) {
    probe_->Committed(outputs, intake, 10, std::chrono::milliseconds{20}, kNow);
  }

  static pb::Trigger MakeTrigger(const std::string& policy, uint32_t revision,
                                 pb::Trigger::State state) {
    pb::Trigger trigger;
    trigger.set_id("t" + std::to_string(revision));
    trigger.set_policy(policy);
    trigger.set_revision(revision);
    trigger.set_state(state);
    trigger.set_people_active(3);
    trigger.mutable_cause()->set_timestamp_ms(ToMillis(kNow) - 200);
    return trigger;
  }

  // A signal for a company, or what a CRM says of its segment.
  static std::string Record(const std::string& key, int i, bool fact) {
    pb::TaskRecord record;
    record.set_version(1);
    record.mutable_cause()->set_timestamp_ms(ToMillis(kNow) - 100);
    if (fact) {
      record.mutable_fact()->set_time_ms(ToMillis(kNow));
      record.mutable_fact()->set_id(static_cast<uint64_t>(i) + 1);
      pb::FactField& field = *record.mutable_fact()->add_fields();
      field.set_name("segment");
      field.set_value(i % 3 == 0 ? "enterprise" : "segment " + std::to_string(i));
    } else {
      pb::Signal& signal = *record.mutable_signal();
      signal.set_id(static_cast<uint64_t>(i) + 1);
      signal.set_time_ms(ToMillis(kNow));
      signal.set_signal("signal " + std::to_string(i));
      signal.set_weight(1);
      signal.add_path(key);
      signal.set_source("source " + std::to_string(i));
    }
    return record.SerializeAsString();
  }

  TaskOptions Options() const {
    TaskOptions options;
    options.segments = config_.segments;
    return options;
  }

  // Puts records through a task, with a commit after every `batch`.
  void Feed(Task& task, MemoryRows& rows, int accounts, int batch) {
    TaskOutputs outputs;
    int64_t offset = 0;
    for (int i = 0; i < accounts; ++i) {
      std::string key = MakeKey(IdentityKind::kDomain, "company" + std::to_string(i) + ".example");
      for (bool fact : {true, false}) {
        std::string value = Record(key, i, fact);
        Result<Task::Progress> done = task.Process(
            {.offset = offset++, .timestamp = kNow, .key = key, .value = value}, outputs);
        ASSERT_TRUE(done.ok()) << done.error().message;
      }
      if ((i + 1) % batch == 0 || i + 1 == accounts) {
        std::vector<Row> staged;
        ASSERT_TRUE(task.StageRows(kNow, true, staged, outputs).ok());
        ASSERT_TRUE(rows.store().Write(staged).ok());
        task.Committed();
        Commit(outputs);
        probe_->TaskCommitted(0, task);
        outputs.Clear();
      }
    }
  }

  TempDir folder_;
  std::unique_ptr<StoreResources> stores_;
  Config config_;
  pb::PolicySet policy_;
  pb::Catalogue catalogue_;
  std::vector<std::string> told_;
  std::unique_ptr<WorkerProbe> probe_;
};

TEST_F(ProbesTest, KnownSeriesReadZeroBeforeAnythingHappens) {
  EXPECT_EQ(Value(R"(hotiron_input_records_total{source="web"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_observations_rejected_total{reason="not_json",source="crm"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_trigger_revisions_total{policy="strike",state="opened"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_suppressions_total{policy="strike",reason="cooldown"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_stage_transitions_total{from="none",to="aware"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_accounts{stage="deciding",segment="enterprise"})"), 0);
  EXPECT_EQ(Value("hotiron_aborts_total"), 0);
  EXPECT_EQ(Value("hotiron_lag_records"), -1);  // no partition is assigned
}

TEST_F(ProbesTest, TakenInIsRoutedAndRejectedAndIgnored) {
  IntakeCounts web;
  web.records = 10;
  web.bytes = 1'000;
  web.routed = 7;
  web.unknown_kept = 2;
  web.lost_changes = 3;
  web.rejected[static_cast<size_t>(RejectReason::kNotJson)] = 2;
  web.ignored[static_cast<size_t>(IgnoreReason::kUnknownName)] = 1;
  web.delays_ms = {50, 2'000, -10};
  Commit({}, {{"web", web}});
  Commit({}, {{"web", web}});
  EXPECT_EQ(Value(R"(hotiron_input_records_total{source="web"})"), 20);
  EXPECT_EQ(Value(R"(hotiron_input_bytes_total{source="web"})"), 2'000);
  double taken_in =
      Value(R"(hotiron_observations_routed_total{source="web"})") +
      Value(R"(hotiron_observations_rejected_total{reason="not_json",source="web"})") +
      Value(R"(hotiron_observations_ignored_total{reason="unknown_name",source="web"})");
  EXPECT_EQ(taken_in, 20);
  EXPECT_EQ(Value(R"(hotiron_observations_lost_changes_total{source="web"})"), 6);
  EXPECT_EQ(Value(R"(hotiron_event_delay_seconds_count{source="web"})"), 6);
  EXPECT_EQ(Value(R"(hotiron_event_delay_seconds_bucket{source="web",le="0.1"})"), 4);
  EXPECT_EQ(probe_->totals().input_records, 20);
  EXPECT_EQ(probe_->totals().rejected, 4);
  EXPECT_EQ(Value(R"(hotiron_input_records_total{source="crm"})"), 0);
}

TEST_F(ProbesTest, ReadIsTheSumOfTheVerdicts) {
  TaskOutputs outputs;
  for (size_t i = 0; i < std::size(outputs.verdicts); ++i) {
    outputs.verdicts[i] = i + 1;
  }
  outputs.rejects.push_back({.offset = 1, .reason = "bad_key", .key = "", .value = ""});
  outputs.timers = 3;
  outputs.folds.folded = 5;
  outputs.folds.over_limit = 2;
  Commit(outputs);
  double read = 0;
  for (const char* verdict : {"applied", "duplicate", "late", "forwarded", "rejected"}) {
    read += Value("hotiron_task_records_total{verdict=\"" + std::string(verdict) + "\"}");
  }
  EXPECT_EQ(read, 15);
  EXPECT_EQ(Value(R"(hotiron_task_rejections_total{reason="bad_key"})"), 1);
  EXPECT_EQ(Value("hotiron_timers_fired_total"), 3);
  EXPECT_EQ(Value("hotiron_entries_folded_total"), 5);
  EXPECT_EQ(Value("hotiron_entries_over_limit_total"), 2);
}

TEST_F(ProbesTest, TriggersAreCountedByPolicyAndStateAndOpenedOnesAreMeasured) {
  TaskOutputs outputs;
  outputs.triggers = {MakeTrigger("strike", 1, pb::Trigger::OPENED),
                      MakeTrigger("strike", 2, pb::Trigger::RAISED),
                      MakeTrigger("of a later version", 1, pb::Trigger::OPENED)};
  outputs.suppressions = {{"a:acme", "strike", "cooldown"}, {"a:acme", "strike", "unheard of"}};
  Commit(outputs);
  EXPECT_EQ(Value(R"(hotiron_trigger_revisions_total{policy="strike",state="opened"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_revisions_total{policy="strike",state="raised"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_revisions_total{policy="other",state="opened"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_suppressions_total{policy="strike",reason="cooldown"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_suppressions_total{policy="strike",reason="other"})"), 1);
  EXPECT_EQ(Value("hotiron_buying_group_people_count"), 2);
  EXPECT_EQ(Value("hotiron_buying_group_people_sum"), 6);
  EXPECT_EQ(Value("hotiron_trigger_latency_seconds_count"), 2);
  EXPECT_DOUBLE_EQ(Value("hotiron_trigger_latency_seconds_sum"), 0.4);
  EXPECT_EQ(probe_->totals().triggers_opened, 2);
  EXPECT_EQ(told_, (std::vector<std::string>{"t1", "t2", "t1"}));
}

TEST_F(ProbesTest, WhatRepsDoAndWhatComesOfItIsMeasured) {
  auto answer = [](uint32_t revision, pb::Trigger::State state, const std::string& reason,
                   int64_t hours) {
    pb::Trigger trigger = MakeTrigger("strike", revision, state);
    trigger.set_feedback_reason(reason);
    trigger.set_opened_ms(ToMillis(kNow));
    trigger.set_as_of_ms(ToMillis(kNow) + hours * 3'600'000);
    return trigger;
  };
  TaskOutputs outputs;
  outputs.triggers = {answer(2, pb::Trigger::ACCEPTED, "", 1),
                      answer(2, pb::Trigger::DISMISSED, "wrong_timing", 3),
                      answer(2, pb::Trigger::DISMISSED, "a reason of their own", 3),
                      answer(3, pb::Trigger::CLOSED, "opportunity", 48),
                      answer(3, pb::Trigger::CLOSED, "no_reply", 24),
                      answer(2, pb::Trigger::RETRACTED, "open_opportunity", 2),
                      answer(2, pb::Trigger::RETRACTED, "contacted", 2)};
  Commit(outputs);
  EXPECT_EQ(Value("hotiron_trigger_response_seconds_count"), 3);
  EXPECT_EQ(Value("hotiron_trigger_response_seconds_sum"), 7 * 3'600);
  EXPECT_EQ(Value(R"(hotiron_trigger_response_seconds_bucket{le="3600"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_dismissals_total{policy="strike",reason="wrong_timing"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_dismissals_total{policy="strike",reason="other"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_outcomes_total{outcome="opportunity",policy="strike"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_outcomes_total{outcome="no_reply",policy="strike"})"), 1);
  EXPECT_EQ(Value("hotiron_trigger_lead_seconds_count"), 2);
  EXPECT_EQ(Value("hotiron_trigger_lead_seconds_sum"), 50 * 3'600);
}

TEST_F(ProbesTest, MovesHaveADirection) {
  TaskOutputs outputs;
  outputs.transitions[{"", "exploring", "small"}] = 7;  // first seen: it came from nowhere
  outputs.transitions[{"aware", "deciding", "small"}] = 3;
  outputs.transitions[{"comparing", "unaware", "small"}] = 2;
  outputs.transitions[{"aware", "comparing", "enterprise"}] = 4;
  outputs.transitions[{"of another catalogue", "aware", "small"}] = 5;
  Commit(outputs);
  EXPECT_EQ(Value(R"(hotiron_stage_moves_total{direction="forward",segment="small"})"), 3);
  EXPECT_EQ(Value(R"(hotiron_stage_moves_total{direction="forward",segment="enterprise"})"), 4);
  EXPECT_EQ(Value(R"(hotiron_stage_moves_total{direction="back",segment="small"})"), 2);
}

TEST_F(ProbesTest, SignalsAreCountedByWhatTheyAreAbout) {
  catalogue_.add_signals()->set_topic("pricing");
  MakeProbe();
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="pricing"})"), 0);
  TaskOutputs outputs;
  outputs.topics = {{"pricing", 4}, {"", 2}, {"of a later version", 1}};
  Commit(outputs);
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="pricing"})"), 4);
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="none"})"), 2);
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="other"})"), 1);
}

TEST_F(ProbesTest, TheNewestEventOfASourceNeverGoesBack) {
  const std::string web = R"(hotiron_newest_event_timestamp_seconds{source="web"})";
  EXPECT_EQ(Value(web), 0);
  IntakeCounts counts;
  counts.newest = kNow;
  Commit({}, {{"web", counts}});
  EXPECT_EQ(Value(web), static_cast<double>(ToMillis(kNow)) / 1000);
  counts.newest = kNow - std::chrono::hours{1};
  Commit({}, {{"web", counts}});
  EXPECT_EQ(Value(web), static_cast<double>(ToMillis(kNow)) / 1000);
}

TEST_F(ProbesTest, OneBucketEndsAtTheObjective) {
  config_.commit_interval = Duration{170};
  MakeProbe();
  TaskOutputs outputs;
  outputs.cause_timestamps_ms = {ToMillis(kNow) - 390, ToMillis(kNow) - 391};
  Commit(outputs);
  EXPECT_EQ(Value(R"(hotiron_event_latency_seconds_bucket{le="0.39"})"), 1);
  EXPECT_EQ(Value("hotiron_event_latency_seconds_count"), 2);
}

TEST_F(ProbesTest, CommitsAndTheirTroublesAreCounted) {
  Commit({});
  probe_->Aborted();
  probe_->Reset();
  probe_->Remade();
  probe_->Rebalanced();
  probe_->Ticked();
  EXPECT_EQ(Value("hotiron_commits_total"), 1);
  EXPECT_EQ(Value("hotiron_commit_records_sum"), 10);
  EXPECT_DOUBLE_EQ(Value("hotiron_commit_duration_seconds_sum"), 0.02);
  for (const char* name :
       {"hotiron_aborts_total", "hotiron_resets_total", "hotiron_stores_remade_total",
        "hotiron_rebalances_total", "hotiron_ticks_total"}) {
    EXPECT_EQ(Value(name), 1) << name;
  }
}

TEST_F(ProbesTest, LagHasAnAgeOnlyWhileThereIsLag) {
  TopicPartition at{"hotiron.events", 3};
  EventTime last =
      std::chrono::floor<Duration>(std::chrono::system_clock::now()) - std::chrono::minutes{5};
  const std::string labels = R"({role="events",topic="hotiron.events",partition="3"})";
  probe_->Lag(at, "events", 7, last);
  EXPECT_EQ(Value("hotiron_lag_records" + labels), 7);
  EXPECT_GE(Value("hotiron_lag_seconds" + labels), 300);
  EXPECT_LT(Value("hotiron_lag_seconds" + labels), 400);
  probe_->Lag(at, "events", 0, last);
  EXPECT_EQ(Value("hotiron_lag_seconds" + labels), 0);
  probe_->Released(at, true);
  EXPECT_EQ(Value("hotiron_lag_records" + labels), -1);
}

TEST_F(ProbesTest, AccountsAreThoseOfTheTasksThatRunHere) {
  MemoryRows rows;
  Task task(Options(), rows);
  ASSERT_TRUE(task.Load().ok());
  probe_->Restoring(0);
  EXPECT_EQ(Value(R"(hotiron_tasks{state="restoring"})"), 1);
  Feed(task, rows, 9, 4);
  const std::string enterprise = R"(hotiron_accounts{stage="unaware",segment="enterprise"})";
  const std::string other = R"(hotiron_accounts{stage="unaware",segment="other"})";
  EXPECT_EQ(Value(enterprise), 3);
  EXPECT_EQ(Value(other), 6);
  EXPECT_EQ(probe_->totals().companies, 9);
  EXPECT_EQ(Value(R"(hotiron_stage_transitions_total{from="none",to="unaware"})"), 9);

  // After a restart they come from the rows, without any record being read.
  MakeProbe();
  Task again(Options(), rows);
  ASSERT_TRUE(again.Load().ok());
  probe_->Restoring(0);
  probe_->Restored(0, again, 12);
  EXPECT_EQ(Value(enterprise), 3);
  EXPECT_EQ(Value(other), 6);
  EXPECT_EQ(Value(R"(hotiron_tasks{state="running"})"), 1);
  EXPECT_EQ(Value("hotiron_restored_records_total"), 12);
  EXPECT_EQ(Value("hotiron_restore_duration_seconds_count"), 1);

  // Another member has them now.
  probe_->Released({"hotiron.events", 0}, true);
  EXPECT_EQ(Value(enterprise), 0);
  EXPECT_EQ(probe_->totals().companies, 0);
}

// What a task decides by, as the levers of its log say.
class DecisionsTest : public ProbesTest {
 protected:
  void SetUp() override {
    ProbesTest::SetUp();
    ASSERT_TRUE(task_.Load().ok());
    policies_.set_version(1);
    pb::Policy& policy = *policies_.add_policies();
    policy.set_name("strike");
    policy.set_measure(pb::Policy::PROBABILITY);
    policy.set_horizon_ms(Duration{std::chrono::days{14}}.count());
    policy.set_threshold(0.4);
    policy.set_capacity_per_week(20);
    policy.mutable_fallback()->set_measure(pb::Policy::PROGRESS);
    policy.mutable_fallback()->set_threshold(60);
  }

  void Apply(const pb::Levers& levers) {
    pb::TaskRecord record;
    record.set_version(1);
    *record.mutable_levers() = levers;
    TaskOutputs outputs;
    ASSERT_TRUE(task_
                    .Process({.offset = offset_++,
                              .timestamp = kNow,
                              .key = "",
                              .value = record.SerializeAsString()},
                             outputs)
                    .ok());
    EXPECT_EQ(outputs.verdicts[0], 1U);
    probe_->TaskCommitted(0, task_);
  }

  void ApplyPolicies() {
    pb::Levers levers;
    *levers.mutable_policy() = policies_;
    Apply(levers);
  }

  void ApplyModels(const pb::ModelSet& models) {
    pb::Levers levers;
    *levers.mutable_models() = models;
    Apply(levers);
  }

  static std::string Info(const std::string& role, const std::string& model) {
    return "hotiron_model_info{role=\"" + role + "\",model=\"" + model + "\"}";
  }

  pb::PolicySet policies_;
  MemoryRows rows_;
  Task task_{Options(), rows_};
  int64_t offset_ = 0;
};

TEST_F(DecisionsTest, WithoutAModelAPolicyGoesByItsOtherLevel) {
  EXPECT_EQ(Value(Info("champion", "none")), 1);
  EXPECT_EQ(Value(R"(hotiron_model_gate_open{horizon="14d"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_policy_capacity_per_week{policy="strike"})"), -1);  // no task yet
  ApplyPolicies();
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="progress"})"), 60);
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="probability"})"), -1);
  EXPECT_EQ(Value(R"(hotiron_policy_capacity_per_week{policy="strike"})"), 20);
  EXPECT_EQ(Value(R"(hotiron_levers_version{kind="policy"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_levers_version{kind="models"})"), 0);
}

TEST_F(DecisionsTest, AModelWithSkillIsGoneByAndItsThresholdIsSteered) {
  ApplyPolicies();
  pb::ModelSet models = WithOffered({}, HandModel().Text()).value();
  ApplyModels(models);
  EXPECT_EQ(Value(Info("champion", models.champion().hash())), 1);
  EXPECT_EQ(Value(Info("challenger", "none")), 1);
  EXPECT_EQ(Value(R"(hotiron_model_gate_open{horizon="14d"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_model_gate_open{horizon="30d"})"), -1);  // it has no such head
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="probability"})"), 0.4);
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="progress"})"), -1);

  pb::Levers steered;
  steered.mutable_thresholds()->set_version(3);
  pb::Threshold& threshold = *steered.mutable_thresholds()->add_thresholds();
  threshold.set_policy("strike");
  threshold.set_measure(pb::Policy::PROBABILITY);
  threshold.set_stated(0.4);
  threshold.set_value(0.25);
  Apply(steered);
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="probability"})"), 0.25);
  EXPECT_EQ(Value(R"(hotiron_levers_version{kind="thresholds"})"), 3);
}

TEST_F(DecisionsTest, AModelThatHasLeftItsRoleIsNotShownInItAnyMore) {
  ApplyPolicies();
  pb::ModelSet models = WithOffered({}, HandModel().Text()).value();
  models = WithOffered(models, HandModel{.bias = -1, .open = false}.Text()).value();
  ApplyModels(models);
  std::string first = models.champion().hash();
  std::string second = models.challenger().hash();
  EXPECT_EQ(Value(Info("challenger", second)), 1);
  ApplyModels(WithPromoted(models).value());
  EXPECT_EQ(Value(Info("champion", second)), 1);
  EXPECT_EQ(Value(Info("previous", first)), 1);
  EXPECT_EQ(Value(Info("champion", first)), -1);
  EXPECT_EQ(Value(Info("challenger", second)), -1);
  EXPECT_EQ(Value(R"(hotiron_model_gate_open{horizon="14d"})"), 0);
  EXPECT_EQ(Value(R"(hotiron_policy_threshold{policy="strike",measure="progress"})"), 60);
}

TEST_F(ProbesTest, ChancesAreMeasuredAtOpeningsAndHeldAgainstOutcomes) {
  auto likely = [](uint32_t revision, pb::Trigger::State state, double chance) {
    pb::Trigger trigger = MakeTrigger("strike", revision, state);
    trigger.set_measure("probability");
    trigger.set_threshold(0.35);
    trigger.set_value(chance);
    trigger.set_challenger_model("of another hash");
    trigger.set_challenger(chance - 0.1);
    trigger.set_feedback_reason(state == pb::Trigger::CLOSED ? "meeting" : "");
    return trigger;
  };
  pb::Trigger without = MakeTrigger("strike", 3, pb::Trigger::CLOSED);
  without.set_measure("progress");
  without.set_feedback_reason("no_reply");
  TaskOutputs outputs;
  outputs.triggers = {likely(1, pb::Trigger::OPENED, 0.38), likely(1, pb::Trigger::OPENED, 0.55),
                      likely(2, pb::Trigger::RAISED, 0.9),  likely(3, pb::Trigger::CLOSED, 0.38),
                      likely(3, pb::Trigger::CLOSED, 1),    without};
  outputs.judged = {{0.38, true}, {0.35, false}};
  Commit(outputs);
  EXPECT_EQ(Value(R"(hotiron_trigger_claims_total{bought="yes",chance="0.3-0.4"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_trigger_claims_total{bought="no",chance="0.3-0.4"})"), 1);
  EXPECT_NEAR(Value("hotiron_trigger_claims_expected_total"), 0.73, 1e-12);
  EXPECT_EQ(Value("hotiron_trigger_probability_count"), 2);
  EXPECT_EQ(Value(R"(hotiron_trigger_probability_bucket{le="0.4"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_challenger_verdicts_total{policy="strike",verdict="agrees"})"), 1);
  EXPECT_EQ(Value(R"(hotiron_challenger_verdicts_total{policy="strike",verdict="disagrees"})"), 1);
  auto outcomes = [this](const std::string& chance, const std::string& outcome) {
    return Value("hotiron_trigger_outcomes_by_chance_total{chance=\"" + chance + "\",outcome=\"" +
                 outcome + "\"}");
  };
  EXPECT_EQ(outcomes("0.3-0.4", "meeting"), 1);
  EXPECT_EQ(outcomes("0.8-1", "meeting"), 1);
  EXPECT_EQ(outcomes("0-0.1", "meeting"), 0);
  EXPECT_EQ(outcomes("none", "no_reply"), 1);
}

TEST_F(ProbesTest, DatabasesAndTheProcessAreSeen) {
  EXPECT_GT(Value("hotiron_store_memory_limit_bytes"), 0);
  EXPECT_EQ(Value("hotiron_store_databases"), 0);
  EXPECT_GT(Value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_EQ(Value("hotiron_memory_budget_bytes"),
            static_cast<double>(BudgetOf(config_).total()) * (1 << 20));
  EXPECT_GT(Value("process_cpu_seconds_total"), 0);
  EXPECT_GT(Value("process_open_fds"), 3);
  EXPECT_NEAR(Value("process_start_time_seconds"), static_cast<double>(time(nullptr)), 600);
  EXPECT_NE(Scrape().find("hotiron_build_info{version="), std::string::npos);
}

// ---------------------------------------------------------------- what must hold of any scrape

// Everything a configuration and a hostile world can bring in that ends in a label.
class ManyLabelsTest : public ProbesTest {
 protected:
  void SetUp() override {
    ProbesTest::SetUp();
    config_.inputs.clear();
    for (int i = 0; i < 100; ++i) {
      std::string number = std::to_string(i);
      config_.inputs.push_back({.topic = "topic" + number, .source = "s" + number, .unknown = ""});
      config_.segments.push_back("segment " + number);
      policy_.add_policies()->set_name("policy " + number);
      catalogue_.add_signals()->set_topic("about " + number);
    }
    MakeProbe();
    for (int i = 0; i < 2'000; ++i) {
      std::string number = std::to_string(i);
      IntakeCounts counts;
      counts.routed = 1;
      TaskOutputs outputs;
      outputs.signals["source \"" + number + "\"\n"] = 1;
      outputs.topics["about \"" + number + "\"\n"] = 1;
      outputs.transitions[{"stage " + number, "stage x" + number, "segment x" + number}] = 1;
      outputs.suppressions = {{"a:acme", "policy x" + number, "because " + number}};
      outputs.triggers = {MakeTrigger("policy x" + number, 1, pb::Trigger::OPENED)};
      outputs.rejects.push_back({.offset = i, .reason = "new", .key = number, .value = ""});
      Commit(outputs, {{"source x" + number, counts}});
      probe_->Lag({"topic" + std::to_string(i % 7), i}, "input", 1, kNow);
    }
    MemoryRows rows;
    Task task(Options(), rows);
    ASSERT_TRUE(task.Load().ok());
    Feed(task, rows, 100'000, 10'000);
  }
};

TEST_F(ManyLabelsTest, SeriesStayBoundedAndPassPromtool) {
  // As one process with all roles says it.
  ServeProbe serve;
  for (size_t route = 0; route < kRoutes; ++route) {
    for (int status = 200; status < 600; status += 100) {
      serve.Answered(static_cast<Route>(route), status);
    }
  }
  std::string text = Scrape() + serve.Text({});
  EXPECT_LE(SeriesOf(text), kSeriesMax);
  EXPECT_GT(SeriesOf(text), 1'000);  // the worst configuration, not an easy one
  EXPECT_EQ(text.find("company1.example"), std::string::npos);
  EXPECT_EQ(probe_->totals().companies, 100'000);
  EXPECT_EQ(Value(R"(hotiron_observations_routed_total{source="other"})"), 2'000);
  EXPECT_EQ(Value(R"(hotiron_signals_applied_total{source="other"})"), 102'000);
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="none"})"), 100'000);
  EXPECT_EQ(Value(R"(hotiron_signal_topics_total{topic="other"})"), 2'000);
  EXPECT_EQ(Value(R"(hotiron_lag_records{role="other",topic="other",partition="other"})"),
            2'000 - static_cast<double>(kLagPartitionsMax));

  std::filesystem::path file = folder_.path() / "scrape";
  std::ofstream(file) << text;
  ASSERT_EQ(std::system("command -v promtool > /dev/null"), 0)
      << "promtool is missing: install Debian's package prometheus";
  std::string command = "promtool check metrics < " + file.string() + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  char buffer[4'096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    said.append(buffer, got);
  }
  EXPECT_EQ(pclose(pipe), 0) << said;
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace hotiron
