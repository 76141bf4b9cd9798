#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/intake.h"
#include "base/mutex.h"
#include "ingest/rejection.h"
#include "processors/task.h"

namespace hotiron {

// Finds the words for records that could not be used, so that a wrong format or a broken source is
// seen where the program runs, before anybody looks at a dashboard: how many of how many, why,
// where they are kept, what to do. Never what was in them.
//
// Operation: is told what each commit took in, and what its tasks refused, and answers the lines to
// log. The first rejection of a source for a reason is said at once, what follows is added up and
// said after kInterval at the earliest.
// Concurrency: any thread.
// Limits: one entry for each source, of which there are as many as inputs, and reason.
class RejectNotice {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes kInterval{10};

  // `topic`: where rejected records are kept.
  explicit RejectNotice(std::string topic) : topic_(std::move(topic)) {}

  std::vector<std::string> Took(const std::map<std::string, IntakeCounts>& intake,
                                const std::vector<TaskOutputs::Reject>& of_tasks,
                                Clock::time_point now);

 private:
  // Of a source for one reason, since it was last said.
  struct Tally {
    uint64_t taken_in = 0;
    uint64_t rejected = 0;
    std::optional<Clock::time_point> said;

    bool IsDue(Clock::time_point now) const { return !said || now - *said >= kInterval; }
  };

  using Source = std::array<Tally, kRejectReasons>;

  const std::string topic_;
  Mutex mutex_;
  std::map<std::string, Source> sources_ HOTIRON_GUARDED_BY(mutex_);
  std::map<std::string, Tally, std::less<>> tasks_ HOTIRON_GUARDED_BY(mutex_);  // by reason
};

}  // namespace hotiron
