#pragma once

#include <absl/container/flat_hash_map.h>
#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace hotiron {

// Says of a signal whether a mask leaves it out: a pattern is found anywhere in its name. There are
// few names, and patterns are slow, so each name is looked at once. One thread.
class SignalMasks {
 public:
  static Result<SignalMasks> Make(const std::vector<std::string>& patterns);

  bool Hide(const std::string& signal);

 private:
  std::vector<std::unique_ptr<RE2>> patterns_;
  absl::flat_hash_map<std::string, bool> known_;
};

}  // namespace hotiron
