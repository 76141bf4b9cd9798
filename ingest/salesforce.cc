// Change events of Salesforce. The fields of the changed record and the header stand beside each
// other in the payload, in any order, so one pass collects both and Finish puts them together.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ingest/readers.h"

namespace hotiron::json {
namespace {

constexpr std::array<std::string_view, 6> kEntities{"Account", "Contact", "Opportunity",
                                                    "Task",    "Event",   "EmailMessage"};

// The first three characters of an id say what it is of.
constexpr std::string_view kAccountPrefix = "001";
constexpr std::string_view kContactPrefix = "003";
constexpr std::string_view kOpportunityPrefix = "006";

// An envelope around an envelope: data.payload.
constexpr int kEnvelopesMax = 2;

bool Holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "Name" and "Name.FirstName" both name the compound field Name.
bool Names(const std::vector<std::string>& names, std::string_view field) {
  std::string_view compound = field.substr(0, field.find('.'));
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == field || name == compound ||
           (name.size() > compound.size() && name.starts_with(compound) &&
            name[compound.size()] == '.' && field == compound);
  });
}

bool IsActivity(std::string_view entity) {
  return entity == "Task" || entity == "Event" || entity == "EmailMessage";
}

}  // namespace

error_code SalesforceReader::Read(Walk& walk, ondemand::object root) {
  now_.Clear();
  problem_.Clear();
  has_header_ = false;
  too_many_ = false;
  change_type_.clear();
  change_origin_.clear();
  transaction_.clear();
  sequence_number_ = 0;
  commit_number_ = 0;
  commit_time_.reset();
  record_ids_.clear();
  changed_.clear();
  nulled_.clear();
  null_fields_.clear();
  if (error_code error = Payload(root, 0)) {
    return error;
  }
  if (too_many_) {
    return kTooManyItems;
  }
  Finish(walk);
  return simdjson::SUCCESS;
}

error_code SalesforceReader::Payload(ondemand::object object, int depth) {
  bool envelope = false;
  return EachField(object, [&](std::string_view name, ondemand::value value) -> error_code {
    if (envelope) {
      return simdjson::SUCCESS;
    }
    if (depth < kEnvelopesMax && (name == "data" || name == "payload") && IsObject(value)) {
      ondemand::object inner;
      if (error_code error = value.get_object().get(inner)) {
        return error;
      }
      envelope = true;  // what stands beside it is none of the record's fields
      now_.fields.clear();
      null_fields_.clear();
      return Payload(inner, depth + 1);
    }
    if (name == "ChangeEventHeader") {
      has_header_ = true;
      return Header(value);
    }
    return PayloadField(name, value);
  });
}

error_code SalesforceReader::PayloadField(std::string_view name, ondemand::value value) {
  auto add = [&](std::string path, ondemand::value part) -> error_code {
    hotiron::Field field{std::move(path), {}};
    Shape shape{};
    if (error_code error = ReadText(part, field.value, shape)) {
      return error;
    }
    if (shape == Shape::kNull) {
      null_fields_.push_back(field.name);
    }
    if (shape == Shape::kText || shape == Shape::kNull) {
      now_.fields.push_back(std::move(field));
    }
    return simdjson::SUCCESS;
  };
  if (!IsObject(value)) {
    return add(std::string(name), value);
  }
  return EachFieldOf(value, [&](std::string_view part, ondemand::value field) -> error_code {
    return add(fmt::format("{}.{}", name, part), field);
  });
}

error_code SalesforceReader::Names(ondemand::value value, std::vector<std::string>& names) {
  if (!IsArray(value)) {
    return simdjson::SUCCESS;
  }
  ondemand::array array;
  if (error_code error = value.get_array().get(array)) {
    return error;
  }
  return EachElement(array, [&](ondemand::value item) -> error_code {
    if (names.size() == kObservationsPerRecordMax) {
      too_many_ = true;
      return simdjson::SUCCESS;
    }
    return ReadText(item, "ChangeEventHeader", names.emplace_back(), problem_);
  });
}

error_code SalesforceReader::Header(ondemand::value value) {
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    if (name == "entityName") {
      return ReadText(field, name, now_.name, problem_);
    }
    if (name == "changeType") {
      return ReadText(field, name, change_type_, problem_);
    }
    if (name == "changeOrigin") {
      return ReadText(field, name, change_origin_, problem_);
    }
    if (name == "transactionKey") {
      return ReadText(field, name, transaction_, problem_);
    }
    if (name == "sequenceNumber") {
      return ReadUint(field, name, sequence_number_, problem_);
    }
    if (name == "commitNumber") {
      return ReadUint(field, name, commit_number_, problem_);
    }
    if (name == "commitTimestamp") {
      return ReadTime(field, name, commit_time_, problem_);
    }
    if (name == "recordIds") {
      return Names(field, record_ids_);
    }
    if (name == "changedFields") {
      return Names(field, changed_);
    }
    if (name == "nulledFields") {
      return Names(field, nulled_);
    }
    return simdjson::SUCCESS;
  });
}

