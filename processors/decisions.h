#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/records.pb.h"
#include "processors/account.h"
#include "processors/estimator.h"
#include "processors/model.h"
#include "processors/models_in_force.h"

namespace hotiron {

// Why no trigger opens although the level is reached. A closed set: metric labels.
inline constexpr std::string_view kOpenOpportunity = "open_opportunity";
inline constexpr std::string_view kClosedOpportunity = "closed_opportunity";
inline constexpr std::string_view kSuppressionReasons[] = {
    "buying_group",   "cooldown",         "customer", "disqualified",
    kOpenOpportunity, kClosedOpportunity, "contacted"};

// Why reps dismiss a trigger, and what a talk came to: `reason` of a feedback that is counted by
// itself. Any other is good feedback too, and counted as "other".
inline constexpr std::string_view kDismissalReasons[] = {"not_our_profile", "in_opportunity",
                                                         "wrong_timing", "bad_data", "duplicate"};
inline constexpr std::string_view kOutcomeOpportunity = "opportunity";
inline constexpr std::string_view kOutcomes[] = {"meeting", kOutcomeOpportunity, "no_reply",
                                                 "disqualified"};

// When a journey that has fallen silent is looked at next: after `first` without an event, then
// each time after twice the silence; nothing after `looks` of them.
std::optional<EventTime> NextLook(const Journey& journey, Duration first, int looks, EventTime now);

// An opening that was kept from happening, and why.
struct Suppressed {
  std::string account;  // its key
  std::string policy;
  std::string reason;
  EventTime at{};
};

// What became of a trigger's claim that its account buys within the policy's horizon.
struct Judged {
  double probability = 0;
  bool bought = false;  // says the CRM
};

// What a decision was made on: the levers in force, and when.
struct DecisionContext {
  const pb::PolicySet& policies;
  const pb::Thresholds& thresholds;
  const Model& model;
  const ModelsInForce& models;
  EventTime now;           // the task's time
  const pb::Cause* cause;  // of the record being processed; null at a timer
  bool live;               // the record is fresh enough to open a trigger, or a timer fires
};

// Where an account stands.
struct Standing {
  EventTime as_of;
  Level level;                    // its stage: as the champion tells it, where it does
  std::vector<HeadScore> scores;  // of the champion, when there is one
};

// Decides on an account after a record or at a timer: opens, raises, retracts, expires, wakes.
// Everything it reads is in the account and the context, everything it decides goes into the
// account's ledger, and each new revision of a trigger is appended to `revisions`.
//
// The life of a trigger, per account and policy (an episode):
//   armed and level >= threshold, allowed  -> opened; disarmed, cooldown begins
//   a probability near its threshold       -> looked at again while the account is silent
//   open and the stage shown rises         -> raised
//   open and a reason to suppress appears  -> retracted (an accepted one is never retracted)
//   open and its time is over              -> expired (a snooze beyond it moves it)
//   feedback                               -> accepted, snoozed, dismissed, closed (an outcome),
//                                             or what it was before (an undo)
//   disarmed and level < rearm             -> armed again, fires anew after the cooldown
class Decider {
 public:
  Decider(DecisionContext context, std::vector<pb::Trigger>& revisions,
          std::vector<Suppressed>& suppressions)
      : context_(context), revisions_(revisions), suppressions_(suppressions) {}

  Standing StandingOf(const Account& account) const;

  // Arms what has fallen below its rearm level: called with where the account stood just before a
  // live record.
  void Rearm(Account& account, const Standing& standing) const;

  // Returns what it has decided on.
  Standing Decide(Account& account) const;

  // Applies what a rep did. kLate: the trigger has been followed by another one, or has gone on to
  // where the action no longer applies.
  Verdict ApplyFeedback(Account& account, const pb::Feedback& feedback) const;

  // True when any policy is disarmed, so that Rearm has something to do.
  static bool AnyDisarmed(const Account& account);

  // The earliest moment at which a decision is due without a record; 0 = none.
  static int64_t NextTimer(const Account& account);

  // Judges the claims of earlier triggers whose time has come. Decides nothing.
  void Judge(Account& account, std::vector<Judged>& judged) const;

  // When there is a claim to be judged next; 0 = none.
  static int64_t NextJudgement(const Account& account);

 private:
  // What a policy goes by at the moment.
  struct Gauge {
    pb::Policy::Measure measure = pb::Policy::POINTS;
    double value = 0;
    double threshold = 0;
    double rearm = 0;
  };

  Gauge GaugeOf(const pb::Policy& policy, const Standing& standing) const;
  void Steer(const pb::Policy& policy, Gauge& gauge) const;
  Verdict TakeBack(const pb::Feedback& feedback, pb::Episode& episode) const;
  pb::Episode& EpisodeOf(Account& account, const std::string& policy) const;
  void Claim(const Gauge& gauge, const pb::Policy& policy, pb::Episode& episode) const;
  void DecidePolicy(Account& account, const pb::Policy& policy, const Standing& standing) const;
  int64_t Watch(const Account& account, const pb::Episode& episode) const;
  void Follow(const Account& account, const pb::Policy& policy, const Gauge& gauge,
              const Level& level, std::string_view reason_to_suppress, pb::Episode& episode) const;
  void ReconsiderSoon(pb::Episode& episode) const;
  void Open(Account& account, const pb::Policy& policy, const Gauge& gauge,
            pb::Episode& episode) const;
  void Revise(pb::Episode& episode, pb::Trigger::State state) const;
  // Fills what a trigger says of the account now: level, reasons, people, questions.
  void Describe(const Account& account, const pb::Policy& policy, const Gauge& gauge,
                EventTime since, pb::Trigger& trigger) const;
  std::string_view ReasonToSuppress(const Account& account, const pb::Policy& policy,
                                    int64_t& reconsider_ms) const;

  DecisionContext context_;
  std::vector<pb::Trigger>& revisions_;
  std::vector<Suppressed>& suppressions_;
};

// True while a rep may still act on it without new evidence.
bool IsOpen(const pb::Trigger& trigger);

}  // namespace hotiron
