#include "processors/summary.h"

#include <algorithm>
#include <cmath>

#include "base/identity.h"
#include "base/json.h"
#include "processors/decisions.h"
#include "processors/estimator.h"
#include "processors/trained_model_file.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

constexpr size_t kFactorsShown = 8;  // of a breakdown, the strongest
constexpr size_t kOpportunitiesShown = 8;

// Which stage, by the evidence or, where it may, by the champion.
void WriteStage(JsonWriter& json, const Model& model, const ModelsInForce& models,
                const Estimate& estimate, const std::optional<Forecast>& forecast) {
  ShownStages shown = StagesShown(models, model, estimate, forecast);
  json.Field("stage", model.stages()[shown.stage]);
  json.Key("stages").BeginArray();
  for (size_t s = 0; s < shown.shares.size(); ++s) {
    json.BeginObject().Field("stage", model.stages()[s]);
    json.Field("share", shown.shares[s]).EndObject();
  }
  json.EndArray();
  if (!shown.model.empty()) {
    json.Field("stage_model", shown.model);
  }
}

void WriteSignals(JsonWriter& json, const Model& model, const Estimate& estimate) {
  json.Key("signals").BeginArray();
  for (const SignalShare& share : estimate.signals) {
    json.BeginObject().Field("signal", share.signal);
    json.Field("label", model.LabelOf(share.signal)).Field("count", share.count);
    json.Field("first", share.first).Field("last", share.last);
    json.Key("decayed").BeginArray();
    for (double decayed : share.decayed) {
      json.Value(decayed);
    }
    json.EndArray();
    json.Field("points", share.points).Field("progress", share.progress).EndObject();
  }
  json.EndArray();
}

