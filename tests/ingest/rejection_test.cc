#include "ingest/rejection.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/hash.h"
#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

TEST(RejectionTest, RecordSaysWhatWhyAndWhere) {
  InputRecord input = Record("{\"batch\":[1,2]}");
  input.key = "k";
  RejectedRecord record =
      MakeRejected(input, {RejectReason::kBadField, "time: must be", 10, 1}, "site");
  EXPECT_EQ(record.key, "k");
  EXPECT_EQ(record.value, "1");
  std::map<std::string, std::string> headers(record.headers.begin(), record.headers.end());
  EXPECT_EQ(headers, (std::map<std::string, std::string>{{"reason", "bad_field"},
                                                         {"detail", "time: must be"},
                                                         {"source", "site"},
                                                         {"topic", "web"},
                                                         {"partition", "3"},
                                                         {"offset", "42"},
                                                         {"timestamp", "2026-03-03T12:00:00.000Z"},
                                                         {"size", "1"},
                                                         {"xxh3", Hex(Hash64("1"))}}));
}

TEST(RejectionTest, LargeValuesAreCutAndSizeAndHashTellOfTheWhole) {
  std::string large(kRejectedBytesMax + 10, 'x');
  RejectedRecord record = MakeRejected(Record(large), {RejectReason::kTooLarge, ""}, "site");
  EXPECT_EQ(record.value.size(), kRejectedBytesMax);
  EXPECT_EQ(record.headers[7].second, "65546");
  EXPECT_EQ(record.headers[8].second, Hex(Hash64(large)));
  InputRecord tombstone = Record("");
  tombstone.value.reset();
  EXPECT_EQ(MakeRejected(tombstone, {RejectReason::kNullValue, ""}, "site").value, "");
}

TEST(RejectionTest, NamesDiffer) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kRejectReasons; ++i) {
    names.insert(Name(static_cast<RejectReason>(i)));
  }
  EXPECT_EQ(names.size(), kRejectReasons);
  names.clear();
  for (size_t i = 0; i < kIgnoreReasons; ++i) {
    names.insert(Name(static_cast<IgnoreReason>(i)));
  }
  EXPECT_EQ(names.size(), kIgnoreReasons);
}

}  // namespace
}  // namespace hotiron
