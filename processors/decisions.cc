#include "processors/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/hash.h"
#include "processors/policy.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

constexpr double kNearLogits = 2;  // so far below its threshold a probability is watched
constexpr int kLooksMax = 6;       // in silence: after 1, 2, 4, 8, 16 and 32 units
constexpr double kNever = 1e300;   // no level reaches it
constexpr int kClaimsMax = 4;      // of a policy on an account; the oldest beyond are never judged

double LogitOf(double probability) {
  return std::log(probability / (1 - probability));
}

double Measured(pb::Policy::Measure measure, const Level& level) {
  return measure == pb::Policy::POINTS ? level.points : level.progress;
}

// Whether a stage is above the one that a trigger shows; never, when the catalogue no longer knows
// that one.
bool IsAbove(const Model& model, size_t stage, const pb::Trigger& trigger) {
  auto shown = std::find(model.stages().begin(), model.stages().end(), trigger.stage());
  return shown != model.stages().end() &&
         stage > static_cast<size_t>(shown - model.stages().begin());
}

// It is no longer snoozed, nor for that reason.
void WakeUp(pb::Trigger& trigger) {
  trigger.set_snoozed_until_ms(0);
  trigger.clear_feedback_reason();
  trigger.clear_by();
}

}  // namespace

std::optional<EventTime> NextLook(const Journey& journey, Duration first, int looks,
                                  EventTime now) {
  std::optional<EventTime> newest = journey.Newest();
  Duration silence = first;
  for (int look = 0; newest && look < looks; ++look, silence *= 2) {
    if (*newest + silence > now) {
      return *newest + silence;
    }
  }
  return std::nullopt;
}

bool IsOpen(const pb::Trigger& trigger) {
  return trigger.state() == pb::Trigger::OPENED || trigger.state() == pb::Trigger::RAISED ||
         trigger.state() == pb::Trigger::SNOOZED;
}

bool Decider::AnyDisarmed(const Account& account) {
  return std::any_of(account.ledger.begin(), account.ledger.end(),
                     [](const pb::Episode& episode) { return episode.disarmed(); });
}

int64_t Decider::NextTimer(const Account& account) {
  int64_t next = 0;
  auto consider = [&](int64_t due) {
    if (due > 0 && (next == 0 || due < next)) {
      next = due;
    }
  };
  for (const pb::Episode& episode : account.ledger) {
    consider(episode.reconsider_ms());
    if (IsOpen(episode.trigger())) {
      consider(episode.trigger().expires_ms());
    }
    if (episode.trigger().state() == pb::Trigger::SNOOZED) {
      consider(episode.trigger().snoozed_until_ms());
    }
  }
  return next;
}

int64_t Decider::NextJudgement(const Account& account) {
  int64_t next = 0;
  for (const pb::Episode& episode : account.ledger) {
    for (const pb::Claim& claim : episode.claims()) {
      next = next == 0 ? claim.judged_ms() : std::min(next, claim.judged_ms());
    }
  }
  return next;
}

void Decider::Judge(Account& account, std::vector<Judged>& judged) const {
  for (pb::Episode& episode : account.ledger) {
    auto* claims = episode.mutable_claims();
    auto due = [&](const pb::Claim& claim) { return claim.judged_ms() <= ToMillis(context_.now); };
    for (const pb::Claim& claim : *claims) {
      if (due(claim)) {
        bool bought =
            account.facts.Won(FromMillis(claim.opened_ms()), FromMillis(claim.until_ms()));
        judged.push_back({claim.probability(), bought});
      }
    }
    claims->erase(std::remove_if(claims->begin(), claims->end(), due), claims->end());
  }
}

// What the trigger that opens now says of the policy's horizon, where that ends.
void Decider::Claim(const Gauge& gauge, const pb::Policy& policy, pb::Episode& episode) const {
  if (gauge.measure != pb::Policy::PROBABILITY || policy.horizon_ms() == 0) {
    return;
  }
  int64_t now_ms = ToMillis(context_.now);
  pb::Claim& claim = *episode.add_claims();
  claim.set_opened_ms(now_ms);
  claim.set_until_ms(now_ms + policy.horizon_ms());
  claim.set_judged_ms(claim.until_ms() + context_.model.scale().unit.count());
  claim.set_probability(gauge.value);
  if (episode.claims_size() > kClaimsMax) {
    episode.mutable_claims()->erase(episode.claims().begin());
  }
}

