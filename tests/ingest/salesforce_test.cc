#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

constexpr Format kSalesforce = Format::kSalesforce;
using Change = Observation::Change;

// A change event with the given fields, and more of the header ("" or ",\"changedFields\":[..]").
std::string Event(const std::string& entity, const std::string& type, const std::string& fields,
                  const std::string& header = "") {
  return R"({"payload":{)" + fields + (fields.empty() ? "" : ",") +
         R"("ChangeEventHeader":{"entityName":")" + entity + R"(","recordIds":["00Tx1"],
      "changeType":")" +
         type + R"(","changeOrigin":"com/salesforce/api/rest/63.0;client=Hotiron",
      "transactionKey":"t","sequenceNumber":2,"commitTimestamp":1772535578000,
      "commitNumber":1725346778429841409)" +
         header + "}}}";
}

TEST(SalesforceTest, OpportunityUpdateCarriesOnlyWhatChanged) {
  Observation change = One(kSalesforce, Sample("salesforce_cdc_opportunity_update.json"));
  EXPECT_EQ(change.kind, Observation::Kind::kChange);
  EXPECT_EQ(change.change, Change::kUpdated);
  EXPECT_EQ(change.name, "Opportunity");
  EXPECT_EQ(change.object, "006Rj000005kYAHIA2");
  EXPECT_EQ(change.account, "");
  EXPECT_EQ(ValueOf(change, "StageName"), "Proposal/Price Quote");
  EXPECT_EQ(ValueOf(change, "Probability"), "60");
  EXPECT_EQ(ValueOf(change, "schema"), "(absent)");
  EXPECT_EQ(ValueOf(change, "event.replayId"), "(absent)");
  EXPECT_EQ(change.time, FromMillis(1772535600000));
  EXPECT_EQ(change.sequence, 1725357365187780610U);
  EXPECT_EQ(change.id,
            "Opportunity/006Rj000005kYAHIA2/0000a62a-5497-10e0-dbe3-e99b71589a49/1/"
            "1725357365187780609");
}

TEST(SalesforceTest, ContactCreate) {
  Observation change = One(kSalesforce, Sample("salesforce_cdc_contact_create.json"));
  EXPECT_EQ(change.change, Change::kCreated);
  EXPECT_EQ(change.account, "0011T00002J4kniQAB");
  EXPECT_EQ(change.email, "pat@initech.example");
  EXPECT_EQ(ValueOf(change, "Name.LastName"), "Gibbons");
}

TEST(SalesforceTest, DeleteAndGap) {
  Observation lost = One(kSalesforce, Sample("salesforce_cdc_account_merge_loser_delete.json"));
  EXPECT_EQ(lost.change, Change::kDeleted);
  EXPECT_EQ(lost.account, "0011T00002LOSERAAB");
  Observation gap = One(kSalesforce, Sample("salesforce_cdc_gap_update.json"));
  EXPECT_EQ(gap.change, Change::kStale);
  EXPECT_EQ(gap.object, "006Rj000005kYAHIA2");
}

TEST(SalesforceTest, WhatIsKnownToBeDeletedIsNotLost) {
  EXPECT_EQ(One(kSalesforce, Event("Opportunity", "GAP_DELETE", "")).change, Change::kDeleted);
  for (const char* type : {"GAP_CREATE", "GAP_UNDELETE", "GAP_OVERFLOW"}) {
    EXPECT_EQ(One(kSalesforce, Event("Opportunity", type, "")).change, Change::kStale) << type;
  }
  EXPECT_EQ(One(kSalesforce, Event("Opportunity", "UNDELETE", R"("Amount":5)")).change,
            Change::kUpdated);
  std::string overflow = Event("Opportunity", "GAP_OVERFLOW", "");
  overflow.replace(overflow.find(R"(["00Tx1"])"), 9, R"(["000000000000000AAA"])");
  EXPECT_EQ(Ignored(Decode(kSalesforce, overflow), IgnoreReason::kLostChanges), 1U);
}

TEST(SalesforceTest, PayloadStandsAtAnyOfThreePlaces) {
  std::string event = Event("Account", "UPDATE", R"("Industry":"Steel")");
  std::string payload = event.substr(11, event.size() - 12);
  Observation expected = One(kSalesforce, event);
  EXPECT_EQ(ValueOf(expected, "Industry"), "Steel");
  EXPECT_EQ(One(kSalesforce, payload), expected);
  EXPECT_EQ(One(kSalesforce, R"({"data":)" + event + R"(,"channel":"/data/x"})"), expected);
}

