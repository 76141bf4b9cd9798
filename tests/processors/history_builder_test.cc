// What files and topics say becomes one history, in whatever order they say it; what a CRM says of
// opportunities becomes outcomes.

#include "processors/learning/history_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "processors/learning/crm_outcome.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"
#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr EventTime kStart = kEarliestTime;

bool Says(const std::vector<std::string>& remarks, std::string_view text) {
  return std::any_of(remarks.begin(), remarks.end(), [&](const std::string& remark) {
    return remark.find(text) != std::string::npos;
  });
}

// Tells a builder all of a history, its events in a shuffled order.
LabelledHistory Retell(const LabelledHistory& history, uint64_t seed,
                       std::vector<std::string>& remarks, bool twice = false) {
  struct Told {
    const PastAccount* account;
    const PastEvent* event;
  };

  std::vector<Told> all;
  for (const PastAccount& account : history.accounts) {
    for (const PastEvent& event : account.events) {
      all.push_back({&account, &event});
      if (twice && all.size() % 3 == 0) {
        all.push_back({&account, &event});
      }
    }
  }
  Random random(seed);
  for (size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[random.Below(i)]);
  }
  HistoryBuilder builder;
  for (const Told& told : all) {
    builder.Add(
        told.account->name,
        {.time = told.event->time,
         .sequence = told.event->sequence,
         .id = told.event->sequence,
         .signal = history.signals[told.event->signal],
         .person = told.event->person == 0 ? std::string() : std::to_string(told.event->person),
         .weight = told.event->weight});
  }
  for (const PastAccount& account : history.accounts) {
    builder.SetStart(account.name, account.start);
    builder.SetOutcome(account.name, account.closed, account.bought);
  }
  builder.Reach(history.end);
  return builder.Build(remarks);
}

TEST(HistoryBuilderTest, TheOrderOfTellingAndRepetitionsDoNotMatter) {
  LabelledHistory market = Invent({.accounts = 60});
  std::vector<std::string> remarks;
  LabelledHistory once = Retell(market, 1, remarks);
  EXPECT_TRUE(remarks.empty());
  EXPECT_EQ(once.size(), market.size());
  LabelledHistory again = Retell(market, 2, remarks, true);
  EXPECT_TRUE(Says(remarks, "events are there twice and were left out"));
  EXPECT_EQ(HashOf(once), HashOf(again));
  TrainingOptions options{.scale = {}, .horizons = DefaultHorizons({})};
  EXPECT_EQ(WriteModel(Train(once, options, {}, {}).value().model),
            WriteModel(Train(again, options, {}, {}).value().model));
}

