// Records that come late or twice end in the state that they would have ended in.

#include "tests/processors/disorder.h"

#include <gtest/gtest.h>

#include "tests/processors/invented_market.h"

namespace hotiron {
namespace {

TEST(Disorder, DuplicatesAndLateRecordsEndAsIfInOrder) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    LabelledHistory market = Invent({.accounts = 300, .seed = seed});
    AfterDisorder after = PlayDisordered(market, SmallCatalogue(), {.seed = seed});
    EXPECT_EQ(after.accounts, 300U);
    EXPECT_GT(after.repeated, 50U);
    EXPECT_EQ(after.differing, 0U) << "seed " << seed << ": " << after.example;
    // Later than the 14 days that a log goes back, or never heard of again: a few in ten thousand.
    EXPECT_LT(after.too_late * 1'000, after.records) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hotiron
