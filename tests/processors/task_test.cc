#include "processors/task.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <memory>
#include <random>

#include "base/identity.h"
#include "fixture.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

TaskOptions SmallOptions() {
  TaskOptions options;
  options.limits = {.age = hours{24 * 5}, .entries = 8, .slices = 5};
  options.cached_accounts = 3;
  options.segments = {"enterprise", "small"};
  return options;
}

uint64_t Count(const TaskOutputs& outputs, Verdict verdict) {
  return outputs.verdicts[static_cast<size_t>(verdict)];
}

// A market in a log: signals, facts, objects, history, old records, feedback to what may have
// opened, levers in the middle, ticks, and records that cannot be used.
std::vector<Line> MakeMarket(uint64_t seed, size_t records) {
  std::mt19937_64 random(seed);
  auto pick = [&](size_t n) { return static_cast<int>(random() % n); };
  std::vector<Line> log;
  EventTime now = At("02-01 00:00");
  log.push_back(MakeLine(now, "a:1", MakeCatalogue(SmallCatalogue())));
  pb::PolicySet policies = SmallPolicies();
  policies.mutable_policies(0)->set_cooldown_ms(Duration{hours{48}}.count());
  policies.mutable_policies(0)->mutable_suppress()->set_contacted_within_ms(
      Duration{hours{10}}.count());
  *policies.add_policies() = policies.policies(0);
  policies.mutable_policies(1)->set_name("warm");
  policies.mutable_policies(1)->set_measure(pb::Policy::PROGRESS);
  policies.mutable_policies(1)->set_threshold(30);
  policies.mutable_policies(1)->set_rearm(20);
  log.push_back(MakeLine(now, "a:1", MakePolicies(policies)));
  const char* signals[] = {"blog_page", "docs_page", "pricing_page", "quote", "call", "odd"};
  while (log.size() < records) {
    now += minutes{pick(300)};
    std::string key = fmt::format("{}:{}", "aaaadv"[pick(6)], pick(4));
    EventTime then = pick(4) == 0 ? now - minutes{pick(10'000)} : now;
    pb::TaskRecord record;
    switch (pick(12)) {
      case 0:
        record = MakeFact(fmt::format("opportunity:{}", pick(2)),
                          {{"stage", pick(2) == 0 ? "Proposal" : "Closed Won"}}, then);
        break;
      case 1:
        record = MakeFact("", {{"segment", pick(2) == 0 ? "enterprise" : "odd"}}, then);
        break;
      case 2:
        key = fmt::format("o:{}", pick(3));
        record = pick(2) == 0 ? MakeSignal("call", then)
                              : MakeFact("opportunity:9", {{"amount", "7000"}}, then);
        if (pick(3) == 0 && record.has_fact()) {
          record.mutable_fact()->set_parent(fmt::format("a:{}", pick(2)));
        }
        break;
      case 3:
        record = MakeTick();
        break;
      case 4:
        if (pick(10) == 0) {
          policies.set_version(policies.version() + 1);
          policies.mutable_policies(0)->set_threshold(6 + pick(8));
          record = MakePolicies(policies);
        } else if (pick(10) == 0) {
          pb::Catalogue catalogue = SmallCatalogue(static_cast<uint32_t>(log.size()));
          catalogue.set_stages(2, fmt::format("stage{}", pick(3)));
          record = MakeCatalogue(catalogue);
        } else {
          record.set_version(9);
        }
        break;
      case 5:
        record.set_version(1);
        record.mutable_feedback()->set_action(pb::Feedback::SNOOZE);
        record.mutable_feedback()->set_trigger("unknown");
        record.mutable_feedback()->set_until_ms(ToMillis(now) + 1);
        break;
      default:
        SignalSpec spec{.by = fmt::format("p{}", pick(5)), .sequence = random() % 2};
        spec.history = pick(8) == 0;
        record = MakeSignal(signals[pick(6)], then, spec);
    }
    log.push_back(MakeLine(now, key, record));
    if (pick(10) == 0) {
      log.push_back(log.back());
    }
  }
  return log;
}

std::function<Cut()> RandomCuts(uint64_t seed) {
  auto random = std::make_shared<std::mt19937_64>(seed);
  return [random] {
    switch ((*random)() % 12) {
      case 0:
        return Cut::kCommit;
      case 1:
        return Cut::kReopen;
      case 2:
        return Cut::kDiscard;
      case 3:
        return Cut::kDiscardStaged;
      default:
        return Cut::kGoOn;
    }
  };
}

// The census that the rows themselves give.
std::map<std::pair<std::string, std::string>, int64_t> Recount(Task& task, uint64_t& others) {
  std::map<std::pair<std::string, std::string>, int64_t> cells;
  EXPECT_TRUE(task.ForEachAccount([&](const Account& account) {
                    if (IsCompany(account.key)) {
                      ++cells[{account.stage, account.segment}];
                    } else {
                      ++others;
                    }
                  })
                  .ok());
  return cells;
}

RC_GTEST_PROP(Task, TheSameLogGivesTheSameBitsHoweverItIsCut, ()) {
  uint64_t seed = *rc::gen::arbitrary<uint64_t>();
  size_t size = *rc::gen::inRange<size_t>(3, 300);
  std::vector<Line> log = MakeMarket(seed, size);
  Runner straight(SmallOptions());
  straight.Run(log);
  Runner cut(SmallOptions());
  cut.Run(log, RandomCuts(seed + 1));
  RC_ASSERT((straight.TriggerTexts() == cut.TriggerTexts()));
  std::map<std::string, std::string> expected = straight.Rows();
  std::map<std::string, std::string> rows = cut.Rows();
  RC_ASSERT(rows.size() == expected.size());
  for (const auto& [key, value] : expected) {
    RC_ASSERT((key + " " + (rows[key] == value ? "same" : "differs")) == key + " same");
  }
  RC_ASSERT(std::equal(std::begin(straight.done.verdicts), std::end(straight.done.verdicts),
                       std::begin(cut.done.verdicts)));
  RC_ASSERT(straight.done.forwards.size() == cut.done.forwards.size());
  RC_ASSERT(straight.done.timers == cut.done.timers);
}

RC_GTEST_PROP(Task, CountersAddUpAndTheCensusIsARecount, ()) {
  uint64_t seed = *rc::gen::arbitrary<uint64_t>();
  std::vector<Line> log = MakeMarket(seed, *rc::gen::inRange<size_t>(3, 300));
  Runner runner(SmallOptions());
  runner.Run(log, RandomCuts(seed + 1));
  uint64_t counted = 0;
  for (uint64_t verdicts : runner.done.verdicts) {
    counted += verdicts;
  }
  RC_ASSERT(counted == log.size());
  RC_ASSERT(Count(runner.done, Verdict::kRejected) == runner.done.rejects.size());
  uint64_t others = 0;
  auto recount = Recount(*runner.task, others);
  uint64_t companies = 0;
  std::map<std::pair<std::string, std::string>, int64_t> census;
  for (const pb::CensusCell& cell : runner.task->census().cells()) {
    census[{cell.stage(), cell.segment()}] = cell.accounts();
    companies += static_cast<uint64_t>(cell.accounts());
  }
  RC_ASSERT((census == recount));
  RC_ASSERT(runner.task->census().companies() == companies);
  RC_ASSERT(runner.task->census().others() == others);
}

pb::TaskRecord Good() {
  return MakeSignal("blog_page", At("03-01 10:00"));
}

TEST(Task, ARecordThatCannotBeUsedIsRejectedAndPassed) {
  std::vector<Line> log{{At("03-01 10:00"), "a:1", "\xff\xff garbage"},
                        {At("03-01 10:00"), "a:1", ""},
                        MakeLine(At("03-01 10:00"), "", Good()),
                        MakeLine(At("03-01 10:00"), "acme", Good())};
  pb::TaskRecord newer = Good();
  newer.set_version(2);
  log.push_back(MakeLine(At("03-01 10:00"), "a:1", newer));
  for (double weight : {-1.0, std::nan(""), HUGE_VAL}) {
    pb::TaskRecord bad = Good();
    bad.mutable_signal()->set_weight(weight);
    log.push_back(MakeLine(At("03-01 10:00"), "a:1", bad));
  }
  for (int64_t time_ms : {int64_t{-1}, INT64_MAX}) {
    pb::TaskRecord bad = Good();
    bad.mutable_signal()->set_time_ms(time_ms);
    log.push_back(MakeLine(At("03-01 10:00"), "a:1", bad));
  }
  size_t bad = log.size();
  log.push_back(MakeLine(At("03-01 10:00"), "a:1", Good()));
  Runner runner;
  runner.Run(log);
  ASSERT_EQ(runner.done.rejects.size(), bad);
  EXPECT_EQ(runner.done.rejects[0].reason, "bad_record");
  EXPECT_EQ(runner.done.rejects[0].value, "\xff\xff garbage");
  EXPECT_EQ(runner.done.rejects[2].reason, "bad_key");
  EXPECT_EQ(runner.done.rejects[4].reason, "bad_record");
  EXPECT_EQ(runner.task->next_offset(), static_cast<int64_t>(log.size()));
  EXPECT_EQ(Count(runner.done, Verdict::kApplied), 1U);
}

TEST(Task, AFailingReadLeavesNothingHalfDone) {
  std::vector<Line> log = MakeMarket(7, 400);
  Runner expected(SmallOptions());
  expected.Run(log);
  Runner runner(SmallOptions());
  std::mt19937_64 random(3);
  size_t failures = 0;
  while (runner.task->next_offset().value_or(0) < static_cast<int64_t>(log.size())) {
    size_t next = static_cast<size_t>(runner.task->next_offset().value_or(0));
    if (random() % 8 == 0) {
      runner.rows.fail_at = 1 + static_cast<int>(random() % 3);
    }
    Result<Task::Progress> progress = runner.task->Process(
        {static_cast<int64_t>(next), log[next].timestamp, log[next].key, log[next].value},
        runner.pending);
    if (!progress.ok()) {
      ++failures;
      runner.Discard(false);
    }
    runner.rows.fail_at = 0;
    if (random() % 5 == 0) {
      runner.Commit();
    }
  }
  runner.Commit();
  EXPECT_GT(failures, 5U);
  EXPECT_TRUE(runner.Rows() == expected.Rows());
  EXPECT_EQ(runner.TriggerTexts(), expected.TriggerTexts());
}

TEST(Task, TimersFireInOrderAndInSteps) {
  std::vector<Line> log{MakeLine(At("02-01 00:00"), "a:1", MakeCatalogue(SmallCatalogue())),
                        MakeLine(At("02-01 00:00"), "a:1", MakePolicies(SmallPolicies()))};
  constexpr int kAccounts = 1200;
  for (int i = 0; i < kAccounts; ++i) {
    EventTime time = At("03-01 10:00") + minutes{i};
    log.push_back(MakeLine(time, fmt::format("a:{}", i * 7919 % kAccounts),
                           MakeSignal("quote", time, {.weight = 11})));
  }
  Runner runner;
  runner.Run(log);
  EXPECT_EQ(runner.done.triggers.size(), static_cast<size_t>(kAccounts));
  EXPECT_EQ(runner.task->NextTimer(), At("03-08 10:00"));
  size_t opened = runner.done.triggers.size();
  Line tick = MakeLine(At("03-09 08:00"), "a:1", MakeTick());
  int steps = 0;
  for (;;) {
    ++steps;
    Result<Task::Progress> progress = runner.task->Process(
        {static_cast<int64_t>(log.size()), tick.timestamp, tick.key, tick.value}, runner.pending);
    ASSERT_TRUE(progress.ok());
    EXPECT_TRUE(runner.task->dirty());
    runner.Commit();
    EXPECT_FALSE(runner.task->dirty());
    if (progress.value() == Task::Progress::kDone) {
      break;
    }
    EXPECT_EQ(runner.task->next_offset(), static_cast<int64_t>(log.size()));
    runner.Reopen();
  }
  EXPECT_EQ(steps, 3);
  ASSERT_EQ(runner.done.triggers.size(), 2 * opened);
  for (size_t i = opened; i < 2 * opened; ++i) {
    EXPECT_EQ(runner.done.triggers[i].as_of_ms(),
              ToMillis(At("03-08 10:00") + minutes{i - opened}));
  }
  EXPECT_EQ(runner.task->time(), At("03-09 08:00"));
  EXPECT_GT(runner.task->NextTimer(), At("03-09 10:00"));  // a stage is told anew
}

TEST(Task, AHigherLeverIsTakenAndAnEqualOrLowerOneIsADuplicate) {
  Runner runner;
  std::vector<Line> log;
  for (uint32_t version : {2U, 2U, 1U, 3U}) {
    log.push_back(MakeLine(At("03-01 10:00"), "a:1", MakePolicies(SmallPolicies(version))));
    log.push_back(MakeLine(At("03-01 10:00"), "a:1", MakeCatalogue(SmallCatalogue(version))));
  }
  runner.Run(log);
  EXPECT_EQ(Count(runner.done, Verdict::kApplied), 4U);
  EXPECT_EQ(Count(runner.done, Verdict::kDuplicate), 4U);
  runner.Reopen();
  EXPECT_EQ(runner.task->policy_version(), 3U);
  EXPECT_EQ(runner.task->catalogue_version(), 3U);
}

TEST(Task, ALeverIsTakenBackByADiscard) {
  Runner runner;
  std::vector<Line> log{MakeLine(At("03-01 10:00"), "a:1", MakePolicies(SmallPolicies(1)))};
  runner.Run(log);
  log.push_back(MakeLine(At("03-01 10:00"), "a:1", MakePolicies(SmallPolicies(2))));
  ASSERT_TRUE(
      runner.task->Process({1, log[1].timestamp, log[1].key, log[1].value}, runner.pending).ok());
  EXPECT_TRUE(runner.task->dirty());
  runner.Discard(true);
  EXPECT_EQ(runner.task->policy_version(), 1U);
  EXPECT_FALSE(runner.task->dirty());
}

TEST(Task, TellsCompaniesFromOthersAndStagesBySegment) {
  TaskOptions options;
  options.segments = {"enterprise"};
  Runner runner(options);
  runner.Run({MakeLine(At("03-01 09:00"), "a:1", MakeCatalogue(SmallCatalogue())),
              MakeLine(At("03-01 10:00"), "a:1", MakeSignal("quote", At("03-01 10:00"))),
              MakeLine(At("03-01 10:00"), "a:1",
                       MakeFact("", {{"segment", "Enterprise"}}, At("03-01 10:00"))),
              MakeLine(At("03-01 10:00"), "d:2", MakeSignal("blog_page", At("03-01 10:00"))),
              MakeLine(At("03-01 10:00"), "v:3", MakeSignal("quote", At("03-01 10:00")))});
  const pb::CensusRow& census = runner.task->census();
  EXPECT_EQ(census.companies(), 2U);
  EXPECT_EQ(census.others(), 1U);
  ASSERT_EQ(census.cells_size(), 2);
  EXPECT_EQ(census.cells(0).stage(), "aware");
  EXPECT_EQ(census.cells(0).segment(), "other");
  EXPECT_EQ(census.cells(1).stage(), "deciding");
  EXPECT_EQ(census.cells(1).segment(), "enterprise");
}

TEST(Task, TellsTheStageAnewOfWhoFallsSilent) {
  Runner runner;
  std::vector<Line> log{MakeLine(At("03-01 09:00"), "a:1", MakeCatalogue(SmallCatalogue())),
                        MakeLine(At("03-01 10:00"), "a:1", MakeSignal("quote", At("03-01 10:00")))};
  runner.Run(log);
  auto stage = [&] { return runner.task->census().cells(0).stage(); };
  EXPECT_EQ(stage(), "deciding");
  EventTime newest = At("03-01 10:00");
  std::vector<Duration> looks;
  while (runner.task->NextTimer()) {
    looks.push_back(*runner.task->NextTimer() - newest);
    log.push_back(MakeLine(*runner.task->NextTimer(), "a:other", MakeTick()));
    runner.Run(log);
  }
  ASSERT_GE(looks.size(), 2U);
  EXPECT_GE(looks[0], days{8});
  EXPECT_LT(looks[0], days{16});
  for (size_t i = 1; i < looks.size(); ++i) {
    EXPECT_EQ(looks[i], 2 * looks[i - 1]);
  }
  EXPECT_EQ(stage(), "unaware");  // it cannot fall any further
  EXPECT_EQ(runner.task->census().companies(), 1U);
  EXPECT_TRUE(runner.done.triggers.empty());
}

// Up with a signal, down in the silence after it, up again: history and what is live on one line.
TEST(Task, KeepsHowAnAccountHasComeAlong) {
  Runner runner;
  EventTime import = At("03-20 09:00");
  EventTime live = At("03-20 12:00");
  runner.Run(
      {MakeLine(import, "a:1", MakeCatalogue(SmallCatalogue())),
       MakeLine(import, "a:1", MakeSignal("docs_page", At("03-01 10:00"), {.history = true})),
       MakeLine(import, "a:1", MakeSignal("quote", At("03-08 10:00"), {.history = true})),
       MakeLine(live, "a:1", MakeSignal("quote", live)),
       MakeLine(live, "v:1", MakeSignal("quote", live))});
  std::vector<CurvePoint> points = runner.Find("a:1")->curve.Points();
  ASSERT_EQ(points.size(), 5U);
  const char* times[] = {"03-01 10:00", "03-08 09:59", "03-08 10:00", "03-20 11:59", "03-20 12:00"};
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(Short(points[i].time), times[i]);
    EXPECT_EQ(points[i].progress > points[i == 0 ? i : i - 1].progress, i == 2 || i == 4) << i;
  }
  EXPECT_TRUE(runner.Find("v:1")->curve.empty());
  ASSERT_EQ(runner.done.summaries.size(), 1U);
  std::string_view json = runner.done.summaries[0].json;
  EXPECT_NE(json.find(R"("curve":{"seconds":[1772359200,)"), json.npos) << json;
  std::string before = runner.done.summaries[0].json;
  runner.Reopen();
  EXPECT_EQ(WriteSummary(*runner.Find("a:1"), runner.task->model(), runner.task->models(), live),
            before);
}

TEST(Task, TellsTheStageOfWhoComesBackAsSoonAsOfOthers) {
  Runner runner;
  std::vector<Line> log{MakeLine(At("03-01 09:00"), "a:1", MakeCatalogue(SmallCatalogue())),
                        MakeLine(At("03-01 10:00"), "a:1",
                                 MakeSignal("quote", At("03-01 10:00"), {.weight = 1'000}))};
  runner.Run(log);
  log.push_back(MakeLine(At("03-01 10:00") + days{66}, "a:other", MakeTick()));
  runner.Run(log);
  ASSERT_GT(runner.task->NextTimer(), At("03-01 10:00") + days{66 + 16});
  EventTime back = At("03-01 10:00") + days{66};
  log.push_back(MakeLine(back, "a:1", MakeSignal("quote", back)));
  runner.Run(log);
  EXPECT_LT(runner.task->NextTimer(), back + days{16});
}

// What is long over when it comes in is counted as of today: there is nothing to be told anew.
TEST(Task, SetsNoTimersInThePast) {
  Runner runner;
  std::vector<Line> log{MakeLine(At("03-01 09:00"), "a:1", MakeCatalogue(SmallCatalogue())),
                        MakeLine(At("2027-03-01T10:00:00Z"), "a:other", MakeTick()),
                        MakeLine(At("2027-03-01T10:00:00Z"), "a:1",
                                 MakeSignal("quote", At("03-01 10:00"), {.history = true}))};
  runner.Run(log);
  EXPECT_EQ(runner.task->NextTimer(), std::nullopt);
}

// An account that is known from history only is told anew as well, and nothing is decided.
TEST(Task, TellsTheStageAnewOfHistory) {
  Runner runner;
  std::vector<Line> log{
      MakeLine(At("03-01 09:00"), "a:1", MakeCatalogue(SmallCatalogue())),
      MakeLine(At("03-01 09:00"), "a:1", MakePolicies(SmallPolicies())),
      MakeLine(At("03-01 10:00"), "a:1",
               MakeSignal("quote", At("03-01 10:00"), {.weight = 11, .history = true}))};
  runner.Run(log);
  EXPECT_EQ(runner.task->census().cells(0).stage(), "deciding");
  log.push_back(MakeLine(At("03-01 11:00") + days{200}, "a:other", MakeTick()));
  runner.Run(log);
  EXPECT_NE(runner.task->census().cells(0).stage(), "deciding");
  EXPECT_TRUE(runner.done.triggers.empty());
}

// ---------------------------------------------------------------- summaries

// Processes one record, commits at `wall`, and gives the keys whose summaries were sent.
std::string Summaries(Runner& runner, const std::optional<Line>& line, EventTime wall,
                      bool fail = false) {
  if (line) {
    EXPECT_TRUE(runner.task
                    ->Process({runner.task->next_offset().value_or(0), line->timestamp, line->key,
                               line->value},
                              runner.pending)
                    .ok());
  }
  std::vector<Row> changes;
  EXPECT_TRUE(runner.task->StageRows(wall, false, changes, runner.pending).ok());
  std::string keys;
  for (const TaskOutputs::Summary& summary : runner.pending.summaries) {
    keys += summary.key;
  }
  runner.pending.Clear();
  if (fail) {
    runner.task->Discard();
  } else {
    runner.rows.Write(changes);
    runner.task->Committed();
  }
  return keys;
}

Line SignalLine(const std::string& key, std::string_view time) {
  return MakeLine(At(time), key, MakeSignal("docs_page", At(time)));
}

TEST(Task, SendsAtMostOneSummaryPerIntervalAndAlwaysTheLast) {
  Runner runner;
  EventTime wall = At("05-05 00:00");
  auto ms = [](int n) { return Duration{n}; };
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:00"), wall), "");
  EXPECT_EQ(runner.task->NextSummary(), wall + ms(1000));
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:01"), wall + ms(500)), "");
  EXPECT_EQ(Summaries(runner, SignalLine("a:2", "03-01 10:02"), wall + ms(900)), "");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + ms(1000)), "a:1");
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:03"), wall + ms(1100)), "");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + ms(2050)), "a:2");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + ms(2100)), "a:1");
  EXPECT_EQ(runner.task->NextSummary(), std::nullopt);
  EXPECT_FALSE(runner.task->dirty());
}

TEST(Task, RemovesATimerThatItsAccountDoesNotKnowOf) {
  Runner runner;
  EventTime then = At("03-01 10:00");
  runner.Run({MakeLine(then, "a:1", MakeSignal("docs_page", then))});
  // What half a commit may leave behind: "T", the due time in eight bytes, the account.
  std::string due;
  for (int shift = 56; shift >= 0; shift -= 8) {
    due += static_cast<char>(ToMillis(then + hours{1}) >> shift);
  }
  std::string stray = std::string(1, kTimerRow) + due + "a:1";
  runner.rows.rows[stray] = "";
  runner.Reopen();
  EventTime later = then + hours{2};
  std::vector<Line> log{MakeLine(then, "a:1", MakeSignal("docs_page", then)),
                        MakeLine(later, "a:1", MakeSignal("docs_page", later))};
  runner.Run(log);
  EXPECT_GT(runner.task->NextTimer(), then + days{8});  // its own
  EXPECT_EQ(runner.rows.rows.count(stray), 0u);
}

// The other half: the account's row was written, its timer's was not. The records of that commit
// are read again, so the account is loaded again.
TEST(Task, PutsBackATimerThatOnlyItsAccountKnowsOf) {
  EventTime then = At("03-01 10:00");
  std::vector<Line> log{MakeLine(then, "a:1", MakeCatalogue(SmallCatalogue())),
                        MakeLine(then, "a:1", MakePolicies(SmallPolicies())),
                        MakeLine(then, "a:1", MakeSignal("quote", then)),
                        MakeLine(then, "a:1", MakeSignal("pricing_page", then))};
  for (bool discarded : {false, true}) {
    SCOPED_TRACE(discarded);
    Runner runner;
    runner.Run(log);
    ASSERT_EQ(runner.done.triggers.size(), 1U);
    std::optional<EventTime> due = runner.task->NextTimer();
    ASSERT_TRUE(due.has_value());
    std::erase_if(runner.rows.rows, [](const auto& row) { return row.first[0] == kTimerRow; });
    runner.Reopen();
    ASSERT_FALSE(runner.task->NextTimer().has_value());
    std::vector<Line> again = log;
    again.push_back(log.back());
    runner.Run(again,
               [&] { return std::exchange(discarded, false) ? Cut::kDiscardStaged : Cut::kGoOn; });
    EXPECT_EQ(runner.task->NextTimer(), due);
    runner.Reopen();
    EXPECT_EQ(runner.task->NextTimer(), due);
    again.push_back(MakeLine(*due, "a:2", MakeTick()));
    runner.Run(again);
    EXPECT_EQ(runner.done.triggers.back().state(), pb::Trigger::EXPIRED);
  }
}

TEST(Task, SummarisesCompaniesOnly) {
  Runner runner;
  EventTime then = At("03-01 10:00");
  runner.Run({MakeLine(then, "a:1", MakeSignal("docs_page", then)),
              MakeLine(then, "v:1", MakeSignal("docs_page", then, {.by = "v:1"}))});
  runner.wall += hours{1};
  runner.Commit();
  ASSERT_EQ(runner.done.summaries.size(), 1u);
  EXPECT_EQ(runner.done.summaries[0].key, "a:1");
}

TEST(Task, RefusesStateThatWasMadeWithAnotherTimeUnit) {
  Runner runner;
  EventTime then = At("03-01 10:00");
  runner.Run({MakeLine(then, "a:1", MakeSignal("docs_page", then))});
  TaskOptions options;
  options.scale.unit = hours{1};
  Task task(options, runner.rows);
  Result<void> loaded = task.Load();
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("journeys.time_unit is 1h"), std::string::npos);
}

TEST(Task, SendsOwedSummariesAfterACrashAndOnlyThose) {
  Runner runner;
  EventTime wall = At("05-05 00:00");
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:00"), wall), "");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{1000}), "a:1");
  EXPECT_EQ(Summaries(runner, SignalLine("a:2", "03-01 10:01"), wall + Duration{1500}), "");
  runner.Reopen();
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{1600}), "a:2");
  runner.Reopen();
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{9600}), "");
}