// In columns, as plots want it. Chances: one column per horizon, in the forecast's order.
void WriteCurve(JsonWriter& json, const Curve& curve, const std::optional<Forecast>& forecast) {
  std::vector<CurvePoint> points = curve.Points();
  auto column = [&](std::string_view name, const auto& write) {
    json.Key(name).BeginArray();
    for (const CurvePoint& point : points) {
      write(point);
    }
    json.EndArray();
  };
  json.Key("curve").BeginObject();
  column("seconds", [&](const CurvePoint& point) { json.Value(ToMillis(point.time) / 1'000); });
  column("progress", [&](const CurvePoint& point) { json.Value(point.progress); });
  column("points", [&](const CurvePoint& point) { json.Value(point.points); });
  size_t horizons = 0;
  bool fit = forecast && !points.empty() && points[0].horizons == HorizonsOf(forecast->scores);
  for (const CurvePoint& point : points) {
    for (size_t i = horizons; fit && i < CurvePoint::kChances; ++i) {
      horizons = point.chances[i] ? i + 1 : horizons;
    }
  }
  json.Key("chances").BeginArray();
  for (size_t i = 0; i < horizons; ++i) {
    json.BeginArray();
    for (const CurvePoint& point : points) {
      if (point.chances[i]) {
        json.Value(std::round(1e4 * *point.chances[i]) / 1e4);
      } else {
        json.Null();
      }
    }
    json.EndArray();
  }
  json.EndArray().EndObject();
}

std::string SayHorizonOf(int64_t horizon_ms) {
  return SayHorizon(horizon_ms == 0 ? std::nullopt : std::optional<Duration>(Duration{horizon_ms}));
}

// Absent where there is no model; "skill" is the verdict of its gate.
void WriteChances(JsonWriter& json, const TrainedModel& model, const Forecast& forecast) {
  json.BeginObject().Field("model", model.hash);
  json.Key("chances").BeginArray();
  for (const HeadScore& score : forecast.scores) {
    json.BeginObject().Field("within", SayHorizon(score.horizon));
    json.Field("probability", score.probability).Field("skill", score.skill).EndObject();
  }
  json.EndArray();
}

// What raises and lowers the probability most, compared with what is typical of accounts as old: of
// the longest horizon that ends.
void WriteBreakdown(JsonWriter& json, const Model& model, const TrainedModel& trained,
                    const Forecast& forecast) {
  size_t head = forecast.scores.size() - 1;
  while (head > 0 && !forecast.scores[head].horizon) {
    --head;
  }
  const HeadScore& score = forecast.scores[head];
  if (!score.skill) {
    return;
  }
  Explanation explanation = Explain(trained, forecast.features, score.head);
  std::vector<Contribution> parts = explanation.contributions;
  std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
    return std::abs(a.logit) > std::abs(b.logit);
  });
  parts.resize(std::min(parts.size(), kFactorsShown));
  json.Field("explained", SayHorizon(score.horizon));
  json.Key("factors").BeginArray();
  for (const Contribution& part : parts) {
    pb::Factor factor = FactorOf(trained, model, part);
    json.BeginObject().Field("of", factor.of());
    if (!factor.signal().empty()) {
      json.Field("signal", factor.signal());
    }
    json.Field("label", factor.label()).Field("odds", std::exp(factor.logit())).EndObject();
  }
  json.EndArray();
}

void WriteForecasts(JsonWriter& json, const Account& account, const Model& model,
                    const ModelsInForce& models, const std::optional<Forecast>& forecast,
                    EventTime as_of) {
  if (forecast) {
    json.Key("forecast");
    WriteChances(json, *models.champion(), *forecast);
    WriteBreakdown(json, model, *models.champion(), *forecast);
    json.EndObject();
  }
  if (const TrainedModel* challenger = models.challenger();
      challenger != nullptr && !account.journey.empty()) {
    json.Key("challenger");
    WriteChances(json, *challenger, ForecastOf(*challenger, model.scale(), account.journey, as_of));
    json.EndObject();
  }
}

void WritePeople(JsonWriter& json, const Account& account) {
  std::vector<PersonSpan> people = account.journey.People();
  auto known = std::count_if(people.begin(), people.end(),
                             [](const PersonSpan& p) { return IsKnownPerson(p.key); });
  json.Field("people", static_cast<uint64_t>(people.size()));
  json.Field("people_known", static_cast<uint64_t>(known));
  json.Key("buying_group").BeginArray();
  for (const PersonSpan& person : people) {
    json.BeginObject().Field("person", person.key);
    std::string_view role = account.facts.Get(person.key, "role");
    if (!role.empty()) {
      json.Field("role", role);
    }
    json.Field("first", person.first).Field("last", person.last).EndObject();
  }
  json.EndArray();
}

void WriteOpportunities(JsonWriter& json, const Account& account) {
  std::vector<Facts::Opportunity> opportunities = account.facts.Opportunities();
  std::stable_partition(opportunities.begin(), opportunities.end(),
                        [](const Facts::Opportunity& each) { return each.open; });
  opportunities.resize(std::min(opportunities.size(), kOpportunitiesShown));
  json.Key("opportunities").BeginArray();
  for (const Facts::Opportunity& each : opportunities) {
    json.BeginObject().Field("id", each.id).Field("stage", each.stage);
    if (each.amount > 0) {
      json.Field("amount", each.amount);
    }
    json.Field("state", each.open ? "open" : each.won ? "won" : "lost");
    json.Field("since", each.since).EndObject();
  }
  json.EndArray();
}

void WriteLostChanges(JsonWriter& json, const Account& account) {
  std::vector<Facts::Lost> lost = account.facts.LostChanges();
  if (lost.empty()) {
    return;
  }
  json.Key("lost_changes").BeginArray();
  for (const Facts::Lost& each : lost) {
    json.BeginObject().Field("record", each.subject.empty() ? "account" : each.subject);
    json.Field("last", each.last).EndObject();
  }
  json.EndArray();
}

void WriteRecent(JsonWriter& json, const Journey& journey) {
  json.Key("recent").BeginArray();
  const std::vector<Entry>& log = journey.log();
  for (size_t i = log.size(); i-- > 0 && log.size() - i <= kRecentSignals;) {
    if (log.back().place.time - log[i].place.time > kRecentSpan) {
      break;
    }
    json.BeginObject().Field("time", log[i].place.time);
    json.Field("signal", journey.names()[log[i].signal]);
    json.Field("source", journey.names()[log[i].source]);
    std::string_view person = journey.PersonOf(log[i]);
    if (!person.empty()) {
      json.Field("person", person);
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteLedger(JsonWriter& json, const Account& account) {
  json.Key("policies").BeginArray();
  for (const pb::Episode& episode : account.ledger) {
    json.BeginObject().Field("policy", episode.policy()).Field("armed", !episode.disarmed());
    if (!episode.suppressed().empty()) {
      json.Field("suppressed", episode.suppressed());
    }
    if (episode.has_trigger()) {
      json.Field("trigger", episode.trigger().id());
      json.Field("state", StateName(episode.trigger().state()));
    }
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string_view StateName(pb::Trigger::State state) {
  switch (state) {
    case pb::Trigger::OPENED:
      return "opened";
    case pb::Trigger::RAISED:
      return "raised";
    case pb::Trigger::RETRACTED:
      return "retracted";
    case pb::Trigger::SNOOZED:
      return "snoozed";
    case pb::Trigger::ACCEPTED:
      return "accepted";
    case pb::Trigger::DISMISSED:
      return "dismissed";
    case pb::Trigger::EXPIRED:
      return "expired";
    case pb::Trigger::CLOSED:
      return "closed";
    default:
      return "none";
  }
}

std::string WriteSummary(const Account& account, const Model& model, const ModelsInForce& models,
                         EventTime as_of) {
  const Journey& journey = account.journey;
  Estimate estimate = EstimateJourney(journey, model, as_of);
  std::optional<Forecast> forecast = ChampionsForecast(models, model.scale(), journey, as_of);
  JsonWriter json;
  json.BeginObject().Field("version", 1).Field("account", account.key).Field("as_of", as_of);
  for (std::string_view field : {"name", "owner", "team", "segment", "industry"}) {
    std::string_view value = account.facts.Get("", field);
    if (!value.empty()) {
      json.Field(field, value);
    }
  }
  json.Field("customer", account.facts.customer());
  WriteOpportunities(json, account);
  WriteLostChanges(json, account);
  WriteStage(json, model, models, estimate, forecast);
  json.Field("progress", estimate.progress).Field("points", estimate.points);
  WriteCurve(json, account.curve, forecast);
  WriteForecasts(json, account, model, models, forecast, as_of);
  json.Field("events", journey.events()).Field("sessions", journey.sessions(model.scale()));
  if (journey.Oldest()) {
    json.Field("first", *journey.Oldest()).Field("began", *journey.Began(model.scale()));
    json.Field("last", *journey.Newest());
  }
  WritePeople(json, account);
  WriteSignals(json, model, estimate);
  json.Key("last_signals").BeginArray();
  for (const LastSignal& last : journey.Last()) {
    json.Value(last.signal);
  }
  json.EndArray();
  WriteRecent(json, journey);
  WriteLedger(json, account);
  json.EndObject();
  return json.Take();
}

std::string WriteTrigger(const pb::Trigger& trigger) {
  JsonWriter json;
  json.BeginObject().Field("version", 1).Field("id", trigger.id());
  json.Field("revision", trigger.revision()).Field("state", StateName(trigger.state()));
  json.Field("account", trigger.account()).Field("name", trigger.name());
  json.Field("owner", trigger.owner()).Field("team", trigger.team());
  json.Field("segment", trigger.segment()).Field("policy", trigger.policy());
  json.Field("policy_version", trigger.policy_version());
  json.Field("catalogue_version", trigger.catalogue_version());
  json.Field("opened", FromMillis(trigger.opened_ms()));
  json.Field("as_of", FromMillis(trigger.as_of_ms()));
  json.Field("expires", FromMillis(trigger.expires_ms()));
  if (trigger.snoozed_until_ms() != 0) {
    json.Field("snoozed_until", FromMillis(trigger.snoozed_until_ms()));
  }
  json.Field("measure", trigger.measure());
  if (trigger.measure() == MeasureName(pb::Policy::PROBABILITY)) {
    json.Field("within", SayHorizonOf(trigger.horizon_ms()));
  }
  json.Field("value", trigger.value());
  json.Field("threshold", trigger.threshold()).Field("points", trigger.points());
  json.Field("progress", trigger.progress()).Field("stage", trigger.stage());
  json.Key("stages").BeginArray();
  for (int s = 0; s < trigger.stages_size(); ++s) {
    json.BeginObject().Field("stage", trigger.stages(s));
    json.Field("share", trigger.stage_shares(s)).EndObject();
  }
  json.EndArray();
  if (!trigger.stage_model().empty()) {
    json.Field("stage_model", trigger.stage_model());
  }
  if (!trigger.model().empty()) {
    json.Field("model", trigger.model());
    json.Key("chances").BeginArray();
    for (const pb::Chance& chance : trigger.chances()) {
      json.BeginObject().Field("within", SayHorizonOf(chance.horizon_ms()));
      json.Field("probability", chance.probability()).Field("skill", chance.skill()).EndObject();
    }
    json.EndArray();
    json.Key("factors").BeginArray();
    for (const pb::Factor& factor : trigger.factors()) {
      json.BeginObject().Field("of", factor.of());
      if (!factor.signal().empty()) {
        json.Field("signal", factor.signal());
      }
      json.Field("label", factor.label()).Field("logit", factor.logit());
      json.Field("odds", std::exp(factor.logit())).Field("count", factor.count());
      json.Field("people", factor.people());
      if (factor.last_ms() != 0) {
        json.Field("last", FromMillis(factor.last_ms()));
      }
      json.EndObject();
    }
    json.EndArray();
    if (trigger.factors_size() > 0 || trigger.other_logit() != 0) {
      json.Field("other_odds", std::exp(trigger.other_logit()));
    }
  }
  if (trigger.opened_policy_version() != 0) {  // not of triggers of earlier programs
    json.Key("opened_by").BeginObject();
    json.Field("policy_version", trigger.opened_policy_version());
    if (!trigger.opened_model().empty()) {
      json.Field("model", trigger.opened_model());
    }
    json.EndObject();
  }
  if (!trigger.challenger_model().empty()) {
    json.Key("challenger").BeginObject().Field("model", trigger.challenger_model());
    json.Field("probability", trigger.challenger()).EndObject();
  }
  json.Field("sale", trigger.sale()).Field("play", trigger.play());
  json.Field("expected_value", trigger.expected_value()).Field("priority", trigger.priority());
  json.Field("why", trigger.why());
  if (trigger.since_ms() != 0) {  // not of triggers of earlier programs
    json.Field("since", FromMillis(trigger.since_ms()));
  }
  if (trigger.told_ms() != 0) {
    json.Field("told", FromMillis(trigger.told_ms()));
  }
  json.Key("reasons").BeginArray();
  for (const pb::Reason& reason : trigger.reasons()) {
    json.BeginObject().Field("signal", reason.signal()).Field("label", reason.label());
    json.Field("topic", reason.topic()).Field("points", reason.points());
    json.Field("progress", reason.progress()).Field("count", reason.count());
    json.Field("people", reason.people()).Field("last", FromMillis(reason.last_ms()));
    json.Field("age_seconds", (trigger.as_of_ms() - reason.last_ms()) / 1000).EndObject();
  }
  json.EndArray();
  json.Field("people_active", trigger.people_active()).Field("people_new", trigger.people_new());
  json.Key("people").BeginArray();
  for (const pb::Actor& actor : trigger.people()) {
    json.BeginObject().Field("person", actor.key()).Field("role", actor.role());
    json.Field("first", FromMillis(actor.first_ms()));
    json.Field("last", FromMillis(actor.last_ms())).EndObject();
  }
  json.EndArray();
  json.Key("questions").BeginArray();
  for (const std::string& question : trigger.questions()) {
    json.Value(question);
  }
  json.EndArray();
  if (!trigger.by().empty()) {
    json.Field("by", trigger.by());
  }
  if (!trigger.feedback_reason().empty()) {
    json.Field("reason", trigger.feedback_reason());
  }
  if (trigger.has_cause()) {
    json.Key("cause").BeginObject().Field("topic", trigger.cause().topic());
    json.Field("partition", trigger.cause().partition()).Field("offset", trigger.cause().offset());
    json.Field("timestamp", FromMillis(trigger.cause().timestamp_ms())).EndObject();
  }
  json.EndObject();
  return json.Take();
}

}  // namespace hotiron
