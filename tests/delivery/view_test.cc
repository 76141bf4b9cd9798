#include "delivery/view.h"

#include <gtest/gtest.h>

#include "tests/delivery/records.h"

namespace hotiron {
namespace {

class ViewTest : public testing::Test {
 protected:
  View::Change Trigger(const TriggerSpec& spec) {
    return view_.TakeTrigger(spec.id, TriggerJson(spec));
  }

  std::string List(const TriggerFilter& filter = {}, size_t offset = 0, size_t limit = 50) const {
    JsonWriter json;
    view_.WriteTriggers(filter, offset, limit, json);
    return std::string(json.text());
  }

  // "t2 t1"
  std::string Ids(const TriggerFilter& filter = {}, size_t offset = 0, size_t limit = 50) const {
    std::string list = List(filter, offset, limit);
    std::string ids;
    for (int i = 0;; ++i) {
      std::string id = At(list, fmt::format("/items/{}/trigger/id", i));
      if (id == "-") {
        return ids;
      }
      ids += (ids.empty() ? "" : " ") + id;
    }
  }

  std::string Account(std::string_view account) const {
    JsonWriter json;
    return view_.WriteAccount(account, json) ? std::string(json.text()) : "";
  }

  View view_{View::Limits{.accounts = 3, .live_triggers = 4, .past_triggers = 2}};
};

TEST_F(ViewTest, TheMostValuableComesFirst) {
  Trigger({.id = "t1", .worth = 10});
  Trigger({.id = "t2", .account = "a:2", .worth = 30});
  Trigger({.id = "t3", .account = "a:3", .worth = 20});
  EXPECT_EQ(Ids(), "t2 t3 t1");
  EXPECT_EQ(Ids({}, 1, 1), "t3");
  EXPECT_EQ(Ids({}, 9, 5), "");
  EXPECT_EQ(At(List({}, 1, 1), "/total"), "3");
}

// What has cooled down since it opened is worth less than it was.
TEST_F(ViewTest, WhatIsWorthMostNowComesFirst) {
  Trigger({.id = "t1", .worth = 100});
  Trigger({.id = "t2", .account = "a:2", .worth = 90});
  EXPECT_EQ(Ids(), "t1 t2");
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 50));
  EXPECT_EQ(Ids(), "t2 t1");
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T11:00:00.000Z", 50, 0.9));
  EXPECT_EQ(Ids(), "t1 t2");
}

TEST_F(ViewTest, OneSeesOnlyWhatOneAsksFor) {
  Trigger({.id = "t1", .owner = "anna", .worth = 3});
  Trigger({.id = "t2", .owner = "ben", .segment = "big", .worth = 2});
  Trigger({.id = "t3", .state = "accepted", .owner = "ben", .worth = 1});
  EXPECT_EQ(Ids(), "t1 t2");
  EXPECT_EQ(Ids({.owner = "ben"}), "t2");
  EXPECT_EQ(Ids({.owner = "ben", .state = "all"}), "t2 t3");
  EXPECT_EQ(Ids({.segment = "big"}), "t2");
  EXPECT_EQ(Ids({.sale = "service"}), "");
  EXPECT_EQ(Ids({.state = "accepted"}), "t3");
  std::string list = List({.owner = "ben"});
  EXPECT_EQ(At(list, "/states"), R"({"accepted":1,"open":1,"snoozed":0})");
  EXPECT_EQ(At(list, "/facets/owner"), R"([{"value":"anna","count":1},{"value":"ben","count":1}])");
}

TEST_F(ViewTest, TheHighestRevisionWinsInAnyOrder) {
  EXPECT_EQ(Trigger({.revision = 2, .state = "raised"}), View::Change::kLive);
  EXPECT_EQ(Trigger({.revision = 1}), View::Change::kNone);
  EXPECT_EQ(At(List(), "/items/0/trigger/state"), "raised");
  EXPECT_EQ(Trigger({.revision = 3, .state = "dismissed", .reason = "wrong_timing"}),
            View::Change::kEnded);
  EXPECT_EQ(Trigger({.revision = 2}), View::Change::kNone);
  EXPECT_EQ(Ids(), "");
}

TEST_F(ViewTest, AnEndedTriggerIsHistoryUntilItIsUndone) {
  Trigger({.revision = 1});
  Trigger({.revision = 2, .state = "dismissed", .reason = "wrong_timing"});
  EXPECT_EQ(At(Account("a:1"), "/past/0/reason"), "wrong_timing");
  EXPECT_EQ(view_.AccountOf("t1"), "a:1");
  EXPECT_EQ(Trigger({.revision = 3}), View::Change::kLive);
  EXPECT_EQ(Ids(), "t1");
  EXPECT_EQ(At(Account("a:1"), "/past"), "[]");
  EXPECT_EQ(At(Account("a:1"), "/live/0/trigger/id"), "t1");
}

