#include "processors/journey.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "fixture.h"
#include "processors/estimator.h"
#include "processors/features.h"
#include "processors/summary.h"
#include "reference.h"

namespace hotiron {
namespace {

constexpr char kAccount[] = "a:acme";
constexpr std::string_view kSignals[] = {"blog_page", "docs_page", "pricing_page",
                                         "quote",     "call",      "unheard_of"};
constexpr size_t kNoLimit = 1'000'000;
constexpr Duration kForEver = std::chrono::hours{24 * 365 * 200};

// A journey with the slices it needs.
struct Walk {
  explicit Walk(JourneyLimits journey_limits = {}) : limits(journey_limits) {}

  Verdict Apply(const pb::Signal& signal) {
    Result<Verdict> verdict = journey.Apply(kAccount, signal, scale, limits, slices, counts);
    EXPECT_TRUE(verdict.ok());
    return verdict.value();
  }

  // Writes everything down and reads it back.
  void Reload() {
    pb::AccountRow row;
    journey.WriteTo(row);
    Result<Journey> read = Journey::ReadFrom(row);
    ASSERT_TRUE(read.ok());
    journey = read.value();
    std::vector<Row> changes;
    slices.Stage([&](const std::string& key, std::optional<std::string> value) {
      changes.push_back({key, std::move(value)});
    });
    rows.Write(changes);
  }

  std::string Bits() const {
    pb::AccountRow row;
    journey.WriteTo(row);
    return row.SerializeAsString();
  }

  JourneyLimits limits;
  TimeScale scale;
  MapRows rows;
  SliceTable slices{rows};
  Journey journey;
  FoldCounts counts;
};

Account AccountOf(const Walk& walk) {
  Account account;
  account.key = kAccount;
  account.journey = walk.journey;
  return account;
}

bool Near(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)) + 1e-12;
}

// Signals in order of time, each with an id of its own.
rc::Gen<std::vector<pb::Signal>> Histories() {
  // signal, person, days and minutes since the last
  auto one = rc::gen::tuple(rc::gen::inRange(0, 6), rc::gen::inRange(0, 4),
                            rc::gen::weightedElement<int>({{20, 0}, {5, 1}, {2, 9}, {1, 400}}),
                            rc::gen::inRange(0, 90));
  return rc::gen::map(rc::gen::container<std::vector<std::tuple<int, int, int, int>>>(one),
                      [](const std::vector<std::tuple<int, int, int, int>>& steps) {
                        std::vector<pb::Signal> signals;
                        EventTime time = At("2019-05-01T00:00:00Z");
                        for (const auto& [signal, person, days_on, minutes_on] : steps) {
                          time +=
                              std::chrono::hours{24 * days_on} + std::chrono::minutes{minutes_on};
                          SignalSpec spec{.by = fmt::format("p{}", person),
                                          .id = signals.size() + 1,
                                          .sequence = signals.size() % 3};
                          signals.push_back(MakeSignal(kSignals[signal], time, spec).signal());
                        }
                        return signals;
                      });
}

rc::Gen<JourneyLimits> Limits() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::element<size_t>(4, 16, 128, kNoLimit),
                     rc::gen::element<Duration>(std::chrono::hours{24}, std::chrono::hours{24 * 14},
                                                kForEver)),
      [](const std::tuple<size_t, Duration>& limits) {
        return JourneyLimits{.age = std::get<1>(limits), .entries = std::get<0>(limits)};
      });
}

// What a model sees does not depend on what has left the log: a journey that holds all of it says
// the same.
void ExpectSameFeatures(const Journey& journey, const ReferenceJourney& reference,
                        EventTime as_of) {
  Walk whole(JourneyLimits{.age = kForEver, .entries = kNoLimit});
  for (const ReferenceJourney::Item& item : reference.items) {
    pb::Signal signal;
    signal.set_id(item.place.id);
    signal.set_time_ms(ToMillis(item.place.time));
    signal.set_sequence(item.place.sequence);
    signal.set_signal(item.signal);
    signal.set_weight(item.weight);
    signal.add_path(item.origin);
    whole.Apply(signal);
  }
  Vocabulary vocabulary(
      {"blog_page", "pricing_page", "quote", std::string(Vocabulary::kRareSignals)});
  Features a;
  Features b;
  ReadFeatures(journey, vocabulary, {}, as_of, as_of, a);
  ReadFeatures(whole.journey, vocabulary, {}, as_of, as_of, b);
  for (size_t c = 0; c < a.values.size(); ++c) {
    RC_ASSERT(Near(a.values[c], b.values[c]));
  }
}

