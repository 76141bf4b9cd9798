#include "processors/decisions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "fixture.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

// One account, one policy (10 points, armed again below 5), and what happens to it. Every test's
// log is run again in other cuts, which must not change a bit of what was decided.
class Decisions : public testing::Test {
 protected:
  Decisions() { Levers("02-01 00:00", SmallPolicies()); }

  void TearDown() override {
    std::vector<std::string> expected = runner_.TriggerTexts();
    for (Cut cut : {Cut::kCommit, Cut::kReopen}) {
      Runner again;
      again.Run(log_, [cut] { return cut; });
      EXPECT_EQ(again.TriggerTexts(), expected);
      EXPECT_EQ(again.Rows(), runner_.Rows());
    }
  }

  void Append(EventTime timestamp, const pb::TaskRecord& record) {
    log_.push_back(MakeLine(timestamp, "a:acme", record));
    runner_.Run(log_);
  }

  void Levers(std::string_view time, const pb::PolicySet& policies) {
    if (log_.empty()) {
      Append(At(time), MakeCatalogue(SmallCatalogue()));
    }
    Append(At(time), MakePolicies(policies));
  }

  // A lever of another version: the small policies, changed.
  void ChangePolicy(std::string_view time, const std::function<void(pb::Policy&)>& change) {
    policies_ = SmallPolicies(++version_);
    change(*policies_.mutable_policies(0));
    Levers(time, policies_);
  }

  void Signal(std::string_view signal, std::string_view by, std::string_view time,
              SignalSpec spec = {}) {
    spec.by = by;
    Append(At(time), MakeSignal(signal, At(time), spec));
  }

  // Taken in long after it happened.
  void OldSignal(std::string_view signal, std::string_view time, std::string_view taken_in) {
    Append(At(taken_in), MakeSignal(signal, At(time)));
  }

  void Fact(std::string_view subject, std::string_view field, std::string_view value,
            std::string_view time) {
    Append(At(time), MakeFact(subject, {{std::string(field), std::string(value)}}, At(time)));
  }

  void Feedback(pb::Feedback::Action action, std::string_view time, std::string_view until = "",
                std::string reason = "", uint64_t id = 0, std::string trigger = "") {
    pb::TaskRecord record;
    record.set_version(1);
    pb::Feedback* feedback = record.mutable_feedback();
    feedback->set_trigger(trigger.empty() ? runner_.done.triggers.back().id() : trigger);
    feedback->set_action(action);
    feedback->set_reason(std::move(reason));
    feedback->set_until_ms(until.empty() ? 0 : ToMillis(At(until)));
    feedback->set_id(id != 0 ? id : log_.size());
    Append(At(time), record);
  }

  void Undo(uint64_t what, std::string_view time) {
    pb::TaskRecord record;
    record.set_version(1);
    pb::Feedback* feedback = record.mutable_feedback();
    feedback->set_trigger(runner_.done.triggers.back().id());
    feedback->set_action(pb::Feedback::UNDO);
    feedback->set_undoes(what);
    feedback->set_id(1'000'000 + log_.size());
    Append(At(time), record);
  }

  void Tick(std::string_view time) { Append(At(time), MakeTick()); }

  // Ten points at once: quote 8 and docs 2.
  void Opens(std::string_view time) {
    Signal("docs_page", "anna", time);
    Signal("quote", "anna", time);
    EXPECT_EQ(News(), fmt::format("opened {}", time));
  }

  // Revisions since the last call: "opened 03-01 10:00; expired 03-08 10:00".
  std::string News() {
    std::string news;
    for (; seen_ < runner_.done.triggers.size(); ++seen_) {
      const pb::Trigger& trigger = runner_.done.triggers[seen_];
      news += fmt::format("{}{} {}", news.empty() ? "" : "; ", StateName(trigger.state()),
                          Short(FromMillis(trigger.as_of_ms())));
    }
    return news;
  }

  const pb::Trigger& Last() { return runner_.done.triggers.back(); }

  std::string Suppressed() {
    const Account* account = runner_.Find("a:acme");
    return account->ledger.empty() ? "no ledger" : account->ledger[0].suppressed();
  }

