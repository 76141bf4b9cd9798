#include "processors/opportunity.h"

#include "base/identity.h"

namespace hotiron {

bool IsOpportunity(std::string_view subject) {
  return subject.starts_with(kOpportunityPrefix);
}

bool SaysYes(std::string_view value) {
  std::string word = NormaliseId(value);
  return word == "true" || word == "yes" || word == "1";
}

}  // namespace hotiron
