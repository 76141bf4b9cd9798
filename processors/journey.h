#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/records.pb.h"
#include "base/result.h"
#include "processors/slice_table.h"
#include "processors/sums.h"

namespace hotiron {

// How long entries stay in a journey's log. They leave in order, oldest first; leaving may be late
// (a quarter of `entries` at once, an eighth of `age`), which no estimate can see.
struct JourneyLimits {
  Duration age = std::chrono::days{14};  // journeys.log_age, before the account's newest entry
  size_t entries = 128;                  // journeys.log_entries
  size_t signals = 256;                  // journeys.signals: distinct names; more are "(other)"
  size_t slices = 1000;                  // journeys.slices: origins kept apart
};

// What became of one record.
enum class Verdict : uint8_t {
  kApplied,
  kDuplicate,  // its id is in the log, or it says nothing new
  kLate,       // not after what has left the log of its origin: cannot be told from a duplicate
  kForwarded,  // sent on to the identity it belongs to
  kRejected,   // cannot be used; goes to <app>.rejected
};

// One classified signal in the log of a journey.
struct Entry {
  Place place;
  uint32_t signal = 0;  // index into names()
  uint32_t source = 0;  // index into names()
  uint32_t origin = 0;  // index into origins()
  double weight = 0;
};

// What folding did, for the counters.
struct FoldCounts {
  uint64_t folded = 0;
  uint64_t over_limit = 0;   // left because the log was full, not because they were old
  uint64_t pooled = 0;       // slices that lost their separate existence
  uint64_t other_names = 0;  // signals that were pooled under "(other)"
};

// The journey of one identity: a log of its recent entries, ordered by place, and the sums of those
// that have left it. Whatever the order in which entries arrive, as long as none is late the
// estimates are the same: they are functions of sums, minima and maxima over all entries.
//
// Threads: one. Rows of slices are read and written through the SliceTable that is passed in.
class Journey {
 public:
  struct Origin {
    std::vector<std::string> path;
    std::optional<Place> frontier;  // of its slice, when it has one
  };

  // Adds a signal. kDuplicate and kLate leave everything as it was; after an error the journey is
  // of no use, and must be read again.
  Result<Verdict> Apply(std::string_view account, const pb::Signal& signal, const TimeScale& scale,
                        const JourneyLimits& limits, SliceTable& slices, FoldCounts& counts);

  bool empty() const { return log_.empty() && total_.empty(); }

  // Oldest first.
  const std::vector<Entry>& log() const { return log_; }

  const Sums& total() const { return total_; }

  const std::vector<std::string>& names() const { return names_; }

  const std::vector<Origin>& origins() const { return origins_; }

  // The person or visitor behind an entry, "" when it came under a company's own identity.
  std::string_view PersonOf(const Entry& entry) const;

  // Each of these counts what had happened by `until`: entries of the log after it do not count.
  // (Slices hold what is older than the log, so this is exact for moments within the log.) What was
  // before `since`, when the present journey began, is not counted either; by default all is.

  // When the newest entry happened; nothing for an empty journey.
  std::optional<EventTime> Newest(EventTime until = EventTime::max()) const;
  std::optional<EventTime> Oldest() const;

  // When the present journey began: the first entry after the last long silence
  // (TimeScale::JourneyGap), of all origins together.
  std::optional<EventTime> Began(const TimeScale& scale, EventTime until = EventTime::max()) const;

  uint64_t events(EventTime since = EventTime::min(), EventTime until = EventTime::max()) const;
  uint64_t sessions(const TimeScale& scale, EventTime since = EventTime::min(),
                    EventTime until = EventTime::max()) const;

  // Everybody behind it, in order of key.
  std::vector<PersonSpan> People(EventTime until = EventTime::max()) const;

  // How many of them were seen at `since` or later: as many as People() says, at less cost.
  size_t CountPeople(EventTime since, EventTime until = EventTime::max()) const;

  // The newest two signals of all, newest first.
  std::vector<LastSignal> Last(EventTime since = EventTime::min(),
                               EventTime until = EventTime::max()) const;

  void WriteTo(pb::AccountRow& row) const;
  static Result<Journey> ReadFrom(const pb::AccountRow& row);

 private:
  size_t LogSize(EventTime until) const;
  Result<uint32_t> FindOrigin(std::string_view account, const pb::Signal& signal,
                              SliceTable& slices);
  size_t SignalNames() const;
  uint32_t Name(std::string_view name);
  uint32_t SignalName(std::string_view name, const JourneyLimits& limits, FoldCounts& counts);
  void Compact();
  Result<void> Fold(std::string_view account, const TimeScale& scale, const JourneyLimits& limits,
                    SliceTable& slices, FoldCounts& counts);
  Result<void> FoldOldest(std::string_view account, size_t number, const TimeScale& scale,
                          SliceTable& slices);
  Result<void> PoolOldest(std::string_view account, const TimeScale& scale,
                          const JourneyLimits& limits, SliceTable& slices, FoldCounts& counts);

  std::vector<Entry> log_;
  Sums total_;                      // the sum of all slices
  std::vector<std::string> names_;  // of signals and sources in the log
  std::vector<Origin> origins_;     // of entries in the log
};

}  // namespace hotiron
