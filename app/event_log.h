#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/progress.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "base/time.h"
#include "kafka/types.h"

namespace hotiron {

// Reads a task log (`<app>.events`) from its beginning to where it ended at the call: what a
// platform has seen, without asking the platform. Read-committed, outside of any group; nothing is
// committed. `take` gets every record with its key, partition by partition in the order of the log.
// Shows how far it is; kUnavailable when interrupted, or when the brokers stay silent for
// kLogPatience.
//
// Records that do not read back are counted in `unreadable` and left out, as tasks do.
Result<void> ReadEventLog(
    const KafkaOptions& kafka, const std::string& topic, Progress& progress, uint64_t& unreadable,
    const std::function<void(std::string_view key, const pb::TaskRecord& record)>& take);

inline constexpr Duration kLogPatience{60'000};

}  // namespace hotiron
