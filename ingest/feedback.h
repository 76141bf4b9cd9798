#pragma once

#include <vector>

#include "base/hash.h"
#include "ingest/input.h"
#include "ingest/router.h"

namespace hotiron {

// Reads <app>.feedback (docs/FORMATS.md): what a rep did with a trigger, for the account's row.
//
// Concurrency: immutable; any number of threads.
class FeedbackDecoder {
 public:
  explicit FeedbackDecoder(PersonHasher hasher) : hasher_(std::move(hasher)) {}

  // Appends one record, keyed by the account, or says why not.
  Outcome Decode(const InputRecord& input, std::vector<RoutedRecord>& out) const;

 private:
  PersonHasher hasher_;
};

}  // namespace hotiron
