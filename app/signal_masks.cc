#include "app/signal_masks.h"

#include <fmt/format.h>

#include <algorithm>

namespace hotiron {

Result<SignalMasks> SignalMasks::Make(const std::vector<std::string>& patterns) {
  SignalMasks masks;
  for (const std::string& pattern : patterns) {
    masks.patterns_.push_back(std::make_unique<RE2>(pattern, RE2::Quiet));
    if (!masks.patterns_.back()->ok()) {
      return Invalid(fmt::format("--mask '{}': {}", pattern, masks.patterns_.back()->error()));
    }
  }
  return masks;
}

bool SignalMasks::Hide(const std::string& signal) {
  if (patterns_.empty()) {
    return false;
  }
  auto [at, fresh] = known_.try_emplace(signal, false);
  if (fresh) {
    at->second = std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return RE2::PartialMatch(signal, *pattern);
    });
  }
  return at->second;
}

}  // namespace hotiron