void ExpectEqual(const Journey& journey, const ReferenceJourney& reference, EventTime as_of) {
  Model model(SmallCatalogue(), {});
  Estimate estimate = EstimateJourney(journey, model, as_of);
  RC_ASSERT(journey.events() == reference.items.size());
  RC_ASSERT(journey.sessions({}) == reference.Sessions());
  if (!reference.items.empty()) {
    ReferenceJourney present = reference.Present();
    EventTime began = present.items.front().place.time;
    RC_ASSERT(journey.Began({}) == began);
    RC_ASSERT(journey.events(began) == present.items.size());
    RC_ASSERT(journey.sessions({}, began) == present.Sessions());
    RC_ASSERT(journey.CountPeople(began) == present.People().size());
    RC_ASSERT(journey.Last(began).size() == present.LastTwo().size());
    ExpectSameFeatures(journey, reference, as_of);
  }
  std::vector<std::string> last;
  for (const LastSignal& signal : journey.Last()) {
    last.push_back(signal.signal);
  }
  RC_ASSERT(last == reference.LastTwo());
  std::map<std::string, std::pair<EventTime, EventTime>> people;
  for (const PersonSpan& person : journey.People()) {
    people[person.key] = {person.first, person.last};
  }
  RC_ASSERT((people == reference.People()));
  RC_ASSERT(journey.CountPeople(EventTime::min()) == people.size());
  for (const auto& person : people) {
    EventTime seen = person.second.second;
    auto seen_since = std::count_if(people.begin(), people.end(),
                                    [&](const auto& other) { return other.second.second >= seen; });
    RC_ASSERT(journey.CountPeople(seen) == static_cast<size_t>(seen_since));
  }
  RC_ASSERT(estimate.signals.size() == reference.Signals().size());
  double points = 0;
  double progress = 0;
  for (const SignalShare& share : estimate.signals) {
    RC_ASSERT(Near(share.decayed[0], reference.Decayed(share.signal, 1, as_of)));
    RC_ASSERT(Near(share.decayed[1], reference.Decayed(share.signal, 7, as_of)));
    RC_ASSERT(Near(share.decayed[2], reference.Decayed(share.signal, 30, as_of)));
    EventTime first = EventTime::max();
    EventTime latest = EventTime::min();
    uint64_t count = 0;
    for (const ReferenceJourney::Item& item : reference.items) {
      if (item.signal == share.signal) {
        first = std::min(first, item.place.time);
        latest = std::max(latest, item.place.time);
        ++count;
      }
    }
    RC_ASSERT((share.first == first && share.last == latest && share.count == count));
    points += share.points;
    progress += share.progress;
  }
  RC_ASSERT(Near(points, estimate.points));
  RC_ASSERT(Near(progress, estimate.progress));
  RC_ASSERT(Near(estimate.points, reference.Points(as_of)));
  std::vector<double> at_least = reference.AtLeast(model, as_of);
  double mean = 0;
  size_t stage = 0;
  for (size_t s = 1; s < at_least.size(); ++s) {
    RC_ASSERT(std::abs(estimate.at_least[s] - at_least[s]) < 1e-9);
    mean += 25 * at_least[s];
    stage = estimate.at_least[s] >= 0.5 ? s : stage;
  }
  RC_ASSERT(std::abs(estimate.progress - mean) < 1e-7);
  RC_ASSERT(estimate.stage == stage);
  double sum = 0;
  for (double share : estimate.distribution) {
    RC_ASSERT(share >= -1e-12);
    sum += share;
  }
  RC_ASSERT(std::abs(sum - 1) < 1e-12);
  Level level = EstimateLevel(journey, model, as_of);
  RC_ASSERT(std::abs(level.points - estimate.points) <= 1e-12 * (1 + estimate.points));
  RC_ASSERT(std::abs(level.progress - estimate.progress) <= 1e-10);
  RC_ASSERT(level.stage == estimate.stage);
}

