#include "ingest/router.h"

#include <gtest/gtest.h>

#include "base/identity.h"
#include "base/versions.h"
#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

class RouterTest : public testing::Test {
 protected:
  RouterTest() : classifier_(DefaultClassifier()), hasher_("secret"), router_(Options()) {}

  RouterOptions Options() {
    RouterOptions options;
    options.classifier = &classifier_;
    options.hasher = hasher_;
    options.free_mail = {"Freebie.example"};
    return options;
  }

  // Routes, and writes what came out: "a:1 pricing_page c:ab12", "ignored unknown_name", ...
  std::string Route(const Observation& observation, UnknownNames unknown = UnknownNames::kIgnore) {
    out_.clear();
    outcome_ = router_.Route(observation, unknown, Record("{}"), now_, out_);
    switch (outcome_.kind) {
      case Outcome::Kind::kIgnored:
        EXPECT_TRUE(out_.empty());
        return "ignored " + std::string(Name(outcome_.ignored));
      case Outcome::Kind::kRejected:
        EXPECT_TRUE(out_.empty());
        return "rejected " + std::string(Name(outcome_.rejection.reason));
      case Outcome::Kind::kRouted:
        EXPECT_FALSE(out_.empty());
        break;
    }
    std::string text;
    for (const RoutedRecord& routed : out_) {
      text += text.empty() ? "" : ", ";
      text += routed.key;
      if (routed.record.has_signal()) {
        text += " " + routed.record.signal().signal() + " " + routed.record.signal().path(0);
      } else {
        const pb::Fact& fact = routed.record.fact();
        text += " fact[" + fact.subject() + "]" + (fact.deleted() ? " deleted" : "") +
                (fact.stale() ? " stale" : "") + (fact.whole() ? " whole" : "") +
                (fact.parent().empty() ? "" : " of " + fact.parent());
      }
    }
    return text;
  }

  std::string Route(Format format, const std::string& text,
                    UnknownNames unknown = UnknownNames::kIgnore) {
    return Route(One(format, text), unknown);
  }

  std::string Person(std::string_view id) { return "p:" + hasher_(id); }

  Observation Event(const std::string& name) {
    Observation event;
    event.source = "web";
    event.id = "1";
    event.time = now_;
    event.name = name;
    return event;
  }

  Observation CrmChange(const std::string& entity, const std::string& object,
                        std::vector<Field> fields) {
    Observation change = Event(entity);
    change.kind = Observation::Kind::kChange;
    change.change = Observation::Change::kUpdated;
    change.object = object;
    change.fields = std::move(fields);
    return change;
  }

  const EventTime now_ = At("2026-03-03T13:00:00Z");
  Classifier classifier_;
  PersonHasher hasher_;
  Router router_;
  std::vector<RoutedRecord> out_;
  Outcome outcome_;
};

// ---- Identity.

TEST_F(RouterTest, TheHighestIdentityNamedWins) {
  std::string demo = " demo_requested ";
  Observation event = Event("Demo Requested");
  EXPECT_EQ(Route(event), "rejected no_identity");
  event.visitor = "V1";
  EXPECT_EQ(Route(event), "v:V1" + demo + "v:V1");
  event.user = "u1";
  EXPECT_EQ(Route(event), Person("u1") + demo + Person("u1"));
  event.email = "Pat@Gmail.com";
  EXPECT_EQ(Route(event), Person("pat@gmail.com") + demo + Person("pat@gmail.com"))
      << "a mail provider is nobody's company";
  event.email = "Pat@Initech.example";
  EXPECT_EQ(Route(event), "d:initech.example" + demo + Person("pat@initech.example"));
  event.domain = "https://www.hooli.example/";
  EXPECT_EQ(Route(event), "d:hooli.example" + demo + Person("pat@initech.example"));
  event.account = " 001Ab ";
  EXPECT_EQ(Route(event), "a:001Ab" + demo + Person("pat@initech.example"));
  event.contact = "applicant";
  EXPECT_EQ(Route(event), "a:001Ab" + demo + "c:" + hasher_("applicant"));
}

TEST_F(RouterTest, WithoutAPersonTheAccountIsTheOrigin) {
  Observation event = Event("Demo Requested");
  event.account = "001";
  EXPECT_EQ(Route(event), "a:001 demo_requested a:001");
}

TEST_F(RouterTest, JunkNamesNobody) {
  Observation event = Event("Demo Requested");
  event.visitor = "00000000-0000-0000-0000-000000000000";
  event.user = "null";
  event.account = "-1";
  event.domain = "localhost";
  event.email = "anonymous";
  event.contact = "undefined";
  EXPECT_EQ(Route(event), "rejected no_identity");
  event.domain = "gmail.com";
  EXPECT_EQ(Route(event), "rejected no_identity");
  event.domain = "freebie.example";
  EXPECT_EQ(Route(event), "rejected no_identity");
  event.user = std::string(kIdBytesMax + 1, 'x');
  EXPECT_EQ(Route(event), "rejected no_identity");
}

