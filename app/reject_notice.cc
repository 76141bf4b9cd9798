#include "app/reject_notice.h"

#include <fmt/format.h>

#include <string_view>

namespace hotiron {
namespace {

std::string_view WhatToDo(RejectReason reason) {
  switch (reason) {
    case RejectReason::kNullValue:
    case RejectReason::kEmpty:
      return "Its source sends records without a value; there is nothing in them to use";
    case RejectReason::kTooLarge:
      return "Raise ingest.record_bytes, or have the source send less in one record";
    case RejectReason::kTooMany:
      return "Have the source send smaller batches";
    case RejectReason::kNotUtf8:
    case RejectReason::kNotJson:
    case RejectReason::kUnknownType:
    case RejectReason::kMissingField:
      return "Is the input's `format` what its source sends?";
    case RejectReason::kBadField:
      return "The header `detail` of the records there names the field to mend at the source";
    case RejectReason::kNoIdentity:
      return "Have the source name a visitor, person, domain or account";
    case RejectReason::kTimeOutOfRange:
      return "Set the source's clock right";
  }
  return "";
}

}  // namespace

std::vector<std::string> RejectNotice::Took(const std::map<std::string, IntakeCounts>& intake,
                                            Clock::time_point now) {
  std::vector<std::string> lines;
  MutexLock lock(mutex_);
  for (const auto& [name, counts] : intake) {
    Source& source = sources_[name];
    for (size_t i = 0; i < kRejectReasons; ++i) {
      Tally& tally = source[i];
      tally.taken_in += counts.taken_in();
      tally.rejected += counts.rejected[i];
      if (counts.rejected[i] > 0 && (!tally.said || now - *tally.said >= kInterval)) {
        auto reason = static_cast<RejectReason>(i);
        lines.push_back(fmt::format(
            "Records of an input cannot be used and are kept in {}: source={} reason={} "
            "rejected={} taken_in={}. {}",
            topic_, name, Name(reason), tally.rejected, tally.taken_in, WhatToDo(reason)));
        tally = {.said = now};
      }
    }
  }
  return lines;
}

}  // namespace hotiron
