// The largest records that a task can make, when everything that it takes in is as large as it may
// be: none is larger than what producers and topics take (base/limits.h). An account whose row the
// broker refuses would stop its partition for ever.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/identity.h"
#include "base/limits.h"
#include "fixture.h"
#include "processors/policy.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

using std::chrono::hours;

// As JSON writes it a control character takes six bytes.
std::string Filled(size_t bytes, size_t number = 0) {
  std::string text = fmt::format("{}", number);
  return text + std::string(bytes - text.size(), '\x01');
}

std::string Key(char kind, size_t number) {
  return fmt::format("{}:{:0>{}}", kind, number, kIdBytesMax);
}

pb::Catalogue LargestCatalogue() {
  pb::Catalogue catalogue;
  catalogue.set_version(1);
  for (size_t i = 0; i < 20; ++i) {
    catalogue.add_stages(Filled(kSignalNameBytesMax, i));
  }
  for (size_t i = 0; i < 500; ++i) {
    pb::SignalDefinition* signal = catalogue.add_signals();
    signal->set_signal(Filled(kSignalNameBytesMax, i));
    signal->set_label(Filled(kLabelBytesMax, i));
    signal->set_topic(Filled(kSignalNameBytesMax));
    signal->set_anchor(static_cast<int32_t>(i % 20));
    signal->set_weight(1);
  }
  for (size_t i = 0; i < 3; ++i) {
    pb::Question* question = catalogue.add_questions();
    question->set_topic(Filled(kSignalNameBytesMax));
    question->set_ask(Filled(kQuestionBytesMax, i));
  }
  return catalogue;
}

// As many policies as there may be; a later set has other names.
pb::PolicySet LargestPolicies(uint32_t version) {
  pb::PolicySet set = SmallPolicies(version);
  pb::Policy policy = set.policies(0);
  policy.set_threshold(1);
  policy.set_rearm(0.5);
  policy.set_play(Filled(kLabelBytesMax));
  set.clear_policies();
  for (size_t i = 0; i < kPoliciesMax; ++i) {
    policy.set_name(Filled(40, version * 1'000 + i));
    *set.add_policies() = policy;
  }
  return set;
}

pb::TaskRecord LargestFact(const std::string& subject, EventTime time) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"name", "owner", "team", "segment", "industry", "role", "stage"}) {
    fields.emplace_back(name, Filled(kFactValueBytesMax));
  }
  while (fields.size() < kSubjectFieldsMax) {
    fields.emplace_back(Filled(kFactNameBytesMax, fields.size()), Filled(kFactValueBytesMax));
  }
  pb::TaskRecord record = MakeFact(subject, fields, time, UINT64_MAX);
  record.mutable_fact()->set_history(true);
  return record;
}

pb::TaskRecord LargestSignal(size_t number, EventTime time) {
  pb::TaskRecord record = MakeSignal("signal", time, {.history = true});
  pb::Signal* signal = record.mutable_signal();
  signal->set_id(~uint64_t{number});
  signal->set_sequence(~uint64_t{number});
  signal->set_signal(Filled(kSignalNameBytesMax, number % kJourneySignalsLimit));
  signal->set_source(Filled(kSignalNameBytesMax, number));
  signal->set_weight(1 + static_cast<double>(number) / 7);
  signal->clear_path();
  for (char kind : {'p', 'v', 'd', 'a'}) {
    signal->add_path(Key(kind, number));
  }
  return record;
}

size_t LargestRow(const Runner& runner, char kind) {
  size_t largest = 0;
  for (const auto& [key, value] : runner.rows.rows) {
    if (key[0] == kind) {
      largest = std::max(largest, key.size() + value.size());
    }
  }
  return largest;
}

