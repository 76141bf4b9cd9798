#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/records.pb.h"
#include "base/result.h"
#include "processors/estimator.h"
#include "processors/journey.h"
#include "processors/model.h"
#include "processors/trained_model.h"

namespace hotiron {

// The models of buying in force, as their lever says: the champion, whose probabilities are shown
// and decided on, and a challenger that is scored beside it from the same state. Constant once
// made.
class ModelsInForce {
 public:
  ModelsInForce() = default;  // none

  // kInvalid: a model that this program does not read, or of another time unit than the journeys'.
  static Result<ModelsInForce> Read(pb::ModelSet set, const TimeScale& scale);

  // Null when there is none.
  const TrainedModel* champion() const { return champion_ ? &*champion_ : nullptr; }

  const TrainedModel* challenger() const { return challenger_ ? &*challenger_ : nullptr; }

  const pb::ModelSet& set() const { return set_; }

 private:
  pb::ModelSet set_;
  std::optional<TrainedModel> champion_;
  std::optional<TrainedModel> challenger_;
};

// ---- the next version of the models in force

// With a model that was offered: the champion where there is none, else the challenger. Nothing
// when it has a role already, be it that of the one before.
std::optional<pb::ModelSet> WithOffered(const pb::ModelSet& in_force, const pb::ModelText& model);

// The challenger decides from now on. kInvalid: there is none.
Result<pb::ModelSet> WithPromoted(const pb::ModelSet& in_force);

// The champion before decides again. The present one is scored beside it, or is the one to go back
// to where another model is on trial. kInvalid: there is none before.
Result<pb::ModelSet> WithRolledBack(const pb::ModelSet& in_force);

// What a model says of one journey at one moment.
struct Forecast {
  Features features;
  std::vector<HeadScore> scores;  // by horizon
};

// As of a moment, of what had happened by `until`. An empty journey has an age of 0.
Forecast ForecastOf(const TrainedModel& model, const TimeScale& scale, const Journey& journey,
                    EventTime as_of, EventTime until = EventTime::max());

// Whether the champion tells the stage: it has learnt the stages of the catalogue, and has shown
// that it tells them better than the evidence does (StageGate).
bool TellsStage(const ModelsInForce& models, const Model& model);

// The stages of an account as they are shown.
struct ShownStages {
  size_t stage = 0;            // index into the catalogue's
  std::vector<double> shares;  // of each, they add up to 1
  std::string model;           // hash of the champion where it tells them; "": by the evidence
};

// By the evidence, or the likeliest and all that the champion tells, where it does. `forecast`: the
// champion's.
ShownStages StagesShown(const ModelsInForce& models, const Model& model, const Estimate& estimate,
                        const std::optional<Forecast>& forecast);

// The stage alone, of a forecast by a champion that tells it.
size_t StageTold(const TrainedModel& champion, const Forecast& forecast);

// What the champion says at a moment; nothing of an empty journey, or when there is none.
std::optional<Forecast> ChampionsForecast(const ModelsInForce& models, const TimeScale& scale,
                                          const Journey& journey, EventTime as_of);

// Stands for the horizons of these scores, in their order; 0: there are none.
uint32_t HorizonsOf(const std::vector<HeadScore>& scores);

// The score of a horizon; null when the model has no such head.
const HeadScore* ScoreWithin(const std::vector<HeadScore>& scores, std::optional<Duration> horizon);

}  // namespace hotiron
