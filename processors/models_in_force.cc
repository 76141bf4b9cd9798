#include "processors/models_in_force.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

Result<std::optional<TrainedModel>> ReadOne(const pb::ModelText& text, const char* role,
                                            const TimeScale& scale) {
  if (text.hash().empty()) {
    return std::optional<TrainedModel>();
  }
  TRY_ASSIGN(TrainedModel model, ReadModel(text.yaml(), fmt::format("{} {}", role, text.hash())));
  if (model.scale.unit != scale.unit) {
    return Invalid(
        fmt::format("{} {}: it was trained with a time unit of {}, journeys.time_unit is {}: train "
                    "it with --time-unit {}",
                    role, text.hash(), FormatDuration(model.scale.unit), FormatDuration(scale.unit),
                    FormatDuration(scale.unit)));
  }
  return std::optional<TrainedModel>(std::move(model));
}

size_t Likeliest(const std::vector<double>& shares) {
  return static_cast<size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

}  // namespace

Result<ModelsInForce> ModelsInForce::Read(pb::ModelSet set, const TimeScale& scale) {
  ModelsInForce models;
  TRY_ASSIGN(models.champion_, ReadOne(set.champion(), "champion", scale));
  TRY_ASSIGN(models.challenger_, ReadOne(set.challenger(), "challenger", scale));
  models.set_ = std::move(set);
  return models;
}

std::optional<pb::ModelSet> WithOffered(const pb::ModelSet& in_force, const pb::ModelText& model) {
  for (const pb::ModelText* known :
       {&in_force.champion(), &in_force.challenger(), &in_force.previous()}) {
    if (known->hash() == model.hash()) {
      return std::nullopt;
    }
  }
  pb::ModelSet next = in_force;
  next.set_version(in_force.version() + 1);
  *(in_force.has_champion() ? next.mutable_challenger() : next.mutable_champion()) = model;
  return next;
}

Result<pb::ModelSet> WithPromoted(const pb::ModelSet& in_force) {
  if (!in_force.has_challenger()) {
    return Invalid("there is no challenger to promote");
  }
  pb::ModelSet next;
  next.set_version(in_force.version() + 1);
  *next.mutable_champion() = in_force.challenger();
  *next.mutable_previous() = in_force.champion();
  return next;
}

Result<pb::ModelSet> WithRolledBack(const pb::ModelSet& in_force) {
  if (!in_force.has_previous()) {
    return Invalid("there is no earlier champion to roll back to");
  }
  pb::ModelSet next;
  next.set_version(in_force.version() + 1);
  *next.mutable_champion() = in_force.previous();
  if (in_force.has_challenger()) {  // its trial goes on
    *next.mutable_challenger() = in_force.challenger();
    *next.mutable_previous() = in_force.champion();
  } else {
    *next.mutable_challenger() = in_force.champion();
  }
  return next;
}

Forecast ForecastOf(const TrainedModel& model, const TimeScale& scale, const Journey& journey,
                    EventTime as_of, EventTime until) {
  Forecast forecast;
  ReadFeatures(journey, model.vocabulary, scale, as_of, until, forecast.features);
  forecast.scores = Score(model, forecast.features);
  return forecast;
}

bool TellsStage(const ModelsInForce& models, const Model& model) {
  const TrainedModel* champion = models.champion();
  return champion != nullptr && champion->stage && champion->stage->gate.open &&
         champion->stage->stages == model.stages();
}

ShownStages StagesShown(const ModelsInForce& models, const Model& model, const Estimate& estimate,
                        const std::optional<Forecast>& forecast) {
  if (!forecast || !TellsStage(models, model)) {
    return {estimate.stage, estimate.distribution, {}};
  }
  const TrainedModel& champion = *models.champion();
  std::vector<double> shares = StageDistribution(champion, forecast->features);
  return {Likeliest(shares), shares, champion.hash};
}

size_t StageTold(const TrainedModel& champion, const Forecast& forecast) {
  return Likeliest(StageDistribution(champion, forecast.features));
}

std::optional<Forecast> ChampionsForecast(const ModelsInForce& models, const TimeScale& scale,
                                          const Journey& journey, EventTime as_of) {
  if (models.champion() == nullptr || journey.empty()) {
    return std::nullopt;
  }
  return ForecastOf(*models.champion(), scale, journey, as_of);
}

uint32_t HorizonsOf(const std::vector<HeadScore>& scores) {
  uint64_t hash = 0;  // asked for every signal of a company: no text is made
  for (const HeadScore& score : scores) {
    int64_t horizon_ms = score.horizon.value_or(Duration{0}).count();
    hash = 31 * hash + Hash64({reinterpret_cast<const char*>(&horizon_ms), sizeof horizon_ms});
  }
  return scores.empty() ? 0 : static_cast<uint32_t>(hash) | 1U;
}

const HeadScore* ScoreWithin(const std::vector<HeadScore>& scores,
                             std::optional<Duration> horizon) {
  auto at = std::find_if(scores.begin(), scores.end(),
                         [&](const HeadScore& score) { return score.horizon == horizon; });
  return at == scores.end() ? nullptr : &*at;
}

}  // namespace hotiron
