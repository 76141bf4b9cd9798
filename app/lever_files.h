#pragma once

#include <optional>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

// What the files of a configuration say of policy, catalogue and model, checked.
struct LeverFiles {
  pb::PolicySet policy;
  pb::Catalogue catalogue;
  std::optional<pb::ModelText> model;  // when the configuration names one
};

Result<LeverFiles> ReadLevers(const Config& config);

// A model file, checked: that it is whole, and of the time unit that journeys go by.
Result<pb::ModelText> ReadModelFile(const std::string& file, const Config& config);

}  // namespace hotiron
