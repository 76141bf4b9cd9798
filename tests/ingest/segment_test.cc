#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

constexpr Format kSegment = Format::kSegment;

TEST(SegmentTest, Track) {
  Observation track = One(kSegment, Sample("segment_track.json"));
  EXPECT_EQ(track.kind, Observation::Kind::kEvent);
  EXPECT_EQ(track.name, "Demo Requested");
  EXPECT_EQ(track.id, "ajs-f8ca1e4de502");
  EXPECT_EQ(track.source, "web");
  EXPECT_EQ(track.account, "acct_123");
  EXPECT_EQ(track.email, "pat@initech.example");
  EXPECT_EQ(track.user, "u_97980");
  EXPECT_EQ(track.visitor, "23adfd82-aa0f-45a7-a756-24f2a7a4c895");
  EXPECT_EQ(track.time, At("2026-03-03T10:05:01.249Z"));
}

TEST(SegmentTest, PageAndScreen) {
  Observation page = One(kSegment, Sample("segment_page.json"));
  EXPECT_EQ(page.kind, Observation::Kind::kPage);
  EXPECT_EQ(page.name, "Pricing");
  EXPECT_EQ(page.path, "/pricing");
  EXPECT_EQ(page.user, "");
  Observation by_url = One(kSegment, R"({"type":"page","anonymousId":"a","messageId":"m",
      "timestamp":"2026-03-03T10:00:00Z","context":{"page":{"url":"https://x.example/a/b?c#d"}}})");
  EXPECT_EQ(by_url.path, "/a/b");
  Observation screen = One(kSegment, R"({"type":"screen","name":"Plans","anonymousId":"a",
      "messageId":"m","timestamp":"2026-03-03T10:00:00Z"})");
  EXPECT_EQ(screen.kind, Observation::Kind::kPage);
  EXPECT_EQ(screen.name, "Plans");
}

TEST(SegmentTest, Identify) {
  Observation person = One(kSegment, Sample("segment_identify.json"));
  EXPECT_EQ(person.kind, Observation::Kind::kTraits);
  EXPECT_EQ(person.name, "person");
  EXPECT_EQ(person.email, "pat@initech.example");
  EXPECT_EQ(person.account, "acct_123");
  EXPECT_EQ(ValueOf(person, "title"), "VP Operations");
  Observation shouting = One(kSegment, R"({"type":"identify","userId":"u","messageId":"m",
      "traits":{"EMAIL":"pat@initech.example","Title":"CTO"},"timestamp":"2026-03-03T10:00:00Z"})");
  EXPECT_EQ(shouting.email, "pat@initech.example");
  EXPECT_EQ(ValueOf(shouting, "title"), "CTO");
}

TEST(SegmentTest, Group) {
  Observation group = One(kSegment, Sample("segment_group.json"));
  EXPECT_EQ(group.name, "account");
  EXPECT_EQ(group.account, "acct_123");
  EXPECT_EQ(group.domain, "initech.example");
  EXPECT_EQ(ValueOf(group, "employees"), "329");
  EXPECT_EQ(ValueOf(group, "plan"), "enterprise");
}

TEST(SegmentTest, AliasKeepsItsPlace) {
  Decoded out = Decode(kSegment, Sample("segment_alias.json"));
  EXPECT_EQ(Ignored(out, IgnoreReason::kAlias), 1U);
  EXPECT_EQ(out.taken_in(), 1U);
}

TEST(SegmentTest, RudderStackPasses) {
  Observation track = One(kSegment, Sample("rudderstack_track.json"));
  EXPECT_EQ(track.name, "Product Reviewed");
  EXPECT_EQ(track.email, "pat@initech.example");
  EXPECT_EQ(track.time, At("2026-03-03T10:05:01.152Z"));
}

TEST(SegmentTest, WithoutMessageIdTheContentIsTheId) {
  std::string a = R"({"type":"track","event":"A","userId":"u","timestamp":"2026-03-03T10:00:00Z"})";
  std::string b = R"({"type":"track","event":"B","userId":"u","timestamp":"2026-03-03T10:00:00Z"})";
  std::string id = One(kSegment, a).id;
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(One(kSegment, a + "\n").id, id);
  EXPECT_NE(One(kSegment, b).id, id);
  Decoded batch = Decode(kSegment, R"({"batch":[)" + b + " , " + a + "]}");
  ASSERT_EQ(batch.observations().size(), 2U);
  EXPECT_EQ(batch.observations()[1].id, id) << "alone or in a batch: the same";
}

TEST(SegmentTest, TimeFallsBack) {
  auto time = [](const std::string& fields) {
    return FormatTime(
        One(kSegment, R"({"type":"track","event":"A","userId":"u","messageId":"m",)" + fields + "}")
            .time);
  };
  EXPECT_EQ(time(R"("originalTimestamp":"2026-03-03T10:00:00Z","sentAt":"2026-03-03T10:00:05Z",
                    "receivedAt":"2026-03-03T11:00:06Z")"),
            "2026-03-03T11:00:01.000Z");
  EXPECT_EQ(time(R"("receivedAt":"2026-03-03T11:00:06Z")"), "2026-03-03T11:00:06.000Z");
  EXPECT_EQ(time(R"("timestamp":"2026-03-03T09:00:00+01:00","receivedAt":"2026-03-03T11:00:06Z")"),
            "2026-03-03T08:00:00.000Z");
}

TEST(SegmentTest, AUserIdThatIsAnAddressIsTheAddress) {
  Observation track = One(kSegment, R"({"type":"track","event":"A","userId":"Pat@Initech.example",
      "messageId":"m","timestamp":"2026-03-03T10:00:00Z"})");
  EXPECT_EQ(track.email, "Pat@Initech.example");
}

TEST(SegmentTest, TypeMayComeLast) {
  Observation track = One(kSegment, R"({"timestamp":"2026-03-03T10:00:00Z","messageId":"m",
      "traits":{"x":1},"event":"A","userId":"u","properties":{"path":"/p"},"type":"track"})");
  EXPECT_EQ(track.name, "A");
  EXPECT_TRUE(track.fields.empty());
  EXPECT_TRUE(track.path.empty());
}

TEST(SegmentTest, SaysWhatIsWrong) {
  EXPECT_EQ(WhyNot(kSegment, R"({"event":"A","timestamp":"2026-03-03T10:00:00Z"})"),
            "missing_field type: is missing");
  EXPECT_EQ(WhyNot(kSegment, R"({"type":"delete","timestamp":"2026-03-03T10:00:00Z"})"),
            "unknown_type type: must be track, page, screen, identify, group or alias");
  EXPECT_EQ(WhyNot(kSegment, R"({"type":"track","event":"A","userId":"u"})"),
            "missing_field timestamp: is missing");
  EXPECT_EQ(WhyNot(kSegment, R"({"type":"track","userId":"u","timestamp":"2026-03-03T10:00:00Z"})"),
            "missing_field event: is missing");
  EXPECT_EQ(WhyNot(kSegment, R"({"type":"group","timestamp":"2026-03-03T10:00:00Z"})"),
            "missing_field groupId: is missing");
  EXPECT_EQ(WhyNot(kSegment, R"({"type":"track","event":"A","timestamp":"yesterday"})"),
            "bad_field timestamp: must be ISO 8601 or milliseconds since 1970");
}

}  // namespace
}  // namespace hotiron