TEST_F(ViewTest, ATriggerShowsWhereItsAccountIsNow) {
  Trigger({.revision = 2, .state = "accepted"});  // all that compaction has left
  EXPECT_EQ(At(List({.state = "accepted"}), "/items/0/now"), "null");
  Trigger({.revision = 3, .state = "raised"});
  EXPECT_EQ(At(List(), "/items/0/now/progress"), "64.5");
  EXPECT_TRUE(view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71)));
  EXPECT_EQ(At(List(), "/items/0/now/progress"), "71.0");
  EXPECT_EQ(At(List(), "/items/0/now/customer"), "true");
  EXPECT_EQ(At(List(), "/items/0/now/opportunity"), "Proposal");
  EXPECT_FALSE(view_.TakeJourney("a:2", JourneyJson("a:2", "2026-03-04T10:00:00.000Z", 5)));
  EXPECT_EQ(FormatTime(view_.newest()), "2026-03-04T10:00:00.000Z");
}

// Summaries follow at an interval, so the one that is known when a trigger opens is from before.
TEST_F(ViewTest, AnOlderSummaryDoesNotHideWhatOpenedTheTrigger) {
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-01T10:00:00.000Z", 2));
  Trigger({.as_of = "2026-03-03T10:00:00.000Z"});
  EXPECT_EQ(At(List(), "/items/0/now/progress"), "64.5");
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-02T10:00:00.000Z", 30));
  EXPECT_EQ(At(List(), "/items/0/now/progress"), "64.5");
  EXPECT_EQ(At(Account("a:1"), "/summary/progress"), "30");
}

// What a rep or the clock does to a trigger says nothing of where its account is then.
TEST_F(ViewTest, AnExpiryDoesNotSayWhereTheAccountIs) {
  Trigger({.as_of = "2026-03-03T10:00:00.000Z"});
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-09T10:00:00.000Z", 20));
  Trigger({.revision = 2, .state = "expired", .as_of = "2026-03-10T10:00:00.000Z"});
  JsonWriter now;
  view_.WriteNow("a:1", now);
  EXPECT_EQ(At(now.text(), "/progress"), "20.0");
}

TEST_F(ViewTest, ATriggerShowsTheChanceThatTheNewestRecordStates) {
  const std::string chance = "/items/0/now/chances/0/probability";
  // The summary may come first, while nothing shows its chances.
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71, 0.25));
  Trigger({});
  EXPECT_EQ(At(List(), chance), "0.25");
  EXPECT_EQ(At(List(), "/items/0/now/chances/0/within"), "14d");
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T11:00:00.000Z", 72, 0.5));
  EXPECT_EQ(At(List(), chance), "0.5");
  // The model was taken out of force.
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T12:00:00.000Z", 72));
  EXPECT_EQ(At(List(), "/items/0/now/chances"), "-");
  EXPECT_EQ(At(List(), "/items/0/now/progress"), "72.0");
}

// The summary that is known is from before.
TEST_F(ViewTest, ATriggerBringsTheChanceThatItOpenedAt) {
  const std::string chance = "/items/0/now/chances/0/probability";
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-02T10:00:00.000Z", 71, 0.25));
  Trigger({.chance = 0.5});
  EXPECT_EQ(At(List(), chance), "0.5");
  Trigger({.revision = 2, .state = "snoozed", .as_of = "2026-03-03T11:00:00.000Z"});
  EXPECT_EQ(At(List({.state = "snoozed"}), chance), "0.5");
  Trigger({.revision = 3, .state = "raised", .as_of = "2026-03-03T12:00:00.000Z", .chance = 0.75});
  EXPECT_EQ(At(List(), chance), "0.75");
}

TEST_F(ViewTest, ASummaryComesBackAsItWas) {
  std::string summary = JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71);
  view_.TakeJourney("a:1", summary);
  EXPECT_EQ(At(Account("a:1"), "/summary"), simdjson::minify([&] {
              static simdjson::dom::parser parser;
              return simdjson::dom::element(parser.parse(summary));
            }()));
  EXPECT_EQ(Account("a:9"), "");
}

TEST_F(ViewTest, AnAccountIsFoundByPartOfItsNameOrKey) {
  view_.TakeJourney("a:1", R"({"as_of":"2026-03-01T10:00:00Z","name":"Initech","stage":"aware"})");
  view_.TakeJourney("d:globex.example", R"({"as_of":"2026-03-01T10:00:00Z","stage":"aware"})");
  view_.TakeJourney("a:3", R"({"as_of":"2026-03-01T10:00:00Z","name":"Tech Tools"})");
  auto found = [&](std::string_view text) {
    JsonWriter json;
    view_.WriteFound(text, json);
    std::string names;
    for (int i = 0; At(std::string(json.text()), fmt::format("/accounts/{}/account", i)) != "-";
         ++i) {
      names += At(std::string(json.text()), fmt::format("/accounts/{}/account", i)) + " ";
    }
    return names;
  };
  EXPECT_EQ(found("TECH"), "a:1 a:3 ");
  EXPECT_EQ(found("globex"), "d:globex.example ");
  EXPECT_EQ(found("hooli"), "");
  Trigger({.id = "t1", .account = "a:3"});
  EXPECT_EQ(found("tech"), "a:3 a:1 ");  // who is on the list comes first
  EXPECT_EQ(found("a:1d:"), "");         // of one name and another
  view_.TakeJourney("a:1", R"({"as_of":"2026-03-02T10:00:00Z","name":"Umbrella"})");
  view_.TakeJourney("a:1", R"({"as_of":"2026-03-03T10:00:00Z"})");
  EXPECT_EQ(found("initech"), "a:3 ");  // as its trigger calls it
  EXPECT_EQ(found("umbrella"), "a:1 ");
}

