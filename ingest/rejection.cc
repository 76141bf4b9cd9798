#include "ingest/rejection.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/result.h"
#include "ingest/fields.h"

namespace hotiron {

std::string_view Name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kNullValue:
      return "null_value";
    case RejectReason::kEmpty:
      return "empty";
    case RejectReason::kTooLarge:
      return "too_large";
    case RejectReason::kTooMany:
      return "too_many";
    case RejectReason::kNotUtf8:
      return "not_utf8";
    case RejectReason::kNotJson:
      return "not_json";
    case RejectReason::kUnknownType:
      return "unknown_type";
    case RejectReason::kMissingField:
      return "missing_field";
    case RejectReason::kBadField:
      return "bad_field";
    case RejectReason::kNoIdentity:
      return "no_identity";
    case RejectReason::kTimeOutOfRange:
      return "time_out_of_range";
  }
  CHECK(false);
}

std::string_view Name(IgnoreReason reason) {
  switch (reason) {
    case IgnoreReason::kUnknownName:
      return "unknown_name";
    case IgnoreReason::kUnknownEntity:
      return "unknown_entity";
    case IgnoreReason::kAlias:
      return "alias";
    case IgnoreReason::kOwnChange:
      return "own_change";
    case IgnoreReason::kLostChanges:
      return "lost_changes";
    case IgnoreReason::kNothingUsed:
      return "nothing_used";
    case IgnoreReason::kNoAccount:
      return "no_account";
  }
  CHECK(false);
}

RejectedRecord MakeRejected(const InputRecord& input, const Rejection& rejection,
                            std::string_view source) {
  std::string_view whole = input.value.value_or(std::string_view{});
  CHECK(rejection.offset <= whole.size());
  std::string_view part = whole.substr(rejection.offset, rejection.size);
  RejectedRecord record;
  record.key = input.key.substr(0, kRejectedKeyBytesMax);
  record.value = part.substr(0, kRejectedBytesMax);
  record.headers = {
      {"reason", std::string(Name(rejection.reason))},
      {"detail", std::string(CutText(rejection.detail, kRejectedDetailBytesMax))},
      {"source", std::string(source)},
      {"topic", std::string(input.topic)},
      {"partition", fmt::format("{}", input.partition)},
      {"offset", fmt::format("{}", input.offset)},
      {"timestamp", FormatTime(input.timestamp)},
      {"size", fmt::format("{}", part.size())},
      {"xxh3", Hex(Hash64(part))},
  };
  return record;
}

}  // namespace hotiron