  // When something is to be decided next.
  std::string Timer() {
    const Account& account = *runner_.Find("a:acme");
    int64_t due_ms = Decider::NextTimer(account);
    int64_t retell_ms = account.retell_ms;
    int64_t first_ms = due_ms == 0 || (retell_ms != 0 && retell_ms < due_ms) ? retell_ms : due_ms;
    std::optional<EventTime> timer = runner_.task->NextTimer();
    EXPECT_EQ(timer ? ToMillis(*timer) : 0, first_ms);
    return due_ms == 0 ? "none" : Short(FromMillis(due_ms));
  }

  uint64_t Count(Verdict verdict) { return runner_.done.verdicts[static_cast<size_t>(verdict)]; }

  std::vector<Line> log_;
  Runner runner_;
  pb::PolicySet policies_;
  uint32_t version_ = 1;
  size_t seen_ = 0;
};

TEST_F(Decisions, OpensWhenTheLevelIsReachedAndOnlyOnce) {
  Signal("quote", "anna", "03-01 10:00");
  EXPECT_EQ(News(), "");
  Signal("docs_page", "anna", "03-01 10:00");
  EXPECT_EQ(News(), "opened 03-01 10:00");
  Signal("docs_page", "ben", "03-01 11:00");
  Signal("docs_page", "ben", "03-01 12:00");
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, ATriggersIdIsMadeOfAccountPolicyAndEpisode) {
  Opens("03-01 10:00");
  EXPECT_EQ(Last().id(),
            Hex(Hash64(fmt::format("a:acme\nstrike\n{}", ToMillis(At("03-01 10:00"))))));
  EXPECT_EQ(Last().revision(), 1U);
  EXPECT_EQ(Last().account(), "a:acme");
  EXPECT_EQ(Last().policy_version(), 1U);
  EXPECT_EQ(Last().catalogue_version(), 1U);
}

TEST_F(Decisions, ATriggerCarriesTheInputRecordThatFiredIt) {
  Signal("quote", "anna", "03-01 10:00");
  pb::TaskRecord record = MakeSignal("pricing_page", At("03-01 10:01"));
  record.mutable_cause()->set_topic("web");
  record.mutable_cause()->set_partition(3);
  record.mutable_cause()->set_offset(77);
  record.mutable_cause()->set_timestamp_ms(5);
  Append(At("03-01 10:01"), record);
  ASSERT_EQ(News(), "opened 03-01 10:01");
  EXPECT_EQ(Last().cause().SerializeAsString(), record.cause().SerializeAsString());
}

TEST_F(Decisions, FiresAgainAfterTheLevelFellAndTheCooldownPassed) {
  Opens("03-01 10:00");
  Signal("quote", "anna", "03-20 10:00");  // far below 5 before it: armed again
  EXPECT_EQ(News(), "expired 03-08 10:00");
  Signal("docs_page", "anna", "03-20 11:00");
  EXPECT_EQ(News(), "opened 03-20 11:00");
  EXPECT_EQ(Last().revision(), 1U);
}

TEST_F(Decisions, DoesNotFireAgainWithoutAFallBelowTheRearmLevel) {
  Opens("03-01 10:00");
  for (int day = 2; day < 31; ++day) {
    Signal("docs_page", "anna", fmt::format("03-{:02} 10:00", day));
    Signal("pricing_page", "anna", fmt::format("03-{:02} 11:00", day));
  }
  EXPECT_EQ(News(), "expired 03-08 10:00");
}

TEST_F(Decisions, ATimerOpensWhenTheCooldownEnds) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) {
    policy.set_rearm(9.9);
    policy.set_expires_ms(Duration{hours{1}}.count());
    policy.set_cooldown_ms(Duration{hours{24}}.count());
  });
  Opens("03-01 10:00");
  Tick("03-01 18:00");
  Signal("quote", "anna", "03-01 20:00");
  EXPECT_EQ(News(), "expired 03-01 11:00");
  EXPECT_EQ(Suppressed(), "cooldown");
  EXPECT_EQ(Timer(), "03-02 10:00");
  Tick("03-02 10:30");
  EXPECT_EQ(News(), "opened 03-02 10:00");
  EXPECT_FALSE(Last().has_cause());
}

