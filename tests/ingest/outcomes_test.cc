#include "ingest/outcomes.h"

#include <gtest/gtest.h>

#include "tests/temp_dir.h"

namespace hotiron {
namespace {

class OutcomesTest : public testing::Test {
 protected:
  Result<std::vector<OutcomeRow>> Read(const std::string& text) {
    return ReadOutcomes(directory_.Write("o.csv", text), repeated_);
  }

  // The error without the directory.
  std::string ProblemOf(const std::string& text) {
    Result<std::vector<OutcomeRow>> rows = Read(text);
    return rows.ok() ? "" : rows.error().message.substr(directory_.path().string().size() + 1);
  }

  TempDir directory_;
  uint64_t repeated_ = 0;
};

TEST_F(OutcomesTest, ReadsRowsInAnyOrderOfColumns) {
  auto rows = Read(
      "outcome,account,extra,outcome_ts,start_ts,owner\n"
      "won,a,x,2026-01-03T00:00:00Z,2026-01-01T00:00:00Z,kim\n"
      "open,b,x,,,\n"
      ",c,x,,2026-01-02T00:00:00Z,\n");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_EQ(rows.value().size(), 3U);
  EXPECT_EQ(rows.value()[0].account, "a");
  EXPECT_EQ(FormatTime(*rows.value()[0].time), "2026-01-03T00:00:00.000Z");
  EXPECT_EQ(FormatTime(*rows.value()[0].start), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(rows.value()[0].owner, "kim");
  EXPECT_TRUE(rows.value()[1].open());
  EXPECT_TRUE(rows.value()[2].open());
}

TEST_F(OutcomesTest, StartIsOptional) {
  EXPECT_TRUE(Read("account,outcome,outcome_ts\na,won,2026-01-03T00:00:00Z\n").ok());
}

TEST_F(OutcomesTest, SayingTheSameTwiceIsCountedSayingOtherwiseIsAnError) {
  constexpr const char* kTwice =
      "account,outcome,outcome_ts\n"
      "a,won,2026-01-03T00:00:00Z\n"
      "a,won,2026-01-03T00:00:00Z\n";
  auto rows = Read(kTwice);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows.value().size(), 1U);
  EXPECT_EQ(repeated_, 1U);
  EXPECT_EQ(ProblemOf(std::string(kTwice) + "a,lost,2026-01-03T00:00:00Z\n"),
            "o.csv:4: line 2 states another outcome of the same account; an account has one (name "
            "its journeys apart)");
}

TEST_F(OutcomesTest, ErrorsNameFileAndLine) {
  EXPECT_EQ(ProblemOf(""),
            "o.csv:1: the header must name the columns account, outcome and outcome_ts (and may "
            "name start_ts and owner); 'account' is missing");
  EXPECT_EQ(ProblemOf("account,outcome,outcome_ts\na,won,\n"),
            "o.csv:2: outcome_ts is empty; only an outcome 'open' or an empty one has none");
  EXPECT_EQ(ProblemOf("account,outcome,outcome_ts\na,won,yesterday\n"),
            "o.csv:2: outcome_ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100");
  EXPECT_EQ(ProblemOf("account,outcome,outcome_ts\n,won,2026-01-03T00:00:00Z\n"),
            "o.csv:2: account is empty");
  EXPECT_EQ(ProblemOf("account,outcome,outcome_ts\na,won\n"),
            "o.csv:2: the row has 2 values, the header 3");
}

}  // namespace
}  // namespace hotiron
