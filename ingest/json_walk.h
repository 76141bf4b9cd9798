#pragma once

// Shared by the decoders' .cc files only: no other header may include this one (simdjson stays
// behind the decoders).
//
// Two kinds of failure are kept apart. A simdjson::error_code says that the text is not JSON; it
// ends the walk and the whole record is rejected. A value that is JSON but not what a field must
// hold is a Rejection of the item that it belongs to, and the walk goes on with the next item.

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/observation.h"
#include "base/time.h"
#include "ingest/decoder.h"
#include "ingest/rejection.h"

namespace hotiron::json {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

// The first thing wrong with an item. Cheap while nothing is.
class Problem {
 public:
  void Set(RejectReason reason, std::string_view field, std::string_view what);

  void Clear() { rejection_.reset(); }

  explicit operator bool() const { return rejection_.has_value(); }

  Rejection Take() { return std::move(*rejection_); }

 private:
  std::optional<Rejection> rejection_;
};

enum class Shape : uint8_t {
  kText,    // a string, number or truth value, now in the target as text
  kNull,    // the target is empty
  kNested,  // an object or array: nothing was read
  kBad,     // a number out of range or a string that does not decode: the target is empty
};

// Numbers come out as people write them ("60", not "60.0"), whole ones with all their digits.
error_code ReadText(ondemand::value value, std::string& target, Shape& shape);

// Sets `target` to the value of an optional field: absent and null are the same. Anything but a
// scalar is a problem.
error_code ReadText(ondemand::value value, std::string_view field, std::string& target,
                    Problem& problem);

// ISO 8601, or a whole number of milliseconds since 1970. Null leaves it unset.
error_code ReadTime(ondemand::value value, std::string_view field, std::optional<EventTime>& target,
                    Problem& problem);

error_code ReadUint(ondemand::value value, std::string_view field, uint64_t& target,
                    Problem& problem);

error_code ReadBool(ondemand::value value, std::string_view field, bool& target, Problem& problem);

// True when the value is an object.
bool IsObject(ondemand::value& value);
bool IsArray(ondemand::value& value);

// The text of a value that is no object.
error_code ReadRaw(ondemand::value& value, std::string_view& raw);

// Calls read(name, value) -> error_code for each field. `name` lives as long as the document.
template <typename Read>
error_code EachField(ondemand::object object, const Read& read) {
  for (auto item : object) {
    ondemand::field field;
    if (error_code error = std::move(item).get(field)) {
      return error;
    }
    std::string_view name;
    if (error_code error = field.unescaped_key().get(name)) {
      return error;
    }
    if (error_code error = read(name, std::move(field).value())) {
      return error;
    }
  }
  return simdjson::SUCCESS;
}

// Calls read(value) -> error_code for each element.
template <typename Read>
error_code EachElement(ondemand::array array, const Read& read) {
  for (auto item : array) {
    ondemand::value value;
    if (error_code error = std::move(item).get(value)) {
      return error;
    }
    if (error_code error = read(std::move(value))) {
      return error;
    }
  }
  return simdjson::SUCCESS;
}

// EachField of `value` when it is an object; otherwise nothing.
template <typename Read>
error_code EachFieldOf(ondemand::value value, const Read& read) {
  if (!IsObject(value)) {
    return simdjson::SUCCESS;
  }
  ondemand::object object;
  if (error_code error = value.get_object().get(object)) {
    return error;
  }
  return EachField(object, read);
}

// A document being decoded.
struct Walk {
  std::string_view text;  // the record, as the walk sees it
  ondemand::document& document;
  const DecoderOptions& options;
  Decoded& out;
  size_t items = 0;  // of the batch so far

  // Position in `text` of the next token.
  size_t Here() const;
  // `text` from `begin` to here, without white space at its end.
  std::string_view From(size_t begin) const;
  // Rejects an item of the batch, which is `part` of the text, or the record that is no batch.
  void Reject(Rejection rejection, std::string_view part);
};

// A walk that is over because there are too many items.
inline constexpr error_code kTooManyItems = simdjson::CAPACITY;

// Walks one object, or each item of its "batch" array. Reader has
//   void Clear();
//   error_code Field(std::string_view name, ondemand::value value);
//   void Finish(Walk& walk, size_t begin);     which adds, rejects or ignores the item
template <typename Reader>
error_code ReadItems(Walk& walk, ondemand::object root, Reader& reader) {
  bool batch = false;
  reader.Clear();
  auto read_item = [&](ondemand::value value) -> error_code {
    if (++walk.items > kObservationsPerRecordMax) {
      return kTooManyItems;
    }
    if (!IsObject(value)) {
      std::string_view raw;
      if (error_code error = ReadRaw(value, raw)) {
        return error;
      }
      walk.Reject({RejectReason::kUnknownType, "batch: holds an item that is not an object"}, raw);
      return simdjson::SUCCESS;
    }
    size_t begin = static_cast<size_t>(value.raw_json_token().data() - walk.text.data());
    ondemand::object item;
    if (error_code error = value.get_object().get(item)) {
      return error;
    }
    reader.Clear();
    if (error_code error =
            EachField(item, [&](std::string_view name, ondemand::value field) -> error_code {
              return reader.Field(name, field);
            })) {
      return error;
    }
    reader.Finish(walk, begin);
    return simdjson::SUCCESS;
  };
  error_code error =
      EachField(root, [&](std::string_view name, ondemand::value value) -> error_code {
        if (batch) {
          return simdjson::SUCCESS;  // what else an envelope carries
        }
        if (name != "batch" || !IsArray(value)) {
          return reader.Field(name, value);
        }
        batch = true;
        ondemand::array items;
        if (error_code array_error = value.get_array().get(items)) {
          return array_error;
        }
        return EachElement(items, read_item);
      });
  if (error) {
    return error;
  }
  if (!batch) {
    reader.Finish(walk, 0);
  } else if (walk.items == 0) {
    walk.Reject({RejectReason::kMissingField, "batch: is empty"}, {});
  }
  return simdjson::SUCCESS;
}

}  // namespace hotiron::json