TEST_F(Decisions, WaitsForTheBuyingGroup) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_people_min(2); });
  Signal("quote", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(Suppressed(), "buying_group");
  EXPECT_EQ(Timer(), "none");
  Signal("blog_page", "ben", "03-01 12:00");
  EXPECT_EQ(News(), "opened 03-01 12:00");
  EXPECT_EQ(Last().people_active(), 2U);
}

TEST_F(Decisions, PeopleLongUnseenAreNoLongerInTheBuyingGroup) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_people_min(2); });
  Signal("blog_page", "ben", "02-03 10:00");
  Signal("quote", "anna", "03-10 10:00");
  Signal("docs_page", "anna", "03-10 10:00");
  EXPECT_EQ(Suppressed(), "buying_group");
}

TEST_F(Decisions, StaysQuietForCustomersAndTheDisqualified) {
  ChangePolicy("02-02 00:00",
               [](pb::Policy& policy) { policy.mutable_suppress()->set_customer(true); });
  Fact("", "relationship", "Customer", "02-03 00:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(Suppressed(), "customer");
  Fact("", "relationship", "Prospect", "03-01 10:30");
  EXPECT_EQ(News(), "opened 03-01 10:30");
}

TEST_F(Decisions, StaysQuietForTheDisqualified) {
  Fact("", "status", "Disqualified", "02-03 00:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(Suppressed(), "disqualified");
  EXPECT_EQ(runner_.done.suppressions.size(), 1U);
  Signal("docs_page", "anna", "03-01 10:30");
  EXPECT_EQ(runner_.done.suppressions.size(), 1U) << "counted when it begins, not at every record";
}

TEST_F(Decisions, StaysQuietWhileAnOpportunityIsInALateStage) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) {
    policy.mutable_suppress()->add_opportunity_stages("Negotiation");
  });
  Fact("opportunity:1", "stage", "Negotiation", "02-03 00:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(Suppressed(), "open_opportunity");
  Fact("opportunity:1", "stage", "Closed Lost", "03-01 10:30");
  EXPECT_EQ(News(), "opened 03-01 10:30");
}

TEST_F(Decisions, WhatIsWonOrLostIsNoCallNow) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) {
    policy.mutable_suppress()->set_lost_within_ms(Duration{days{30}}.count());
    policy.mutable_suppress()->set_won_within_ms(Duration{days{60}}.count());
  });
  Fact("opportunity:1", "stage", "Closed Lost", "02-03 00:00");
  Fact("opportunity:2", "stage", "Qualification", "02-28 00:00");
  Opens("03-01 10:00");
  Fact("opportunity:2", "closed", "true", "03-02 10:00");
  EXPECT_EQ(News(), "retracted 03-02 10:00");
  EXPECT_EQ(Last().feedback_reason(), "closed_opportunity");
  Signal("quote", "ben", "03-31 10:00");
  Signal("quote", "ben", "03-31 11:00");
  EXPECT_EQ(Suppressed(), "closed_opportunity");
  EXPECT_EQ(Timer(), "04-01 10:00");
  Tick("04-01 12:00");
  EXPECT_EQ(News(), "opened 04-01 10:00");
}

TEST_F(Decisions, WaitsUntilTheLastContactIsLongEnoughAgo) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) {
    policy.mutable_suppress()->set_contacted_within_ms(Duration{hours{72}}.count());
  });
  Signal("call", "rep", "03-01 09:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("quote", "anna", "03-01 11:00");
  EXPECT_EQ(Suppressed(), "contacted");
  EXPECT_EQ(Timer(), "03-04 09:00");
  Tick("03-04 10:00");
  EXPECT_EQ(News(), "opened 03-04 09:00");
}

TEST_F(Decisions, ExpiresAtItsTimeWhenTheNextRecordIsLater) {
  Opens("03-01 10:00");
  EXPECT_EQ(Timer(), "03-08 10:00");
  Tick("03-08 09:59");
  EXPECT_EQ(News(), "");
  Tick("03-09 00:00");
  EXPECT_EQ(News(), "expired 03-08 10:00");
  EXPECT_EQ(Timer(), "none");
}

