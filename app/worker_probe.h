#pragma once

#include <chrono>
#include <map>
#include <string>

#include "app/intake.h"
#include "base/time.h"
#include "kafka/types.h"
#include "processors/task.h"

namespace hotiron {

// What workers report, once per commit or event. Any thread.
class WorkerProbe {
 public:
  void Rebalanced() {}

  void Restored(uint64_t) {}

  void Ticked() {}

  void Aborted() {}

  void Lag(const TopicPartition&, int64_t) {}

  void Committed(const TaskOutputs&, const std::map<std::string, IntakeCounts>&, uint64_t,
                 std::chrono::steady_clock::duration, EventTime) {}
};

}  // namespace hotiron