// Any order and duplication, any limits: what was taken in is what is estimated, and a signal is
// kept out only as a duplicate or when its origin has folded past it.
RC_GTEST_PROP(Journey, AgreesWithTheObviousModel, ()) {
  std::vector<pb::Signal> signals = *Histories();
  Walk walk(*Limits());
  std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
  for (size_t i = 0, n = signals.size() / 3; i < n; ++i) {
    signals.push_back(signals[random() % n]);
  }
  // Nearly in order, or in any.
  if (random() % 2 == 0) {
    std::shuffle(signals.begin(), signals.end(), random);
  } else {
    for (size_t i = 1; i < signals.size(); ++i) {
      std::swap(signals[i], signals[i - random() % std::min<size_t>(i + 1, 3)]);
    }
  }
  ReferenceJourney reference;
  std::set<uint64_t> taken;
  std::map<std::string, Place> folded;
  for (const pb::Signal& signal : signals) {
    Place place{FromMillis(signal.time_ms()), signal.sequence(), signal.id()};
    Verdict verdict = walk.Apply(signal);
    auto frontier = folded.find(signal.path(0));
    bool late = frontier != folded.end() && place <= frontier->second;
    if (taken.count(signal.id()) > 0) {
      RC_ASSERT(verdict == (late ? Verdict::kLate : Verdict::kDuplicate));
    } else {
      RC_ASSERT(verdict == (late ? Verdict::kLate : Verdict::kApplied));
    }
    if (verdict == Verdict::kApplied) {
      taken.insert(signal.id());
      reference.Add(signal);
    }
    // What has left the log is what the reference has and the log has not.
    std::set<uint64_t> in_log;
    for (const Entry& entry : walk.journey.log()) {
      in_log.insert(entry.place.id);
    }
    for (const ReferenceJourney::Item& item : reference.items) {
      if (in_log.count(item.place.id) == 0) {
        auto at = folded.try_emplace(item.origin, item.place).first;
        at->second = std::max(at->second, item.place);
      }
    }
    RC_ASSERT(walk.journey.log().size() <= walk.limits.entries);
    if (random() % 4 == 0) {
      walk.Reload();
    }
  }
  if (!reference.items.empty()) {
    EventTime newest = reference.items.back().place.time;
    ExpectEqual(walk.journey, reference, newest);
    ExpectEqual(walk.journey, reference, newest + std::chrono::hours{77});
  }
}

RC_GTEST_PROP(Journey, IsTheSameInAnyOrderWhenNothingIsLate, ()) {
  std::vector<pb::Signal> signals = *Histories();
  JourneyLimits unlimited{.age = kForEver, .entries = kNoLimit};
  Walk ordered(*Limits());
  Walk shuffled(unlimited);
  for (const pb::Signal& signal : signals) {
    RC_ASSERT(ordered.Apply(signal) == Verdict::kApplied);
  }
  std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
  std::shuffle(signals.begin(), signals.end(), random);
  for (const pb::Signal& signal : signals) {
    RC_ASSERT(shuffled.Apply(signal) == Verdict::kApplied);
    RC_ASSERT(shuffled.Apply(signal) == Verdict::kDuplicate);
  }
  RC_PRE(!signals.empty());
  Model model(SmallCatalogue(), {});
  Account a = AccountOf(ordered);
  Account b = AccountOf(shuffled);
  EventTime as_of = *shuffled.journey.Newest() + std::chrono::hours{5};
  std::string problem = JsonDifference(WriteSummary(a, model, {}, as_of),
                                       WriteSummary(b, model, {}, as_of), {"recent"});
  RC_ASSERT(problem == "");
}

// What folds early, and what order entries came in, cannot be seen in the list of recent signals,
// as long as the log holds the span that the list shows.
RC_GTEST_PROP(Journey, RecentSignalsDoNotShowWhatFolded, ()) {
  std::vector<pb::Signal> signals = *Histories();
  Walk usual;
  Walk unlimited(JourneyLimits{.age = kForEver, .entries = kNoLimit});
  for (const pb::Signal& signal : signals) {
    usual.Apply(signal);
    unlimited.Apply(signal);
  }
  RC_PRE(!signals.empty());
  Model model(SmallCatalogue(), {});
  Account a = AccountOf(usual);
  Account b = AccountOf(unlimited);
  EventTime as_of = *usual.journey.Newest();
  RC_ASSERT(JsonDifference(WriteSummary(a, model, {}, as_of), WriteSummary(b, model, {}, as_of)) ==
            "");
}