TEST(Task, SendsASummaryAgainWhenItsTransactionFailed) {
  Runner runner;
  EventTime wall = At("05-05 00:00");
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:00"), wall), "");
  EXPECT_EQ(Summaries(runner, SignalLine("a:2", "03-01 10:01"), wall + Duration{100}), "");
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:02"), wall + Duration{1000}, true),
            "a:1");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{1000}), "a:1");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{1100}), "a:2");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{5000}), "");
}

TEST(Task, AFailedTransactionDoesNotMakeARestartSendEverything) {
  Runner runner;
  EventTime wall = At("05-05 00:00");
  EXPECT_EQ(Summaries(runner, SignalLine("a:1", "03-01 10:00"), wall), "");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{1000}), "a:1");
  EXPECT_EQ(Summaries(runner, SignalLine("a:2", "03-01 10:01"), wall + Duration{2000}), "");
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{3000}, true), "a:2");
  EXPECT_EQ(Summaries(runner, SignalLine("a:3", "03-01 10:02"), wall + Duration{2500}), "");
  runner.Reopen();
  EXPECT_EQ(Summaries(runner, std::nullopt, wall + Duration{3100}), "a:2a:3");
}

// ---------------------------------------------------------------- objects

pb::TaskRecord FactWithParent(std::string_view parent, std::string_view time) {
  pb::TaskRecord record = MakeFact("opportunity:7", {{"stage", "Proposal"}}, At(time));
  record.mutable_fact()->set_parent(std::string(parent));
  return record;
}