pb::Episode& Decider::EpisodeOf(Account& account, const std::string& policy) const {
  auto at = std::lower_bound(
      account.ledger.begin(), account.ledger.end(), policy,
      [](const pb::Episode& episode, const std::string& name) { return episode.policy() < name; });
  if (at == account.ledger.end() || at->policy() != policy) {
    at = account.ledger.emplace(at);
    at->set_policy(policy);
  }
  return *at;
}

Standing Decider::StandingOf(const Account& account) const {
  Standing standing;
  standing.as_of = AsOf(account.journey, context_.now);
  standing.level = EstimateLevel(account.journey, context_.model, standing.as_of);
  std::optional<Forecast> forecast =
      ChampionsForecast(context_.models, context_.model.scale(), account.journey, standing.as_of);
  if (forecast) {
    if (TellsStage(context_.models, context_.model)) {
      standing.level.stage = StageTold(*context_.models.champion(), *forecast);
    }
    standing.scores = std::move(forecast->scores);
  }
  return standing;
}

// A probability counts where the model has shown skill; else the policy goes by its fallback.
Decider::Gauge Decider::GaugeOf(const pb::Policy& policy, const Standing& standing) const {
  Gauge gauge{policy.measure(), 0, policy.threshold(), policy.rearm()};
  if (policy.measure() == pb::Policy::PROBABILITY) {
    const HeadScore* score = ScoreWithin(standing.scores, HorizonOf(policy));
    if (score != nullptr && score->skill) {
      gauge.value = score->probability;
    } else if (policy.has_fallback()) {
      const pb::Fallback& fallback = policy.fallback();
      gauge = {fallback.measure(), Measured(fallback.measure(), standing.level),
               fallback.threshold(), fallback.rearm()};
    } else {
      gauge = {pb::Policy::PROGRESS, standing.level.progress, kNever, 0};
    }
  } else {
    gauge.value = Measured(policy.measure(), standing.level);
  }
  Steer(policy, gauge);
  return gauge;
}

// A threshold that the rate controller has moved: the distance to the level of rearming stays.
void Decider::Steer(const pb::Policy& policy, Gauge& gauge) const {
  for (const pb::Threshold& steered : context_.thresholds.thresholds()) {
    if (steered.policy() != policy.name() || steered.measure() != gauge.measure ||
        steered.stated() != gauge.threshold) {
      continue;
    }
    if (gauge.measure == pb::Policy::PROBABILITY) {
      double below = LogitOf(gauge.threshold) - LogitOf(gauge.rearm);
      gauge.rearm = Logistic(LogitOf(steered.value()) - below);
    } else {
      gauge.rearm *= steered.value() / gauge.threshold;
    }
    gauge.threshold = steered.value();
  }
}

void Decider::Rearm(Account& account, const Standing& standing) const {
  for (const pb::Policy& policy : context_.policies.policies()) {
    for (pb::Episode& episode : account.ledger) {
      if (episode.policy() != policy.name()) {
        continue;
      }
      Gauge gauge = GaugeOf(policy, standing);
      if (gauge.value < gauge.rearm) {
        episode.set_disarmed(false);
      }
    }
  }
}

Standing Decider::Decide(Account& account) const {
  Standing standing = StandingOf(account);
  if (context_.live) {
    Rearm(account, standing);
  }
  for (const pb::Policy& policy : context_.policies.policies()) {
    DecidePolicy(account, policy, standing);
  }
  // A policy that was taken out: its open trigger ends, its ledger is forgotten unless a trigger of
  // it was accepted and may still have an outcome.
  auto is_gone = [&](const pb::Episode& episode) {
    return std::none_of(
        context_.policies.policies().begin(), context_.policies.policies().end(),
        [&](const pb::Policy& policy) { return policy.name() == episode.policy(); });
  };
  for (pb::Episode& episode : account.ledger) {
    if (is_gone(episode)) {
      episode.set_reconsider_ms(0);
      episode.clear_claims();
      if (IsOpen(episode.trigger())) {
        Revise(episode, pb::Trigger::RETRACTED);
      }
    }
  }
  account.ledger.erase(std::remove_if(account.ledger.begin(), account.ledger.end(),
                                      [&](const pb::Episode& episode) {
                                        return episode.trigger().state() != pb::Trigger::ACCEPTED &&
                                               is_gone(episode);
                                      }),
                       account.ledger.end());
  // Policies may come and go for years: the oldest of those accepted triggers go first.
  while (account.ledger.size() > kEpisodesMax) {
    account.ledger.erase(std::min_element(account.ledger.begin(), account.ledger.end(),
                                          [&](const pb::Episode& a, const pb::Episode& b) {
                                            return std::tuple{!is_gone(a),
                                                              a.trigger().opened_ms()} <
                                                   std::tuple{!is_gone(b), b.trigger().opened_ms()};
                                          }));
  }
  return standing;
}