TEST(NameIndex, FindsWhatIsThereHoweverMuchHasBeenRenamed) {
  View view({.accounts = 10});
  for (int i = 0; i < 5'000; ++i) {
    std::string name = fmt::format(R"({{"as_of":"2026-03-01T10:00:00Z","name":"Name {}"}})", i);
    view.TakeJourney(fmt::format("a:{}", i % 10 + (i == 2'500 ? 10 : 0)), name);
  }
  JsonWriter json;
  view.WriteFound("name", json);
  std::string names;
  for (int i = 0; i <= 10; ++i) {
    names += At(json.text(), fmt::format("/accounts/{}/name", i)) + ",";
  }
  EXPECT_EQ(names,
            "Name 4990,Name 4991,Name 4992,Name 4993,Name 4994,Name 4995,Name 4996,Name 4997,"
            "Name 4998,Name 4999,-,");
  JsonWriter old;
  view.WriteFound("name 42", old);  // as some were called before
  EXPECT_EQ(At(old.text(), "/accounts"), "[]");
}

TEST_F(ViewTest, WhatHasBeenSilentForLongestGivesWay) {
  Trigger({.account = "a:1"});
  for (const char* account : {"a:2", "a:3", "a:4"}) {
    view_.TakeJourney(account, JourneyJson(account, "2026-03-04T10:00:00.000Z", 5));
  }
  EXPECT_EQ(view_.accounts(), 3U);
  EXPECT_EQ(Account("a:2"), "");
  EXPECT_NE(Account("a:1"), "");  // it has a live trigger
  EXPECT_EQ(view_.evicted(), 1U);
}

TEST_F(ViewTest, TheLeastValuableTriggerGivesWay) {
  for (int i = 1; i <= 5; ++i) {
    Trigger({.id = fmt::format("t{}", i), .worth = i * 10.0});
  }
  EXPECT_EQ(Ids(), "t5 t4 t3 t2");
}

TEST_F(ViewTest, OnlyTheLatestEndsAreKept) {
  for (int i = 1; i <= 4; ++i) {
    Trigger({.id = fmt::format("t{}", i),
             .state = "expired",
             .as_of = fmt::format("2026-03-0{}T10:00:00.000Z", i)});
  }
  EXPECT_EQ(At(Account("a:1"), "/past/0/id"), "t4");
  EXPECT_EQ(At(Account("a:1"), "/past/1/id"), "t3");
  EXPECT_EQ(At(Account("a:1"), "/past/2/id"), "-");
  EXPECT_EQ(view_.AccountOf("t1"), "");
}

TEST_F(ViewTest, WhatIsErasedIsGone) {
  Trigger({});
  view_.TakeJourney("a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71));
  EXPECT_EQ(view_.TakeTrigger("t1", std::nullopt), View::Change::kGone);
  view_.TakeJourney("a:1", std::nullopt);
  EXPECT_EQ(Ids(), "");
  EXPECT_EQ(At(Account("a:1"), "/summary"), "null");
  Trigger({.id = "t2"});  // anew: of what was erased it shows nothing
  EXPECT_EQ(At(List(), "/items/0/now/customer"), "false");
  EXPECT_EQ(At(List(), "/items/0/now/opportunity"), "-");
}

TEST_F(ViewTest, WhatCannotBeReadIsCountedAndSkipped) {
  EXPECT_EQ(view_.TakeTrigger("t1", "{"), View::Change::kNone);
  EXPECT_EQ(view_.TakeTrigger("t1", "[]"), View::Change::kNone);
  EXPECT_EQ(view_.TakeTrigger("t2", TriggerJson({.id = "t1"})), View::Change::kNone);
  EXPECT_FALSE(view_.TakeJourney("a:1", "{}"));
  EXPECT_FALSE(view_.TakeJourney("a:1", "\xff"));
  EXPECT_EQ(view_.unreadable(), 5U);
}

TEST_F(ViewTest, ARecordIsOneLineWhateverItsWriterMeant) {
  view_.TakeTrigger(
      "t1", "{\n\"id\":\"t1\",\r\n\"revision\":1,\"state\":\"opened\",\"account\":\"a:1\"}");
  EXPECT_EQ(List().find('\n'), std::string::npos);
  EXPECT_EQ(Ids(), "t1");
}

}  // namespace
}  // namespace hotiron
