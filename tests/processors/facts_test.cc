#include "processors/facts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "fixture.h"

namespace hotiron {
namespace {

using std::chrono::hours;

pb::Fact Said(std::string_view subject,
              const std::vector<std::pair<std::string, std::string>>& fields,
              std::string_view time = "03-01 10:00", uint64_t sequence = 0) {
  return MakeFact(subject, fields, At(time), sequence).fact();
}

Facts Knowing(const std::vector<pb::Fact>& said) {
  Facts facts;
  for (const pb::Fact& fact : said) {
    facts.Apply(fact);
  }
  return facts;
}

pb::Sale Terms() {
  pb::Sale sale;
  sale.set_complex_amount(50'000);
  sale.set_default_amount(10'000);
  pb::SegmentAmount* enterprise = sale.add_segment_amounts();
  enterprise->set_segment("enterprise");
  enterprise->set_amount(80'000);
  sale.add_complex_products("platform");
  return sale;
}

// Times, sequences and values from small sets, so that they collide.
RC_GTEST_PROP(Facts, AnyOrderGivesTheSameState, ()) {
  auto one = rc::gen::tuple(rc::gen::inRange(1, 4), rc::gen::inRange<uint64_t>(0, 2),
                            rc::gen::inRange(0, 3), rc::gen::inRange(0, 3), rc::gen::inRange(0, 6));
  auto said = *rc::gen::container<std::vector<std::tuple<int, uint64_t, int, int, int>>>(one);
  std::vector<pb::Fact> facts;
  for (const auto& [time, sequence, field, value, kind] : said) {
    pb::Fact fact = Said(fmt::format("opportunity:{}", value % 2), {}, "03-01 10:00", sequence);
    fact.set_time_ms(fact.time_ms() + time);
    if (kind > 1) {
      *fact.mutable_fields() =
          Said("", {{fmt::format("field{}", field), fmt::format("value{}", value)}}).fields();
    }
    fact.set_deleted(kind == 0);
    fact.set_stale(kind == 1);
    fact.set_whole(kind == 2);
    facts.push_back(fact);
  }
  auto state = [](const std::vector<pb::Fact>& in_order) {
    std::string text;
    Facts known = Knowing(in_order);
    for (pb::Subject& subject : known.subjects()) {
      std::sort(subject.mutable_fields()->begin(), subject.mutable_fields()->end(),
                [](const auto& a, const auto& b) { return a.name() < b.name(); });
      text += subject.DebugString();
    }
    return text;
  };
  std::string first = state(facts);
  std::shuffle(facts.begin(), facts.end(), std::mt19937_64(*rc::gen::arbitrary<uint64_t>()));
  RC_ASSERT(state(facts) == first);
}

TEST(Facts, TheNewestValueOfEachFieldWins) {
  Facts facts = Knowing({Said("", {{"name", "Acme"}, {"owner", "Ida"}}, "03-02 10:00"),
                         Said("", {{"owner", "Old"}, {"team", "north"}}, "03-01 10:00")});
  EXPECT_EQ(facts.Get("", "name"), "Acme");
  EXPECT_EQ(facts.Get("", "owner"), "Ida");
  EXPECT_EQ(facts.Get("", "team"), "north");
  EXPECT_EQ(facts.Get("p:1", "role"), "");
}

TEST(Facts, SaysWhetherAFactWasNews) {
  Facts facts;
  EXPECT_EQ(facts.Apply(Said("", {{"name", "Acme"}}, "03-02 10:00")), Verdict::kApplied);
  EXPECT_EQ(facts.Apply(Said("", {{"name", "Acme"}}, "03-02 10:00")), Verdict::kDuplicate);
  EXPECT_EQ(facts.Apply(Said("", {{"name", "Older"}}, "03-01 10:00")), Verdict::kLate);
  EXPECT_EQ(facts.Apply(Said("", {{"owner", "Ida"}}, "03-01 10:00")), Verdict::kApplied);
  EXPECT_EQ(facts.Apply(Said("", {{"name", "Later"}}, "03-02 10:00", 1)), Verdict::kApplied);
}

TEST(Facts, ADeletedOpportunityIsNotOpenUntilItIsSeenAgain) {
  pb::Fact gone = Said("opportunity:1", {}, "03-02 10:00");
  gone.set_deleted(true);
  Facts facts = Knowing({gone, Said("opportunity:1", {{"stage", "Proposal"}}, "03-01 10:00")});
  EXPECT_TRUE(facts.OpenOpportunities().empty());
  facts.Apply(Said("opportunity:1", {{"amount", "70"}}, "03-03 10:00"));
  ASSERT_EQ(facts.OpenOpportunities().size(), 1U);
  EXPECT_EQ(facts.OpenOpportunities()[0].stage, "Proposal");
  EXPECT_EQ(facts.OpenOpportunities()[0].amount, 70);
}

TEST(Facts, WhatWasLostMattersUntilTheRecordComesAsAWhole) {
  pb::Fact lost = Said("opportunity:1", {}, "03-02 10:00");
  lost.set_stale(true);
  Facts facts = Knowing({Said("opportunity:1", {{"stage", "Proposal"}}, "03-01 10:00"), lost,
                         Said("opportunity:1", {{"amount", "70"}}, "03-03 10:00")});
  ASSERT_EQ(facts.LostChanges().size(), 1U);
  EXPECT_EQ(facts.LostChanges()[0].subject, "opportunity:1");
  EXPECT_EQ(facts.LostChanges()[0].last, At("03-02 10:00"));

  pb::Fact before = Said("opportunity:1", {{"stage", "Proposal"}}, "03-02 09:00");
  before.set_whole(true);
  facts.Apply(before);
  EXPECT_EQ(facts.LostChanges().size(), 1U);

  pb::Fact whole = Said("opportunity:1", {{"stage", "Proposal"}}, "03-02 11:00");
  whole.set_whole(true);
  facts.Apply(whole);
  EXPECT_TRUE(facts.LostChanges().empty());
}

TEST(Facts, WhatWasLostOfWhatIsOverDoesNotMatter) {
  pb::Fact lost = Said("opportunity:1", {}, "03-02 10:00");
  lost.set_stale(true);
  EXPECT_EQ(Knowing({lost}).LostChanges().size(), 1U);
  EXPECT_TRUE(Knowing({lost, Said("opportunity:1", {{"stage", "Closed Won"}}, "03-03 10:00")})
                  .LostChanges()
                  .empty());
  pb::Fact gone = Said("opportunity:1", {}, "03-03 10:00");
  gone.set_deleted(true);
  EXPECT_TRUE(Knowing({lost, gone}).LostChanges().empty());
}

TEST(Facts, ClosedOpportunitiesAreNotOpen) {
  Facts facts = Knowing({Said("opportunity:1", {{"stage", "Closed Won"}}),
                         Said("opportunity:2", {{"stage", "Proposal"}, {"closed", "true"}}),
                         Said("opportunity:3", {{"stage", "closedlost"}})});
  EXPECT_TRUE(facts.OpenOpportunities().empty());
}

TEST(Facts, TheOpportunityThatMovedLastComesFirst) {
  Facts facts =
      Knowing({Said("opportunity:1", {{"stage", "Closed Won"}, {"amount", "9"}}, "03-01 10:00"),
               Said("opportunity:2", {{"stage", "Proposal"}}, "03-02 10:00"),
               Said("opportunity:3", {{"closed", "true"}, {"won", "false"}}, "03-03 10:00"),
               Said("opportunity:1", {{"amount", "10"}}, "03-04 10:00")});
  std::vector<Facts::Opportunity> all = facts.Opportunities();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].id, "3");
  EXPECT_TRUE(!all[0].open && !all[0].won);
  EXPECT_TRUE(all[1].open && !all[1].won);
  EXPECT_TRUE(!all[2].open && all[2].won);
  EXPECT_EQ(all[2].since, At("03-01 10:00"));
  EXPECT_EQ(facts.QuietUntil(hours{9}, hours{1}), EventTime{});
  facts.Apply(Said("opportunity:2", {{"stage", "Closed Lost"}}, "03-05 10:00"));
  EXPECT_EQ(facts.QuietUntil(hours{9}, hours{1}), At("03-05 11:00"));
  EXPECT_EQ(facts.QuietUntil(hours{900}, hours{1}), At("03-01 10:00") + hours{900});
  EXPECT_EQ(Knowing({}).QuietUntil(hours{9}, hours{1}), EventTime{});
}

// Sources send a record as a whole when anything in it has changed.
TEST(Facts, WhatIsSaidAgainIsAsOldAsBefore) {
  std::vector<pb::Fact> said{Said("opportunity:1", {{"stage", "Proposal"}}, "03-01 10:00"),
                             Said("opportunity:1", {{"stage", "Closed Won"}}, "03-02 10:00"),
                             Said("opportunity:1", {{"stage", "Closed Won"}}, "03-09 10:00")};
  for (int order = 0; order < 6; ++order) {
    EXPECT_EQ(Knowing(said).QuietUntil(hours{1}, hours{0}), At("03-02 11:00")) << order;
    std::next_permutation(said.begin(), said.end(), [](const pb::Fact& a, const pb::Fact& b) {
      return a.time_ms() < b.time_ms();
    });
  }
  Facts facts = Knowing(said);
  EXPECT_TRUE(facts.Won(At("03-02 09:00"), At("03-02 10:00")));
  EXPECT_FALSE(facts.Won(At("03-02 10:00"), At("03-31 10:00")));
}

TEST(Facts, WhatWasOpenedAgainIsAsOldAsItsLastClosing) {
  std::vector<pb::Fact> said{Said("opportunity:1", {{"stage", "Closed Lost"}}, "03-01 10:00"),
                             Said("opportunity:1", {{"stage", "Proposal"}}, "03-05 10:00"),
                             Said("opportunity:1", {{"stage", "Closed Lost"}}, "03-09 10:00")};
  for (int order = 0; order < 6; ++order) {
    EXPECT_EQ(Knowing(said).QuietUntil(hours{0}, hours{1}), At("03-09 11:00")) << order;
    std::next_permutation(said.begin(), said.end(), [](const pb::Fact& a, const pb::Fact& b) {
      return a.time_ms() < b.time_ms();
    });
  }
}

TEST(Facts, AnOpportunityThatAnEarlierProgramKeptIsAsOldAsItsFields) {
  Facts facts = Knowing({Said("opportunity:1", {{"stage", "Closed Won"}}, "03-01 10:00")});
  facts.subjects()[0].clear_closed_ms();
  facts.subjects()[0].clear_won_ms();
  EXPECT_EQ(facts.QuietUntil(hours{1}, hours{0}), At("03-01 11:00"));
}

TEST(Facts, TheCrmsOwnWordOnAWinCounts) {
  EXPECT_FALSE(Knowing({Said("opportunity:1", {{"stage", "Closed - Not Won"}, {"won", "false"}})})
                   .Opportunities()[0]
                   .won);
  EXPECT_TRUE(Knowing({Said("opportunity:1", {{"stage", "Closed Won"}})}).Opportunities()[0].won);
}

TEST(Facts, ExpectedValueIsTheBestThatIsKnown) {
  EXPECT_EQ(Knowing({}).ExpectedValue(Terms()), 10'000);
  EXPECT_EQ(Knowing({Said("", {{"segment", "enterprise"}})}).ExpectedValue(Terms()), 80'000);
  EXPECT_EQ(Knowing({Said("", {{"segment", "Enterprise"}})}).ExpectedValue(Terms()), 80'000);
  EXPECT_EQ(Knowing({Said("", {{"segment", "enterprise"}, {"amount", "65000.5"}})})
                .ExpectedValue(Terms()),
            65'000.5);
  EXPECT_EQ(Knowing({Said("", {{"amount", "65000"}}), Said("opportunity:1", {{"amount", "5"}}),
                     Said("opportunity:2", {{"amount", "7e3"}})})
                .ExpectedValue(Terms()),
            7'000);
}

TEST(Facts, AnAmountThatIsNoPlainNumberIsUnknown) {
  for (const char* amount : {"80,000", "1.2.3", "inf", "nan", "-5", "", "12 EUR"}) {
    EXPECT_EQ(Knowing({Said("", {{"amount", amount}})}).ExpectedValue(Terms()), 10'000) << amount;
  }
}

TEST(Facts, KindOfSaleIsComplexityByRelationship) {
  auto kind = [](const char* relationship, const char* amount) {
    return std::string(Knowing({Said("", {{"relationship", relationship}, {"amount", amount}})})
                           .KindOfSale(Terms()));
  };
  EXPECT_EQ(kind("Prospect", "100"), "service");
  EXPECT_EQ(kind("Customer - Direct", "100"), "relationship");
  EXPECT_EQ(kind("Prospect", "90000"), "solution");
  EXPECT_EQ(kind("Existing customer", "90000"), "consultancy");
  EXPECT_EQ(Knowing({Said("opportunity:1", {{"product", "platform"}, {"amount", "1"}})})
                .KindOfSale(Terms()),
            "solution");
}

TEST(Facts, OnlyCustomersAreCustomers) {
  auto customer = [](const char* relationship) {
    return Knowing({Said("", {{"relationship", relationship}})}).customer();
  };
  for (const char* yes : {"customer", "Customer - Channel", "existing customer", " CUSTOMER "}) {
    EXPECT_TRUE(customer(yes)) << yes;
  }
  for (const char* no : {"", "Prospect", "former customer", "Former Customer", "not a customer",
                         "prospective customer", "lost customer", "Partner"}) {
    EXPECT_FALSE(customer(no)) << no;
  }
}

TEST(Facts, PeopleLeaveBeforeOpportunitiesWhenThereAreTooMany) {
  Facts facts = Knowing({Said("", {{"name", "Acme"}}, "01-01 10:00"),
                         Said("opportunity:1", {{"stage", "Proposal"}}, "01-01 10:00")});
  for (size_t i = 0; i < 2 * kSubjectsMax; ++i) {
    facts.Apply(Said(fmt::format("p:{}", i), {{"role", "engineer"}}, "03-01 10:00", i));
  }
  EXPECT_EQ(facts.subjects().size(), kSubjectsMax);
  EXPECT_EQ(facts.Get("", "name"), "Acme");
  EXPECT_EQ(facts.OpenOpportunities().size(), 1U);
  EXPECT_EQ(facts.Get("p:0", "role"), "");
  EXPECT_EQ(facts.Get(fmt::format("p:{}", 2 * kSubjectsMax - 1), "role"), "engineer");
}

TEST(Facts, FieldsOfASubjectAreBounded) {
  Facts facts;
  for (size_t i = 0; i < 100; ++i) {
    facts.Apply(Said("", {{fmt::format("field{}", i), "x"}}, "03-01 10:00", i));
  }
  EXPECT_EQ(facts.subjects()[0].fields_size(), static_cast<int>(kSubjectFieldsMax));
}

}  // namespace
}  // namespace hotiron
