#pragma once

#include <string>
#include <string_view>

#include "base/records.pb.h"
#include "base/time.h"
#include "processors/account.h"
#include "processors/model.h"
#include "processors/models_in_force.h"

namespace hotiron {

// Shown in a summary, newest first: what a log of the default limits always still holds, so that
// what has folded does not show.
inline constexpr size_t kRecentSignals = 20;
inline constexpr Duration kRecentSpan = std::chrono::days{14};

// One JSON object: what <app>.journeys holds for an account and `hotiron journeys` prints. Its form
// is in docs/FORMATS.md. A pure function of the account, the levers and `as_of`.
std::string WriteSummary(const Account& account, const Model& model, const ModelsInForce& models,
                         EventTime as_of);

// One JSON object: a revision of a trigger, as <app>.triggers holds it.
std::string WriteTrigger(const pb::Trigger& trigger);

// "opened", "raised", ...: a closed set, also used as metric label.
std::string_view StateName(pb::Trigger::State state);

}  // namespace hotiron
