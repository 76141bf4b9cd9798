#pragma once

#include <string>

#include "base/observation.h"

namespace hotiron {

// One observation in the native format (docs/FORMATS.md), as one line of JSON. Decoding it gives
// the observation back.
std::string WriteNative(const Observation& observation);

}  // namespace hotiron