TEST(Objects, AnUpdateWithoutAccountWaitsUntilTheAccountIsKnown) {
  Runner runner;
  std::vector<Line> log{MakeLine(At("03-01 10:00"), "o:7",
                                 MakeFact("opportunity:7", {{"amount", "700"}}, At("03-01 10:00"))),
                        MakeLine(At("03-01 10:01"), "o:7", MakeSignal("quote", At("03-01 10:01")))};
  runner.Run(log);
  EXPECT_TRUE(runner.done.forwards.empty());
  EXPECT_EQ(Count(runner.done, Verdict::kApplied), 2U);
  runner.Reopen();
  log.push_back(MakeLine(At("03-01 10:02"), "o:7", FactWithParent("a:acme", "03-01 10:02")));
  log.push_back(MakeLine(At("03-01 10:03"), "o:7", MakeSignal("call", At("03-01 10:03"))));
  runner.Run(log);
  ASSERT_EQ(runner.done.forwards.size(), 4U);
  EXPECT_EQ(Count(runner.done, Verdict::kForwarded), 2U);
  for (const TaskOutputs::Forward& forward : runner.done.forwards) {
    EXPECT_EQ(forward.key, "a:acme");
    pb::TaskRecord record;
    ASSERT_TRUE(record.ParseFromString(forward.value));
    EXPECT_EQ(record.hops(), 1U);
    EXPECT_EQ(record.fact().parent(), "");
  }
  EXPECT_EQ(runner.done.forwards[0].time, At("03-01 10:00"));
}

