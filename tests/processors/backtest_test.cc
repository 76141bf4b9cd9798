// What alerts of the past would have been worth: cases worked out by hand, and brute force.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "processors/backtest/calibration.h"
#include "processors/backtest/ending.h"
#include "processors/backtest/scores.h"
#include "processors/backtest/sweep.h"
#include "processors/backtest/tally.h"
#include "processors/backtest/windowed.h"
#include "processors/learning/random.h"
#include "processors/learning/trainer.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr EventTime kDay0{days{20'454}};  // 1 January 2026, a Thursday

EventTime Day(double day) {
  return kDay0 + Duration(static_cast<int64_t>(day * 86'400'000));
}

PastAccount Account(double start, std::optional<double> closed, bool bought) {
  PastAccount account;
  account.name = "account";
  account.start = Day(start);
  if (closed) {
    account.closed = Day(*closed);
  }
  account.bought = bought;
  return account;
}

LabelledHistory History(std::vector<PastAccount> accounts, double end) {
  LabelledHistory history;
  history.accounts = std::move(accounts);
  history.end = Day(end);
  return history;
}

TEST(Ending, AnOpenAccountIsDecidedOnceItIsOld) {
  LabelledHistory history =
      History({Account(0, 5, true), Account(0, 5, false), Account(0, std::nullopt, false),
               Account(1, std::nullopt, false)},
              30);
  EXPECT_EQ(EndingsOf(history, days{30}), (std::vector{Ending::kBought, Ending::kNotBought,
                                                       Ending::kNotBought, Ending::kUndecided}));
}

TEST(Calendar, PeriodsBeginOnMondays) {
  Calendar calendar{.from = Day(0), .until = Day(17.5), .period = days{7}};
  EXPECT_EQ(FormatTime(calendar.StartOf(calendar.IndexOf(Day(0)))), "2025-12-29T00:00:00.000Z");
  EXPECT_EQ(calendar.IndexOf(Day(4)), calendar.IndexOf(Day(3.9)) + 1);
  EXPECT_DOUBLE_EQ(calendar.periods(), 2.5);
  EXPECT_EQ(calendar.IndexOf(EventTime{days{-4}}), -2);  // before 1970
}

// Two buyers, one of them seen late, one who did not buy, one who may.
class SweepTest : public testing::Test {
 protected:
  const LabelledHistory history_ = History({Account(0, 10, true), Account(0, 20, false),
                                            Account(0, 8, true), Account(0, std::nullopt, false)},
                                           25);
  const std::vector<Ending> endings_{Ending::kBought, Ending::kNotBought, Ending::kBought,
                                     Ending::kUndecided};
  const std::vector<Track> tracks_{{{Day(1), 0.2}, {Day(5), 0.6}, {Day(9.5), 0.9}},
                                   {{Day(2), 0.5}},
                                   {{Day(7.5), 0.7}},
                                   {{Day(3), 0.4}}};
  const Sweep sweep_{history_, endings_, tracks_, days{1}};
};

TEST_F(SweepTest, EveryThresholdIsJudged) {
  struct {
    double threshold, flagged, buyers, ahead, false_alarms;
  } expected[] = {{0.9, 1, 1, 0, 0}, {0.7, 2, 2, 0, 0}, {0.6, 2, 2, 1, 0},
                  {0.5, 3, 2, 1, 1}, {0.4, 4, 2, 1, 1}, {0.2, 4, 2, 1, 1}};

  ASSERT_EQ(sweep_.points().size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    const SweepPoint& point = sweep_.points()[i];
    EXPECT_EQ(point.threshold, expected[i].threshold);
    EXPECT_EQ(point.flagged, expected[i].flagged) << point.threshold;
    EXPECT_EQ(point.buyers, expected[i].buyers) << point.threshold;
    EXPECT_EQ(point.ahead, expected[i].ahead) << point.threshold;
    EXPECT_EQ(point.false_alarms, expected[i].false_alarms) << point.threshold;
  }
  EXPECT_EQ(sweep_.points()[0].precision(), 1);
  EXPECT_NEAR(*sweep_.points()[4].precision(), 2.0 / 3, 1e-12);  // the undecided one counts nowhere
}

