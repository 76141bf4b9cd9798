#include "ingest/json_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hotiron::json {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// More digits than this are no number that anybody means.
constexpr size_t kNumberBytesMax = 64;

// Doubles below this are whole numbers exactly.
constexpr double kExactMax = 9'007'199'254'740'992.0;

bool IsWhole(std::string_view token) {
  std::string_view digits = token.substr(token.starts_with('-') ? 1 : 0);
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view Trimmed(std::string_view text) {
  size_t last = text.find_last_not_of(kSpace);
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

Shape ReadNumber(ondemand::value& value, std::string& target) {
  std::string_view token = Trimmed(value.raw_json_token());
  if (token.size() > kNumberBytesMax) {
    return Shape::kBad;
  }
  if (IsWhole(token)) {
    target = token;
    return Shape::kText;
  }
  double number = 0;
  if (value.get_double().get(number) || !std::isfinite(number)) {
    return Shape::kBad;
  }
  if (std::abs(number) < kExactMax && number == std::trunc(number)) {
    target = fmt::format_int(static_cast<int64_t>(number)).str();
  } else {
    target = fmt::format("{}", number);
  }
  return Shape::kText;
}

}  // namespace

void Problem::Set(RejectReason reason, std::string_view field, std::string_view what) {
  if (!rejection_) {
    rejection_ = Rejection{reason, fmt::format("{}: {}", field, what)};
  }
}

error_code ReadText(ondemand::value value, std::string& target, Shape& shape) {
  target.clear();
  ondemand::json_type type{};
  if (error_code error = value.type().get(type)) {
    return error;
  }
  switch (type) {
    case ondemand::json_type::string: {
      std::string_view text;
      shape = value.get_string().get(text) ? Shape::kBad : Shape::kText;
      target = text;
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::number:
      shape = ReadNumber(value, target);
      return simdjson::SUCCESS;
    case ondemand::json_type::boolean: {
      bool truth = false;
      if (error_code error = value.get_bool().get(truth)) {
        return error;
      }
      shape = Shape::kText;
      target = truth ? "true" : "false";
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::null:
      shape = Shape::kNull;
      return simdjson::SUCCESS;
    case ondemand::json_type::array:
    case ondemand::json_type::object:
      shape = Shape::kNested;
      return simdjson::SUCCESS;
    default:  // simdjson adds kinds (of unknown tokens) in later versions
      return simdjson::TAPE_ERROR;
  }
}

error_code ReadText(ondemand::value value, std::string_view field, std::string& target,
                    Problem& problem) {
  Shape shape{};
  if (error_code error = ReadText(value, target, shape)) {
    return error;
  }
  if (shape == Shape::kNested) {
    problem.Set(RejectReason::kBadField, field, "must be text or a number");
  } else if (shape == Shape::kBad) {
    problem.Set(RejectReason::kBadField, field, "cannot be read");
  }
  return simdjson::SUCCESS;
}

error_code ReadTime(ondemand::value value, std::string_view field, std::optional<EventTime>& target,
                    Problem& problem) {
  constexpr std::string_view kWanted = "must be ISO 8601 or milliseconds since 1970";
  ondemand::json_type type{};
  if (error_code error = value.type().get(type)) {
    return error;
  }
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (!value.get_string().get(text)) {
      target = ParseTime(text);
    }
    if (!target) {
      problem.Set(RejectReason::kBadField, field, kWanted);
    }
  } else if (type == ondemand::json_type::number) {
    int64_t millis = 0;
    if (value.get_int64().get(millis)) {
      problem.Set(RejectReason::kBadField, field, kWanted);
    } else {
      target = FromMillis(millis);
    }
  } else if (type != ondemand::json_type::null) {
    problem.Set(RejectReason::kBadField, field, kWanted);
  }
  return simdjson::SUCCESS;
}

error_code ReadUint(ondemand::value value, std::string_view field, uint64_t& target,
                    Problem& problem) {
  if (value.get_uint64().get(target)) {
    problem.Set(RejectReason::kBadField, field, "must be a whole number from 0 to 2^64 - 1");
  }
  return simdjson::SUCCESS;
}

error_code ReadBool(ondemand::value value, std::string_view field, bool& target, Problem& problem) {
  if (value.get_bool().get(target)) {
    problem.Set(RejectReason::kBadField, field, "must be true or false");
  }
  return simdjson::SUCCESS;
}

bool IsObject(ondemand::value& value) {
  ondemand::json_type type{};
  return !value.type().get(type) && type == ondemand::json_type::object;
}

bool IsArray(ondemand::value& value) {
  ondemand::json_type type{};
  return !value.type().get(type) && type == ondemand::json_type::array;
}

error_code ReadRaw(ondemand::value& value, std::string_view& raw) {
  if (IsArray(value)) {
    ondemand::array array;
    if (error_code error = value.get_array().get(array)) {
      return error;
    }
    return array.raw_json().get(raw);
  }
  raw = Trimmed(value.raw_json_token());
  return simdjson::SUCCESS;
}

size_t Walk::Here() const {
  const char* here = nullptr;
  if (document.current_location().get(here)) {
    return text.size();  // at the end
  }
  return static_cast<size_t>(here - text.data());
}

std::string_view Walk::From(size_t begin) const {
  return Trimmed(text.substr(begin, Here() - begin));
}

void Walk::Reject(Rejection rejection, std::string_view part) {
  if (items > 0) {
    rejection.offset = static_cast<size_t>(part.data() - text.data());
    rejection.size = part.size();
  }
  out.Reject(std::move(rejection));
}

}  // namespace hotiron::json