TEST(Objects, ANewerParentWinsAndAnOlderOneIsIgnored) {
  Runner runner;
  runner.Run({MakeLine(At("03-01 10:00"), "o:7", FactWithParent("a:new", "03-01 10:00")),
              MakeLine(At("03-01 10:01"), "o:7", FactWithParent("a:old", "03-01 09:00")),
              MakeLine(At("03-01 10:02"), "o:7", FactWithParent("o:7", "03-01 10:02")),
              MakeLine(At("03-01 10:03"), "o:7", FactWithParent("a:newer", "03-01 10:03"))});
  std::string keys;
  for (const TaskOutputs::Forward& forward : runner.done.forwards) {
    keys += forward.key;
  }
  EXPECT_EQ(keys, "a:newa:newa:newa:newer");
}

TEST(Objects, HopsAreBounded) {
  Runner runner;
  pb::TaskRecord record = FactWithParent("o:8", "03-01 10:00");
  record.set_hops(kHopsMax - 1);
  pb::TaskRecord too_far = FactWithParent("o:8", "03-01 10:00");
  too_far.set_hops(kHopsMax);
  runner.Run(
      {MakeLine(At("03-01 10:00"), "o:7", record), MakeLine(At("03-01 10:00"), "o:7", too_far)});
  EXPECT_EQ(runner.done.forwards.size(), 1U);
  ASSERT_EQ(runner.done.rejects.size(), 1U);
  EXPECT_EQ(runner.done.rejects[0].reason, "too_many_hops");
}

TEST(Objects, WaitingIsBoundedAndWhatIsRejectedChangesNoRow) {
  Runner runner;
  std::vector<Line> log;
  for (int i = 0; i < kWaitingMax; ++i) {
    EventTime time = At("03-01 10:00") + minutes{i};
    log.push_back(MakeLine(time, "o:7", MakeSignal("call", time)));
  }
  runner.Run(log);
  std::string row = runner.rows.rows["Oo:7"];
  log.push_back(MakeLine(At("03-02 10:00"), "o:7", MakeSignal("call", At("03-02 10:00"))));
  std::vector<Row> changes;
  ASSERT_TRUE(runner.task
                  ->Process({kWaitingMax, log.back().timestamp, log.back().key, log.back().value},
                            runner.pending)
                  .ok());
  ASSERT_TRUE(runner.task->StageRows({}, true, changes, runner.pending).ok());
  ASSERT_EQ(changes.size(), 1U) << "the position alone";
  ASSERT_EQ(runner.pending.rejects.size(), 1U);
  EXPECT_EQ(runner.pending.rejects[0].reason, "waiting_overflow");
}

}  // namespace
}  // namespace hotiron