TEST_F(SweepTest, ALoadBetweenTwoThresholdsIsShared) {
  EXPECT_EQ(sweep_.AtFlagged(2).threshold, 0.6);  // the lowest that flags no more
  SweepPoint half = sweep_.AtFalseAlarms(0.5);
  EXPECT_EQ(half.threshold, 0.5);
  EXPECT_EQ(half.flagged, 2.5);
  EXPECT_EQ(half.ahead, 1);
  SweepPoint first = sweep_.AtFlagged(0.25);
  EXPECT_EQ(first.buyers, 0.25);
  EXPECT_EQ(sweep_.AtFlagged(100).threshold, 0.2);  // all there is
}

TEST_F(SweepTest, ALowerThresholdFlagsEarlier) {
  EXPECT_EQ(sweep_.Leads(0.6), (std::vector<Duration>{hours{12}, days{5}}));
  EXPECT_EQ(sweep_.Leads(0.1), (std::vector<Duration>{hours{12}, days{9}}));
  EXPECT_TRUE(sweep_.Leads(0.95).empty());
  EXPECT_EQ(Median(sweep_.Leads(0.6)), hours{66});
  EXPECT_EQ(Median({}), std::nullopt);
}

TEST(Sweep, EqualScoresAreFlaggedTogether) {
  LabelledHistory history = History({Account(0, 10, true), Account(0, 10, false)}, 20);
  std::vector<Ending> endings{Ending::kBought, Ending::kNotBought};
  std::vector<Track> tracks{{{Day(0), 0}}, {{Day(0), 0}}};
  Sweep sweep(history, endings, tracks, days{1});
  ASSERT_EQ(sweep.points().size(), 1U);
  EXPECT_EQ(sweep.AtFlagged(1).buyers, 0.5);
  EXPECT_EQ(sweep.AtFalseAlarms(0.5).ahead, 0.5);
}

// What a point says in numbers its alerts say one by one.
TEST(Sweep, AlertsOfALoadAreThatMany) {
  Random random(3);
  SCOPED_TRACE("seed 3");
  std::vector<PastAccount> accounts;
  std::vector<Ending> endings;
  std::vector<Track> tracks;
  for (int i = 0; i < 60; ++i) {
    bool bought = random.Below(2) == 0;
    endings.push_back(bought ? Ending::kBought : Ending::kNotBought);
    accounts.push_back(Account(0, 20, bought));
    Track track;
    for (int day = 0; day < 10; ++day) {
      AddScore(track, Day(day), double(random.Below(6)));
    }
    tracks.push_back(track);
  }
  LabelledHistory history = History(std::move(accounts), 30);
  Sweep sweep(history, endings, tracks, days{1});
  Calendar calendar{.from = Day(0), .until = Day(30)};
  for (const SweepPoint& point : sweep.points()) {
    Tally tally = Count(history, endings, calendar, sweep.AlertsAt(point), days{1});
    EXPECT_EQ(static_cast<double>(tally.flagged), point.flagged);
    EXPECT_EQ(static_cast<double>(tally.flagged_buyers), point.buyers);
    EXPECT_EQ(static_cast<double>(tally.ahead), point.ahead);
    EXPECT_EQ(static_cast<double>(tally.count.false_alarms), point.false_alarms);
  }
  for (double load : {1.0, 7.0, 20.0, 41.0, 60.0}) {
    std::vector<Alert> alerts = sweep.AlertsAt(sweep.AtFlagged(load));
    EXPECT_EQ(alerts.size(), static_cast<size_t>(load));
    std::set<uint32_t> flagged;
    for (const Alert& alert : alerts) {
      flagged.insert(alert.account);
    }
    EXPECT_EQ(flagged.size(), alerts.size());
    EXPECT_TRUE(std::is_sorted(alerts.begin(), alerts.end(),
                               [](const Alert& a, const Alert& b) { return a.opened < b.opened; }));
  }
}

