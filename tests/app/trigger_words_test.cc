#include "app/trigger_words.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/time.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr EventTime kNow = FromMillis(1'772'535'600'000);

int64_t Ago(Duration age) {
  return ToMillis(kNow - age);
}

void AddReason(pb::Trigger& trigger, const std::string& label, uint64_t count, uint32_t people,
               Duration age, double points) {
  pb::Reason& reason = *trigger.add_reasons();
  reason.set_signal(label);
  reason.set_label(label);
  reason.set_count(count);
  reason.set_people(people);
  reason.set_last_ms(Ago(age));
  reason.set_points(points);
}

pb::Trigger Initech() {
  pb::Trigger trigger;
  trigger.set_state(pb::Trigger::OPENED);
  trigger.set_account("a:0011T00002J4kniQAB");
  trigger.set_name("Initech");
  trigger.set_segment("enterprise");
  trigger.set_owner("005Rj000005UEfQIAW");
  trigger.set_stage("comparing");
  trigger.set_progress(63.7);
  trigger.set_expected_value(80'000);
  trigger.set_opened_ms(ToMillis(kNow));
  trigger.set_as_of_ms(ToMillis(kNow));
  AddReason(trigger, "checked our security", 5, 3, minutes{12}, 12.2);
  AddReason(trigger, "looked at pricing", 4, 1, hours{3}, 9);
  trigger.set_people_active(4);
  trigger.set_people_new(2);
  for (const char* role : {"VP Operations", "", "Controller", "VP Operations"}) {
    trigger.add_people()->set_role(role);
  }
  trigger.add_questions("What would staying as you are put at risk?");
  trigger.add_questions("Who else has to agree?");
  trigger.set_play("account manager");
  return trigger;
}

TEST(TriggerWords, AnOpenTriggerSaysWhatWhyWhoAndWhatToAsk) {
  EXPECT_EQ(TriggerWords(Initech(), {.columns = 120}),
            "STRIKE NOW  Initech (enterprise)  comparing, 64 %  worth 80,000  owner "
            "005Rj000005UEfQIAW\n"
            "  why: checked our security, 5 times by 3 people, 12 min ago (+12); looked at "
            "pricing, 4 times, 3 h ago (+9)\n"
            "  who: 4 people active, 2 new this week (VP Operations, Controller)\n"
            "  ask: \"What would staying as you are put at risk?\"\n"
            "  do:  account manager\n");
}

void AddChance(pb::Trigger& trigger, Duration within, double probability, bool skill) {
  pb::Chance& chance = *trigger.add_chances();
  chance.set_horizon_ms(within.count());
  chance.set_probability(probability);
  chance.set_skill(skill);
}

void AddFactor(pb::Trigger& trigger, const std::string& label, uint64_t count, uint32_t people,
               double odds) {
  pb::Factor& factor = *trigger.add_factors();
  factor.set_signal(count > 0 ? label : "");
  factor.set_label(label);
  factor.set_count(count);
  factor.set_people(people);
  factor.set_logit(std::log(odds));
}

// "strike" goes by what a model says of 14 days.
pb::Trigger ByProbability(bool skill) {
  pb::Trigger trigger = Initech();
  trigger.clear_owner();
  trigger.set_measure("probability");
  trigger.set_horizon_ms(Duration{days{14}}.count());
  AddChance(trigger, days{7}, 0.21, skill);
  AddChance(trigger, days{14}, 0.384, skill);
  AddChance(trigger, days{30}, 0.5, skill);
  AddChance(trigger, Duration{0}, 0.6, skill);
  return trigger;
}

std::string LineOf(const std::string& words, size_t line) {
  size_t begin = 0;
  for (; line > 0; --line) {
    begin = words.find('\n', begin) + 1;
  }
  return words.substr(begin, words.find('\n', begin) - begin);
}

TEST(TriggerWords, AModelSaysHowLikelyAndWhatHasRaisedTheOdds) {
  pb::Trigger trigger = ByProbability(true);
  AddFactor(trigger, "looked at pricing", 3, 2, 2.41);
  AddFactor(trigger, "asked for a quote", 1, 1, 12.4);
  AddFactor(trigger, "it has fallen silent", 0, 0, 0.8);
  std::string words = TriggerWords(trigger, {.columns = 140});
  EXPECT_EQ(
      LineOf(words, 0),
      "STRIKE NOW  Initech (enterprise)  comparing, 64 %  38 % buy within 14 days  worth 80,000");
  EXPECT_EQ(LineOf(words, 1),
            "  why: checked our security, 5 times by 3 people, 12 min ago (+12); looked at "
            "pricing, 4 times, "
            "3 h ago (odds x2.4)");
  trigger.clear_reasons();  // nothing was done of late
  words = TriggerWords(trigger, {.columns = 140});
  EXPECT_EQ(
      LineOf(words, 1),
      "  why: looked at pricing, 3 times by 2 people: odds x2.4; asked for a quote: odds x12; "
      "against it: it has fallen silent: odds x0.8");
}

TEST(TriggerWords, WhoGoesBySomethingElseHearsOfTheLongestTimeThatEnds) {
  pb::Trigger trigger = ByProbability(true);
  trigger.set_measure("points");
  EXPECT_EQ(
      LineOf(TriggerWords(trigger, {.columns = 140}), 0),
      "STRIKE NOW  Initech (enterprise)  comparing, 64 %  50 % buy within 30 days  worth 80,000");
}

TEST(TriggerWords, AModelThatHasShownNoSkillIsNotQuoted) {
  std::string words = TriggerWords(ByProbability(false), {.columns = 140});
  EXPECT_EQ(LineOf(words, 0), "STRIKE NOW  Initech (enterprise)  comparing, 64 %  worth 80,000");
  EXPECT_EQ(LineOf(words, 1).substr(0, 27), "  why: checked our security");
}

TEST(TriggerWords, LinesAreCutAtTheEdgeOfTheTerminal) {
  EXPECT_EQ(TriggerWords(Initech(), {.columns = 40}),
            "STRIKE NOW  Initech (enterprise)  com...\n"
            "  why: checked our security, 5 times ...\n"
            "  who: 4 people active, 2 new this we...\n"
            "  ask: \"What would staying as you are...\n"
            "  do:  account manager\n");
  // A terminal of no width at all is taken for a narrow one.
  EXPECT_EQ(TriggerWords(Initech(), {.columns = 0}).find('\n'), 20U);
}

TEST(TriggerWords, CutsBetweenCharactersNotInsideThem) {
  pb::Trigger trigger = Initech();
  trigger.set_state(pb::Trigger::EXPIRED);
  trigger.set_name("Ünïçø∂é Gmbh");
  EXPECT_EQ(TriggerWords(trigger, {.columns = 20}), "EXPIRED     Ünïçø...\n");
}

TEST(TriggerWords, ColoursOnlyTheHeads) {
  pb::Trigger trigger = Initech();
  trigger.clear_reasons();
  trigger.clear_questions();
  trigger.clear_play();
  trigger.clear_people();
  EXPECT_EQ(TriggerWords(trigger, {.columns = 40, .colour = true}),
            "\x1b[1;31mSTRIKE NOW  \x1b[0mInitech (enterprise)  com...\n"
            "\x1b[2m  who: \x1b[0m4 people active, 2 new this week\n");
}

TEST(TriggerWords, WhatIsOverTakesOneLine) {
  pb::Trigger trigger = Initech();
  trigger.clear_owner();
  trigger.set_feedback_reason("wrong timing");
  trigger.set_state(pb::Trigger::DISMISSED);
  EXPECT_EQ(TriggerWords(trigger, {}),
            "DISMISSED   Initech (enterprise)  comparing, 64 %  worth 80,000  wrong timing\n");
  trigger.clear_feedback_reason();
  trigger.set_state(pb::Trigger::RETRACTED);
  EXPECT_EQ(TriggerWords(trigger, {}),
            "TAKEN BACK  Initech (enterprise)  comparing, 64 %  worth 80,000\n");
  trigger.set_state(pb::Trigger::SNOOZED);
  trigger.set_snoozed_until_ms(ToMillis(kNow + days{3}));
  EXPECT_EQ(TriggerWords(trigger, {}),
            "SNOOZED     Initech (enterprise)  comparing, 64 %  worth 80,000  for 3 days\n");
}

TEST(TriggerWords, ARaisedOneSaysHowLongItHasBeenOpen) {
  pb::Trigger trigger = Initech();
  trigger.set_state(pb::Trigger::RAISED);
  trigger.set_opened_ms(Ago(hours{5}));
  trigger.clear_owner();
  std::string words = TriggerWords(trigger, {});
  EXPECT_EQ(words.substr(0, words.find('\n')),
            "HOTTER      Initech (enterprise)  comparing, 64 %  worth 80,000  open for 5 h");
}

TEST(TriggerWords, AnAccountThatTheCrmDoesNotKnow) {
  pb::Trigger trigger;
  trigger.set_state(pb::Trigger::OPENED);
  trigger.set_account("d:initech.example");
  trigger.set_stage("exploring");
  trigger.set_progress(31);
  trigger.set_people_active(1);
  trigger.set_as_of_ms(ToMillis(kNow));
  AddReason(trigger, "asked for a demo", 1, 1, Duration{0}, 0.2);
  trigger.set_play("Call today");
  EXPECT_EQ(TriggerWords(trigger, {}),
            "STRIKE NOW  initech.example  exploring, 31 %\n"
            "  why: asked for a demo, just now (+1)\n"
            "  who: 1 person active\n"
            "  do:  Call today\n");
}

TEST(TriggerWords, NamesCannotSteerTheTerminal) {
  pb::Trigger trigger = Initech();
  trigger.set_state(pb::Trigger::CLOSED);
  trigger.set_name(
      "In\x1b[2Jit\nech\xc2\x9b"
      "1m\xff");
  trigger.clear_owner();
  EXPECT_EQ(
      TriggerWords(trigger, {}),
      "CLOSED      In [2Jit ech 1m\xef\xbf\xbd (enterprise)  comparing, 64 %  worth 80,000\n");
}

TEST(TriggerWords, AmountsAreReadable) {
  pb::Trigger trigger = Initech();
  trigger.set_state(pb::Trigger::CLOSED);
  trigger.clear_owner();
  trigger.clear_segment();
  for (auto [amount, said] :
       {std::pair{999.0, "999"}, std::pair{1'000.0, "1,000"}, std::pair{123'456.0, "123,456"},
        std::pair{12'345'678.0, "12,345,678"}}) {
    trigger.set_expected_value(amount);
    EXPECT_EQ(TriggerWords(trigger, {}),
              std::string("CLOSED      Initech  comparing, 64 %  worth ") + said + "\n");
  }
}

}  // namespace
}  // namespace hotiron