RC_GTEST_PROP(Journey, TheSameOrderGivesTheSameBitsHoweverOftenItIsReadBack, ()) {
  std::vector<pb::Signal> signals = *Histories();
  JourneyLimits limits = *Limits();
  Walk straight(limits);
  Walk reread(limits);
  for (const pb::Signal& signal : signals) {
    straight.Apply(signal);
    reread.Apply(signal);
    reread.Reload();
  }
  straight.Reload();
  RC_ASSERT(straight.Bits() == reread.Bits());
  RC_ASSERT(straight.rows.rows == reread.rows.rows);
}

RC_GTEST_PROP(Sums, MergingAdds, ()) {
  std::vector<pb::Signal> signals = *Histories();
  TimeScale scale;
  Sums all;
  Sums left;
  Sums right;
  EventTime newest{};
  for (size_t i = 0; i < signals.size(); ++i) {
    const pb::Signal& signal = signals[i];
    Place place{FromMillis(signal.time_ms()), signal.sequence(), signal.id()};
    newest = place.time;
    for (Sums* sums : {&all, i % 3 == 0 ? &left : &right}) {
      sums->AddEntry(scale, place, signal.signal(), signal.weight(), signal.path(0), i % 2 == 0);
    }
  }
  Sums forth = left;
  forth.Add(scale, right);
  Sums back = right;
  back.Add(scale, left);
  RC_ASSERT(forth.ToRecord().SerializeAsString() == back.ToRecord().SerializeAsString());
  RC_ASSERT(forth.signals().size() == all.signals().size());
  RC_ASSERT(forth.spells().size() == all.spells().size());
  for (size_t i = 0; i < all.spells().size(); ++i) {
    RC_ASSERT(forth.spells()[i].first == all.spells()[i].first);
    RC_ASSERT(forth.spells()[i].last == all.spells()[i].last);
    RC_ASSERT(forth.spells()[i].events == all.spells()[i].events);
    RC_ASSERT(forth.spells()[i].sessions == all.spells()[i].sessions);
  }
  RC_ASSERT(forth.frontier() == all.frontier());
  for (size_t i = 0; i < all.signals().size(); ++i) {
    const Sums::NamedSums& a = all.signals()[i];
    const Sums::NamedSums& b = forth.signals()[i];
    RC_ASSERT(a.signal == b.signal);
    RC_ASSERT((a.sums.count == b.sums.count && a.sums.first == b.sums.first &&
               a.sums.last == b.sums.last));
    for (size_t h = 0; h < kHalfLives; ++h) {
      RC_ASSERT(
          Near(all.DecayedAt(scale, a.sums, h, newest), forth.DecayedAt(scale, b.sums, h, newest)));
    }
  }
}

TEST(Sums, AnotherReferenceMovesTheSumsExactly) {
  TimeScale scale;
  EventTime early = At("2020-01-01T00:00:00Z");
  Sums sums;
  sums.AddEntry(scale, {early, 0, 1}, "quote", 0.1, "c:anna", true);
  double before = sums.DecayedAt(scale, sums.signals()[0].sums, 2, early);
  Sums later;
  later.AddEntry(scale, {At("2021-01-01T00:00:00Z"), 0, 2}, "call", 1, "c:anna", true);
  sums.Add(scale, later);  // two steps of the grid
  EXPECT_EQ(sums.DecayedAt(scale, sums.signals()[1].sums, 2, early), before);
}

TEST(Sums, EntriesTwentyYearsApartStayFiniteAndRight) {
  TimeScale scale;
  Sums sums;
  sums.AddEntry(scale, {At("2004-01-01T00:00:00Z"), 0, 1}, "quote", 8, "", true);
  sums.AddEntry(scale, {At("2024-01-01T00:00:00Z"), 0, 2}, "quote", 8, "", true);
  sums.AddEntry(scale, {At("2004-01-02T00:00:00Z"), 0, 3}, "quote", 8, "", true);
  for (size_t h = 0; h < kHalfLives; ++h) {
    EXPECT_DOUBLE_EQ(sums.DecayedAt(scale, sums.signals()[0].sums, h, At("2024-01-01T00:00:00Z")),
                     8);
  }
  EXPECT_EQ(sums.signals()[0].sums.count, 3U);
}

