#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "processors/trained_model.h"

namespace hotiron {

inline constexpr int kModelFormat = 2;  // 1: its models of age have two columns; read as well

// The model as a YAML text for people and programs, with a hash of itself. Numbers are written so
// that they read back to the same double: a model scores the same before and after.
std::string WriteModel(const TrainedModel& model);

// Reads what WriteModel wrote. Anything else is an error that names file, line, key and what is
// allowed: another format version, a changed or cut text, columns that do not fit the signals.
Result<TrainedModel> ReadModel(const std::string& text, const std::string& file_name);

// "7d", or "ever" for nothing.
std::string SayHorizon(std::optional<Duration> horizon);

// The inverse; an error says what is allowed.
Result<std::optional<Duration>> ParseHorizon(std::string_view text);

}  // namespace hotiron
