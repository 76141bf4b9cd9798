#include "app/reject_notice.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
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

std::string RejectNotice::Words(const std::string& name, const Source& source) const {
  auto most = std::max_element(source.rejected.begin(), source.rejected.end());
  auto reason = static_cast<RejectReason>(most - source.rejected.begin());
  return fmt::format(
      "Records of an input cannot be used and are kept in {}: source={} rejected={} taken_in={} "
      "mostly={}. {}",
      topic_, name, std::accumulate(source.rejected.begin(), source.rejected.end(), uint64_t{0}),
      source.taken_in, Name(reason), WhatToDo(reason));
}

std::vector<std::string> RejectNotice::Took(const std::map<std::string, IntakeCounts>& intake,
                                            Clock::time_point now) {
  std::vector<std::string> lines;
  MutexLock lock(mutex_);
  for (const auto& [name, counts] : intake) {
    Source& source = sources_[name];
    source.taken_in += counts.taken_in();
    for (size_t i = 0; i < kRejectReasons; ++i) {
      source.rejected[i] += counts.rejected[i];
    }
    bool any = std::any_of(counts.rejected.begin(), counts.rejected.end(),
                           [](uint64_t count) { return count > 0; });
    if (any && (!source.said || now - *source.said >= kInterval)) {
      lines.push_back(Words(name, source));
      source = {.said = now};
    }
  }
  return lines;
}

}  // namespace hotiron