pb::Signal Simple(std::string_view signal, EventTime time, std::string by = "anna") {
  return MakeSignal(signal, time, {.by = std::move(by)}).signal();
}

TEST(Journey, CountsALateSignalOnlyAgainstItsOwnOrigin) {
  Walk walk(JourneyLimits{.age = kForEver, .entries = 4});
  for (int i = 0; i < 6; ++i) {
    walk.Apply(Simple("blog_page", At("03-01 10:00") + std::chrono::hours{i}));
  }
  EXPECT_GT(walk.counts.over_limit, 0U);
  EXPECT_EQ(walk.Apply(Simple("quote", At("03-01 09:00"))), Verdict::kLate);
  EXPECT_EQ(walk.journey.events(), 6U);
  EXPECT_EQ(walk.Apply(Simple("quote", At("03-01 09:00"), "ben")), Verdict::kApplied);
  EXPECT_EQ(walk.journey.events(), 7U);
}

TEST(Journey, PoolsTheOldestSlicesBeyondItsLimitAndKeepsTheSums) {
  Walk walk(JourneyLimits{.age = kForEver, .entries = 4, .slices = 20});
  for (int i = 0; i < 200; ++i) {
    walk.Apply(Simple("docs_page", At("03-01 10:00") + std::chrono::hours{i},
                      fmt::format("person{:03}", i)));
    if (i % 17 == 0) {
      walk.Reload();
    }
  }
  Model model(SmallCatalogue(), {});
  EventTime as_of = *walk.journey.Newest();
  double expected = 0;
  for (int i = 0; i < 200; ++i) {
    expected += 2 * std::exp2(-i / 24.0 / 7.0);
  }
  EXPECT_NEAR(EstimateLevel(walk.journey, model, as_of).points, expected, 1e-9 * expected);
  EXPECT_EQ(walk.journey.events(), 200U);
  EXPECT_GT(walk.counts.pooled, 150U);
  Result<std::vector<Slice>> slices = walk.slices.All(kAccount);
  ASSERT_TRUE(slices.ok());
  EXPECT_LE(slices.value().size(), 20U);
  EXPECT_EQ(slices.value().size(), walk.journey.total().origins());
  uint64_t left = 0;
  for (const Slice& slice : slices.value()) {
    for (const Sums::NamedSums& sums : slice.sums.signals()) {
      left += sums.sums.count;
    }
  }
  EXPECT_EQ(left + walk.journey.log().size(), 200U);
  // What has been pooled is still known to be over.
  EXPECT_EQ(walk.Apply(Simple("quote", At("03-01 09:00"), "person003")), Verdict::kLate);
}

// The limit is on what the whole journey has, so it does not matter what has folded.
TEST(Journey, SignalsBeyondTheLimitOfNamesAreCountedTogether) {
  for (size_t entries : {size_t{4}, kNoLimit}) {
    Walk walk(JourneyLimits{.age = kForEver, .entries = entries, .signals = 10});
    for (int i = 0; i < 100; ++i) {
      walk.Apply(Simple(fmt::format("signal{}", i % 20), At("03-01 10:00") + std::chrono::hours{i},
                        fmt::format("p{}", i % 3)));
    }
    Model model(SmallCatalogue(), {});
    Estimate estimate = EstimateJourney(walk.journey, model, *walk.journey.Newest());
    ASSERT_EQ(estimate.signals.size(), 11U) << entries;
    EXPECT_EQ(estimate.signals[0].signal, "(other)");
    EXPECT_EQ(estimate.signals[0].count, 50U) << entries;
    EXPECT_EQ(walk.counts.other_names, 50U);
  }
}