void Decider::DecidePolicy(Account& account, const pb::Policy& policy,
                           const Standing& standing) const {
  const Gauge gauge = GaugeOf(policy, standing);
  bool reached = gauge.value >= gauge.threshold;
  bool near = !reached && gauge.measure == pb::Policy::PROBABILITY &&
              LogitOf(gauge.value) >= LogitOf(gauge.threshold) - kNearLogits;
  auto known =
      std::find_if(account.ledger.begin(), account.ledger.end(),
                   [&](const pb::Episode& episode) { return episode.policy() == policy.name(); });
  if (!reached && !near && known == account.ledger.end()) {
    return;  // most accounts, most of the time: no ledger
  }
  int64_t now_ms = ToMillis(context_.now);
  pb::Episode& episode = EpisodeOf(account, policy.name());
  if (episode.reconsider_ms() != 0 && episode.reconsider_ms() <= now_ms) {
    episode.set_reconsider_ms(0);
  }
  bool open = IsOpen(episode.trigger());
  if (!open && (!reached || episode.disarmed())) {
    episode.clear_suppressed();
    episode.set_reconsider_ms(near ? Watch(account, episode) : 0);
    return;
  }
  int64_t reconsider_ms = 0;
  std::string_view reason = ReasonToSuppress(account, policy, reconsider_ms);
  if (open) {
    Follow(account, policy, gauge, standing.level, reason, episode);
    return;
  }
  if (reason.empty() && now_ms < episode.cooldown_until_ms()) {
    reason = "cooldown";
    reconsider_ms = episode.cooldown_until_ms();
  }
  if (!reason.empty()) {
    if (episode.suppressed() != reason) {
      suppressions_.push_back({account.key, policy.name(), std::string(reason), context_.now});
    }
    episode.set_suppressed(std::string(reason));
    episode.set_reconsider_ms(reconsider_ms);
    return;
  }
  if (!context_.live) {
    ReconsiderSoon(episode);
    return;
  }
  Open(account, policy, gauge, episode);
}

// A probability moves in silence too. One that is near its threshold is looked at again after a
// while; a look that is due earlier stays and moves on when it has come, so that an account in the
// midst of things does not set a timer anew with every event.
int64_t Decider::Watch(const Account& account, const pb::Episode& episode) const {
  if (episode.reconsider_ms() > ToMillis(context_.now)) {
    return episode.reconsider_ms();
  }
  std::optional<EventTime> look =
      NextLook(account.journey, context_.model.scale().unit, kLooksMax, context_.now);
  return look ? ToMillis(*look) : 0;
}

// What becomes of an open trigger.
void Decider::Follow(const Account& account, const pb::Policy& policy, const Gauge& gauge,
                     const Level& level, std::string_view reason_to_suppress,
                     pb::Episode& episode) const {
  pb::Trigger& trigger = *episode.mutable_trigger();
  int64_t now_ms = ToMillis(context_.now);
  if (now_ms >= trigger.expires_ms()) {
    Revise(episode, pb::Trigger::EXPIRED);
  } else if (!reason_to_suppress.empty() && reason_to_suppress != "buying_group") {
    trigger.set_feedback_reason(std::string(reason_to_suppress));
    Revise(episode, pb::Trigger::RETRACTED);
  } else if (context_.live && IsAbove(context_.model, level.stage, trigger)) {
    int64_t told_ms = trigger.told_ms() != 0 ? trigger.told_ms() : trigger.as_of_ms();
    Describe(account, policy, gauge, FromMillis(told_ms), trigger);
    WakeUp(trigger);
    Revise(episode, pb::Trigger::RAISED);
  } else if (trigger.state() == pb::Trigger::SNOOZED && now_ms >= trigger.snoozed_until_ms()) {
    WakeUp(trigger);
    Revise(episode, pb::Trigger::OPENED);
  } else if (IsAbove(context_.model, level.stage, trigger)) {
    ReconsiderSoon(episode);
  }
}

