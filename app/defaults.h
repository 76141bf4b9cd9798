#pragma once

#include <string>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

// The example policy and catalogue of deploy/, built into the program: what the demo and the
// offline commands use when no other is named.
extern const char* const kDefaultPolicy;
extern const char* const kDefaultCatalogue;

// The configured catalogue, or the default one.
Result<pb::Catalogue> CatalogueOf(const Config& config);

}  // namespace hotiron
