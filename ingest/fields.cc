#include "ingest/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/identity.h"
#include "ingest/names.h"

namespace hotiron {
namespace {

struct Rename {
  FactSubject subject;
  std::string_view field;
  std::string_view fact;
};

constexpr std::array<Rename, 39> kDefaults{{
    {FactSubject::kAccount, "name", "name"},
    {FactSubject::kAccount, "owner", "owner"},
    {FactSubject::kAccount, "ownerid", "owner"},
    {FactSubject::kAccount, "team", "team"},
    {FactSubject::kAccount, "territory", "team"},
    {FactSubject::kAccount, "segment", "segment"},
    {FactSubject::kAccount, "market_segment", "segment"},
    {FactSubject::kAccount, "industry", "industry"},
    {FactSubject::kAccount, "website", "website"},
    {FactSubject::kAccount, "employees", "employees"},
    {FactSubject::kAccount, "numberofemployees", "employees"},
    {FactSubject::kAccount, "amount", "amount"},
    {FactSubject::kAccount, "plan", "plan"},
    {FactSubject::kAccount, "relationship", "relationship"},
    {FactSubject::kAccount, "type", "relationship"},
    {FactSubject::kAccount, "customer", "relationship"},
    {FactSubject::kAccount, "is_customer", "relationship"},
    {FactSubject::kAccount, "status", "status"},
    {FactSubject::kAccount, "account_status", "status"},
    {FactSubject::kAccount, "consent", "consent"},
    {FactSubject::kOpportunity, "stage", "stage"},
    {FactSubject::kOpportunity, "stagename", "stage"},
    {FactSubject::kOpportunity, "amount", "amount"},
    {FactSubject::kOpportunity, "closed", "closed"},
    {FactSubject::kOpportunity, "isclosed", "closed"},
    {FactSubject::kOpportunity, "won", "won"},
    {FactSubject::kOpportunity, "iswon", "won"},
    {FactSubject::kOpportunity, "product", "product"},
    {FactSubject::kOpportunity, "product_class", "product"},
    {FactSubject::kOpportunity, "product_family", "product"},
    {FactSubject::kPerson, "role", "role"},
    {FactSubject::kPerson, "title", "role"},
    {FactSubject::kPerson, "jobtitle", "role"},
    {FactSubject::kPerson, "job_title", "role"},
    {FactSubject::kPerson, "position", "role"},
    {FactSubject::kPerson, "crm_id", "crm_id"},
    {FactSubject::kPerson, "salesforce_id", "crm_id"},
    {FactSubject::kPerson, "contact_id", "crm_id"},
    {FactSubject::kPerson, "contactid", "crm_id"},
}};

std::string NormaliseField(std::string_view field) {
  std::string name = NormaliseId(field);
  if (name.ends_with("__c")) {
    name.resize(name.size() - 3);
  }
  return name;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "Customer - Direct", "true" -> "customer"; "Former customer", "Prospect", "false" -> "other".
std::string_view Relationship(std::string_view value) {
  std::string text = NormaliseId(value);
  if (text.empty()) {
    return "";
  }
  bool customer =
      text == "true" || text == "yes" ||
      (Contains(text, "customer") && !Contains(text, "former") && !Contains(text, "prospect") &&
       !Contains(text, "past") && !Contains(text, "not ") && !Contains(text, "ex-"));
  return customer ? "customer" : "other";
}

const pb::FactField* Find(const pb::Fact& fact, std::string_view name) {
  for (const pb::FactField& field : fact.fields()) {
    if (field.name() == name) {
      return &field;
    }
  }
  return nullptr;
}

void Add(std::string_view name, std::string_view value, pb::Fact& fact) {
  if (Find(fact, name) == nullptr) {
    pb::FactField* field = fact.add_fields();
    field->set_name(std::string(name));
    field->set_value(std::string(CutText(value, kFactValueBytesMax)));
  }
}

// A move to another stage closes or opens an opportunity, whether or not the record says so.
void AddClosed(pb::Fact& fact) {
  const pb::FactField* stage = Find(fact, "stage");
  if (stage == nullptr || stage->value().empty()) {
    return;
  }
  std::string text = NormaliseId(stage->value());
  bool won = Contains(text, "won");
  bool closed = won || Contains(text, "closed") || Contains(text, "lost");
  Add("closed", closed ? "true" : "false", fact);
  Add("won", won ? "true" : "false", fact);
}

}  // namespace

std::string_view CutText(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) {
    return text;
  }
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) {
    --bytes;
  }
  return text.substr(0, bytes);
}

FieldMapping FieldMapping::Default() {
  FieldMapping mapping;
  for (const auto& [subject, field, fact] : kDefaults) {
    mapping.facts_[static_cast<size_t>(subject)].emplace(field, fact);
  }
  return mapping;
}

Result<void> FieldMapping::Map(FactSubject subject, std::string_view field, std::string_view fact) {
  auto& facts = facts_[static_cast<size_t>(subject)];
  if (fact.empty()) {
    facts.erase(NormaliseField(field));
    return {};
  }
  std::vector<std::string_view> allowed;
  for (const Rename& rename : kDefaults) {
    if (rename.subject == subject && rename.field == rename.fact) {
      allowed.push_back(rename.fact);
    }
  }
  if (std::find(allowed.begin(), allowed.end(), fact) == allowed.end()) {
    return Invalid(
        fmt::format("'{}' is no such fact; must be one of {}", fact, fmt::join(allowed, ", ")));
  }
  facts.insert_or_assign(NormaliseField(field), std::string(fact));
  return {};
}

void FieldMapping::Apply(FactSubject subject, const std::vector<Field>& fields,
                         pb::Fact& fact) const {
  const auto& facts = facts_[static_cast<size_t>(subject)];
  for (const Field& field : fields) {
    auto known = facts.find(NormaliseField(field.name));
    if (known == facts.end() || IsEmail(field.value)) {
      continue;
    }
    if (known->second == "relationship") {
      Add(known->second, Relationship(field.value), fact);
    } else if (known->second == "website") {
      Add(known->second, DomainOf(field.value), fact);
    } else {
      Add(known->second, field.value, fact);
    }
  }
  if (subject == FactSubject::kOpportunity) {
    AddClosed(fact);
  }
}

}  // namespace hotiron
