#include "processors/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/hash.h"
#include "base/identity.h"
#include "processors/policy.h"

namespace hotiron {
namespace {

constexpr Duration kNews = std::chrono::hours{24};     // "why now" looks back this far at least
constexpr Duration kNewPerson = std::chrono::days{7};  // somebody first seen since then is new
constexpr size_t kReasonsMax = 3;
constexpr size_t kQuestionsMax = 3;
constexpr size_t kPeopleShown = 12;

double Measured(const pb::Policy& policy, const Level& level) {
  return policy.measure() == pb::Policy::POINTS ? level.points : level.progress;
}

// The play that fits the kind of sale, unless the policy names one.
std::string PlayFor(const pb::Policy& policy, std::string_view sale) {
  if (!policy.play().empty()) {
    return policy.play();
  }
  if (sale == "service") {
    return "digital play";
  }
  if (sale == "relationship") {
    return "digital play, account manager informed";
  }
  return sale == "solution" ? "account manager with design manager"
                            : "account, design and implementation manager";
}

// Whether a stage is above the one that a trigger shows; never, when the catalogue no longer knows
// that one.
bool IsAbove(const Model& model, size_t stage, const pb::Trigger& trigger) {
  auto shown = std::find(model.stages().begin(), model.stages().end(), trigger.stage());
  return shown != model.stages().end() &&
         stage > static_cast<size_t>(shown - model.stages().begin());
}

// The moment of an estimate: now, or the newest entry when that is ahead, so that no entry is worth
// more than its weight.
EventTime AsOf(const Journey& journey, EventTime now) {
  return std::max(now, journey.Newest().value_or(now));
}

// What of the journey's recent past speaks for each signal: count and people since a moment.
void CountRecent(const Journey& journey, EventTime since, pb::Reason& reason) {
  std::vector<std::string_view> people;
  for (const Entry& entry : journey.log()) {
    if (journey.names()[entry.signal] != reason.signal()) {
      continue;
    }
    reason.set_last_ms(ToMillis(entry.place.time));
    if (entry.place.time <= since) {
      continue;
    }
    reason.set_count(reason.count() + 1);
    std::string_view person = journey.PersonOf(entry);
    if (!person.empty() && std::find(people.begin(), people.end(), person) == people.end()) {
      people.push_back(person);
    }
  }
  reason.set_people(static_cast<uint32_t>(people.size()));
}

// It is no longer snoozed, nor for that reason.
void WakeUp(pb::Trigger& trigger) {
  trigger.set_snoozed_until_ms(0);
  trigger.clear_feedback_reason();
}

// "pricing page, 4 times by 2 people"
std::string SayReason(const pb::Reason& reason) {
  std::string text = reason.label();
  if (reason.count() > 1) {
    text += fmt::format(", {} times", reason.count());
  }
  if (reason.people() > 1) {
    text += fmt::format(" by {} people", reason.people());
  }
  return text;
}

}  // namespace

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

void Decider::Rearm(Account& account, const Level& level) const {
  for (const pb::Policy& policy : context_.policies.policies()) {
    for (pb::Episode& episode : account.ledger) {
      if (episode.policy() == policy.name() && Measured(policy, level) < policy.rearm()) {
        episode.set_disarmed(false);
      }
    }
  }
}

Level Decider::Decide(Account& account) const {
  Level level = EstimateLevel(account.journey, context_.model, AsOf(account.journey, context_.now));
  if (context_.live) {
    Rearm(account, level);
  }
  for (const pb::Policy& policy : context_.policies.policies()) {
    DecidePolicy(account, policy, level);
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
  return level;
}

void Decider::DecidePolicy(Account& account, const pb::Policy& policy, const Level& level) const {
  bool reached = Measured(policy, level) >= policy.threshold();
  auto known =
      std::find_if(account.ledger.begin(), account.ledger.end(),
                   [&](const pb::Episode& episode) { return episode.policy() == policy.name(); });
  if (!reached && known == account.ledger.end()) {
    return;  // most accounts, most of the time: no ledger
  }
  int64_t now_ms = ToMillis(context_.now);
  pb::Episode& episode = EpisodeOf(account, policy.name());
  if (episode.reconsider_ms() != 0 && episode.reconsider_ms() <= now_ms) {
    episode.set_reconsider_ms(0);
  }
  int64_t reconsider_ms = 0;
  std::string_view reason = ReasonToSuppress(account, policy, reconsider_ms);
  if (IsOpen(episode.trigger())) {
    Follow(account, policy, level, reason, episode);
    return;
  }
  if (!reached || episode.disarmed()) {
    episode.clear_suppressed();
    episode.set_reconsider_ms(0);
    return;
  }
  if (reason.empty() && now_ms < episode.cooldown_until_ms()) {
    reason = "cooldown";
    reconsider_ms = episode.cooldown_until_ms();
  }
  if (!reason.empty()) {
    if (episode.suppressed() != reason) {
      suppressions_.push_back({policy.name(), std::string(reason)});
    }
    episode.set_suppressed(std::string(reason));
    episode.set_reconsider_ms(reconsider_ms);
    return;
  }
  if (!context_.live) {
    ReconsiderSoon(episode);
    return;
  }
  Open(account, policy, episode);
}

// What becomes of an open trigger.
void Decider::Follow(const Account& account, const pb::Policy& policy, const Level& level,
                     std::string_view reason_to_suppress, pb::Episode& episode) const {
  pb::Trigger& trigger = *episode.mutable_trigger();
  int64_t now_ms = ToMillis(context_.now);
  if (now_ms >= trigger.expires_ms()) {
    Revise(episode, pb::Trigger::EXPIRED);
  } else if (!reason_to_suppress.empty() && reason_to_suppress != "buying_group") {
    trigger.set_feedback_reason(std::string(reason_to_suppress));
    Revise(episode, pb::Trigger::RETRACTED);
  } else if (context_.live && IsAbove(context_.model, level.stage, trigger)) {
    Describe(account, policy, FromMillis(trigger.as_of_ms()), trigger);
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
  if (suppress.contacted_within_ms() > 0) {
    int64_t contacted_ms = 0;
    auto consider = [&](const std::string& signal, EventTime last) {
      if (context_.model.MeaningOf(signal).contact) {
        contacted_ms = std::max(contacted_ms, ToMillis(last));
      }
    };
    for (const Sums::NamedSums& sums : account.journey.total().signals()) {
      consider(sums.signal, sums.sums.last);
    }
    for (const Entry& entry : account.journey.log()) {
      consider(account.journey.names()[entry.signal], entry.place.time);
    }
    if (contacted_ms != 0 &&
        ToMillis(context_.now) < contacted_ms + suppress.contacted_within_ms()) {
      reconsider_ms = contacted_ms + suppress.contacted_within_ms();
      return "contacted";
    }
  }
  if (policy.people_min() > 0) {
    size_t people = 0;
    for (const PersonSpan& person : account.journey.People()) {
      people += person.last >= context_.now - Duration{policy.people_within_ms()} ? 1 : 0;
    }
    if (people < policy.people_min()) {
      return "buying_group";
    }
  }
  return {};
}

void Decider::Open(Account& account, const pb::Policy& policy, pb::Episode& episode) const {
  EventTime since = context_.now - kNews;
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
  Describe(account, policy, since, trigger);
  *episode.mutable_trigger() = std::move(trigger);
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
    episode.set_feedback_id(feedback.id());
    trigger.set_feedback_reason(feedback.reason());
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
  Revise(episode, undo.state());
  return Verdict::kApplied;
}

void Decider::Describe(const Account& account, const pb::Policy& policy, EventTime since,
                       pb::Trigger& trigger) const {
  const Journey& journey = account.journey;
  Estimate now = EstimateJourney(journey, context_.model, AsOf(journey, context_.now));
  const pb::Sale& sale = context_.policies.sale();
  trigger.set_name(std::string(account.facts.Get("", "name")));
  trigger.set_owner(std::string(account.facts.Get("", "owner")));
  trigger.set_team(std::string(account.facts.Get("", "team")));
  trigger.set_segment(std::string(account.facts.Get("", "segment")));
  trigger.set_policy_version(context_.policies.version());
  trigger.set_catalogue_version(context_.model.catalogue().version());
  trigger.set_measure(policy.measure() == pb::Policy::POINTS ? "points" : "progress");
  trigger.set_value(policy.measure() == pb::Policy::POINTS ? now.points : now.progress);
  trigger.set_threshold(policy.threshold());
  trigger.set_points(now.points);
  trigger.set_progress(now.progress);
  trigger.set_stage(context_.model.stages()[now.stage]);
  trigger.clear_stages();
  trigger.clear_stage_shares();
  for (size_t s = 0; s < now.distribution.size(); ++s) {
    trigger.add_stages(context_.model.stages()[s]);
    trigger.add_stage_shares(now.distribution[s]);
  }
  trigger.set_expected_value(account.facts.ExpectedValue(sale));
  trigger.set_priority(trigger.expected_value() * now.progress / 100.0);
  trigger.set_sale(std::string(account.facts.KindOfSale(sale)));
  trigger.set_play(PlayFor(policy, trigger.sale()));

  // Why now: what each signal has added since `since`; when nothing has, what weighs most.
  Estimate before = EstimateBefore(journey, context_.model, since);
  std::vector<pb::Reason> reasons;
  for (const SignalShare& share : now.signals) {
    auto old = std::find_if(before.signals.begin(), before.signals.end(),
                            [&](const SignalShare& s) { return s.signal == share.signal; });
    pb::Reason reason;
    reason.set_signal(share.signal);
    reason.set_label(std::string(context_.model.LabelOf(share.signal)));
    reason.set_topic(context_.model.MeaningOf(share.signal).topic);
    bool known = old != before.signals.end();
    reason.set_points(share.points - (known ? old->points : 0));
    reason.set_progress(share.progress - (known ? old->progress : 0));
    reasons.push_back(std::move(reason));
  }
  bool news = std::any_of(reasons.begin(), reasons.end(),
                          [](const pb::Reason& reason) { return reason.points() > 0; });
  for (size_t i = 0; i < reasons.size() && !news; ++i) {
    reasons[i].set_points(now.signals[i].points);
    reasons[i].set_progress(now.signals[i].progress);
  }
  std::stable_sort(reasons.begin(), reasons.end(), [](const pb::Reason& a, const pb::Reason& b) {
    return a.points() > b.points();
  });
  trigger.clear_reasons();
  std::string why;
  for (pb::Reason& reason : reasons) {
    if (trigger.reasons_size() == static_cast<int>(kReasonsMax) || reason.points() <= 0) {
      break;
    }
    CountRecent(journey, news ? since : context_.now - kNewPerson, reason);
    why += fmt::format("{}{} (+{:.{}f})", why.empty() ? "" : "; ", SayReason(reason),
                       reason.points(), reason.points() < 1 ? 1 : 0);
    *trigger.add_reasons() = std::move(reason);
  }
  trigger.set_why(why);

  // Who: the most recently active first.
  std::vector<PersonSpan> people = journey.People();
  std::sort(people.begin(), people.end(), [](const PersonSpan& a, const PersonSpan& b) {
    return std::tie(b.last, a.key) < std::tie(a.last, b.key);
  });
  trigger.clear_people();
  trigger.set_people_active(0);
  trigger.set_people_new(0);
  for (const PersonSpan& person : people) {
    if (person.last < context_.now - Duration{policy.people_within_ms()}) {
      break;
    }
    trigger.set_people_active(trigger.people_active() + 1);
    trigger.set_people_new(trigger.people_new() +
                           (person.first >= context_.now - kNewPerson ? 1 : 0));
    if (trigger.people_size() < static_cast<int>(kPeopleShown)) {
      pb::Actor* actor = trigger.add_people();
      actor->set_key(person.key);
      actor->set_role(std::string(account.facts.Get(person.key, "role")));
      actor->set_first_ms(ToMillis(person.first));
      actor->set_last_ms(ToMillis(person.last));
    }
  }

  // What to open with: first what fits stage and topic, then topic alone, then stage alone.
  trigger.clear_questions();
  auto topical = [&](const pb::Question& question) {
    return !question.topic().empty() &&
           std::any_of(trigger.reasons().begin(), trigger.reasons().end(),
                       [&](const pb::Reason& r) { return r.topic() == question.topic(); });
  };
  for (int rank = 0; rank < 3; ++rank) {
    for (const pb::Question& question : context_.model.catalogue().questions()) {
      bool stage = question.stage() == trigger.stage();
      bool fits = rank == 0   ? stage && topical(question)
                  : rank == 1 ? question.stage().empty() && topical(question)
                              : stage && question.topic().empty();
      if (fits && trigger.questions_size() < static_cast<int>(kQuestionsMax)) {
        trigger.add_questions(question.ask());
      }
    }
  }
}

}  // namespace hotiron
