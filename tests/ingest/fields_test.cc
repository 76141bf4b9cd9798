#include "ingest/fields.h"

#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

pb::Fact Facts(FactSubject subject, const std::vector<Field>& fields) {
  pb::Fact fact;
  FieldMapping::Default().Apply(subject, fields, fact);
  return fact;
}

TEST(FieldsTest, StandardFieldsBecomeFacts) {
  pb::Fact account = Facts(FactSubject::kAccount, {{"Name", "Initech"},
                                                   {"OwnerId", "005x"},
                                                   {"Segment__c", "Enterprise"},
                                                   {"Website", "https://www.initech.example/"},
                                                   {"NumberOfEmployees", "329"},
                                                   {"Phone", "555"}});
  EXPECT_EQ(account.fields_size(), 5);
  EXPECT_EQ(ValueOf(account, "name"), "Initech");
  EXPECT_EQ(ValueOf(account, "owner"), "005x");
  EXPECT_EQ(ValueOf(account, "segment"), "Enterprise");
  EXPECT_EQ(ValueOf(account, "website"), "initech.example");
  EXPECT_EQ(ValueOf(account, "employees"), "329");
}

TEST(FieldsTest, RelationshipIsCustomerOrNot) {
  auto of = [](const std::string& value) {
    return ValueOf(Facts(FactSubject::kAccount, {{"Type", value}}), "relationship");
  };
  EXPECT_EQ(of("Customer - Direct"), "customer");
  EXPECT_EQ(of("true"), "customer");
  EXPECT_EQ(of("Former Customer"), "other");
  EXPECT_EQ(of("Prospect"), "other");
  EXPECT_EQ(of(""), "");
}

TEST(FieldsTest, TheStageSaysWhetherAnOpportunityIsClosed) {
  pb::Fact won = Facts(FactSubject::kOpportunity, {{"StageName", "Closed Won"}});
  EXPECT_EQ(ValueOf(won, "closed") + ValueOf(won, "won"), "truetrue");
  pb::Fact lost = Facts(FactSubject::kOpportunity, {{"StageName", "Closed Lost"}});
  EXPECT_EQ(ValueOf(lost, "closed") + ValueOf(lost, "won"), "truefalse");
  pb::Fact open = Facts(FactSubject::kOpportunity, {{"StageName", "Proposal"}});
  EXPECT_EQ(ValueOf(open, "closed") + ValueOf(open, "won"), "falsefalse");
  pb::Fact said = Facts(FactSubject::kOpportunity, {{"StageName", "Done"}, {"IsClosed", "true"}});
  EXPECT_EQ(ValueOf(said, "closed"), "true");
  EXPECT_EQ(ValueOf(Facts(FactSubject::kOpportunity, {{"Amount", "5"}}), "closed"), "(absent)");
}

TEST(FieldsTest, AddressesAndNamesOfPeopleNeverBecomeFacts) {
  pb::Fact person = Facts(FactSubject::kPerson, {{"email", "pat@initech.example"},
                                                 {"name", "Pat Gibbons"},
                                                 {"Name.LastName", "Gibbons"},
                                                 {"title", "pat@initech.example"}});
  EXPECT_EQ(person.fields_size(), 0);
}

TEST(FieldsTest, AMappingIsConfigured) {
  FieldMapping mapping = FieldMapping::Default();
  EXPECT_TRUE(mapping.Map(FactSubject::kAccount, "Tier__c", "segment").ok());
  pb::Fact fact;
  mapping.Apply(FactSubject::kAccount, {{"tier__c", "A"}}, fact);
  EXPECT_EQ(ValueOf(fact, "segment"), "A");
  EXPECT_TRUE(mapping.Map(FactSubject::kAccount, "Type", "").ok());
  mapping.Apply(FactSubject::kAccount, {{"type", "Customer"}}, fact);
  EXPECT_EQ(ValueOf(fact, "relationship"), "(absent)");
  Result<void> wrong = mapping.Map(FactSubject::kPerson, "Mail", "email");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message, "'email' is no such fact; must be one of role, crm_id");
}

TEST(FieldsTest, TextIsCutBetweenCharacters) {
  EXPECT_EQ(CutText("abc", 3), "abc");
  EXPECT_EQ(CutText("ab\xC3\xBC", 3), "ab");
  EXPECT_EQ(CutText("ab\xC3\xBC", 4), "ab\xC3\xBC");
}

}  // namespace
}  // namespace hotiron
