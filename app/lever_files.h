#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/limits.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "processors/trained_model.h"

namespace hotiron {

// What the files of a configuration say of policy, catalogue and model, checked.
struct LeverFiles {
  pb::PolicySet policy;
  pb::Catalogue catalogue;
  std::optional<pb::ModelText> model;  // when the configuration names one
};

Result<LeverFiles> ReadLevers(const Config& config);

// A champion, a challenger and the one before are one record.
inline constexpr size_t kModelBytesMax = kLeverBytesMax / 3 - 1'000;

// A model file, checked: that it is whole, and of the time unit that journeys go by.
Result<pb::ModelText> ReadModelFile(const std::string& file, const Config& config);

// The same of the text of such a file.
Result<pb::ModelText> CheckModel(std::string text, const std::string& file, const Config& config);

// Whether a model learnt from the signals of a catalogue alone, and this may be it.
bool KnowsCatalogueOnly(const TrainedModel& model, const pb::Catalogue& catalogue);

// What would not go with this model as its owner may expect, for people to read: horizons that
// policies ask for in vain, signals that it was to learn without and that come all the same,
// weights that it has not learnt with.
std::vector<std::string> RemarksOn(const TrainedModel& model, const pb::PolicySet& policies,
                                   const pb::Catalogue& catalogue);

// Of these, what concerns the weights of signals.
std::optional<std::string> RemarkOnWeights(const TrainedModel& model,
                                           const pb::Catalogue& catalogue);

}  // namespace hotiron
