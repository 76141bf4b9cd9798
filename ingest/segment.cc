// The calls of the Segment specification. Keys come in any order and `type` may come last, so one
// pass collects what any type needs and Finish decides.

#include <algorithm>

#include "base/hash.h"
#include "ingest/names.h"
#include "ingest/readers.h"

namespace hotiron::json {
namespace {

void LowerCase(std::string& text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b); });
}

const std::string* Find(const std::vector<hotiron::Field>& fields, std::string_view name) {
  for (const hotiron::Field& field : fields) {
    if (field.name == name && !field.value.empty()) {
      return &field.value;
    }
  }
  return nullptr;
}

}  // namespace

void SegmentReader::Clear() {
  now_.Clear();
  problem_.Clear();
  for (std::string* text : {&type_, &event_, &group_, &context_group_, &email_, &company_, &url_}) {
    text->clear();
  }
  timestamp_.reset();
  original_.reset();
  sent_.reset();
  received_.reset();
}

error_code SegmentReader::Field(std::string_view name, ondemand::value value) {
  switch (name.size()) {
    case 4:
      if (name == "type") {
        return ReadText(value, name, type_, problem_);
      }
      if (name == "name") {
        return ReadText(value, name, now_.name, problem_);
      }
      break;
    case 5:
      if (name == "event") {
        return ReadText(value, name, event_, problem_);
      }
      break;
    case 6:
      if (name == "userId") {
        return ReadText(value, name, now_.user, problem_);
      }
      if (name == "traits") {
        return Traits(value);
      }
      if (name == "sentAt") {
        return ReadTime(value, name, sent_, problem_);
      }
      break;
    case 7:
      if (name == "context") {
        return Context(value);
      }
      if (name == "groupId") {
        return ReadText(value, name, group_, problem_);
      }
      break;
    case 9:
      if (name == "messageId") {
        return ReadText(value, name, now_.id, problem_);
      }
      if (name == "timestamp") {
        return ReadTime(value, name, timestamp_, problem_);
      }
      break;
    case 10:
      if (name == "properties") {
        return Place(value);
      }
      if (name == "receivedAt") {
        return ReadTime(value, name, received_, problem_);
      }
      break;
    case 11:
      if (name == "anonymousId") {
        return ReadText(value, name, now_.visitor, problem_);
      }
      break;
    case 17:
      if (name == "originalTimestamp") {
        return ReadTime(value, name, original_, problem_);
      }
      break;
    default:
      break;
  }
  return simdjson::SUCCESS;
}

error_code SegmentReader::Context(ondemand::value value) {
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    if (name == "groupId") {
      return ReadText(field, "context.groupId", context_group_, problem_);
    }
    if (name == "traits") {
      return ContextTraits(field);
    }
    if (name == "page") {
      return Place(field);
    }
    return simdjson::SUCCESS;
  });
}

error_code SegmentReader::ContextTraits(ondemand::value value) {
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    if (EqualsIgnoringCase(name, "email")) {
      return ReadText(field, "context.traits.email", email_, problem_);
    }
    if (EqualsIgnoringCase(name, "company")) {
      return EachFieldOf(field, [&](std::string_view key, ondemand::value part) -> error_code {
        return EqualsIgnoringCase(key, "id")
                   ? ReadText(part, "context.traits.company.id", company_, problem_)
                   : simdjson::SUCCESS;
      });
    }
    return simdjson::SUCCESS;
  });
}

// Traits are whatever the site's developers sent: what is not text or a number is left out, and an
// object one level down ("company") becomes "company.id" and so on.
error_code SegmentReader::Traits(ondemand::value value) {
  auto add = [&](std::string name, ondemand::value field) -> error_code {
    Shape shape{};
    if (error_code error = ReadText(field, scratch_, shape)) {
      return error;
    }
    if (shape == Shape::kText || shape == Shape::kNull) {
      LowerCase(name);
      now_.fields.push_back({std::move(name), scratch_});
    }
    return simdjson::SUCCESS;
  };
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    if (!IsObject(field)) {
      return add(std::string(name), field);
    }
    return EachFieldOf(field, [&](std::string_view key, ondemand::value part) -> error_code {
      std::string path(name);
      path += '.';
      path += key;
      return add(std::move(path), part);
    });
  });
}