TEST(HistoryBuilderTest, OneDateFarBeyondTheRestIsWorthAWord) {
  auto build = [](int accounts, std::optional<EventTime> far) {
    HistoryBuilder builder;
    for (int i = 0; i < accounts; ++i) {
      std::string name = "account " + std::to_string(i);
      EventTime time = kStart + days{i % 100};
      builder.Add(name, {.time = time, .id = 1, .signal = "visit", .person = ""});
      builder.SetOutcome(name, i == 7 && far ? *far : time + days{5}, false);
    }
    std::vector<std::string> remarks;
    builder.Build(remarks);
    return remarks;
  };
  constexpr std::string_view kRemark = "by a date of account 'account 7'";
  EXPECT_TRUE(Says(build(100, kStart + days{9'000}), kRemark));
  EXPECT_FALSE(Says(build(100, kStart + days{110}), kRemark));
  EXPECT_FALSE(Says(build(100, std::nullopt), "the history ends at"));
  HistoryBuilder masked;
  for (int i = 0; i < 100; ++i) {
    masked.Add(std::to_string(i),
               {.time = kStart + days{i}, .id = 1, .signal = "visit", .person = ""});
  }
  masked.Reach("7", kStart + days{9'000});  // by an event that is left out
  std::vector<std::string> remarks;
  masked.Build(remarks);
  EXPECT_TRUE(Says(remarks, "by a date of account '7'; without the last 1 of 100 accounts"));
  EXPECT_FALSE(Says(build(9, kStart + days{9'000}), kRemark));  // too few to tell
}

TEST(HistoryBuilderTest, AnExportInTwiceIsWorthAWord) {
  auto build = [](int copies) {
    HistoryBuilder builder;
    uint64_t id = 0;
    for (int i = 0; i < 50; ++i) {
      for (int copy = 0; copy < copies; ++copy) {
        builder.Add("acme",
                    {.time = kStart + hours{i}, .id = ++id, .signal = "visit", .person = ""});
      }
    }
    std::vector<std::string> remarks;
    EXPECT_EQ(builder.Build(remarks).size(), static_cast<size_t>(50 * copies));
    return remarks;
  };
  EXPECT_TRUE(Says(build(2), "47 events are like another"));  // at midnight none is
  EXPECT_FALSE(Says(build(1), "like another"));
}

TEST(HistoryBuilderTest, StagesAreInTheOrderInWhichAccountsEnterThem) {
  HistoryBuilder builder;
  for (const char* account : {"one", "two"}) {
    builder.Add(account, {.time = kStart, .id = 1, .signal = "visit", .person = {}});
    builder.AddStage(account, kStart + days{9}, "offer");
    builder.AddStage(account, kStart + days{1}, "interest");
    builder.AddStage(account, kStart + days{20}, "");
  }
  std::vector<std::string> remarks;
  LabelledHistory history = builder.Build(remarks);
  EXPECT_EQ(history.stages, (std::vector<std::string>{"interest", "offer"}));
  const PastAccount& account = history.accounts[0];
  EXPECT_EQ(account.StageAt(kStart), kNoStage);
  EXPECT_EQ(account.StageAt(kStart + days{1}), 0U);
  EXPECT_EQ(account.StageAt(kStart + days{10}), 1U);
  EXPECT_EQ(account.StageAt(kStart + days{20}), kNoStage);
  EXPECT_EQ(KnownAt(history, {0}, kStart + days{5}).accounts[0].StageAt(kStart + days{30}), 0U);
}

// What the CRM says of one opportunity, so many days after the start.
pb::Fact Said(std::string_view opportunity, int day, bool closed, bool won, bool deleted = false) {
  pb::Fact fact;
  fact.set_subject("opportunity:" + std::string(opportunity));
  fact.set_time_ms(ToMillis(kStart + days{day}));
  fact.set_deleted(deleted);
  for (auto [name, value] : {std::pair("closed", closed), std::pair("won", won)}) {
    pb::FactField* field = fact.add_fields();
    field->set_name(name);
    field->set_value(value ? "true" : "false");
  }
  return fact;
}

std::string OutcomeOf(std::vector<pb::Fact> facts) {
  // In any order, and twice.
  std::string first;
  for (int turn = 0; turn < 2; ++turn) {
    CrmOutcome outcome;
    for (const pb::Fact& fact : facts) {
      outcome.Add(fact);
      outcome.Add(fact);
    }
    std::optional<CrmOutcome::Closing> closing = outcome.Get();
    std::string said = !closing ? "open"
                                : (closing->bought ? "bought " : "lost ") +
                                      std::to_string((closing->time - kStart) / days{1});
    EXPECT_TRUE(first.empty() || first == said) << first << " or " << said;
    first = said;
    std::reverse(facts.begin(), facts.end());
  }
  return first;
}

TEST(CrmOutcomeTest, IsWhatBecameOfTheOpportunities) {
  EXPECT_EQ(OutcomeOf({}), "open");
  EXPECT_EQ(OutcomeOf({Said("a", 1, false, false)}), "open");
  EXPECT_EQ(OutcomeOf({Said("a", 1, false, false), Said("a", 5, true, true)}), "bought 5");
  EXPECT_EQ(OutcomeOf({Said("a", 1, false, false), Said("a", 5, true, false)}), "lost 5");
  // Said again later: it was over already.
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("a", 9, true, false)}), "lost 5");
}

TEST(CrmOutcomeTest, OpenedAgainIsOpen) {
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("a", 6, false, false)}), "open");
  EXPECT_EQ(
      OutcomeOf({Said("a", 5, true, false), Said("a", 6, false, false), Said("a", 8, true, true)}),
      "bought 8");
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("a", 8, true, true)}), "bought 8");
}

TEST(CrmOutcomeTest, OneOfSeveralWonIsBoughtAllLostIsLost) {
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("b", 6, true, true)}), "bought 6");
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("b", 3, false, false)}), "open");
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, false), Said("b", 7, true, false)}), "lost 7");
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, true), Said("b", 7, true, true)}), "bought 5");
}

TEST(CrmOutcomeTest, DeletedNeverWasAndPeopleAreNone) {
  EXPECT_EQ(OutcomeOf({Said("a", 5, true, true), Said("a", 6, true, true, true)}), "open");
  pb::Fact person = Said("a", 5, true, true);
  person.set_subject("p:0011223344556677");
  CrmOutcome outcome;
  outcome.Add(person);
  EXPECT_FALSE(outcome.any());
}

}  // namespace
}  // namespace hotiron
