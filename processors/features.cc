#include "processors/features.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace hotiron {
namespace {

// Where the slope of silence and age may change, in units: around the half-lives.
constexpr std::array<double, kHinges> kSilenceKnots{0.1, 0.5, 1, 3.5, 7, 14};
constexpr std::array<double, kHinges> kAgeKnots{1, 3, 7, 14, 30, 45};
constexpr double kSilenceMax = 3;  // of 7 units, for the last signal

double UnitsBetween(EventTime from, EventTime to, const TimeScale& scale) {
  return std::max(0.0, scale.UnitsIn(to - from));
}

using Levels = std::array<double, kHinges>;

Levels LevelsOf(const std::array<double, kHinges>& knots) {
  Levels levels;
  std::transform(knots.begin(), knots.end(), levels.begin(),
                 [](double knot) { return std::log1p(knot); });
  return levels;
}

void WriteHinged(double units, const Levels& knots, double* columns) {
  double level = std::log1p(units);
  columns[0] = level;
  for (size_t i = 0; i < kHinges; ++i) {
    columns[1 + i] = std::max(0.0, level - knots[i]);
  }
}

// The signals that were sent since the journey began; nothing: all were, as is nearly always so.
// By name and not by entry: what counts must not depend on what has left the log.
using SignalNames = absl::flat_hash_set<std::string_view>;

std::optional<SignalNames> SignalsSince(const Journey& journey, EventTime began, EventTime until) {
  if (*journey.Oldest() >= began) {
    return std::nullopt;
  }
  SignalNames names;
  for (const Sums::NamedSums& sums : journey.total().signals()) {
    if (sums.sums.last >= began) {
      names.insert(sums.signal);
    }
  }
  for (const Entry& entry : journey.log()) {
    if (entry.place.time >= began && entry.place.time <= until) {
      names.insert(journey.names()[entry.signal]);
    }
  }
  return names;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> names) : names_(std::move(names)) {
  for (size_t i = 0; i < names_.size(); ++i) {
    index_.emplace(names_[i], i);
  }
  auto rare = index_.find(kRareSignals);
  rare_ = rare == index_.end() ? kNone : rare->second;
}

size_t Vocabulary::IndexOf(std::string_view signal) const {
  auto at = index_.find(signal);
  return at == index_.end() ? rare_ : at->second;
}

std::array<double, kAgeColumns> AgeColumns(double age) {
  static const Levels kAgeLevels = LevelsOf(kAgeKnots);
  std::array<double, kAgeColumns> columns{};
  WriteHinged(age, kAgeLevels, columns.data());
  return columns;
}

void ReadFeatures(const Journey& journey, const Vocabulary& vocabulary, const TimeScale& scale,
                  EventTime as_of, EventTime until, Features& features) {
  features.age = 0;
  features.values.assign(ColumnsOf(vocabulary.size()), 0.0);
  std::optional<EventTime> began = journey.Began(scale, until);
  if (!began) {
    return;
  }
  double* values = features.values.data();
  features.age = UnitsBetween(*began, as_of, scale);
  double silence = UnitsBetween(*journey.Newest(until), as_of, scale);
  double log_age = std::log1p(features.age);

  auto add = [&](size_t signal, size_t half_life, double sum) {
    values[kTotalColumn + half_life] += sum;
    if (signal != Vocabulary::kNone) {
      values[ColumnOf(signal, kDecayedColumn + half_life)] += sum;
    }
  };
  auto see = [&](size_t signal) {
    if (signal != Vocabulary::kNone) {
      values[ColumnOf(signal, kSeenColumn)] = 1;
      values[ColumnOf(signal, kSeenAgeColumn)] = log_age;
    }
  };
  std::optional<SignalNames> present = SignalsSince(journey, *began, until);
  for (const Sums::NamedSums& sums : journey.total().signals()) {
    if (present && !present->contains(sums.signal)) {
      continue;
    }
    size_t signal = vocabulary.IndexOf(sums.signal);
    see(signal);
    for (size_t i = 0; i < kHalfLives; ++i) {
      add(signal, i, journey.total().DecayedAt(scale, sums.sums, i, as_of));
    }
  }
  constexpr size_t kNotLookedUp = SIZE_MAX - 1;
  constexpr size_t kBefore = SIZE_MAX - 2;  // of an earlier journey alone
  std::vector<size_t> signals(journey.names().size(), kNotLookedUp);
  for (const Entry& entry : journey.log()) {
    if (entry.place.time > until) {
      break;
    }
    size_t& signal = signals[entry.signal];
    if (signal == kNotLookedUp) {
      const std::string& name = journey.names()[entry.signal];
      signal = present && !present->contains(name) ? kBefore : vocabulary.IndexOf(name);
      if (signal != kBefore) {
        see(signal);
      }
    }
    if (signal == kBefore) {
      continue;
    }
    double units = scale.UnitsIn(as_of - entry.place.time);
    for (size_t i = 0; i < kHalfLives; ++i) {
      add(signal, i, entry.weight * std::exp2(-units / TimeScale::kUnits[i]));
    }
  }
  for (size_t i = 0; i < kHalfLives; ++i) {
    values[kTotalColumn + i] = std::log1p(values[kTotalColumn + i]);
    for (size_t signal = 0; signal < vocabulary.size(); ++signal) {
      double& decayed = values[ColumnOf(signal, kDecayedColumn + i)];
      if (decayed != 0) {  // most signals most accounts have not sent
        decayed = std::log1p(decayed);
      }
    }
  }
  static const Levels kSilenceLevels = LevelsOf(kSilenceKnots);
  WriteHinged(silence, kSilenceLevels, values + kSilenceColumn);
  std::array<double, kAgeColumns> age = AgeColumns(features.age);
  std::copy(age.begin(), age.end(), values + kAgeColumn);
  values[kSessionsColumn] = std::log1p(static_cast<double>(journey.sessions(scale, *began, until)));
  values[kEventsColumn] = std::log1p(static_cast<double>(journey.events(*began, until)));
  values[kPeopleColumn] = std::log1p(static_cast<double>(journey.CountPeople(*began, until)));

  std::vector<LastSignal> last = journey.Last(*began, until);
  if (size_t signal = vocabulary.IndexOf(last[0].signal); signal != Vocabulary::kNone) {
    values[ColumnOf(signal, kLastColumn)] = 1;
    values[ColumnOf(signal, kLastSilenceColumn)] =
        std::min(silence / TimeScale::kUnits[1], kSilenceMax);
  }
  if (last.size() > 1) {
    if (size_t signal = vocabulary.IndexOf(last[1].signal); signal != Vocabulary::kNone) {
      values[ColumnOf(signal, kBeforeLastColumn)] = 1;
    }
  }
}

}  // namespace hotiron
