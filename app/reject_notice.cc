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

// The same for a reason that a task gives.
std::string_view WhatToDo(std::string_view reason) {
  if (reason == "bad_record" || reason == "bad_key") {
    return "Does another program write to that topic, or a newer version of this one?";
  }
  if (reason == "too_many_hops") {
    return "CRM records name each other as what they belong to";
  }
  if (reason == "waiting_overflow") {
    return "Too many records wait for one CRM object whose account is not known: have its source "
           "send the object itself";
  }
  if (reason == "bad_feedback") {
    return "Who wrote it? Ingest lets none through whose action is unknown or that lacks its end";
  }
  return "";
}

}  // namespace

std::vector<std::string> RejectNotice::Took(const std::map<std::string, IntakeCounts>& intake,
                                            const std::vector<TaskOutputs::Reject>& of_tasks,
                                            Clock::time_point now) {
  std::vector<std::string> lines;
  MutexLock lock(mutex_);
  for (const auto& [name, counts] : intake) {
    Source& source = sources_[name];
    for (size_t i = 0; i < kRejectReasons; ++i) {
      Tally& tally = source[i];
      tally.taken_in += counts.taken_in();
      tally.rejected += counts.rejected[i];
      if (counts.rejected[i] > 0 && tally.IsDue(now)) {
        auto reason = static_cast<RejectReason>(i);
        lines.push_back(fmt::format(
            "Records of an input cannot be used and are kept in {}: source={} reason={} "
            "rejected={} taken_in={}. {}",
            topic_, name, Name(reason), tally.rejected, tally.taken_in, WhatToDo(reason)));
        tally = {.said = now};
      }
    }
  }
  for (const TaskOutputs::Reject& reject : of_tasks) {
    ++tasks_.try_emplace(std::string(reject.reason)).first->second.rejected;
  }
  for (auto& [reason, tally] : tasks_) {
    if (tally.rejected > 0 && tally.IsDue(now)) {
      lines.push_back(
          fmt::format("Records of the task log cannot be used and are kept in {}: reason={} "
                      "rejected={}. {}",
                      topic_, reason, tally.rejected, WhatToDo(std::string_view(reason))));
      tally = {.said = now};
    }
  }
  return lines;
}

}  // namespace hotiron
