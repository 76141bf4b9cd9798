#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/observation.h"
#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

inline constexpr int kCatalogueSignalsMax = 500;
inline constexpr size_t kPatternBytesMax = 1'000;

// Reads the signal catalogue from YAML; deploy/catalogue.yaml shows and explains the form. Errors
// name file, line, key and what is allowed.
Result<pb::Catalogue> ParseCatalogue(const std::string& text, std::string file_name);

// Says which signals an observation is.
//
// Operation: an event or page is at most one signal: an exact name beats a pattern, and among
// equals the first in the order of the catalogue wins. A CRM change may say several things at once,
// and each field it carries (and that it was created or deleted) is at most one signal, again the
// first. Traits are never signals.
// Concurrency: immutable; any number of threads.
// Limits: kCatalogueSignalsMax definitions, kPatternBytesMax a pattern; patterns are RE2 (linear
// time) and see the first kMatchedBytesMax bytes of a name, path or value.
class Classifier {
 public:
  static constexpr size_t kMatchedBytesMax = 1'024;

  // Checks the catalogue again: it may come from another version's process.
  static Result<Classifier> Make(pb::Catalogue catalogue);
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  // Replaces the content of `matches`; the pointers live as long as this object, moved or not.
  void Classify(const Observation& observation,
                std::vector<const pb::SignalDefinition*>& matches) const;

  const pb::Catalogue& catalogue() const;

 private:
  struct State;
  explicit Classifier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hotiron
