#include "ingest/native.h"

#include <array>
#include <utility>

#include "base/json.h"
#include "ingest/readers.h"

namespace hotiron {
namespace {

constexpr std::array<std::pair<std::string_view, Observation::Change>, 4> kNativeChanges{
    {{"created", Observation::Change::kCreated},
     {"updated", Observation::Change::kUpdated},
     {"deleted", Observation::Change::kDeleted},
     {"stale", Observation::Change::kStale}}};

std::string_view NameOf(Observation::Change change) {
  for (const auto& [name, value] : kNativeChanges) {
    if (value == change) {
      return name;
    }
  }
  return "updated";
}

void WriteFields(std::string_view key, const std::vector<Field>& fields, JsonWriter& json) {
  json.Key(key).BeginObject();
  for (const Field& field : fields) {
    json.Field(field.name, field.value);
  }
  json.EndObject();
}

void WriteText(std::string_view key, const std::string& text, JsonWriter& json) {
  if (!text.empty()) {
    json.Field(key, text);
  }
}

void WriteWhat(const Observation& observation, JsonWriter& json) {
  switch (observation.kind) {
    case Observation::Kind::kEvent:
      json.Field("event", observation.name);
      break;
    case Observation::Kind::kPage:
      json.Field("page", observation.name);
      WriteText("path", observation.path, json);
      break;
    case Observation::Kind::kTraits:
      WriteFields(observation.name == "account" ? "company" : "traits", observation.fields, json);
      return;
    case Observation::Kind::kChange:
      json.Key("change").BeginObject();
      json.Field("entity", observation.name);
      json.Field("object", observation.object);
      json.Field("kind", NameOf(observation.change));
      WriteText("parent", observation.parent, json);
      WriteFields("fields", observation.fields, json);
      json.EndObject();
      return;
  }
  if (!observation.fields.empty()) {
    WriteFields("fields", observation.fields, json);
  }
}

}  // namespace

std::string WriteNative(const Observation& observation) {
  JsonWriter json;
  json.BeginObject();
  json.Field("id", observation.id);
  json.Field("time", observation.time);
  if (observation.sequence != 0) {
    json.Field("sequence", observation.sequence);
  }
  WriteText("source", observation.source, json);
  if (observation.history) {
    json.Field("history", true);
  }
  WriteText("visitor", observation.visitor, json);
  WriteText("user", observation.user, json);
  WriteText("email", observation.email, json);
  WriteText("contact", observation.contact, json);
  WriteText("domain", observation.domain, json);
  WriteText("account", observation.account, json);
  WriteWhat(observation, json);
  json.EndObject();
  return std::string(json.text());
}

namespace json {

void NativeReader::Clear() {
  now_.Clear();
  problem_.Clear();
  time_.reset();
  has_kind_ = false;
}

void NativeReader::Is(Observation::Kind kind, std::string_view name) {
  if (has_kind_ && now_.kind != kind) {
    problem_.Set(RejectReason::kBadField, name,
                 "an item is one of event, page (with path), traits, company and change");
  }
  has_kind_ = true;
  now_.kind = kind;
}

error_code NativeReader::Field(std::string_view name, ondemand::value value) {
  const std::array<std::pair<std::string_view, std::string*>, 8> texts{
      {{"id", &now_.id},
       {"source", &now_.source},
       {"visitor", &now_.visitor},
       {"user", &now_.user},
       {"email", &now_.email},
       {"contact", &now_.contact},
       {"domain", &now_.domain},
       {"account", &now_.account}}};
  for (const auto& [key, target] : texts) {
    if (name == key) {
      return ReadText(value, name, *target, problem_);
    }
  }
  if (name == "time") {
    return ReadTime(value, name, time_, problem_);
  }
  if (name == "sequence") {
    return ReadUint(value, name, now_.sequence, problem_);
  }
  if (name == "history") {
    return ReadBool(value, name, now_.history, problem_);
  }
  if (name == "event") {
    Is(Observation::Kind::kEvent, name);
    return ReadText(value, name, now_.name, problem_);
  }
  if (name == "page" || name == "path") {
    Is(Observation::Kind::kPage, name);
    return ReadText(value, name, name == "page" ? now_.name : now_.path, problem_);
  }
  if (name == "traits" || name == "company") {
    if (has_kind_ && now_.kind == Observation::Kind::kTraits) {
      problem_.Set(RejectReason::kBadField, name, "traits and company are two items");
    }
    Is(Observation::Kind::kTraits, name);
    now_.name = name == "company" ? "account" : "person";
    return Fields(name, value);
  }
  if (name == "change") {
    Is(Observation::Kind::kChange, name);
    return Change(value);
  }
  if (name == "fields") {
    return Fields(name, value);
  }
  return simdjson::SUCCESS;
}

error_code NativeReader::Fields(std::string_view name, ondemand::value value) {
  if (!IsObject(value)) {
    problem_.Set(RejectReason::kBadField, name, "must be an object");
    return simdjson::SUCCESS;
  }
  return EachFieldOf(value, [&](std::string_view key, ondemand::value field) -> error_code {
    hotiron::Field& added = now_.fields.emplace_back();
    added.name = key;
    return ReadText(field, name, added.value, problem_);
  });
}

error_code NativeReader::Change(ondemand::value value) {
  if (!IsObject(value)) {
    problem_.Set(RejectReason::kBadField, "change", "must be an object");
    return simdjson::SUCCESS;
  }
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    if (name == "entity") {
      return ReadText(field, name, now_.name, problem_);
    }
    if (name == "object") {
      return ReadText(field, name, now_.object, problem_);
    }
    if (name == "parent") {
      return ReadText(field, name, now_.parent, problem_);
    }
    if (name == "fields") {
      return Fields(name, field);
    }
    if (name == "kind") {
      std::string kind;
      error_code error = ReadText(field, name, kind, problem_);
      for (const auto& [key, change] : kNativeChanges) {
        if (kind == key) {
          now_.change = change;
        }
      }
      return error;
    }
    return simdjson::SUCCESS;
  });
}

void NativeReader::Finish(Walk& walk, size_t begin) {
  if (now_.id.empty()) {
    problem_.Set(RejectReason::kMissingField, "id", "is missing");
  }
  if (!time_) {
    problem_.Set(RejectReason::kMissingField, "time", "is missing");
  }
  if (!has_kind_) {
    problem_.Set(RejectReason::kUnknownType, "event, page, path, traits, company or change",
                 "one is needed");
  } else if (now_.kind == Observation::Kind::kEvent && now_.name.empty()) {
    problem_.Set(RejectReason::kMissingField, "event", "is empty");
  } else if (now_.kind == Observation::Kind::kPage && now_.name.empty() && now_.path.empty()) {
    problem_.Set(RejectReason::kMissingField, "page", "and path are empty");
  } else if (now_.kind == Observation::Kind::kChange) {
    if (now_.name.empty()) {
      problem_.Set(RejectReason::kMissingField, "change.entity", "is missing");
    }
    if (now_.object.empty()) {
      problem_.Set(RejectReason::kMissingField, "change.object", "is missing");
    }
    if (now_.change == Observation::Change::kNone) {
      problem_.Set(RejectReason::kBadField, "change.kind",
                   "must be created, updated, deleted or stale");
    }
  }
  if (problem_) {
    walk.Reject(problem_.Take(), walk.From(begin));
    return;
  }
  now_.time = *time_;
  if (now_.source.empty()) {
    now_.source = walk.options.source;
  }
  now_.history = now_.history || walk.options.history;
  walk.out.Add(now_);
}

}  // namespace json
}  // namespace hotiron