TEST(Sweep, NobodyIsFlaggedByNothing) {
  LabelledHistory history = History({}, 20);
  Sweep sweep(history, {}, {}, days{1});
  EXPECT_TRUE(sweep.points().empty());
  EXPECT_TRUE(sweep.Thinned(10).empty());
  EXPECT_EQ(sweep.AtFlagged(5).flagged, 0);
  EXPECT_EQ(sweep.AtFlagged(5).precision(), std::nullopt);
}

TEST(Sweep, IsWhatEachThresholdByItselfComesTo) {
  Random random(7);
  SCOPED_TRACE("seed 7");
  for (int round = 0; round < 50; ++round) {
    std::vector<PastAccount> accounts;
    std::vector<Ending> endings;
    std::vector<Track> tracks;
    for (int i = 0; i < 40; ++i) {
      endings.push_back(static_cast<Ending>(random.Below(3)));
      bool bought = endings.back() == Ending::kBought;
      std::optional<double> closed;
      if (endings.back() != Ending::kUndecided) {
        closed = 5 + static_cast<double>(random.Below(10));
      }
      accounts.push_back(Account(0, closed, bought));
      Track track;
      for (uint64_t hour = 0; hour < random.Below(100); ++hour) {
        AddScore(track, Day(static_cast<double>(hour) / 24), double(random.Below(20)));
      }
      tracks.push_back(track);
    }
    LabelledHistory history = History(std::move(accounts), 30);
    Sweep sweep(history, endings, tracks, days{1});
    for (const SweepPoint& point : sweep.points()) {
      SweepPoint expected{.threshold = point.threshold};
      for (size_t i = 0; i < tracks.size(); ++i) {
        std::optional<EventTime> flagged = FlaggedAt(tracks[i], point.threshold);
        if (flagged) {
          bool buyer = endings[i] == Ending::kBought;
          expected.flagged += 1;
          expected.buyers += buyer ? 1 : 0;
          expected.ahead += buyer && *history.accounts[i].closed - *flagged >= days{1} ? 1 : 0;
          expected.false_alarms += endings[i] == Ending::kNotBought ? 1 : 0;
        }
      }
      ASSERT_EQ(point.flagged, expected.flagged);
      ASSERT_EQ(point.buyers, expected.buyers);
      ASSERT_EQ(point.ahead, expected.ahead);
      ASSERT_EQ(point.false_alarms, expected.false_alarms);
    }
    std::vector<SweepPoint> thinned = sweep.Thinned(5);
    EXPECT_LE(thinned.size(), 6U);
    EXPECT_EQ(thinned.back().flagged, sweep.points().back().flagged);
  }
}

