#include "processors/policy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace hotiron {
namespace {

constexpr char kSmall[] = "version: 3\npolicies:\n  - name: strike\n    when: {points: 20}\n";

pb::PolicySet Read(const std::string& text) {
  Result<pb::PolicySet> policies = ParsePolicy(text, "policy.yaml");
  EXPECT_TRUE(policies.ok()) << policies.error().message;
  return policies.ok() ? policies.value() : pb::PolicySet();
}

std::string ErrorOf(const std::string& text) {
  Result<pb::PolicySet> policies = ParsePolicy(text, "policy.yaml");
  return policies.ok() ? "no error" : policies.error().message;
}

// The small policy with one more line in its only policy.
std::string With(const std::string& line) {
  return kSmall + std::string("    ") + line + "\n";
}

TEST(Policy, TheExampleIsRead) {
  std::ifstream file(EXAMPLE_POLICY);
  std::stringstream text;
  text << file.rdbuf();
  pb::PolicySet set = Read(text.str());
  ASSERT_EQ(set.policies_size(), 1);
  const pb::Policy& strike = set.policies(0);
  EXPECT_EQ(strike.name(), "strike");
  EXPECT_EQ(strike.measure(), pb::Policy::PROBABILITY);
  EXPECT_EQ(strike.threshold(), 0.25);
  EXPECT_EQ(strike.horizon_ms(), 14 * 86'400'000LL);
  EXPECT_EQ(strike.fallback().measure(), pb::Policy::PROGRESS);
  EXPECT_EQ(strike.fallback().threshold(), 60);
  EXPECT_EQ(strike.fallback().rearm(), 40);
  EXPECT_EQ(strike.people_min(), 2U);
  EXPECT_EQ(strike.cooldown_ms(), 14 * 86'400'000LL);
  EXPECT_EQ(strike.suppress().contacted_within_ms(), 3 * 86'400'000LL);
  EXPECT_EQ(strike.suppress().won_within_ms(), 180 * 86'400'000LL);
  EXPECT_EQ(strike.suppress().lost_within_ms(), 30 * 86'400'000LL);
  EXPECT_EQ(strike.suppress().opportunity_stages_size(), 2);
  EXPECT_FALSE(strike.suppress().customer());
  EXPECT_EQ(set.sale().segment_amounts(0).segment(), "enterprise");
  EXPECT_EQ(set.sale().segment_amounts(0).amount(), 120'000);
}

TEST(Policy, WhatIsLeftOutHasADefault) {
  pb::PolicySet set = Read(kSmall);
  EXPECT_EQ(set.version(), 3U);
  EXPECT_EQ(set.live_within_ms(), 900'000);
  EXPECT_EQ(set.reconsider_after_ms(), 60'000);
  const pb::Policy& policy = set.policies(0);
  EXPECT_EQ(policy.measure(), pb::Policy::POINTS);
  EXPECT_EQ(policy.rearm(), 15);
  EXPECT_EQ(policy.people_min(), 1U);
  EXPECT_EQ(policy.expires_ms(), 7 * 86'400'000LL);
  EXPECT_TRUE(policy.suppress().disqualified());
}

// ---------------------------------------------------------------- every error

TEST(Policy, ErrorsNameFileLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("version: 0\n"),
            "policy.yaml:1: version: '0' is not allowed; must be a whole number from 1 to "
            "1000000000");
  EXPECT_EQ(ErrorOf(With("cooldown: 14 days")),
            "policy.yaml:5: policies[0].cooldown: '14 days' is not allowed; must be a duration "
            "such as 250ms, 90s, 15m, 36h or 14d");
  EXPECT_EQ(ErrorOf(With("cooldwon: 14d")).substr(0, 58),
            "policy.yaml:5: policies[0].cooldwon: unknown key; allowed ");
}

TEST(Policy, EachMistakeIsNamed) {
  auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(ErrorOf(text).find(part), std::string::npos) << ErrorOf(text);
  };
  std::string head = "version: 1\npolicies:\n  - name: a\n";
  expect("policies: []\nversion: 1\n", "policies: give 1 to 16 policies");
  expect(std::string(kSmall).substr(11), "version: is missing");
  expect(head, "policies[0].when: is missing");
  expect(head + "    when: {}\n",
         "policies[0].when.points: give one of points, progress and probability");
  expect(head + "    when: {points: 1, progress: 2}\n",
         "give one of points, progress and probability");
  expect(head + "    when: {progress: 101}\n", "must be a number from 0.001 to 100");
  expect(head + "    when: {points: 0}\n", "must be a number from 0.001 to");
  expect(head + "    when: {points: 5, rearm: 5}\n", "policies[0].when.rearm: must be below");
  expect(head + "    when: {points: 5, rearm: 0}\n", "policies[0].when.rearm: '0' is not allowed");
  expect("version: 1\npolicies:\n  - when: {points: 5}\n", "policies[0].name: every policy needs");
  expect(With("expires: 0s"), "policies[0].expires: must be longer than 0");
  expect(With("buying_group: {people: 65}"), "a whole number from 0 to 64");
  expect(With("suppress: {customer: maybe}"), "must be true or false");
  expect(With("suppress: {open_opportunity_stages: late}"), "must be a list");
  expect(std::string(kSmall) + "  - name: strike\n    when: {points: 20}\n",
         "policies[1].name: is given to two policies");
  expect(std::string(kSmall) + "sale: {segment_amounts: {small: -1}}\n",
         "sale.segment_amounts.small: '-1' is not allowed");
  expect("version: [", "not valid YAML");
}

TEST(Policy, AProbabilityHasAHorizonAndMayHaveAFallback) {
  pb::Policy policy =
      Read(
          "version: 1\npolicies:\n  - name: likely\n    when: {probability: 0.5, horizon: 30d, "
          "otherwise: {points: 12, rearm: 6}}\n    capacity: {per_week: 40}\n")
          .policies(0);
  EXPECT_EQ(policy.measure(), pb::Policy::PROBABILITY);
  EXPECT_EQ(policy.threshold(), 0.5);
  EXPECT_NEAR(policy.rearm(), 0.2689, 1e-4);  // one logit below
  EXPECT_EQ(policy.horizon_ms(), 30 * 86'400'000LL);
  EXPECT_EQ(policy.fallback().measure(), pb::Policy::POINTS);
  EXPECT_EQ(policy.fallback().threshold(), 12);
  EXPECT_EQ(policy.fallback().rearm(), 6);
  EXPECT_EQ(policy.capacity_per_week(), 40);
  EXPECT_EQ(Read("version: 1\npolicies:\n  - {name: a, when: {probability: 0.5}}\n")
                .policies(0)
                .horizon_ms(),
            14 * 86'400'000LL);
}

TEST(Policy, WrongProbabilitiesAreErrors) {
  auto when = [](const std::string& text) {
    return ErrorOf("version: 1\npolicies:\n  - {name: a, when: {" + text + "}}\n");
  };
  EXPECT_NE(when("probability: 40").find("probability"), std::string::npos);
  EXPECT_NE(when("probability: 0.4, points: 3").find("one of points, progress and probability"),
            std::string::npos);
  EXPECT_NE(when("probability: 0.4, rearm: 0.5").find("must be below"), std::string::npos);
  EXPECT_NE(when("probability: 0.4, horizon: soon").find("is not a horizon"), std::string::npos);
  EXPECT_NE(when("probability: 0.4, otherwise: {}").find("either points or progress"),
            std::string::npos);
  EXPECT_NE(when("points: 4, horizon: 7d").find("horizon"), std::string::npos);
}

}  // namespace
}  // namespace hotiron