TEST_F(Decisions, ASnoozedTriggerWakesAtItsTime) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-03 08:00", "after the fair");
  EXPECT_EQ(News(), "snoozed 03-01 11:00");
  EXPECT_EQ(Timer(), "03-03 08:00");
  Signal("docs_page", "anna", "03-02 10:00");
  EXPECT_EQ(News(), "");
  Tick("03-03 12:00");
  EXPECT_EQ(News(), "opened 03-03 08:00");
  EXPECT_EQ(Short(FromMillis(Last().told_ms())), "03-01 10:00");  // the reasons are those of then
  EXPECT_EQ(Last().snoozed_until_ms(), 0);
  EXPECT_EQ(Last().feedback_reason(), "");
}

TEST_F(Decisions, ASnoozedTriggerWakesEarlyOnAHigherStage) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_threshold(6); });
  Signal("pricing_page", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:05");
  EXPECT_EQ(News(), "");
  Signal("blog_page", "anna", "03-01 10:06");
  EXPECT_EQ(News(), "opened 03-01 10:06");
  EXPECT_EQ(Last().stage(), "comparing");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-05 08:00");
  Signal("quote", "ben", "03-02 10:00");
  EXPECT_EQ(News(), "snoozed 03-01 11:00; raised 03-02 10:00");
  EXPECT_EQ(Short(FromMillis(Last().told_ms())), "03-02 10:00");
  EXPECT_EQ(Short(FromMillis(Last().since_ms())), "03-01 10:06");  // when it opened
  EXPECT_EQ(Last().stage(), "deciding");
  EXPECT_EQ(Last().snoozed_until_ms(), 0);
  EXPECT_EQ(Last().revision(), 3U);
}

TEST_F(Decisions, ASnoozeBeyondTheExpiryMovesTheExpiry) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-20 08:00");
  Tick("03-21 00:00");
  EXPECT_EQ(News(), "snoozed 03-01 11:00; opened 03-20 08:00");
  Tick("04-01 00:00");
  EXPECT_EQ(News(), "expired 03-27 08:00");
}

TEST_F(Decisions, ASnoozeNeedsATimeToCome) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00");
  EXPECT_EQ(runner_.done.rejects.back().reason, "bad_feedback");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-01 10:30");
  EXPECT_EQ(Count(Verdict::kLate), 1U);
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, ADismissalEndsTheEpisode) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::DISMISS, "03-01 11:00", "", "no budget");
  EXPECT_EQ(News(), "dismissed 03-01 11:00");
  EXPECT_EQ(Last().feedback_reason(), "no budget");
  EXPECT_EQ(Timer(), "none");
  Signal("quote", "anna", "03-02 10:00");
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, AnAcceptedTriggerIsNeitherRetractedNorExpired) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::ACCEPT, "03-01 11:00");
  Fact("", "status", "Disqualified", "03-02 10:00");
  Tick("03-30 00:00");
  EXPECT_EQ(News(), "accepted 03-01 11:00");
  Feedback(pb::Feedback::OUTCOME, "04-01 11:00", "", "won");
  EXPECT_EQ(News(), "closed 04-01 11:00");
  EXPECT_EQ(Last().feedback_reason(), "won");
}

TEST_F(Decisions, AnUndoneTriggerIsWhatItWasBefore) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-20 08:00", "after the fair", 7);
  Undo(7, "03-01 11:01");
  EXPECT_EQ(News(), "snoozed 03-01 11:00; opened 03-01 11:01");
  EXPECT_EQ(Last().feedback_reason(), "");
  EXPECT_EQ(Last().snoozed_until_ms(), 0);
  EXPECT_EQ(Timer(), "03-08 10:00");
  Feedback(pb::Feedback::DISMISS, "03-01 12:00", "", "no budget", 8);
  Undo(8, "03-01 12:01");
  Tick("03-09 00:00");
  EXPECT_EQ(News(), "dismissed 03-01 12:00; opened 03-01 12:01; expired 03-08 10:00");
}