TEST(Bounds, TheLargestAccountFitsIntoARecord) {
  TaskOptions options;
  options.limits = {.age = hours{24 * 3'660},
                    .entries = kLogEntriesLimit,
                    .signals = kJourneySignalsLimit,
                    .slices = 100'000};
  options.segments = {"enterprise"};
  Runner runner(options);
  const std::string account = Key('a', 1);
  EventTime now = At("03-01 10:00");
  std::vector<Line> log{MakeLine(now, account, MakeCatalogue(LargestCatalogue())),
                        MakeLine(now, account, MakePolicies(LargestPolicies(1)))};
  // Every signal has left the log for the sums once, and the log is full again.
  constexpr size_t kSignals = 2'004;
  for (size_t i = 0; i < kSignals; ++i) {
    now += hours{1};
    pb::TaskRecord record = LargestSignal(i, now);
    record.mutable_signal()->set_history(i + 1 < kSignals);  // the last one opens what it can
    log.push_back(MakeLine(now, account, record));
    if (i == 1'000) {
      log.push_back(MakeLine(now, account, LargestFact("", now)));
      for (size_t p = kSignals - kPeopleMax; p < kSignals; ++p) {
        log.push_back(MakeLine(now, account, LargestFact(Key('p', p), now)));
      }
      for (size_t o = 0; o < kSubjectsMax - kPeopleMax - 1; ++o) {
        std::string opportunity = fmt::format("opportunity:{:0>208}", o);
        log.push_back(MakeLine(now, account, LargestFact(opportunity, now)));
      }
    }
  }
  runner.Run(log);
  ASSERT_EQ(runner.done.triggers.size(), static_cast<size_t>(kPoliciesMax));
  // All are accepted, then other policies take their place.
  std::vector<pb::Trigger> opened = runner.done.triggers;
  for (const pb::Trigger& trigger : opened) {
    pb::TaskRecord feedback;
    feedback.set_version(1);
    feedback.mutable_feedback()->set_trigger(trigger.id());
    feedback.mutable_feedback()->set_action(pb::Feedback::ACCEPT);
    feedback.mutable_feedback()->set_reason(Filled(kFactValueBytesMax));
    feedback.mutable_feedback()->set_by(Filled(kFactValueBytesMax));
    log.push_back(MakeLine(now, account, feedback));
  }
  log.push_back(MakeLine(now, account, MakePolicies(LargestPolicies(2))));
  pb::TaskRecord fact = MakeFact("", {{"consent", "yes"}}, now + hours{1});
  log.push_back(MakeLine(now + hours{1}, account, fact));
  runner.Run(log);

  const Account* found = runner.Find(account);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->journey.log().size(), static_cast<size_t>(kLogEntriesLimit));
  EXPECT_EQ(found->journey.total().signals().size(), static_cast<size_t>(kJourneySignalsLimit));
  EXPECT_EQ(found->facts.subjects().size(), kSubjectsMax);
  EXPECT_EQ(found->ledger.size(), kEpisodesMax);
  EXPECT_GT(found->curve.Points().size(), Curve::kPointsMax / 2);
  size_t row = LargestRow(runner, kAccountRow);
  EXPECT_GT(row, kRecordBytesMax / 2) << "it is not the largest account any more";
  EXPECT_LT(row, kRecordBytesMax);
  EXPECT_LT(LargestRow(runner, kSliceRow), kRecordBytesMax);
  size_t summary = 0;
  for (const TaskOutputs::Summary& each : runner.done.summaries) {
    summary = std::max(summary, each.json.size());
  }
  EXPECT_GT(summary, kRecordBytesMax / 4);
  EXPECT_LT(summary, kRecordBytesMax);
  for (const std::string& trigger : runner.TriggerTexts()) {
    EXPECT_LT(trigger.size(), kRecordBytesMax);
  }
  RecordProperty("account_row_bytes", static_cast<int>(row));
  RecordProperty("summary_bytes", static_cast<int>(summary));
}

TEST(Bounds, TheLargestObjectFitsIntoARecord) {
  Runner runner;
  EventTime now = At("03-01 10:00");
  std::vector<Line> log;
  for (int i = 0; i < kWaitingMax + 1; ++i) {
    log.push_back(MakeLine(now, Key('o', 1), LargestFact(Key('p', 1), now)));
  }
  runner.Run(log);
  EXPECT_EQ(runner.done.rejects.size(), 1U);
  EXPECT_GT(LargestRow(runner, kObjectRow), kRecordBytesMax / 8);
  EXPECT_LT(LargestRow(runner, kObjectRow), kRecordBytesMax);
}

TEST(Bounds, ARecordOfTheLogThatDoesNotKeepThemIsRejected) {
  EventTime now = At("03-01 10:00");
  pb::TaskRecord signal = LargestSignal(1, now);
  signal.mutable_signal()->mutable_path(0)->append("x");
  pb::TaskRecord name = LargestSignal(2, now);
  name.mutable_signal()->mutable_signal()->append("x");
  pb::TaskRecord fact = LargestFact("", now);
  fact.mutable_fact()->mutable_fields(0)->mutable_value()->append("x");
  pb::TaskRecord fields = LargestFact("", now);
  *fields.mutable_fact()->add_fields() = fields.fact().fields(0);
  Runner runner;
  runner.Run({MakeLine(now, "a:1", signal), MakeLine(now, "a:1", name), MakeLine(now, "a:1", fact),
              MakeLine(now, "a:1", fields)});
  EXPECT_EQ(runner.done.rejects.size(), 4U);
  EXPECT_EQ(LargestRow(runner, kAccountRow), 0U);
}

}  // namespace
}  // namespace hotiron