// What a model sees of an account that was silent for a year is the journey that began afterwards,
// whatever has left the log.
TEST(Journey, WhoComesBackAfterALongSilenceBeginsAnew) {
  Vocabulary vocabulary({"blog_page", "pricing_page", "quote"});
  TimeScale scale;
  EventTime back = At("03-01 10:00");
  EventTime now = back + std::chrono::hours{48};
  auto features_of = [&](const Walk& walk) {
    Features features;
    ReadFeatures(walk.journey, vocabulary, scale, now, now, features);
    return features;
  };
  for (size_t entries : {size_t{4}, kNoLimit}) {
    Walk walk(JourneyLimits{.entries = entries});
    for (int i = 0; i < 6; ++i) {
      walk.Apply(Simple("quote", back - std::chrono::days{400 - i}, "anna"));
    }
    walk.Apply(Simple("blog_page", back - std::chrono::days{395}, "ben"));
    walk.Apply(Simple("pricing_page", back, "carl"));
    walk.Apply(Simple("pricing_page", back + std::chrono::hours{1}, "carl"));
    Features features = features_of(walk);
    EXPECT_DOUBLE_EQ(features.age, 2);
    EXPECT_EQ(walk.journey.Began(scale), back);
    EXPECT_EQ(walk.journey.Oldest(), back - std::chrono::days{400});
    EXPECT_DOUBLE_EQ(features.values[kEventsColumn], std::log1p(2));
    EXPECT_DOUBLE_EQ(features.values[kSessionsColumn], std::log1p(2));
    EXPECT_DOUBLE_EQ(features.values[kPeopleColumn], std::log1p(1));
    EXPECT_EQ(features.values[ColumnOf(1, kSeenColumn)], 1);
    EXPECT_EQ(features.values[ColumnOf(1, kBeforeLastColumn)], 1);
    for (size_t before : {0U, 2U}) {
      for (size_t column = 0; column < kSignalColumns; ++column) {
        EXPECT_EQ(features.values[ColumnOf(before, column)], 0);
      }
    }
    // As if the account had just appeared.
    Walk fresh;
    fresh.Apply(Simple("pricing_page", back, "carl"));
    fresh.Apply(Simple("pricing_page", back + std::chrono::hours{1}, "carl"));
    EXPECT_EQ(features.values, features_of(fresh).values);
  }
}

// History that is imported later may close the silence: then it was one journey all the time.
TEST(Journey, WhatComesLaterMayCloseASilence) {
  TimeScale scale;
  for (size_t entries : {size_t{4}, kNoLimit}) {
    Walk walk(JourneyLimits{.entries = entries});
    EventTime first = At("03-01 10:00");
    for (int i = 0; i < 8; ++i) {
      walk.Apply(Simple("quote", first + std::chrono::hours{i}, "anna"));
      walk.Apply(Simple("quote", first + std::chrono::days{150} + std::chrono::hours{i}, "anna"));
    }
    EXPECT_EQ(walk.journey.Began(scale), first + std::chrono::days{150});
    walk.Apply(Simple("blog_page", first + std::chrono::days{75}, "ben"));
    EXPECT_EQ(walk.journey.Began(scale), first);
    EXPECT_EQ(walk.journey.events(first), walk.journey.events());
  }
}

TEST(Journey, KeepsThePeopleWhoWereActiveLast) {
  Walk walk;
  for (int i = 0; i < 100; ++i) {
    walk.Apply(
        Simple("blog_page", At("03-01 10:00") + std::chrono::minutes{i}, fmt::format("p{:03}", i)));
  }
  std::vector<PersonSpan> people = walk.journey.People();
  ASSERT_EQ(people.size(), kPeopleMax);
  EXPECT_EQ(people.front().key, "c:p036");
  EXPECT_EQ(people.back().key, "c:p099");
}

TEST(Journey, RefusesARowThatRefersToWhatIsNotThere) {
  Walk walk;
  walk.Apply(Simple("blog_page", At("03-01 10:00")));
  pb::AccountRow row;
  walk.journey.WriteTo(row);
  pb::AccountRow bad = row;
  bad.set_entry_kind(0, 7);
  EXPECT_FALSE(Journey::ReadFrom(bad).ok());
  bad = row;
  bad.add_entry_id(5);
  EXPECT_FALSE(Journey::ReadFrom(bad).ok());
  EXPECT_TRUE(Journey::ReadFrom(row).ok());
}

}  // namespace
}  // namespace hotiron
