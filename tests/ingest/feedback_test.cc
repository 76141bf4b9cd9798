#include "ingest/feedback.h"

#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

std::string WhyNotFeedback(std::string_view text) {
  std::vector<RoutedRecord> out;
  Outcome outcome = FeedbackDecoder(PersonHasher("k")).Decode(Record(text), out);
  EXPECT_EQ(out.empty(), outcome.kind != Outcome::Kind::kRouted);
  return outcome.kind == Outcome::Kind::kRouted
             ? ""
             : std::string(Name(outcome.rejection.reason)) + " " + outcome.rejection.detail;
}

TEST(FeedbackTest, GoesToTheAccount) {
  std::vector<RoutedRecord> out;
  PersonHasher hasher("k");
  Outcome outcome = FeedbackDecoder(hasher).Decode(
      Record(R"({"id":"f1","trigger":"t1","account":"a:001","action":"snooze","reason":"busy",
                 "until":"2026-03-10T00:00:00Z","by":"rep@us.example",
                 "at":"2026-03-03T11:00:00Z"})"),
      out);
  ASSERT_EQ(outcome.kind, Outcome::Kind::kRouted);
  EXPECT_EQ(out[0].key, "a:001");
  EXPECT_EQ(out[0].record.cause().offset(), 42);
  const pb::Feedback& feedback = out[0].record.feedback();
  EXPECT_EQ(feedback.trigger(), "t1");
  EXPECT_EQ(feedback.action(), pb::Feedback::SNOOZE);
  EXPECT_EQ(feedback.reason(), "busy");
  EXPECT_EQ(feedback.until_ms(), ToMillis(At("2026-03-10T00:00:00Z")));
  EXPECT_EQ(feedback.time_ms(), ToMillis(At("2026-03-03T11:00:00Z")));
  EXPECT_EQ(feedback.by(), hasher("rep@us.example"));
  EXPECT_EQ(feedback.id(), Hash64("f1"));
}

TEST(FeedbackTest, TheRecordsTimeStandsIn) {
  std::vector<RoutedRecord> out;
  FeedbackDecoder(PersonHasher("k"))
      .Decode(Record(R"({"trigger":"t1","account":"d:initech.example","action":"accept"})"), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].record.feedback().time_ms(), ToMillis(At("2026-03-03T12:00:00Z")));
}

TEST(FeedbackTest, AnUndoNamesWhatItTakesBack) {
  std::vector<RoutedRecord> out;
  FeedbackDecoder(PersonHasher("k"))
      .Decode(Record(R"({"id":"f2","trigger":"t1","account":"a:1","action":"undo","undoes":"f1"})"),
              out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].record.feedback().action(), pb::Feedback::UNDO);
  EXPECT_EQ(out[0].record.feedback().undoes(), Hash64("f1"));
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"undo"})"),
            "missing_field undoes: is missing: the id of what is taken back");
}

TEST(FeedbackTest, SaysWhatIsWrong) {
  EXPECT_EQ(WhyNotFeedback("x"), WhyNotFeedback("[]"));
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"accept"} {})").substr(0, 8),
            "not_json");
  EXPECT_EQ(WhyNotFeedback(""), "empty the value is empty");
  EXPECT_EQ(WhyNotFeedback(R"({"account":"a:1","action":"accept"})"),
            "missing_field trigger: is missing");
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"p:1","action":"accept"})"),
            "bad_field account: must be the account of a trigger (a:... or d:...)");
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"like"})"),
            "bad_field action: must be accept, snooze, dismiss, outcome or undo");
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"snooze"})"),
            "missing_field until: is missing: a snooze ends");
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"dismiss"})"),
            "missing_field reason: is missing: dismiss and outcome have one");
  EXPECT_EQ(WhyNotFeedback(R"({"trigger":"t","account":"a:1","action":"accept","at":-5})"),
            "time_out_of_range at or until: not between 2000 and 2100");
}

}  // namespace
}  // namespace hotiron
