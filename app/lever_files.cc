#include "app/lever_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>

#include "app/task_host.h"
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

std::string HorizonsOf(const TrainedModel& model) {
  std::string horizons;
  for (const Head& head : model.heads) {
    horizons += (horizons.empty() ? "" : ", ") + SayHorizon(head.horizon);
  }
  return horizons;
}

// A policy that asks for a horizon which the model does not have would never go by it.
Result<void> CheckHorizons(const Config& config, const pb::PolicySet& policies,
                           const TrainedModel& model) {
  for (const pb::Policy& policy : policies.policies()) {
    if (!StatesHorizonOf(model, policy)) {
      return Invalid(fmt::format("{}: policy {}: horizon: {}: the model {} has {}",
                                 config.policy_file, policy.name(), SayHorizon(HorizonOf(policy)),
                                 config.model_file, HorizonsOf(model)));
    }
  }
  return {};
}

// The signals that the model tells apart by name, and those of them that the catalogue has.
size_t CountNamed(const TrainedModel& model) {
  const std::vector<std::string>& names = model.vocabulary.names();
  return names.size() - static_cast<size_t>(std::count(names.begin(), names.end(),
                                                       std::string(Vocabulary::kRareSignals)));
}

size_t CountKnown(const TrainedModel& model, const pb::Catalogue& catalogue) {
  const std::vector<std::string>& names = model.vocabulary.names();
  return static_cast<size_t>(std::count_if(
      catalogue.signals().begin(), catalogue.signals().end(), [&](const auto& definition) {
        return std::find(names.begin(), names.end(), definition.signal()) != names.end();
      }));
}

std::vector<std::string> SignalsUnder(const std::string& mask, const pb::Catalogue& catalogue) {
  std::vector<std::string> signals;
  RE2 pattern(mask, RE2::Quiet);
  for (const pb::SignalDefinition& signal : catalogue.signals()) {
    if (pattern.ok() && RE2::PartialMatch(signal.signal(), pattern)) {
      signals.push_back(signal.signal());
    }
  }
  return signals;
}

}  // namespace

Result<pb::ModelText> CheckModel(std::string text, const std::string& file, const Config& config) {
  TRY_ASSIGN(TrainedModel model, ReadModel(text, file));
  if (text.size() > kModelBytesMax) {
    return Invalid(
        fmt::format("{}: {} bytes, at most {} are allowed", file, text.size(), kModelBytesMax));
  }
  pb::ModelText named;
  named.set_hash(model.hash);
  named.set_yaml(std::move(text));
  pb::ModelSet set;
  *set.mutable_champion() = named;
  TRY(ModelsInForce::Read(set, TaskOptionsOf(config).scale));
  return named;
}

Result<pb::ModelText> ReadModelFile(const std::string& file, const Config& config) {
  TRY_ASSIGN(std::string text, ReadNamed("model", file));
  return CheckModel(std::move(text), file, config);
}

bool KnowsCatalogueOnly(const TrainedModel& model, const pb::Catalogue& catalogue) {
  return model.facts.catalogue > 0 && CountKnown(model, catalogue) == CountNamed(model);
}

std::optional<std::string> RemarkOnWeights(const TrainedModel& model,
                                           const pb::Catalogue& catalogue) {
  if (model.facts.catalogue == 0 && catalogue.signals_size() > 0) {
    return "the model took each signal as weight 1, the catalogue weighs them: train it with "
           "--catalogue, or from the platform's log";
  }
  if (model.facts.catalogue != 0 && CountNamed(model) > 0 && CountKnown(model, catalogue) == 0) {
    return "the model learnt with another catalogue: this one has none of its signals";
  }
  if (model.facts.catalogue != 0 && model.facts.catalogue != catalogue.version()) {
    return fmt::format(
        "the model learnt with version {} of the catalogue, {} is in force: signals may weigh "
        "otherwise",
        model.facts.catalogue, catalogue.version());
  }
  return std::nullopt;
}

std::vector<std::string> RemarksOn(const TrainedModel& model, const pb::PolicySet& policies,
                                   const pb::Catalogue& catalogue) {
  std::vector<std::string> remarks;
  for (const pb::Policy& policy : policies.policies()) {
    if (!StatesHorizonOf(model, policy)) {
      remarks.push_back(
          fmt::format("policy {} asks for the probability within {}, the model has {}: it would {}",
                      policy.name(), SayHorizon(HorizonOf(policy)), HorizonsOf(model),
                      policy.has_fallback() ? "go by its `otherwise`" : "open nothing"));
    }
  }
  for (const std::string& mask : model.facts.masks) {
    std::vector<std::string> signals = SignalsUnder(mask, catalogue);
    if (!signals.empty()) {
      remarks.push_back(
          fmt::format("the model learnt without what matches '{}', but {} of the catalogue counts "
                      "in an account's totals, events and silence: let the catalogue ignore it",
                      mask, fmt::join(signals, ", ")));
    }
  }
  if (std::optional<std::string> weights = RemarkOnWeights(model, catalogue)) {
    remarks.push_back(*std::move(weights));
  }
  return remarks;
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