// An old record: somebody looks again soon, with what has arrived by then. A look that is due
// earlier stays, or a long backlog would put it off for ever.
void Decider::ReconsiderSoon(pb::Episode& episode) const {
  int64_t soon_ms = ToMillis(context_.now) + context_.policies.reconsider_after_ms();
  if (episode.reconsider_ms() == 0 || episode.reconsider_ms() > soon_ms) {
    episode.set_reconsider_ms(soon_ms);
  }
}

std::string_view Decider::ReasonToSuppress(const Account& account, const pb::Policy& policy,
                                           int64_t& reconsider_ms) const {
  const pb::Suppress& suppress = policy.suppress();
  if (suppress.disqualified() && account.facts.disqualified()) {
    return "disqualified";
  }
  if (suppress.customer() && account.facts.customer()) {
    return "customer";
  }
  if (suppress.opportunity_stages_size() > 0) {
    for (const Facts::Opportunity& opportunity : account.facts.OpenOpportunities()) {
      if (std::find(suppress.opportunity_stages().begin(), suppress.opportunity_stages().end(),
                    opportunity.stage) != suppress.opportunity_stages().end()) {
        return kOpenOpportunity;
      }
    }
  }
  if (suppress.won_within_ms() > 0 || suppress.lost_within_ms() > 0) {
    EventTime quiet_until = account.facts.QuietUntil(Duration{suppress.won_within_ms()},
                                                     Duration{suppress.lost_within_ms()});
    if (context_.now < quiet_until) {
      reconsider_ms = ToMillis(quiet_until);
      return kClosedOpportunity;
    }
  }
  if (suppress.contacted_within_ms() > 0) {
    int64_t contacted_ms = 0;
    for (const Sums::NamedSums& sums : account.journey.total().signals()) {
      if (context_.model.MeaningOf(sums.signal).contact) {
        contacted_ms = std::max(contacted_ms, ToMillis(sums.sums.last));
      }
    }
    std::vector<bool> contacts;  // by name
    for (const std::string& name : account.journey.names()) {
      contacts.push_back(context_.model.MeaningOf(name).contact);
    }
    for (const Entry& entry : account.journey.log()) {
      if (contacts[entry.signal]) {
        contacted_ms = std::max(contacted_ms, ToMillis(entry.place.time));
      }
    }
    if (contacted_ms != 0 &&
        ToMillis(context_.now) < contacted_ms + suppress.contacted_within_ms()) {
      reconsider_ms = contacted_ms + suppress.contacted_within_ms();
      return "contacted";
    }
  }
  if (policy.people_min() > 0 &&
      account.journey.CountPeople(context_.now - Duration{policy.people_within_ms()}) <
          policy.people_min()) {
    return "buying_group";
  }
  return {};
}

void Decider::Open(Account& account, const pb::Policy& policy, const Gauge& gauge,
                   pb::Episode& episode) const {
  EventTime since = context_.now - context_.model.scale().unit;
  if (episode.trigger().opened_ms() != 0) {
    since = std::max(since, FromMillis(episode.trigger().opened_ms()));
  }
  int64_t now_ms = ToMillis(context_.now);
  pb::Trigger trigger;
  trigger.set_id(Hex(Hash64(fmt::format("{}\n{}\n{}", account.key, policy.name(), now_ms))));
  trigger.set_account(account.key);
  trigger.set_policy(policy.name());
  trigger.set_opened_ms(now_ms);
  trigger.set_expires_ms(now_ms + policy.expires_ms());
  if (context_.cause != nullptr) {
    *trigger.mutable_cause() = *context_.cause;
  }
  Describe(account, policy, gauge, since, trigger);
  trigger.set_opened_policy_version(trigger.policy_version());
  trigger.set_opened_model(trigger.model());
  *episode.mutable_trigger() = std::move(trigger);
  Claim(gauge, policy, episode);
  episode.set_disarmed(true);
  episode.set_cooldown_until_ms(now_ms + policy.cooldown_ms());
  episode.clear_suppressed();
  episode.set_reconsider_ms(0);
  Revise(episode, pb::Trigger::OPENED);
}

