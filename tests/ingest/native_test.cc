#include "ingest/native.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/json.h"
#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

TEST(NativeTest, ReadsAnEvent) {
  Observation seen = One(Format::kNative, R"({"id":"e1","time":"2026-03-03T10:00:00.250Z",
      "sequence":7,"account":173688,"contact":"applicant","event":"A_SUBMITTED","value":20000,
      "more":{"is":["ignored"]}})");
  Observation expected;
  expected.source = "web";
  expected.id = "e1";
  expected.time = At("2026-03-03T10:00:00.250Z");
  expected.sequence = 7;
  expected.account = "173688";
  expected.contact = "applicant";
  expected.name = "A_SUBMITTED";
  EXPECT_EQ(seen, expected);
}

TEST(NativeTest, ReadsPagesTraitsCompaniesAndChanges) {
  Observation page = One(Format::kNative, R"({"id":1,"time":1772532000000,"visitor":"v",
      "page":"Pricing","path":"/pricing"})");
  EXPECT_EQ(page.kind, Observation::Kind::kPage);
  EXPECT_EQ(page.path, "/pricing");
  EXPECT_EQ(page.time, At("2026-03-03T10:00:00Z"));

  Observation traits = One(Format::kNative, R"({"id":"1","time":"2026-03-03T10:00:00Z",
      "email":"pat@initech.example","traits":{"title":"CTO","seats":60.0,"vip":true,"x":null}})");
  EXPECT_EQ(traits.name, "person");
  EXPECT_EQ(traits.fields,
            (std::vector<Field>{{"title", "CTO"}, {"seats", "60"}, {"vip", "true"}, {"x", ""}}));

  Observation company = One(Format::kNative, R"({"id":"1","time":"2026-03-03T10:00:00Z",
      "domain":"initech.example","company":{"name":"Initech"}})");
  EXPECT_EQ(company.name, "account");

  Observation change = One(Format::kNative, R"({"id":"1","time":"2026-03-03T10:00:00Z",
      "change":{"entity":"Opportunity","object":"006","kind":"updated","parent":"001",
      "fields":{"StageName":"Negotiation","Amount":1.0E7}}})");
  EXPECT_EQ(change.change, Observation::Change::kUpdated);
  EXPECT_EQ(change.parent, "001");
  EXPECT_EQ(ValueOf(change, "Amount"), "10000000");
}

TEST(NativeTest, SaysWhatIsWrong) {
  EXPECT_EQ(WhyNot(Format::kNative, R"({"time":"2026-03-03T10:00:00Z","user":"u","event":"x"})"),
            "missing_field id: is missing");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","user":"u","event":"x"})"),
            "missing_field time: is missing");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","time":"soon","user":"u","event":"x"})"),
            "bad_field time: must be ISO 8601 or milliseconds since 1970");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","time":1,"user":{"no":1},"event":"x"})"),
            "bad_field user: must be text or a number");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","time":1,"user":"u"})"),
            "unknown_type event, page, path, traits, company or change: one is needed");
  EXPECT_EQ(
      WhyNot(Format::kNative, R"({"id":"1","time":1,"event":"x","page":"y"})"),
      "bad_field page: an item is one of event, page (with path), traits, company and change");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","time":1,"change":{"entity":"X","object":"1"}})"),
            "bad_field change.kind: must be created, updated, deleted or stale");
  EXPECT_EQ(WhyNot(Format::kNative, R"({"id":"1","time":1,"event":"x","sequence":-1})"),
            "bad_field sequence: must be a whole number from 0 to 2^64 - 1");
}

TEST(NativeTest, InABatchOnlyTheBadItemsAreRejected) {
  std::string text = R"( {"sent":1,"batch":[
      {"id":"1","time":1,"user":"u","event":"x"},
      {"id":"2","user":"u","event":"x"} ,
      7,
      {"id":"4","time":4,"user":"u","event":"y"}], "more": {} })";
  Decoded out = Decode(Format::kNative, text);
  ASSERT_EQ(out.observations().size(), 2U);
  EXPECT_EQ(out.observations()[0].id, "1");
  EXPECT_EQ(out.observations()[1].id, "4");
  EXPECT_EQ(out.observations()[1].name, "y");
  ASSERT_EQ(out.rejections().size(), 2U);
  const Rejection& second = out.rejections()[0];
  EXPECT_EQ(text.substr(second.offset, second.size), R"({"id":"2","user":"u","event":"x"})");
  EXPECT_EQ(out.rejections()[1].reason, RejectReason::kUnknownType);
  EXPECT_EQ(text.substr(out.rejections()[1].offset, out.rejections()[1].size), "7");
  EXPECT_EQ(out.taken_in(), 4U);
}

TEST(NativeTest, HistoryIsMarkedByTheInputOrTheRecord) {
  std::string_view event = R"({"id":"1","time":1,"user":"u","event":"x"})";
  DecoderOptions options;
  EXPECT_FALSE(Decode(options, event).observations()[0].history);
  options.history = true;
  EXPECT_TRUE(Decode(options, event).observations()[0].history);
  EXPECT_TRUE(One(Format::kNative, R"({"id":"1","time":1,"event":"x","history":true})").history);
}

// ---- Writing and decoding gives the observation back.

rc::Gen<std::string> Text() {
  return rc::gen::map(rc::gen::arbitrary<std::string>(),
                      [](const std::string& bytes) { return CleanUtf8(bytes); });
}

rc::Gen<std::string> SomeText() {
  return rc::gen::map(Text(), [](const std::string& text) { return "t" + text; });
}

Observation AnyObservation() {
  Observation made;
  made.kind = *rc::gen::element(Observation::Kind::kEvent, Observation::Kind::kPage,
                                Observation::Kind::kTraits, Observation::Kind::kChange);
  made.source = *SomeText();
  made.id = *SomeText();
  made.time =
      FromMillis(*rc::gen::inRange<int64_t>(ToMillis(kEarliestTime), ToMillis(kLatestTime)));
  made.sequence = *rc::gen::arbitrary<uint64_t>();
  made.history = *rc::gen::arbitrary<bool>();
  for (std::string* text :
       {&made.visitor, &made.user, &made.email, &made.contact, &made.domain, &made.account}) {
    *text = *Text();
  }
  for (int left = *rc::gen::inRange(0, 4); left > 0; --left) {
    made.fields.push_back({*Text(), *Text()});
  }
  switch (made.kind) {
    case Observation::Kind::kEvent:
      made.name = *SomeText();
      break;
    case Observation::Kind::kPage:
      made.name = *Text();
      made.path = *SomeText();
      break;
    case Observation::Kind::kTraits:
      made.name = *rc::gen::element<std::string>("person", "account");
      break;
    case Observation::Kind::kChange:
      made.change = *rc::gen::element(Observation::Change::kCreated, Observation::Change::kUpdated,
                                      Observation::Change::kDeleted, Observation::Change::kStale);
      made.name = *SomeText();
      made.object = *SomeText();
      made.parent = *Text();
      break;
  }
  return made;
}

TEST(NativeTest, DecodingWhatWasWrittenGivesItBack) {
  Decoder decoder(DecoderOptions{});
  Decoded out;
  EXPECT_TRUE(rc::check([&] {
    Observation made = AnyObservation();
    std::string text = WriteNative(made);
    decoder.Decode(Record(text), out);
    RC_ASSERT(out.observations().size() == 1U);
    RC_ASSERT(out.observations()[0] == made);
  }));
}

}  // namespace
}  // namespace hotiron