TEST_F(RouterTest, AnAddressOrAMailProviderIsNoAccountWhereverItStands) {
  Observation event = Event("Demo Requested");
  for (const char* account : {"gmail.com", "freebie.example", "pat@initech.example"}) {
    event.account = account;
    EXPECT_EQ(Route(event), "rejected no_identity") << account;
  }
  event.account = "initech.example";
  EXPECT_EQ(Route(event), "a:initech.example demo_requested a:initech.example");
  for (const char* id : {"gmail.com", "pat@initech.example"}) {
    EXPECT_EQ(Route(CrmChange("Account", id, {{"Type", "Customer"}})), "rejected no_identity");
    Observation task = CrmChange("Task", "", {{"Type", "Customer"}});
    task.account = id;
    EXPECT_EQ(Route(task), "rejected no_identity") << id;
  }
  event.account = "";
  event.visitor = "pat@initech.example";
  std::string person = Person("pat@initech.example");
  EXPECT_EQ(Route(event), person + " demo_requested " + person);
}

TEST_F(RouterTest, AContactAloneIsNoIdentity) {
  Observation event = Event("Demo Requested");
  event.contact = "applicant";
  EXPECT_EQ(Route(event), "rejected no_identity");
}

TEST_F(RouterTest, PersonsLeaveOnlyAsHashes) {
  Observation event = Event("Demo Requested");
  event.email = "pat@initech.example";
  event.user = "pat-user";
  event.contact = "Pat Gibbons";
  Route(event);
  std::string bytes = out_[0].key + out_[0].record.SerializeAsString();
  EXPECT_EQ(bytes.find("pat@"), std::string::npos);
  EXPECT_EQ(bytes.find("pat-user"), std::string::npos);
  EXPECT_EQ(bytes.find("Gibbons"), std::string::npos);
}

// ---- Signals.

TEST_F(RouterTest, ASignalCarriesWhatTheTaskNeeds) {
  Observation event = Event("Demo Requested");
  event.account = "001";
  event.sequence = 9;
  event.history = true;
  Route(event);
  const pb::TaskRecord& record = out_[0].record;
  EXPECT_EQ(record.version(), kTaskRecordVersion);
  EXPECT_EQ(record.cause().topic(), "web");
  EXPECT_EQ(record.cause().partition(), 3);
  EXPECT_EQ(record.cause().offset(), 42);
  EXPECT_EQ(record.cause().timestamp_ms(), ToMillis(At("2026-03-03T12:00:00Z")));
  EXPECT_EQ(record.signal().time_ms(), ToMillis(now_));
  EXPECT_EQ(record.signal().sequence(), 9U);
  EXPECT_EQ(record.signal().weight(), 8);
  EXPECT_EQ(record.signal().source(), "web");
  EXPECT_TRUE(record.signal().history());
  EXPECT_EQ(record.signal().id(), Hash64(std::string("web\0"
                                                     "1",
                                                     5)));
}

TEST_F(RouterTest, UnknownNamesAreKeptOrIgnored) {
  Observation event = Event("Mouse Moved\n" + std::string(200, '\xC3'));
  event.name = "Mouse\nMoved " + std::string(200, 'x');
  event.user = "u";
  EXPECT_EQ(Route(event), "ignored unknown_name");
  Route(event, UnknownNames::kKeep);
  EXPECT_TRUE(outcome_.unknown_kept);
  EXPECT_EQ(out_[0].record.signal().signal(), "Mouse Moved " + std::string(88, 'x'));
  EXPECT_EQ(out_[0].record.signal().weight(), 1);
  event.name = "Demo Requested";
  Route(event, UnknownNames::kKeep);
  EXPECT_FALSE(outcome_.unknown_kept);
  EXPECT_EQ(DefaultUnknownNames(Format::kNative), UnknownNames::kKeep);
  EXPECT_EQ(DefaultUnknownNames(Format::kSegment), UnknownNames::kIgnore);
}

TEST_F(RouterTest, SeveralSignalsOfOneObservationHaveDifferentIds) {
  Result<pb::Catalogue> catalogue = ParseCatalogue(R"(
version: 1
signals:
  - {signal: moved, when: [{entity: Opportunity, field: StageName}]}
  - {signal: priced, when: [{entity: Opportunity, field: Amount}]}
)",
                                                   "c.yaml");
  Result<Classifier> classifier = Classifier::Make(std::move(catalogue).value());
  router_.UseClassifier(classifier.value());
  Observation change = CrmChange("Opportunity", "006x", {{"StageName", "A"}, {"Amount", "5"}});
  change.account = "001a";
  EXPECT_EQ(Route(change),
            "o:006x fact[opportunity:006x] of a:001a, a:001a moved a:001a, a:001a priced a:001a");
  EXPECT_NE(out_[1].record.signal().id(), out_[2].record.signal().id());
}

