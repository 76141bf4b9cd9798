#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/observation.h"
#include "base/records.pb.h"
#include "base/result.h"

namespace hotiron {

// Whom facts are about.
enum class FactSubject : uint8_t { kAccount, kOpportunity, kPerson };
inline constexpr size_t kFactSubjects = 3;

// Says which field of a source is which fact of ours; every other field is left out. Facts are few:
//   account      name, owner, team, segment, industry, website, employees, amount, plan,
//                relationship, status, consent
//   opportunity  stage, amount, closed, won, product
//   person       role, crm_id
// Field names are compared without case and without Salesforce's "__c". Immutable once built.
class FieldMapping {
 public:
  // The standard fields of Salesforce and Segment, and every fact under its own name.
  static FieldMapping Default();

  // Adds or replaces one field. The fact must be one of the subject's; none at all ("") leaves the
  // field out.
  Result<void> Map(FactSubject subject, std::string_view field, std::string_view fact);

  // Adds what `fields` say of the subject to `fact`, a fact at most once. Values that are e-mail
  // addresses are left out whatever the mapping says: a fact is not about a person by name.
  //   relationship  becomes "customer", "other" or empty
  //   website       becomes the domain
  //   closed, won   are derived from `stage` ("Closed Won") when they are not given
  void Apply(FactSubject subject, const std::vector<Field>& fields, pb::Fact& fact) const;

 private:
  std::array<std::map<std::string, std::string, std::less<>>, kFactSubjects> facts_;
};

// `text`, cut to `bytes` without cutting a character of UTF-8 in two.
std::string_view CutText(std::string_view text, size_t bytes);

}  // namespace hotiron