TEST_F(Decisions, OnlyTheLastFeedbackCanBeUndoneAndOnlyOnce) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::ACCEPT, "03-01 11:00", "", "", 7);
  Undo(6, "03-01 11:01");
  Feedback(pb::Feedback::OUTCOME, "03-01 11:02", "", "won", 8);
  Undo(7, "03-01 11:03");
  EXPECT_EQ(News(), "accepted 03-01 11:00; closed 03-01 11:02");
  Undo(8, "03-01 11:04");
  Undo(8, "03-01 11:05");
  EXPECT_EQ(News(), "accepted 03-01 11:04");
}

TEST_F(Decisions, WhatHasHappenedSinceStandsAgainstAnUndo) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-02 08:00", "", 7);
  Tick("03-02 09:00");
  Undo(7, "03-02 09:01");
  EXPECT_EQ(News(), "snoozed 03-01 11:00; opened 03-02 08:00");
}

TEST_F(Decisions, AFactOfTheCrmRetractsAnOpenTrigger) {
  Opens("03-01 10:00");
  Fact("", "status", "disqualified", "03-02 10:00");
  EXPECT_EQ(News(), "retracted 03-02 10:00");
  EXPECT_EQ(Last().feedback_reason(), "disqualified");
  EXPECT_EQ(Timer(), "none");
}

TEST_F(Decisions, AHigherStageRaisesAnOpenTrigger) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_threshold(3); });
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(News(), "opened 03-01 10:00");
  Signal("quote", "ben", "03-01 11:00");
  EXPECT_EQ(News(), "raised 03-01 11:00");
  ASSERT_EQ(Last().reasons_size(), 1);
  EXPECT_EQ(Last().reasons(0).signal(), "quote") << "what is new since the last revision";
  Signal("quote", "ben", "03-01 12:00");
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, NewNamesOfStagesAreNoRise) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_threshold(3); });
  Signal("pricing_page", "anna", "03-01 10:00");
  EXPECT_EQ(News(), "opened 03-01 10:00");
  pb::Catalogue catalogue = SmallCatalogue(2);
  catalogue.clear_stages();
  for (const char* stage : {"a", "b", "c", "comparing", "d", "e"}) {
    catalogue.add_stages(stage);
  }
  for (pb::SignalDefinition& signal : *catalogue.mutable_signals()) {
    signal.set_anchor(signal.anchor() == 3 ? 4 : signal.anchor());
  }
  catalogue.set_stages(3, "x");
  Append(At("03-01 11:00"), MakeCatalogue(catalogue));
  Signal("blog_page", "anna", "03-01 12:00");
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, AnOldRecordOpensNothingItselfButIsLookedAtSoon) {
  OldSignal("quote", "03-01 10:00", "03-01 12:00");
  OldSignal("quote", "03-01 10:01", "03-01 12:00");
  EXPECT_EQ(News(), "");
  EXPECT_EQ(Timer(), "03-01 12:01");
  OldSignal("docs_page", "03-01 10:02", "03-01 12:00");
  EXPECT_EQ(Timer(), "03-01 12:01");
  Tick("03-01 12:05");
  EXPECT_EQ(News(), "opened 03-01 12:01");
}

TEST_F(Decisions, ABacklogDoesNotPutOffTheSecondLook) {
  OldSignal("quote", "03-01 10:00", "03-01 12:00");
  OldSignal("quote", "03-01 10:01", "03-01 12:00");
  Append(At("03-01 12:00") + std::chrono::seconds{50}, MakeSignal("docs_page", At("03-01 10:02")));
  EXPECT_EQ(Timer(), "03-01 12:01");
}

TEST_F(Decisions, AnOldRecordThatWouldRaiseIsLookedAtSoonToo) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_threshold(3); });
  Signal("pricing_page", "anna", "03-01 10:00");
  OldSignal("quote", "03-01 10:30", "03-01 12:00");
  EXPECT_EQ(News(), "opened 03-01 10:00");
  Tick("03-01 13:00");
  EXPECT_EQ(News(), "raised 03-01 12:01");
}