TEST(Tally, CountsWhatAlertsCameTo) {
  LabelledHistory history = History({Account(0, 10, true), Account(0, 12, true),
                                     Account(0, 12, false), Account(9, std::nullopt, false)},
                                    20);
  std::vector<Ending> endings = EndingsOf(history, days{15});
  Calendar calendar{.from = Day(0), .until = Day(20)};
  auto alert = [](uint32_t account, double day, std::string owner, double probability) {
    return Alert{.account = account,
                 .opened = Day(day),
                 .policy = account == 3 ? "b" : "a",
                 .owner = std::move(owner),
                 .probability = probability,
                 .horizon = days{7}};
  };
  std::vector<Alert> alerts{alert(0, 1, "kim", 0.2), alert(2, 2, "kim", 0.6),
                            alert(0, 5, "kim", 0.8), alert(1, 11.5, "lee", 0.4),
                            alert(3, 15, "", 0.9)};
  Tally tally = Count(history, endings, calendar, alerts, days{1});
  EXPECT_EQ(tally.buyers, 2U);
  EXPECT_EQ(tally.others, 1U);
  EXPECT_EQ(tally.count.alerts, 5U);
  EXPECT_EQ(tally.count.right, 3U);
  EXPECT_EQ(tally.count.false_alarms, 1U);
  EXPECT_EQ(tally.count.undecided(), 1U);
  EXPECT_DOUBLE_EQ(*tally.count.precision(), 0.75);
  EXPECT_EQ(tally.flagged, 4U);
  EXPECT_EQ(tally.flagged_buyers, 2U);
  EXPECT_EQ(tally.ahead, 1U);  // half a day is too late
  EXPECT_EQ(tally.leads, (std::vector<Duration>{hours{12}, days{9}}));
  ASSERT_EQ(tally.periods.size(), 4U);  // Thursday to Wednesday: four weeks of a calendar
  EXPECT_EQ(tally.periods[0].count.alerts, 2U);
  EXPECT_EQ(tally.periods[1].count.alerts, 1U);
  EXPECT_EQ(tally.periods[3].count.alerts, 0U);
  EXPECT_EQ(tally.policies.at("b").undecided(), 1U);
  ASSERT_EQ(tally.owners.size(), 3U);  // one is nobody
  EXPECT_EQ(tally.owners[0].owner, "kim");
  EXPECT_EQ(tally.owners[0].most, 2U);
  // Day 1 and day 2 did not come true within a week, day 5 and day 11.5 did; day 15's has not
  // ended.
  EXPECT_EQ(tally.stated.number, 4U);
  EXPECT_DOUBLE_EQ(tally.stated.stated, 0.5);
  EXPECT_DOUBLE_EQ(tally.stated.happened, 0.5);
}

TEST(Tally, OfNothingIsNothing) {
  LabelledHistory history = History({}, 20);
  Tally tally = Count(history, {}, {.from = Day(0), .until = Day(20)}, {}, days{1});
  EXPECT_EQ(tally.count.precision(), std::nullopt);
  EXPECT_EQ(tally.periods.size(), 4U);
}

TEST(Calibration, JudgesForecastsWhoseHorizonHasPassed) {
  LabelledHistory history = History({Account(0, 10, true), Account(0, std::nullopt, false)}, 20);
  std::vector<Ending> endings{Ending::kBought, Ending::kUndecided};
  Calendar calendar{.from = Day(0), .until = Day(20)};
  int64_t first = calendar.IndexOf(Day(4));  // the Mondays are days 4, 11 and 18
  std::vector<Snapshot> snapshots{{0, first, {0.75F, 0.9F}},
                                  {1, first, {0.25F, 0.4F}},
                                  {1, first + 1, {0.25F, 0.4F}},
                                  {1, first + 2, {0.25F, 0.4F}}};
  Calibration week = Calibrate(history, endings, calendar, snapshots, 0, days{7});
  EXPECT_EQ(week.quality.number, 3U);  // the week of day 18 has not passed
  EXPECT_DOUBLE_EQ(*week.quality.base_rate, 1.0 / 3);
  ASSERT_EQ(week.periods.size(), 2U);
  EXPECT_DOUBLE_EQ(week.periods[0].stated, 0.5);
  EXPECT_DOUBLE_EQ(week.periods[0].happened, 0.5);
  ASSERT_EQ(week.bins.size(), 2U);  // equal probabilities stay together
  EXPECT_EQ(week.bins[0].number, 2U);
  EXPECT_EQ(week.bins[1].happened, 1);
  Calibration ever = Calibrate(history, endings, calendar, snapshots, 1, std::nullopt);
  EXPECT_EQ(ever.quality.number, 1U);  // the other is undecided
}

