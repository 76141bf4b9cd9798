#include "processors/trigger_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "processors/estimator.h"

namespace hotiron {
namespace {

constexpr Duration kNewPerson = std::chrono::days{7};  // somebody first seen since then is new
constexpr size_t kReasonsMax = 3;
constexpr size_t kQuestionsMax = 3;
constexpr size_t kPeopleShown = 12;

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

// How far it has come; which stage, by the evidence or, where it may, by the champion.
void DescribeLevel(const ContentContext& context, const Estimate& now,
                   const std::optional<Forecast>& forecast, pb::Trigger& trigger) {
  ShownStages shown = StagesShown(context.models, context.model, now, forecast);
  trigger.set_points(now.points);
  trigger.set_progress(now.progress);
  trigger.set_stage_model(shown.model);
  trigger.set_stage(context.model.stages()[shown.stage]);
  trigger.clear_stages();
  trigger.clear_stage_shares();
  for (size_t s = 0; s < shown.shares.size(); ++s) {
    trigger.add_stages(context.model.stages()[s]);
    trigger.add_stage_shares(shown.shares[s]);
  }
}

void DescribeAccount(const ContentContext& context, const Account& account,
                     const pb::Policy& policy, pb::Trigger& trigger) {
  const pb::Sale& sale = context.policies.sale();
  trigger.set_name(std::string(account.facts.Get("", "name")));
  trigger.set_owner(std::string(account.facts.Get("", "owner")));
  trigger.set_team(std::string(account.facts.Get("", "team")));
  trigger.set_segment(std::string(account.facts.Get("", "segment")));
  trigger.set_policy_version(context.policies.version());
  trigger.set_catalogue_version(context.model.catalogue().version());
  trigger.set_expected_value(account.facts.ExpectedValue(sale));
  trigger.set_sale(std::string(account.facts.KindOfSale(sale)));
  trigger.set_play(PlayFor(policy, trigger.sale()));
}

// What the journey's recent past says of a signal: how often it came since a moment, from how many
// people, and when last.
struct Recent {
  uint64_t count = 0;
  uint32_t people = 0;
  int64_t last_ms = 0;
};

Recent CountRecent(const Journey& journey, EventTime since, std::string_view signal) {
  Recent recent;
  std::vector<std::string_view> people;
  for (const Entry& entry : journey.log()) {
    if (journey.names()[entry.signal] != signal) {
      continue;
    }
    recent.last_ms = ToMillis(entry.place.time);
    if (entry.place.time <= since) {
      continue;
    }
    ++recent.count;
    std::string_view person = journey.PersonOf(entry);
    if (!person.empty() && std::find(people.begin(), people.end(), person) == people.end()) {
      people.push_back(person);
    }
  }
  recent.people = static_cast<uint32_t>(people.size());
  return recent;
}

// "pricing page, 4 times by 2 people"
std::string SayHowOften(std::string_view label, uint64_t count, uint32_t people) {
  std::string text(label);
  if (count > 1) {
    text += fmt::format(", {} times", count);
  }
  if (people > 1) {
    text += fmt::format(" by {} people", people);
  }
  return text;
}

// Why now, in points: what each signal has added since `since`; when nothing has, what weighs most.
void DescribeReasons(const ContentContext& context, const Journey& journey, const Estimate& now,
                     EventTime since, pb::Trigger& trigger) {
  Estimate before = EstimateBefore(journey, context.model, since);
  std::vector<pb::Reason> reasons;
  for (const SignalShare& share : now.signals) {
    auto old = std::find_if(before.signals.begin(), before.signals.end(),
                            [&](const SignalShare& s) { return s.signal == share.signal; });
    pb::Reason reason;
    reason.set_signal(share.signal);
    reason.set_label(std::string(context.model.LabelOf(share.signal)));
    reason.set_topic(context.model.MeaningOf(share.signal).topic);
    reason.set_last_ms(ToMillis(share.last));
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
    Recent recent = CountRecent(journey, news ? since : context.now - kNewPerson, reason.signal());
    reason.set_count(recent.count);
    reason.set_people(recent.people);
    why += fmt::format("{}{} (+{:.{}f})", why.empty() ? "" : "; ",
                       SayHowOften(reason.label(), reason.count(), reason.people()),
                       reason.points(), reason.points() < 1 ? 1 : 0);
    *trigger.add_reasons() = std::move(reason);
  }
  trigger.set_why(why);
}

// Why now, in odds: "pricing page, 3 times by 2 people: x2.4; against it: gone quiet: x0.8".
std::string SayFactors(const pb::Trigger& trigger) {
  std::string why;
  for (const pb::Factor& factor : trigger.factors()) {
    bool against = factor.logit() < 0;
    why += fmt::format("{}{}{}: x{:.{}f}", why.empty() ? "" : "; ", against ? "against it: " : "",
                       SayHowOften(factor.label(), factor.count(), factor.people()),
                       std::exp(factor.logit()), std::exp(factor.logit()) < 10 ? 1 : 0);
  }
  return why;
}

// The score that a trigger's reasons are about: of its policy's horizon, else of the longest that
// ends.
const HeadScore& Asked(const std::vector<HeadScore>& scores, const pb::Policy& policy) {
  if (policy.measure() == pb::Policy::PROBABILITY) {
    if (const HeadScore* score = ScoreWithin(scores, HorizonOf(policy))) {
      return *score;
    }
  }
  auto ends = std::find_if(scores.rbegin(), scores.rend(),
                           [](const HeadScore& score) { return score.horizon.has_value(); });
  return ends == scores.rend() ? scores.back() : *ends;
}

// What the model says: how likely within each horizon, and what has moved it since `since`.
void DescribeForecast(const ContentContext& context, const Journey& journey,
                      const std::optional<Forecast>& now, const pb::Policy& policy, EventTime since,
                      pb::Trigger& trigger) {
  trigger.clear_chances();
  trigger.clear_factors();
  trigger.clear_other_logit();
  trigger.clear_model();
  trigger.clear_challenger();
  trigger.clear_challenger_model();
  trigger.set_priority(trigger.expected_value() * trigger.progress() / 100.0);
  if (!now) {
    return;
  }
  const TrainedModel* champion = context.models.champion();
  const TimeScale& scale = context.model.scale();
  trigger.set_model(champion->hash);
  for (const HeadScore& score : now->scores) {
    pb::Chance* chance = trigger.add_chances();
    chance->set_horizon_ms(score.horizon.value_or(Duration{0}).count());
    chance->set_probability(score.probability);
    chance->set_skill(score.skill);
  }
  const HeadScore& asked = Asked(now->scores, policy);
  if (const TrainedModel* challenger = context.models.challenger()) {
    Forecast other = ForecastOf(*challenger, scale, journey, AsOf(journey, context.now));
    if (const HeadScore* score = ScoreWithin(other.scores, asked.horizon)) {
      trigger.set_challenger(score->probability);
      trigger.set_challenger_model(challenger->hash);
    }
  }
  if (!asked.skill) {
    return;
  }
  trigger.set_priority(trigger.expected_value() * asked.probability);
  Forecast then = ForecastOf(*champion, scale, journey, since, since);
  std::vector<Contribution> changes = Change(Explain(*champion, now->features, asked.head),
                                             Explain(*champion, then.features, asked.head));
  double rest = 0;
  for (const Contribution& part : changes) {
    rest += part.logit;
  }
  for (const Contribution& part : MostTelling(std::move(changes))) {
    rest -= part.logit;
    pb::Factor factor = FactorOf(*champion, context.model, part);
    if (part.of == Contribution::Of::kSignal) {
      Recent recent = CountRecent(journey, since, factor.signal());
      factor.set_count(recent.count);
      factor.set_people(recent.people);
      factor.set_last_ms(recent.last_ms);
    }
    *trigger.add_factors() = std::move(factor);
  }
  trigger.set_other_logit(rest);
  if (trigger.factors_size() > 0 && trigger.factors(0).logit() > 0) {
    trigger.set_why(SayFactors(trigger));
  }
}

// Who: the most recently active first.
void DescribePeople(const ContentContext& context, const Account& account, const pb::Policy& policy,
                    pb::Trigger& trigger) {
  std::vector<PersonSpan> people = account.journey.People();
  std::sort(people.begin(), people.end(), [](const PersonSpan& a, const PersonSpan& b) {
    return std::tie(b.last, a.key) < std::tie(a.last, b.key);
  });
  trigger.clear_people();
  trigger.set_people_active(0);
  trigger.set_people_new(0);
  for (const PersonSpan& person : people) {
    if (person.last < context.now - Duration{policy.people_within_ms()}) {
      break;
    }
    trigger.set_people_active(trigger.people_active() + 1);
    trigger.set_people_new(trigger.people_new() +
                           (person.first >= context.now - kNewPerson ? 1 : 0));
    if (trigger.people_size() < static_cast<int>(kPeopleShown)) {
      pb::Actor* actor = trigger.add_people();
      actor->set_key(person.key);
      actor->set_role(std::string(account.facts.Get(person.key, "role")));
      actor->set_first_ms(ToMillis(person.first));
      actor->set_last_ms(ToMillis(person.last));
    }
  }
}

// What to open with: first what fits stage and topic, then topic alone, then stage alone.
void DescribeQuestions(const Model& model, pb::Trigger& trigger) {
  trigger.clear_questions();
  auto topical = [&](const pb::Question& question) {
    return !question.topic().empty() &&
           std::any_of(trigger.reasons().begin(), trigger.reasons().end(),
                       [&](const pb::Reason& r) { return r.topic() == question.topic(); });
  };
  for (int rank = 0; rank < 3; ++rank) {
    for (const pb::Question& question : model.catalogue().questions()) {
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

}  // namespace

void DescribeTrigger(const ContentContext& context, const Account& account,
                     const pb::Policy& policy, EventTime since, pb::Trigger& trigger) {
  const Journey& journey = account.journey;
  EventTime as_of = AsOf(journey, context.now);
  Estimate now = EstimateJourney(journey, context.model, as_of);
  std::optional<Forecast> forecast =
      ChampionsForecast(context.models, context.model.scale(), journey, as_of);
  DescribeAccount(context, account, policy, trigger);
  DescribeLevel(context, now, forecast, trigger);
  trigger.set_since_ms(ToMillis(since));
  trigger.set_told_ms(ToMillis(context.now));
  DescribeReasons(context, journey, now, since, trigger);
  DescribeForecast(context, journey, forecast, policy, since, trigger);
  DescribePeople(context, account, policy, trigger);
  DescribeQuestions(context.model, trigger);
}

EventTime AsOf(const Journey& journey, EventTime now) {
  return std::max(now, journey.Newest().value_or(now));
}

std::string_view MeasureName(pb::Policy::Measure measure) {
  switch (measure) {
    case pb::Policy::POINTS:
      return "points";
    case pb::Policy::PROBABILITY:
      return "probability";
    default:  // protobuf adds values of its own
      return "progress";
  }
}

std::optional<Duration> HorizonOf(const pb::Policy& policy) {
  return policy.horizon_ms() == 0 ? std::nullopt
                                  : std::optional<Duration>(Duration{policy.horizon_ms()});
}

bool StatesHorizonOf(const TrainedModel& model, const pb::Policy& policy) {
  return policy.measure() != pb::Policy::PROBABILITY ||
         std::any_of(model.heads.begin(), model.heads.end(),
                     [&](const Head& head) { return head.horizon == HorizonOf(policy); });
}

pb::Factor FactorOf(const TrainedModel& trained, const Model& model, const Contribution& part) {
  pb::Factor factor;
  factor.set_logit(part.logit);
  switch (part.of) {
    case Contribution::Of::kSignal: {
      const std::string& signal = trained.vocabulary.names()[part.signal];
      factor.set_of("signal");
      factor.set_signal(signal);
      factor.set_label(signal == Vocabulary::kRareSignals ? "something that few others do"
                                                          : std::string(model.LabelOf(signal)));
      break;
    }
    case Contribution::Of::kSilence:
      factor.set_of("silence");
      factor.set_label(part.logit < 0 ? "it has fallen silent" : "it is active right now");
      break;
    case Contribution::Of::kAge:
      factor.set_of("age");
      factor.set_label("how long it has been on its way");
      break;
    case Contribution::Of::kActivity:
      factor.set_of("activity");
      factor.set_label("overall activity and number of people");
      break;
  }
  return factor;
}

}  // namespace hotiron