TEST(SalesforceTest, NullMeansNothingUnlessTheHeaderSaysSo) {
  Observation change = One(
      kSalesforce, Event("Account", "UPDATE", R"("Industry":null,"Website":null,"OwnerId":"005x")",
                         R"(,"nulledFields":["Industry","Phone"])"));
  EXPECT_EQ(ValueOf(change, "Industry"), "");
  EXPECT_EQ(ValueOf(change, "Phone"), "");
  EXPECT_EQ(ValueOf(change, "Website"), "(absent)");
  EXPECT_EQ(ValueOf(change, "OwnerId"), "005x");
  change = One(kSalesforce, Event("Account", "UPDATE", R"("Industry":null)",
                                  R"(,"changedFields":["Industry"])"));
  EXPECT_EQ(ValueOf(change, "Industry"), "");
}

TEST(SalesforceTest, SeveralRecordsAreSeveralObservations) {
  std::string event = Event("Account", "UPDATE", R"("OwnerId":"005x")");
  event.replace(event.find(R"(["00Tx1"])"), 9, R"(["001A1","001A2","001*"])");
  Decoded out = Decode(kSalesforce, event);
  ASSERT_EQ(out.observations().size(), 2U);
  EXPECT_EQ(out.observations()[0].account, "001A1");
  EXPECT_EQ(out.observations()[1].account, "001A2");
  EXPECT_NE(out.observations()[0].id, out.observations()[1].id);
  EXPECT_EQ(ValueOf(out.observations()[1], "OwnerId"), "005x");
  EXPECT_EQ(Ignored(out, IgnoreReason::kLostChanges), 1U);
  EXPECT_EQ(out.taken_in(), 3U);
}

TEST(SalesforceTest, ActivitiesFindTheirAccount) {
  auto parent = [](const std::string& entity, const std::string& fields) {
    Observation change = One(kSalesforce, Event(entity, "CREATE", fields));
    return "account=" + change.account + " parent=" + change.parent;
  };
  EXPECT_EQ(parent("Task", R"("AccountId":"001A","WhatId":"006B","WhoId":"003C")"),
            "account=001A parent=");
  EXPECT_EQ(parent("Task", R"("WhatId":"001A","WhoId":"003C")"), "account=001A parent=");
  EXPECT_EQ(parent("Event", R"("WhatId":"006B","WhoId":"003C")"), "account= parent=006B");
  EXPECT_EQ(parent("Event", R"("WhatId":"701Z","WhoId":"003C")"), "account= parent=003C");
  EXPECT_EQ(parent("EmailMessage", R"("RelatedToId":"006B")"), "account= parent=006B");
  EXPECT_EQ(parent("Task", R"("WhoId":"00QL")"), "account= parent=");
}

TEST(SalesforceTest, OwnChangesAndOtherEntitiesAreIgnored) {
  DecoderOptions options;
  options.format = kSalesforce;
  options.own_origins = {"client=Hotiron"};
  Decoded out = Decode(options, Event("Account", "UPDATE", R"("Industry":"Steel")"));
  EXPECT_EQ(Ignored(out, IgnoreReason::kOwnChange), 1U);
  out = Decode(kSalesforce, Event("Case", "CREATE", ""));
  EXPECT_EQ(Ignored(out, IgnoreReason::kUnknownEntity), 1U);
  EXPECT_EQ(out.taken_in(), 1U);
}

TEST(SalesforceTest, SaysWhatIsWrong) {
  EXPECT_EQ(WhyNot(kSalesforce, R"({"type":"track"})"),
            "unknown_type ChangeEventHeader: is missing: this is no change event");
  EXPECT_EQ(WhyNot(kSalesforce, R"({"ChangeEventHeader":{"entityName":"Account"}})"),
            "missing_field ChangeEventHeader.recordIds: is missing");
  EXPECT_EQ(WhyNot(kSalesforce, Event("Account", "REPLACE", "")),
            "unknown_type ChangeEventHeader.changeType: must be CREATE, UPDATE, DELETE, UNDELETE "
            "or GAP_*");
}

}  // namespace
}  // namespace hotiron
