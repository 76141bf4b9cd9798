#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "processors/journey.h"

namespace hotiron {

// The signals that a trained model tells apart. Signals that are not listed count as one more,
// kRareSignals, when training has seen such; else they count in the totals only.
class Vocabulary {
 public:
  static constexpr std::string_view kRareSignals = "(rare)";
  static constexpr size_t kNone = SIZE_MAX;

  Vocabulary() = default;

  // `names` without repetition; kRareSignals among them pools whatever is not.
  explicit Vocabulary(std::vector<std::string> names);

  size_t size() const { return names_.size(); }

  const std::vector<std::string>& names() const { return names_; }

  // kNone for a signal without a place.
  size_t IndexOf(std::string_view signal) const;

 private:
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, size_t, TextHash, std::equal_to<>> index_;
  size_t rare_ = kNone;
};

// The columns of a feature row: kGeneralColumns, then kSignalColumns for each signal of the
// vocabulary. Times are in units of the time scale, before log1p.
inline constexpr size_t kHinges = 6;
inline constexpr size_t kTotalColumn = 0;                            // log1p(decayed), 3
inline constexpr size_t kSilenceColumn = kTotalColumn + kHalfLives;  // log1p, then hinges
inline constexpr size_t kAgeColumn = kSilenceColumn + 1 + kHinges;   // log1p, then hinges
inline constexpr size_t kAgeColumns = 1 + kHinges;
inline constexpr size_t kSessionsColumn = kAgeColumn + kAgeColumns;  // log1p
inline constexpr size_t kEventsColumn = kSessionsColumn + 1;         // log1p
inline constexpr size_t kPeopleColumn = kEventsColumn + 1;           // log1p
inline constexpr size_t kGeneralColumns = kPeopleColumn + 1;         // 20

// Within the columns of one signal.
inline constexpr size_t kDecayedColumn = 0;                          // log1p(decayed), 3
inline constexpr size_t kSeenColumn = kDecayedColumn + kHalfLives;   // 1 once it was seen
inline constexpr size_t kSeenAgeColumn = kSeenColumn + 1;            // seen * log1p(age)
inline constexpr size_t kLastColumn = kSeenAgeColumn + 1;            // 1: the last signal
inline constexpr size_t kBeforeLastColumn = kLastColumn + 1;         // 1: the one before
inline constexpr size_t kLastSilenceColumn = kBeforeLastColumn + 1;  // last * min(silence/7, 3)
inline constexpr size_t kSignalColumns = kLastSilenceColumn + 1;     // 8

constexpr size_t ColumnsOf(size_t signals) {
  return kGeneralColumns + kSignalColumns * signals;
}

constexpr size_t ColumnOf(size_t signal, size_t column) {
  return kGeneralColumns + kSignalColumns * signal + column;
}

// The columns of age by themselves.
std::array<double, kAgeColumns> AgeColumns(double age);

// How columns are brought to one size: z = clip((x - mean) / scale).
struct Standard {
  static constexpr double kClip = 8;

  std::vector<double> mean;
  std::vector<double> scale;  // 1 for a column that never varies

  double Apply(size_t column, double x) const {
    return std::clamp((x - mean[column]) / scale[column], -kClip, kClip);
  }
};

// What a model sees of a journey.
struct Features {
  double age = 0;              // since the journey began, in units
  std::vector<double> values;  // ColumnsOf(vocabulary) of them
};

// The features of a journey at `as_of`: a pure function of sums, minima and maxima over its
// entries. Training and the live pipeline call this one function. Entries of the log after `until`
// do not count; an empty journey has zeros throughout. Of an account that came back after a long
// silence the present journey counts: its signals, events, sessions, people and age (of a signal
// that was sent before as well, what its decayed counts have left of that stays).
void ReadFeatures(const Journey& journey, const Vocabulary& vocabulary, const TimeScale& scale,
                  EventTime as_of, EventTime until, Features& features);

}  // namespace hotiron
