#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/records.pb.h"
#include "processors/sums.h"

namespace hotiron {

// What the estimator needs of the signal catalogue, looked up fast. Constant after construction.
class Model {
 public:
  static constexpr int kNeutral = -1;

  struct Meaning {
    int anchor = kNeutral;  // index of the stage that the signal is evidence for
    bool contact = false;   // somebody of ours touched the account
    std::string label;      // in words a rep understands
    std::string topic;
  };

  Model(pb::Catalogue catalogue, TimeScale scale);

  // Signals that the catalogue does not know are neutral and are called by their name.
  const Meaning& MeaningOf(std::string_view signal) const;

  // The label of a signal, or its name.
  std::string_view LabelOf(std::string_view signal) const;

  const std::vector<std::string>& stages() const { return stages_; }

  const TimeScale& scale() const { return scale_; }

  const pb::Catalogue& catalogue() const { return catalogue_; }

 private:
  pb::Catalogue catalogue_;
  TimeScale scale_;
  std::vector<std::string> stages_;
  absl::flat_hash_map<std::string, Meaning, TextHash, std::equal_to<>> meanings_;
};

// The five stages of a catalogue that names none.
const std::vector<std::string>& DefaultStages();

}  // namespace hotiron