// Where a page is: `properties` of a page call, or `context.page`. The first path found counts.
error_code SegmentReader::Place(ondemand::value value) {
  return EachFieldOf(value, [&](std::string_view name, ondemand::value field) -> error_code {
    std::string* target = name == "path" ? &now_.path : name == "url" ? &url_ : nullptr;
    if (target == nullptr || !target->empty()) {
      return simdjson::SUCCESS;
    }
    Shape shape{};
    return ReadText(field, *target, shape);
  });
}

bool SegmentReader::SetTime() {
  if (timestamp_) {
    now_.time = *timestamp_;
  } else if (original_ && sent_ && received_) {
    now_.time = *received_ - (*sent_ - *original_);  // the device's clock, corrected
  } else if (original_) {
    now_.time = *original_;
  } else if (received_) {
    now_.time = *received_;
  } else {
    return false;
  }
  return true;
}

void SegmentReader::Finish(Walk& walk, size_t begin) {
  if (type_.empty()) {
    problem_.Set(RejectReason::kMissingField, "type", "is missing");
  }
  if (!SetTime()) {
    problem_.Set(RejectReason::kMissingField, "timestamp", "is missing");
  }
  const std::string* email = nullptr;
  now_.account = std::move(context_group_);
  if (type_ == "track") {
    now_.kind = Observation::Kind::kEvent;
    now_.name = std::move(event_);
    now_.path.clear();
    now_.fields.clear();
    if (now_.name.empty()) {
      problem_.Set(RejectReason::kMissingField, "event", "is missing");
    }
  } else if (type_ == "page" || type_ == "screen") {
    now_.kind = Observation::Kind::kPage;
    now_.fields.clear();
    if (now_.path.empty()) {
      now_.path = PathOfUrl(url_);
    } else {
      now_.path.resize(std::min(now_.path.size(), now_.path.find_first_of("?#")));
    }
    if (now_.name.empty() && now_.path.empty()) {
      problem_.Set(RejectReason::kMissingField, "name", "and path are missing");
    }
  } else if (type_ == "identify") {
    now_.kind = Observation::Kind::kTraits;
    now_.name = "person";
    now_.path.clear();
    email = Find(now_.fields, "email");
    if (const std::string* company = Find(now_.fields, "company.id")) {
      now_.account = *company;
    }
  } else if (type_ == "group") {
    now_.kind = Observation::Kind::kTraits;
    now_.name = "account";
    now_.path.clear();
    now_.account = std::move(group_);
    if (now_.account.empty()) {
      problem_.Set(RejectReason::kMissingField, "groupId", "is missing");
    }
    if (const std::string* website = Find(now_.fields, "website")) {
      now_.domain = *website;
    }
  } else if (type_ != "alias") {
    problem_.Set(RejectReason::kUnknownType, "type",
                 "must be track, page, screen, identify, group or alias");
  }
  if (problem_) {
    walk.Reject(problem_.Take(), walk.From(begin));
    return;
  }
  if (type_ == "alias") {
    walk.out.Ignore(IgnoreReason::kAlias);
    return;
  }
  if (now_.account.empty()) {
    now_.account = std::move(company_);
  }
  if (email != nullptr) {
    now_.email = *email;
  } else if (!email_.empty()) {
    now_.email = std::move(email_);
  } else if (IsEmail(now_.user)) {
    now_.email = now_.user;
  }
  if (now_.id.empty()) {
    now_.id = Hex(Hash64(walk.From(begin)));
  }
  now_.source = walk.options.source;
  now_.history = walk.options.history;
  walk.out.Add(now_);
}

}  // namespace hotiron::json
