#pragma once

#include <string>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

// The example policy and catalogue of deploy/, built into the program: what the demo and the
// offline commands use when no other is named.
const char* DefaultPolicy();
const char* DefaultCatalogue();

// The configured catalogue, or the default one.
Result<pb::Catalogue> CatalogueOf(const Config& config);

}  // namespace hotiron