std::string_view SalesforceReader::ValueOf(std::string_view field) const {
  for (const hotiron::Field& candidate : now_.fields) {
    if (candidate.name == field) {
      return candidate.value;
    }
  }
  return {};
}

// Some transports send the whole record with null for what did not change. So a null counts only
// when the header says that the field was set to nothing.
void SalesforceReader::DropUnchanged() {
  std::erase_if(now_.fields, [&](const hotiron::Field& field) {
    return Holds(null_fields_, field.name) && !json::Names(nulled_, field.name) &&
           !json::Names(changed_, field.name);
  });
  for (const std::string& name : nulled_) {
    if (std::none_of(now_.fields.begin(), now_.fields.end(),
                     [&](const hotiron::Field& field) { return field.name == name; })) {
      now_.fields.push_back({name, {}});
    }
  }
}

void SalesforceReader::Identify() {
  if (now_.name == "Account") {
    now_.domain = ValueOf("Website");
    return;  // the record is the account
  }
  now_.account = ValueOf("AccountId");
  if (now_.name == "Contact") {
    now_.email = ValueOf("Email");
  }
  if (!IsActivity(now_.name) || !now_.account.empty()) {
    return;
  }
  std::string_view what = ValueOf("WhatId");
  if (what.empty()) {
    what = ValueOf("RelatedToId");  // of an EmailMessage
  }
  std::string_view who = ValueOf("WhoId");
  if (what.starts_with(kAccountPrefix)) {
    now_.account = what;
  } else if (what.starts_with(kOpportunityPrefix)) {
    now_.parent = what;
  } else if (who.starts_with(kContactPrefix)) {
    now_.parent = who;
  }
}

void SalesforceReader::Finish(Walk& walk) {
  using Change = Observation::Change;
  if (!has_header_) {
    problem_.Set(RejectReason::kUnknownType, "ChangeEventHeader",
                 "is missing: this is no change event");
  } else if (now_.name.empty()) {
    problem_.Set(RejectReason::kMissingField, "ChangeEventHeader.entityName", "is missing");
  } else if (record_ids_.empty()) {
    problem_.Set(RejectReason::kMissingField, "ChangeEventHeader.recordIds", "is missing");
  } else if (!commit_time_) {
    problem_.Set(RejectReason::kMissingField, "ChangeEventHeader.commitTimestamp", "is missing");
  }
  now_.kind = Observation::Kind::kChange;
  if (change_type_ == "DELETE" || change_type_ == "GAP_DELETE") {
    now_.change = Change::kDeleted;  // nothing else of it matters
  } else if (change_type_.starts_with("GAP_")) {
    now_.change = Change::kStale;
  } else if (change_type_ == "CREATE") {
    now_.change = Change::kCreated;
  } else if (change_type_ == "UPDATE" || change_type_ == "UNDELETE") {
    now_.change = Change::kUpdated;
  } else {
    problem_.Set(RejectReason::kUnknownType, "ChangeEventHeader.changeType",
                 "must be CREATE, UPDATE, DELETE, UNDELETE or GAP_*");
  }
  if (problem_) {
    walk.Reject(problem_.Take(), {});
    return;
  }
  IgnoreReason ignored{};
  bool ignore = true;
  if (std::find(kEntities.begin(), kEntities.end(), now_.name) == kEntities.end()) {
    ignored = IgnoreReason::kUnknownEntity;
  } else if (std::any_of(walk.options.own_origins.begin(), walk.options.own_origins.end(),
                         [&](const std::string& own) {
                           return change_origin_.find(own) != std::string::npos;
                         })) {
    ignored = IgnoreReason::kOwnChange;
  } else {
    ignore = false;
  }
  if (now_.change == Change::kStale || now_.change == Change::kDeleted) {
    now_.fields.clear();
  } else {
    DropUnchanged();
  }
  Identify();
  now_.time = *commit_time_;
  now_.sequence = commit_number_ + sequence_number_;
  now_.source = walk.options.source;
  now_.history = walk.options.history;
  for (const std::string& record : record_ids_) {
    if (ignore) {
      walk.out.Ignore(ignored);
      continue;
    }
    // "001*" and an id of nothing but zeros stand for records that the CRM does not list.
    if (record.ends_with('*') || record.find_first_not_of("0A") == std::string::npos) {
      walk.out.Ignore(IgnoreReason::kLostChanges);
      continue;
    }
    copy_ = now_;
    copy_.object = record;
    if (copy_.name == "Account") {
      copy_.account = record;
    }
    copy_.id = fmt::format("{}/{}/{}/{}/{}", now_.name, record, transaction_, sequence_number_,
                           commit_number_);
    walk.out.Add(copy_);
  }
}

}  // namespace hotiron::json
