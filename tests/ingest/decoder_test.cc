#include "ingest/decoder.h"

#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

constexpr std::array<Format, 3> kFormats{Format::kNative, Format::kSegment, Format::kSalesforce};

// ---- Poison: whatever the bytes are, there is one reason.

TEST(DecoderTest, PoisonHasAReason) {
  std::string deep(200'000, '[');
  std::string deep_object;
  for (int i = 0; i < 5'000; ++i) {
    deep_object += R"({"batch":)";
  }

  struct Case {
    std::string text;
    std::string_view reason;
  };

  const std::vector<Case> cases{
      {"", "empty"},
      {" \r\n\t", "empty"},
      {"\xEF\xBB\xBF", "empty"},
      {"hello", "not_json"},
      {"null", "not_json"},
      {"42", "not_json"},
      {"[]", "not_json"},
      {"[{\"type\":\"track\"}]", "not_json"},
      {"\"text\"", "not_json"},
      {"{", "not_json"},
      {"{]", "not_json"},
      {"}{", "not_json"},
      {"{\"id\":\"1\"", "not_json"},
      {"{\"id\":\"1\"} {\"id\":\"2\"}", "not_json"},
      {"{\"id\" \"1\"}", "not_json"},
      {"{\"id\":\"\\ud800\"", "not_json"},
      {std::string("\0\0\0\0", 4), "not_json"},
      {std::string("{\"id\":\"a\0b\"}", 12), "not_json"},
      {"{\"id\":\"\xff\xfe\"}", "not_utf8"},
      {"\x1f\x8b\x08\x00garbage", "not_utf8"},
      {deep, "not_json"},
      {deep_object, "not_json"},
      {R"({"batch":[]})", ""},
      {"{}", ""},
      {R"({"id":1e999,"messageId":1e999,"ChangeEventHeader":{"entityName":1e999}})", ""},
      {"{\"id\":" + std::string(400, '9') + ",\"type\":1}", ""},
  };
  for (Format format : kFormats) {
    for (const Case& poison : cases) {
      std::string why = WhyNot(format, poison.text);
      std::string what = poison.text.substr(0, 40);
      EXPECT_NE(why, "not rejected") << Name(format) << " " << what;
      EXPECT_EQ(why.substr(0, poison.reason.size()), poison.reason) << Name(format) << " " << what;
    }
  }
}

TEST(DecoderTest, NullAndTooLarge) {
  Decoder decoder(DecoderOptions{});
  Decoded out;
  InputRecord tombstone;
  decoder.Decode(tombstone, out);
  ASSERT_EQ(out.rejections().size(), 1U);
  EXPECT_EQ(out.rejections()[0].reason, RejectReason::kNullValue);
  std::string large((size_t{1} << 20) + 1, ' ');
  decoder.Decode(Record(large), out);
  ASSERT_EQ(out.rejections().size(), 1U);
  EXPECT_EQ(out.rejections()[0].reason, RejectReason::kTooLarge);
}

TEST(DecoderTest, TooManyItemsRejectTheRecord) {
  std::string text = R"({"batch":[0)";
  for (size_t i = 0; i < kObservationsPerRecordMax; ++i) {
    text += ",0";
  }
  text += "]}";
  EXPECT_EQ(WhyNot(Format::kNative, text), "too_many the record holds too many items");
  EXPECT_EQ(WhyNot(Format::kSegment, text), "too_many the record holds too many items");
}

TEST(DecoderTest, DeepValuesThatNobodyReadsDoNoHarm) {
  std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  Observation event =
      One(Format::kNative, R"({"id":"1","time":1,"user":"u","event":"x","more":)" + deep + "}");
  EXPECT_EQ(event.name, "x");
  EXPECT_EQ(
      WhyNot(Format::kNative, R"({"id":"1","time":1,"event":"x","fields":{"a":)" + deep + "}}"),
      "bad_field fields: must be text or a number");
}

TEST(DecoderTest, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(One(Format::kNative, "\xEF\xBB\xBF{\"id\":1,\"time\":1,\"event\":\"x\"}").name, "x");
}

TEST(DecoderTest, ADecoderForgetsTheRecordBefore) {
  Decoder decoder(DecoderOptions{Format::kSegment, "web", false, {}, 1 << 20});
  Decoded out;
  std::string track = Sample("segment_track.json");
  decoder.Decode(Record(track), out);
  std::string bare =
      R"({"type":"page","path":"x","name":"P","messageId":"m","timestamp":"2026-03-03T10:00:00Z"})";
  decoder.Decode(Record(bare), out);
  ASSERT_EQ(out.observations().size(), 1U);
  Observation expected;
  expected.kind = Observation::Kind::kPage;
  expected.source = "web";
  expected.id = "m";
  expected.name = "P";
  expected.time = At("2026-03-03T10:00:00Z");
  EXPECT_EQ(out.observations()[0], expected);
}

TEST(DecoderTest, FormatsHaveNames) {
  for (Format format : kFormats) {
    EXPECT_EQ(ParseFormat(Name(format)), format);
  }
  EXPECT_EQ(ParseFormat("avro"), std::nullopt);
}

}  // namespace
}  // namespace hotiron