TEST_F(Decisions, HistoryNeitherFiresNorMovesTimeNorTimers) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 11:00", "03-02 08:00");
  News();
  for (int i = 0; i < 9; ++i) {
    SignalSpec spec{.history = true};
    Append(At("03-05 10:00"), MakeSignal("quote", At("02-10 10:00") + hours{i}, spec));
  }
  EXPECT_EQ(News(), "");
  EXPECT_EQ(Short(runner_.task->time()), "03-01 11:00");
  EXPECT_EQ(Timer(), "03-02 08:00");
  EXPECT_EQ(runner_.Find("a:acme")->journey.events(), 11U);
}

TEST_F(Decisions, AHistoryThatReachesTheLevelOpensAtTheNextLiveRecord) {
  SignalSpec spec{.history = true};
  Append(At("03-01 10:00"), MakeSignal("quote", At("03-01 09:00"), spec));
  Append(At("03-01 10:00"), MakeSignal("quote", At("03-01 09:01"), spec));
  Tick("03-01 10:05");
  EXPECT_EQ(News(), "");
  Signal("blog_page", "anna", "03-01 10:06");
  EXPECT_EQ(News(), "opened 03-01 10:06");
}

// An event time ahead of the task's time must not be worth more than one of now.
TEST_F(Decisions, ASignalAheadOfTimeIsNotWorthMoreForIt) {
  SignalSpec spec{.history = true};
  Append(At("03-01 10:00"), MakeSignal("blog_page", At("2030-01-01T00:00:00Z"), spec));
  Signal("blog_page", "anna", "03-01 10:06");
  EXPECT_EQ(News(), "");
}

TEST_F(Decisions, APolicyTakesEffectAtTheNextRecordOfTheAccount) {
  Signal("quote", "anna", "03-01 10:00");
  ChangePolicy("03-01 10:10", [](pb::Policy& policy) { policy.set_threshold(7); });
  Tick("03-01 10:20");
  EXPECT_EQ(News(), "");
  Signal("careers_page", "anna", "03-01 10:30");
  EXPECT_EQ(News(), "opened 03-01 10:30");
  EXPECT_EQ(Last().policy_version(), 2U);
  EXPECT_EQ(Last().threshold(), 7);
}

TEST_F(Decisions, ThePolicyThatIsTakenOutRetractsItsTriggersAndIsForgotten) {
  Opens("03-01 10:00");
  ChangePolicy("03-01 11:00", [](pb::Policy& policy) { policy.set_name("other"); });
  Signal("careers_page", "anna", "03-01 12:00");
  EXPECT_EQ(News(), "opened 03-01 12:00; retracted 03-01 12:00");
  ASSERT_EQ(runner_.Find("a:acme")->ledger.size(), 1U);
  EXPECT_EQ(runner_.Find("a:acme")->ledger[0].policy(), "other");
}

TEST_F(Decisions, FeedbackTwiceIsADuplicate) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::ACCEPT, "03-01 11:00", "", "", 99);
  Feedback(pb::Feedback::ACCEPT, "03-01 11:00", "", "", 99);
  EXPECT_EQ(Count(Verdict::kDuplicate), 1U);
  EXPECT_EQ(News(), "accepted 03-01 11:00");
}

TEST_F(Decisions, FeedbackThatNoLongerAppliesIsLate) {
  Opens("03-01 10:00");
  std::string first = Last().id();
  Feedback(pb::Feedback::DISMISS, "03-01 11:00");
  Feedback(pb::Feedback::ACCEPT, "03-01 12:00");
  Feedback(pb::Feedback::SNOOZE, "03-01 12:00", "03-05 10:00");
  Feedback(pb::Feedback::ACCEPT, "03-01 12:00", "", "", 0, "feedfeedfeedfeed");
  EXPECT_EQ(Count(Verdict::kLate), 3U);
  EXPECT_EQ(News(), "dismissed 03-01 11:00");
  Opens("03-20 10:00");
  Feedback(pb::Feedback::OUTCOME, "03-20 12:00", "", "won", 0, first);
  EXPECT_EQ(Count(Verdict::kLate), 4U);
}

