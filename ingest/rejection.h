#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/input.h"

namespace hotiron {

// Why something could not be used. A closed set: the names are metric labels and are documented in
// docs/FORMATS.md.
enum class RejectReason : uint8_t {
  kNullValue,       // the record has no value
  kEmpty,           // the value has no bytes, or only white space
  kTooLarge,        // more bytes than `ingest.record_bytes`
  kTooMany,         // more observations in one record than kObservationsPerRecordMax
  kNotUtf8,         // bytes that are not UTF-8
  kNotJson,         // not one whole JSON object
  kUnknownType,     // an object, but none that the format knows
  kMissingField,    // a field without which it cannot be used is absent
  kBadField,        // a field has the wrong type or cannot be read
  kNoIdentity,      // names nobody: no visitor, person, company or CRM object that is not junk
  kTimeOutOfRange,  // before 2000, after 2100, or too far ahead of the ingest clock
};
inline constexpr size_t kRejectReasons = 11;

// Stable name: "null_value", "not_json", ...
std::string_view Name(RejectReason reason);

// Why something that could be read is of no use here. Not an error; counted.
enum class IgnoreReason : uint8_t {
  kUnknownName,    // no signal of that name, and the source says `unknown: ignore`
  kUnknownEntity,  // a CRM entity that Hotiron does not read
  kAlias,          // two ids of one person: for identity stitching, which does not exist yet
  kOwnChange,      // a CRM change that Hotiron made itself
  kLostChanges,    // the CRM lost changes and cannot say of which records
  kNothingUsed,    // carries no field that Hotiron knows
  kNoAccount,      // a rep's activity changed, and the change does not name whom it was with
};
inline constexpr size_t kIgnoreReasons = 7;

std::string_view Name(IgnoreReason reason);

struct Rejection {
  RejectReason reason = RejectReason::kNotJson;
  std::string detail;  // for people; names fields, never their values
  // The part of the record's value at fault: one item of a batch, or all of it.
  size_t offset = 0;
  size_t size = std::string_view::npos;

  friend bool operator==(const Rejection&, const Rejection&) = default;
};

// More bytes than these of a value, a key and the words about it are not kept in <app>.rejected.
inline constexpr size_t kRejectedBytesMax = size_t{64} * 1024;
inline constexpr size_t kRejectedKeyBytesMax = 4'096;
inline constexpr size_t kRejectedDetailBytesMax = 1'024;

// A record of <app>.rejected.
struct RejectedRecord {
  std::string key;  // of the input record
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
};

// `source` is the configured name of the input. The headers are documented in docs/FORMATS.md.
RejectedRecord MakeRejected(const InputRecord& input, const Rejection& rejection,
                            std::string_view source);

}  // namespace hotiron
