#pragma once

#include <string>

#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

// Reads a trigger policy file (docs/FORMATS.md, "Policy"; an example is deploy/policy.yaml). Errors
// name file, line, key and what is allowed.
Result<pb::PolicySet> ParsePolicy(const std::string& text, const std::string& file_name);

inline constexpr double kThresholdPointsMax = 1e6;
inline constexpr int kPoliciesMax = 16;
inline constexpr size_t kEpisodesMax =
    size_t{2} * kPoliciesMax;  // in a ledger, with policies taken out

}  // namespace hotiron
