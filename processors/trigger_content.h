#pragma once

#include <optional>
#include <string_view>

#include "base/records.pb.h"
#include "base/time.h"
#include "processors/account.h"
#include "processors/model.h"
#include "processors/models_in_force.h"

namespace hotiron {

// What a trigger is described by: the levers in force, and when.
struct ContentContext {
  const pb::PolicySet& policies;
  const Model& model;
  const ModelsInForce& models;
  EventTime now;
};

// Fills what a trigger says of its account now: who it is, how far it has come and how likely it is
// to buy, why now (what has changed after `since`), who takes part, what to ask. What it was
// measured on is the caller's to say.
void DescribeTrigger(const ContentContext& context, const Account& account,
                     const pb::Policy& policy, EventTime since, pb::Trigger& trigger);

// The moment of an estimate: now, or the newest entry when that is ahead, so that no entry is worth
// more than its weight.
EventTime AsOf(const Journey& journey, EventTime now);

// "points", "progress" or "probability".
std::string_view MeasureName(pb::Policy::Measure measure);

// The horizon of a policy that goes by probability; nothing: ever.
std::optional<Duration> HorizonOf(const pb::Policy& policy);

// Whether the policy could go by this model: false when it asks for a horizon without a head.
bool StatesHorizonOf(const TrainedModel& model, const pb::Policy& policy);

// A contribution to a logit, or its change, in the form that triggers and summaries carry it.
pb::Factor FactorOf(const TrainedModel& trained, const Model& model, const Contribution& part);

}  // namespace hotiron