TEST_F(Decisions, FeedbackOnNothingChangesNoRow) {
  Fact("", "status", "Disqualified", "02-03 00:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("quote", "anna", "03-01 10:00", {.sequence = 1});
  std::string before = runner_.Find("a:acme")->Encode();
  Feedback(pb::Feedback::ACCEPT, "03-01 12:00", "", "", 0, "feedfeedfeedfeed");
  EXPECT_EQ(runner_.Find("a:acme")->Encode(), before);
  EXPECT_EQ(before.find("feed"), std::string::npos);
}

TEST_F(Decisions, FeedbackOfNoKnownKindIsRejected) {
  Opens("03-01 10:00");
  Feedback(pb::Feedback::UNKNOWN, "03-01 11:00");
  ASSERT_EQ(runner_.done.rejects.size(), 1U);
  EXPECT_EQ(runner_.done.rejects[0].reason, "bad_feedback");
}

TEST_F(Decisions, AsksWhatFitsStageAndTopic) {
  Opens("03-01 10:00");  // deciding; topics buying and integration
  ASSERT_EQ(Last().questions_size(), 2);
  EXPECT_EQ(Last().questions(0), "By when must it run?");
  EXPECT_EQ(Last().questions(1), "Who must agree?");
}

TEST_F(Decisions, SaysWhyInASentence) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) { policy.set_threshold(19); });
  Signal("blog_page", "carl", "03-01 09:00", {.weight = 0.25});
  Signal("pricing_page", "anna", "03-01 10:00");
  Signal("pricing_page", "anna", "03-01 10:00", {.sequence = 1});
  Signal("pricing_page", "ben", "03-01 10:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("docs_page", "anna", "03-01 10:00");
  ASSERT_EQ(News(), "opened 03-01 10:00");
  EXPECT_EQ(Last().why(),
            "pricing page, 3 times by 2 people (+9); asked for a quote (+8); documentation (+2)");
  EXPECT_EQ(Last().reasons(0).count(), 3U);
  EXPECT_EQ(Last().reasons(0).people(), 2U);
}

TEST_F(Decisions, ASmallReasonIsNotMadeLarger) {
  ChangePolicy("02-02 00:00", [](pb::Policy& policy) {
    policy.set_threshold(0.2);
    policy.set_rearm(0.1);
  });
  Signal("blog_page", "anna", "03-01 10:00", {.weight = 0.25});
  EXPECT_EQ(Last().why(), "blog (+0.2)");
}

TEST_F(Decisions, CountsThePeopleActiveAndNew) {
  Signal("blog_page", "anna", "02-20 10:00");
  Signal("blog_page", "anna", "03-01 09:00");
  Fact("c:ben", "role", "CFO", "03-01 09:30");
  Signal("docs_page", "ben", "03-01 10:00");
  Signal("quote", "ben", "03-01 10:00");
  ASSERT_EQ(News(), "opened 03-01 10:00");
  EXPECT_EQ(Last().people_active(), 2U);
  EXPECT_EQ(Last().people_new(), 1U);
  ASSERT_EQ(Last().people_size(), 2);
  EXPECT_EQ(Last().people(0).key(), "c:ben");
  EXPECT_EQ(Last().people(0).role(), "CFO");
}

TEST_F(Decisions, PriorityIsExpectedValueTimesProgress) {
  Fact("", "amount", "60000", "02-03 00:00");
  Opens("03-01 10:00");
  EXPECT_EQ(Last().sale(), "solution");
  EXPECT_EQ(Last().expected_value(), 60'000);
  EXPECT_DOUBLE_EQ(Last().priority(), 60'000 * Last().progress() / 100);
}

TEST_F(Decisions, ASuppressedEpisodeShowsNoTrigger) {
  Fact("", "status", "Disqualified", "02-03 00:00");
  Signal("quote", "anna", "03-01 10:00");
  Signal("quote", "anna", "03-01 10:00", {.sequence = 1});
  std::string json = WriteSummary(*runner_.Find("a:acme"), runner_.task->model(),
                                  runner_.task->models(), At("03-01 10:00"));
  EXPECT_NE(json.find(R"("suppressed":"disqualified"})"), std::string::npos) << json;
}

}  // namespace
}  // namespace hotiron