void Decider::Revise(pb::Episode& episode, pb::Trigger::State state) const {
  pb::Trigger& trigger = *episode.mutable_trigger();
  trigger.set_revision(trigger.revision() + 1);
  trigger.set_state(state);
  trigger.set_as_of_ms(ToMillis(context_.now));
  revisions_.push_back(trigger);
}

void Decider::Describe(const Account& account, const pb::Policy& policy, const Gauge& gauge,
                       EventTime since, pb::Trigger& trigger) const {
  DescribeTrigger({context_.policies, context_.model, context_.models, context_.now}, account,
                  policy, since, trigger);
  trigger.set_measure(std::string(MeasureName(gauge.measure)));
  trigger.set_value(gauge.value);
  trigger.set_threshold(gauge.threshold);
  trigger.set_horizon_ms(gauge.measure == pb::Policy::PROBABILITY ? policy.horizon_ms() : 0);
}

Verdict Decider::ApplyFeedback(Account& account, const pb::Feedback& feedback) const {
  for (pb::Episode& episode : account.ledger) {
    if (!episode.has_trigger() || episode.trigger().id() != feedback.trigger()) {
      continue;
    }
    pb::Trigger& trigger = *episode.mutable_trigger();
    if (feedback.id() != 0 && feedback.id() == episode.feedback_id()) {
      return Verdict::kDuplicate;
    }
    bool accepted = trigger.state() == pb::Trigger::ACCEPTED;
    bool ended =
        trigger.state() == pb::Trigger::CLOSED || trigger.state() == pb::Trigger::DISMISSED;
    pb::Trigger::State state = pb::Trigger::NONE;
    switch (feedback.action()) {
      case pb::Feedback::ACCEPT:
        state = accepted || ended ? state : pb::Trigger::ACCEPTED;
        break;
      case pb::Feedback::SNOOZE:
        if (feedback.until_ms() <= 0) {
          return Verdict::kRejected;
        }
        state = IsOpen(trigger) && feedback.until_ms() > ToMillis(context_.now)
                    ? pb::Trigger::SNOOZED
                    : state;
        break;
      case pb::Feedback::DISMISS:
        state = ended ? state : pb::Trigger::DISMISSED;
        break;
      case pb::Feedback::OUTCOME:
        state = pb::Trigger::CLOSED;
        break;
      case pb::Feedback::UNDO:
        return TakeBack(feedback, episode);
      default:
        return Verdict::kRejected;
    }
    if (state == pb::Trigger::NONE) {
      return Verdict::kLate;  // it has gone on to where this no longer applies
    }
    pb::Undo& undo = *episode.mutable_undo();
    undo.set_state(trigger.state());
    undo.set_reason(trigger.feedback_reason());
    undo.set_snoozed_until_ms(trigger.snoozed_until_ms());
    undo.set_expires_ms(trigger.expires_ms());
    undo.set_revision(trigger.revision() + 1);
    undo.set_by(trigger.by());
    episode.set_feedback_id(feedback.id());
    trigger.set_feedback_reason(feedback.reason());
    trigger.set_by(feedback.by());
    trigger.set_snoozed_until_ms(0);
    if (state == pb::Trigger::SNOOZED) {
      trigger.set_snoozed_until_ms(feedback.until_ms());
      if (feedback.until_ms() >= trigger.expires_ms()) {  // it wakes to a life as long as the first
        trigger.set_expires_ms(feedback.until_ms() + trigger.expires_ms() - trigger.opened_ms());
      }
    }
    Revise(episode, state);
    return Verdict::kApplied;
  }
  return Verdict::kLate;
}

// The trigger is again what it was, unless something else has happened to it since.
Verdict Decider::TakeBack(const pb::Feedback& feedback, pb::Episode& episode) const {
  pb::Trigger& trigger = *episode.mutable_trigger();
  if (!episode.has_undo() || feedback.undoes() != episode.feedback_id() ||
      trigger.revision() != episode.undo().revision()) {
    return Verdict::kLate;
  }
  pb::Undo undo = episode.undo();
  episode.clear_undo();
  episode.set_feedback_id(feedback.id());
  trigger.set_feedback_reason(undo.reason());
  trigger.set_snoozed_until_ms(undo.snoozed_until_ms());
  trigger.set_expires_ms(undo.expires_ms());
  trigger.set_by(undo.by());
  Revise(episode, undo.state());
  return Verdict::kApplied;
}

}  // namespace hotiron
