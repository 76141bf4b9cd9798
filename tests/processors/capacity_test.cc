#include "processors/capacity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/processors/fixture.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;

pb::PolicySet WithCapacity(double per_week) {
  pb::PolicySet set = SmallPolicies();
  set.mutable_policies(0)->set_capacity_per_week(per_week);
  return set;
}

class Capacity : public testing::Test {
 protected:
  // So many triggers on each day up to the time, then a step.
  double Day(int opened) {
    time_ += days{1};
    for (int i = 0; i < opened; ++i) {
      controller_.Opened("strike", fmt::format("{}-{}", ToMillis(time_), i), time_ - hours{1});
    }
    if (auto next = controller_.Step(policies_, {}, in_force_, time_)) {
      EXPECT_EQ(next->version(), in_force_.version() + 1);
      in_force_ = *next;
    }
    return in_force_.thresholds_size() == 0 ? 0 : in_force_.thresholds(0).value();
  }

  pb::PolicySet policies_ = WithCapacity(14);
  RateController controller_;
  pb::Thresholds in_force_;
  EventTime time_ = At("03-01 00:00");
};

TEST_F(Capacity, BeginsWithTheStatedThreshold) {
  EXPECT_EQ(Day(0), 10);
}

TEST_F(Capacity, RisesWhileTooManyOpenAndFallsWhileTooFewDo) {
  Day(0);
  double busy = Day(20);
  EXPECT_GT(busy, 10);
  EXPECT_NEAR(busy, 10 * std::exp(0.1 * 2), 1e-9);  // ten times too many: as far as a step goes
  for (int day = 0; day < 30; ++day) {
    Day(0);
  }
  EXPECT_LT(in_force_.thresholds(0).value(), 10);
}

TEST_F(Capacity, StaysWhereTheTeamIsJustBusy) {
  Day(0);
  for (int day = 0; day < 30; ++day) {
    EXPECT_NEAR(Day(2), 10, 1e-9);
  }
}

TEST_F(Capacity, StepsOnceADayHoweverOftenItIsAsked) {
  Day(0);
  double once = Day(20);
  for (int hour = 1; hour < 24; ++hour) {
    EXPECT_FALSE(controller_.Step(policies_, {}, in_force_, time_ + hours{hour}));
  }
  EXPECT_EQ(in_force_.thresholds(0).value(), once);
}

TEST_F(Capacity, ATriggerSeenTwiceCountsOnce) {
  Day(0);
  for (int i = 0; i < 50; ++i) {
    controller_.Opened("strike", "the same", time_ + hours{5});
  }
  EXPECT_LT(Day(0), 10);
}

TEST_F(Capacity, AnotherStatedThresholdBeginsAnew) {
  Day(0);
  Day(20);
  policies_.mutable_policies(0)->set_threshold(12);
  EXPECT_EQ(Day(20), 12);
}

TEST_F(Capacity, WithoutACapacityNothingIsSteered) {
  policies_ = WithCapacity(0);
  EXPECT_FALSE(AnyCapacity(policies_));
  EXPECT_EQ(Day(20), 0);
}

// Accounts reach levels of all heights; a market that doubles half way through. The number that
// opens comes to what the team can take, and stays there.
TEST_F(Capacity, FindsTheRateOfAMarketAndFollowsItsChange) {
  const unsigned seed = 7;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  double threshold = Day(0);
  double opened = 0;
  for (int day = 0; day < 400; ++day) {
    double accounts = day < 200 ? 30 : 60;
    // Heights spread exponentially: above h come exp(-h / 5) of the accounts.
    std::poisson_distribution<int> above(accounts * std::exp(-threshold / 5));
    int today = above(random);
    threshold = Day(today);
    if (day >= 100 && day % 200 == 100) {
      opened = 0;
    }
    opened += today;
    if (day == 199 || day == 399) {
      EXPECT_NEAR(opened / 100 * 7, 14, 2.5) << "by day " << day;
    }
  }
}

TEST_F(Capacity, TheThresholdInForceIsTheSteeredOneWhileThePolicyStatesTheSame) {
  Day(0);
  double steered = Day(50);
  pb::Policy policy = policies_.policies(0);
  EXPECT_GT(steered, 10);
  EXPECT_EQ(ThresholdOf(policy, {}, in_force_)->value, steered);
  policy.set_threshold(11);
  EXPECT_EQ(ThresholdOf(policy, {}, in_force_)->value, 11);
}

TEST_F(Capacity, NoThresholdIsInForceWhereNothingCanBeGoneBy) {
  pb::Policy policy = policies_.policies(0);
  policy.set_measure(pb::Policy::PROBABILITY);
  policy.set_threshold(0.4);
  EXPECT_FALSE(ThresholdOf(policy, {}, {}).has_value());
  policy.mutable_fallback()->set_measure(pb::Policy::PROGRESS);
  policy.mutable_fallback()->set_threshold(60);
  EXPECT_EQ(ThresholdOf(policy, {}, {})->measure, pb::Policy::PROGRESS);
  EXPECT_EQ(ThresholdOf(policy, {}, {})->value, 60);
}

}  // namespace
}  // namespace hotiron
