#include "app/lever_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/task_host.h"
#include "base/limits.h"
#include "ingest/catalogue.h"
#include "processors/models_in_force.h"
#include "processors/policy.h"
#include "processors/trained_model_file.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

// A lever is a record of <app>.control and <app>.events, and a row.
Result<void> CheckSize(const std::string& file, size_t bytes) {
  if (bytes > kLeverBytesMax) {
    return Invalid(fmt::format("{}: {} bytes as a record, at most {} are allowed", file, bytes,
                               kLeverBytesMax));
  }
  return {};
}

// A policy that asks for a horizon which the model does not have would never go by it.
Result<void> CheckHorizons(const Config& config, const pb::PolicySet& policies,
                           const TrainedModel& model) {
  std::string known;
  for (const Head& head : model.heads) {
    known += (known.empty() ? "" : ", ") + SayHorizon(head.horizon);
  }
  for (const pb::Policy& policy : policies.policies()) {
    if (!StatesHorizonOf(model, policy)) {
      return Invalid(fmt::format("{}: policy {}: horizon: {}: the model {} has {}",
                                 config.policy_file, policy.name(), SayHorizon(HorizonOf(policy)),
                                 config.model_file, known));
    }
  }
  return {};
}

}  // namespace

Result<pb::ModelText> ReadModelFile(const std::string& file, const Config& config) {
  TRY_ASSIGN(std::string text, ReadNamed("model", file));
  TRY_ASSIGN(TrainedModel model, ReadModel(text, file));
  pb::ModelText named;
  named.set_hash(model.hash);
  named.set_yaml(std::move(text));
  // A champion, a challenger and the one before are one record.
  TRY(CheckSize(file, 3 * named.ByteSizeLong()));
  pb::ModelSet set;
  *set.mutable_champion() = named;
  TRY(ModelsInForce::Read(set, TaskOptionsOf(config).scale));
  return named;
}

Result<LeverFiles> ReadLevers(const Config& config) {
  LeverFiles levers;
  TRY_ASSIGN(std::string policy, ReadNamed("policy", config.policy_file));
  TRY_ASSIGN(levers.policy, ParsePolicy(policy, config.policy_file));
  TRY_ASSIGN(std::string catalogue, ReadNamed("catalogue", config.catalogue_file));
  TRY_ASSIGN(levers.catalogue, ParseCatalogue(catalogue, config.catalogue_file));
  TRY(CheckSize(config.policy_file, levers.policy.ByteSizeLong()));
  TRY(CheckSize(config.catalogue_file, levers.catalogue.ByteSizeLong()));
  if (!config.model_file.empty()) {
    TRY_ASSIGN(levers.model, ReadModelFile(config.model_file, config));
    TRY_ASSIGN(TrainedModel model, ReadModel(levers.model->yaml(), config.model_file));
    TRY(CheckHorizons(config, levers.policy, model));
  }
  return levers;
}

}  // namespace hotiron