TEST_F(RouterTest, TimesOutOfRangeAreRejected) {
  Observation event = Event("Demo Requested");
  event.user = "u";
  event.time = now_ + kAheadMaxWall;
  EXPECT_EQ(Route(event), Person("u") + " demo_requested " + Person("u"));
  event.time = now_ + kAheadMaxWall + Duration{1};
  EXPECT_EQ(Route(event), "rejected time_out_of_range");
  event.time = FromMillis(-1);
  EXPECT_EQ(Route(event), "rejected time_out_of_range");
  event.time = At("2101-01-01T00:00:00Z");
  EXPECT_EQ(Route(event), "rejected time_out_of_range");
}

// ---- Facts and CRM changes.

TEST_F(RouterTest, GroupTraitsAreFactsOfTheAccount) {
  EXPECT_EQ(Route(Format::kSegment, Sample("segment_group.json")), "a:acct_123 fact[]");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "name"), "Initech");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "employees"), "329");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "plan"), "enterprise");
}

TEST_F(RouterTest, IdentifyTraitsAreFactsOfThePerson) {
  std::string person = Person("pat@initech.example");
  EXPECT_EQ(Route(Format::kSegment, Sample("segment_identify.json")),
            "a:acct_123 fact[" + person + "]");
  EXPECT_EQ(out_[0].record.fact().fields_size(), 1);
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "role"), "VP Operations");
  EXPECT_EQ(Route(Format::kSegment, R"({"type":"identify","userId":"u","messageId":"m",
      "traits":{"name":"Pat"},"timestamp":"2026-03-03T10:00:00Z"})"),
            "ignored nothing_used");
}

TEST_F(RouterTest, AContactGoesThroughItsRow) {
  std::string person = Person("pat@initech.example");
  EXPECT_EQ(Route(Format::kSalesforce, Sample("salesforce_cdc_contact_create.json")),
            "o:003Rj00000FEgK0IAL fact[" + person +
                "] whole of a:0011T00002J4kniQAB, a:0011T00002J4kniQAB contact_added " + person);
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "role"), "VP Operations");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "crm_id"), "003Rj00000FEgK0IAL");
  EXPECT_EQ(out_[0].record.SerializeAsString().find("Gibbons"), std::string::npos);
  EXPECT_EQ(Route(CrmChange("Contact", "003x", {{"Title", "CTO"}})), "o:003x fact[contact:003x]");
  EXPECT_EQ(Route(CrmChange("Contact", "003x", {{"Phone", "5"}})), "ignored nothing_used");
}

TEST_F(RouterTest, AnOpportunityUpdateNamesNoAccount) {
  EXPECT_EQ(Route(Format::kSalesforce, Sample("salesforce_cdc_opportunity_update.json")),
            "o:006Rj000005kYAHIA2 fact[opportunity:006Rj000005kYAHIA2], o:006Rj000005kYAHIA2 "
            "opportunity_proposed o:006Rj000005kYAHIA2");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "stage"), "Proposal/Price Quote");
  EXPECT_EQ(ValueOf(out_[0].record.fact(), "closed"), "false");
}

TEST_F(RouterTest, AccountsAndLostChanges) {
  EXPECT_EQ(Route(Format::kSalesforce, Sample("salesforce_cdc_account_merge_loser_delete.json")),
            "a:0011T00002LOSERAAB fact[] deleted");
  EXPECT_EQ(Route(Format::kSalesforce, Sample("salesforce_cdc_gap_update.json")),
            "o:006Rj000005kYAHIA2 fact[opportunity:006Rj000005kYAHIA2] stale");
  EXPECT_EQ(Route(CrmChange("Account", "001x", {{"Type", "Customer"}})), "a:001x fact[]");
  Observation lost = CrmChange("Task", "00Tx", {});
  lost.change = Observation::Change::kStale;
  EXPECT_EQ(Route(lost), "ignored lost_changes");
}

TEST_F(RouterTest, ActivitiesGoToTheirAccountOrThroughTheirParent) {
  Observation meeting = CrmChange("Event", "00Ux", {});
  meeting.change = Observation::Change::kCreated;
  EXPECT_EQ(Route(meeting), "ignored no_account");
  meeting.parent = "006x";
  EXPECT_EQ(Route(meeting), "o:006x meeting o:006x");
  meeting.account = "001x";
  EXPECT_EQ(Route(meeting), "a:001x meeting a:001x");
  meeting.change = Observation::Change::kUpdated;
  EXPECT_EQ(Route(meeting), "ignored nothing_used");
}

}  // namespace
}  // namespace hotiron
