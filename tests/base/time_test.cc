#include "base/time.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

TEST(ParseTimeTest, ReadsWhatTheFormatsWrite) {
  EventTime expected = FromMillis(1'772'532'301'249);
  for (const char* text :
       {"2026-03-03T10:05:01.249Z", "2026-03-03 10:05:01.249", "2026-03-03T10:05:01.249999Z",
        "2026-03-03T12:05:01.249+02:00", "2026-03-03T04:35:01.249-0530"}) {
    EXPECT_EQ(ParseTime(text), expected) << text;
  }
  EXPECT_EQ(ParseTime("2026-03-03T10:05Z"), FromMillis(1'772'532'300'000));
  EXPECT_EQ(ParseTime("1970-01-01"), FromMillis(0));
}

TEST(ParseTimeTest, RefusesTheRest) {
  for (const char* text : {"", "yesterday", "2026-02-30T00:00:00Z", "2026-03-03T25:00:00Z",
                           "2026-03-03T10:61:00Z", "2026-03-03T10:05:01.Z", "2026-03-03T10:05:01X",
                           "2026-03-03T10:05:01+2", "1772532301249", "2026-3-3T10:05:01Z"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(FormatTimeTest, IsReadBack) {
  for (int64_t millis :
       {int64_t{0}, int64_t{1'772'532'301'249}, int64_t{-1}, int64_t{951'782'400'000}}) {
    EXPECT_EQ(ParseTime(FormatTime(FromMillis(millis))), FromMillis(millis));
  }
}

TEST(DurationTest, ReadsAndWritesUnits) {
  EXPECT_EQ(ParseDuration("250ms"), Duration{250});
  EXPECT_EQ(ParseDuration("14d"), std::chrono::days{14});
  EXPECT_EQ(FormatDuration(std::chrono::days{14}), "14d");
  EXPECT_EQ(FormatDuration(Duration{1500}), "1500ms");
  for (const char* text : {"", "d", "-1d", "1.5d", "14", "14 d", "14days", "99999999999999999d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hotiron