TEST(WindowedCounts, AreWhatTheWindowsHold) {
  LabelledHistory history = Invent({.accounts = 5, .seed = 3});
  Vocabulary vocabulary({"pricing", "visit"});
  TimeScale scale;
  for (const PastAccount& account : history.accounts) {
    WindowedCounts counts(history, account, vocabulary, scale);
    for (EventTime time = account.start; time <= account.start + days{60}; time += hours{13}) {
      std::span<const double> columns = counts.At(time);
      ASSERT_EQ(columns.size(), 5U);
      for (size_t signal = 0; signal < 2; ++signal) {
        for (size_t window = 0; window < 2; ++window) {
          int expected = 0;
          for (const PastEvent& event : account.events) {
            expected += vocabulary.IndexOf(history.signals[event.signal]) == signal &&
                                event.time <= time &&
                                event.time > time - days{WindowedCounts::kUnits[window]}
                            ? 1
                            : 0;
          }
          ASSERT_NEAR(columns[2 * signal + window], std::log1p(expected), 1e-12);
        }
      }
      double age = std::chrono::duration<double, days::period>(time - account.start).count();
      ASSERT_NEAR(columns[4], std::log1p(age), 1e-9);
    }
  }
}

// On a market in which pricing pages tell, those who are flagged early by the model are buyers more
// often than those flagged by how much they do.
TEST(Scores, TheModelFlagsBetterThanActivity) {
  InventedMarket market{.accounts = 1'200, .seed = 11};
  LabelledHistory history = Invent(market);
  HistorySplit split = SplitByStart(history, 0.6).value();
  LabelledHistory known = KnownAt(history, split.first, split.at);
  LabelledHistory judged = KnownAt(history, split.rest, history.end);
  Training training =
      Train(known, {.scale = {}, .horizons = DefaultHorizons({}), .seed = 1}, {}, {}).value();
  ASSERT_GE(training.model.heads.size(), 2U);
  std::optional<WindowedModel> windowed =
      FitWindowed(known, training.model.vocabulary, {}, days{14}, 1, {}).value();
  ASSERT_TRUE(windowed);
  ScoreOptions options{.scale = {},
                       .trained = &training.model,
                       .windowed = &*windowed,
                       .head = 1,
                       .calendar = {.from = split.at, .until = history.end}};
  Scores scores = ScoreAll(judged, options, {}).value();
  std::vector<Ending> endings = EndingsOf(judged, training.model.facts.maturity);
  auto ahead = [&](Scorer scorer) {
    const std::vector<Track>& tracks = scores.tracks[static_cast<size_t>(scorer)];
    return Sweep(judged, endings, tracks, days{1}).AtFalseAlarms(40).ahead;
  };
  EXPECT_GT(ahead(Scorer::kProbability), 1.2 * ahead(Scorer::kCount));
  EXPECT_GT(ahead(Scorer::kProbability), ahead(Scorer::kRecency));
  EXPECT_GT(ahead(Scorer::kWindowed), ahead(Scorer::kRecency));
  EXPECT_TRUE(scores.tracks[static_cast<size_t>(Scorer::kProgress)].empty());
  Calibration calibration =
      Calibrate(judged, endings, options.calendar, scores.snapshots, 1, days{14});
  EXPECT_GT(calibration.quality.number, 500U);
  EXPECT_LT(*calibration.quality.ece, 0.1);
  EXPECT_GT(*calibration.quality.auc, 0.6);
  for (const Snapshot& snapshot : scores.snapshots) {
    EXPECT_TRUE(
        judged.accounts[snapshot.account].OpenAt(options.calendar.StartOf(snapshot.period)));
  }
}

TEST(Scores, ACourseEndsWithItsAccount) {
  LabelledHistory history = Invent({.accounts = 20, .seed = 5});
  ScoreOptions options{.scale = {}, .calendar = {.from = kEarliestTime, .until = history.end}};
  const PastAccount& account = history.accounts[0];
  Course course = CourseOf(history, account, options);
  ASSERT_EQ(course.times.size(), course.values.size());
  EXPECT_GE(course.times.size(), account.events.size());
  EXPECT_TRUE(account.OpenAt(course.times.back()));
  EXPECT_TRUE(std::is_sorted(course.times.begin(), course.times.end()));
  EXPECT_DOUBLE_EQ(course.values.front(), account.events.front().weight);  // points
}

}  // namespace
}  // namespace hotiron
