#include "processors/learning/rows.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "processors/learning/random.h"

namespace hotiron {
namespace {

constexpr double kMatureShare = 0.95;
constexpr size_t kLandmarksMax = 200;  // of a journey: 90 days, however short the unit
// How many of an account are looked at in training before they are drawn: the nth is kept with a
// chance of so many in n.
constexpr uint64_t kEventsKept = 4;
constexpr uint64_t kLandmarksKept = 100;

double NextLandmark(double units, const LandmarkPace& pace) {
  if (units < 0.5) {
    return units + 0.25;
  }
  return units < 1 ? 1 : units < pace.every_unit_until ? units + 1 : units * pace.growth;
}

EventTime After(EventTime start, double units, const TimeScale& scale) {
  return start + Duration(std::llround(units * static_cast<double>(scale.unit.count())));
}

}  // namespace

void Rows::Add(const Moment& moment, std::span<const double> values) {
  moments_.push_back(moment);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) {
      column_.push_back(static_cast<uint16_t>(i));
      value_.push_back(static_cast<float>(values[i]));
    }
  }
  begin_.push_back(column_.size());
}

void Rows::Append(const Rows& other) {
  size_t offset = column_.size();
  moments_.insert(moments_.end(), other.moments_.begin(), other.moments_.end());
  column_.insert(column_.end(), other.column_.begin(), other.column_.end());
  value_.insert(value_.end(), other.value_.begin(), other.value_.end());
  for (size_t row = 0; row < other.size(); ++row) {
    begin_.push_back(offset + other.begin_[row + 1]);
  }
}

Standard Rows::Measure() const {
  Standard standard{std::vector<double>(columns_, 0.0), std::vector<double>(columns_, 1.0)};
  double number = static_cast<double>(std::max<size_t>(size(), 1));
  std::vector<double> count(columns_, 0.0);
  for (size_t i = 0; i < column_.size(); ++i) {
    standard.mean[column_[i]] += static_cast<double>(value_[i]);
    ++count[column_[i]];
  }
  for (double& mean : standard.mean) {
    mean /= number;
  }
  std::vector<double> squares(columns_, 0.0);
  for (size_t i = 0; i < column_.size(); ++i) {
    double off = static_cast<double>(value_[i]) - standard.mean[column_[i]];
    squares[column_[i]] += off * off;
  }
  for (size_t c = 0; c < columns_; ++c) {
    double mean = standard.mean[c];
    double variance = (squares[c] + (number - count[c]) * mean * mean) / number;
    standard.scale[c] = variance > 1e-12 ? std::sqrt(variance) : 1.0;
  }
  return standard;
}

void Rows::Standardise(const Standard& standard) {
  std::vector<double> at_zero(columns_);
  for (size_t c = 0; c < columns_; ++c) {
    at_zero[c] = standard.Apply(c, 0);
  }
  for (size_t i = 0; i < column_.size(); ++i) {
    size_t c = column_[i];
    value_[i] = static_cast<float>(standard.Apply(c, static_cast<double>(value_[i])) - at_zero[c]);
  }
}

double Rows::Dot(size_t row, std::span<const double> weights) const {
  double sum = 0;
  for (size_t i = begin_[row]; i < begin_[row + 1]; ++i) {
    sum += weights[column_[i]] * static_cast<double>(value_[i]);
  }
  return sum;
}

Label LabelOf(const LabelledHistory& history, const Moment& moment, std::optional<Duration> horizon,
              Duration maturity) {
  const PastAccount& account = history.accounts[moment.account];
  if (!horizon) {
    if (account.start + maturity > history.end) {
      return Label::kUnknown;
    }
    return account.bought ? Label::kYes : Label::kNo;
  }
  if (moment.time + *horizon > history.end) {
    return Label::kUnknown;
  }
  bool bought = account.bought && *account.closed <= moment.time + *horizon;
  return bought ? Label::kYes : Label::kNo;
}

Duration MaturityOf(const LabelledHistory& history) {
  struct Exit {
    Duration age;
    bool closed;
  };

  std::vector<Exit> exits;
  for (const PastAccount& account : history.accounts) {
    EventTime last = account.closed.value_or(history.end);
    exits.push_back({std::max(last - account.start, Duration{0}), account.closed.has_value()});
  }
  std::sort(exits.begin(), exits.end(), [](const Exit& a, const Exit& b) {
    return a.age != b.age ? a.age < b.age : a.closed > b.closed;
  });
  double open = 1;
  std::vector<std::pair<Duration, double>> still_open;  // after each outcome
  for (size_t i = 0; i < exits.size(); ++i) {
    if (exits[i].closed) {
      open *= 1 - 1 / static_cast<double>(exits.size() - i);
      still_open.emplace_back(exits[i].age, open);
    }
  }
  if (still_open.empty()) {
    return exits.empty() ? Duration{0} : exits.back().age + Duration{1};  // nobody is old enough
  }
  double wanted = 1 - kMatureShare * (1 - open);
  for (const auto& [age, share] : still_open) {
    if (share <= wanted + 1e-12) {
      return age;
    }
  }
  return Duration{0};
}

std::vector<EventTime> LandmarksOf(const PastAccount& account, const TimeScale& scale,
                                   const LandmarkPace& pace, EventTime end) {
  std::vector<EventTime> moments;
  const std::vector<PastEvent>& events = account.events;
  for (size_t first = 0, next = 0; first < events.size(); first = next) {
    next = first + 1;
    while (next < events.size() &&
           events[next].time - events[next - 1].time <= scale.JourneyGap()) {
      ++next;
    }
    EventTime until = next < events.size() ? events[next].time : EventTime::max();
    double units = 0;
    for (size_t i = 0; i < kLandmarksMax; ++i) {
      units = NextLandmark(units, pace);
      EventTime time = After(events[first].time, units, scale);
      if (time > end || time >= until || !account.OpenAt(time)) {
        break;
      }
      moments.push_back(time);
    }
  }
  return moments;
}

std::vector<EventTime> TrainingMoments(const PastAccount& account, const TimeScale& scale,
                                       const LandmarkPace& pace, EventTime end, uint64_t seed) {
  Random landmark_dice(Hash64(account.name, seed));
  Random event_dice(Hash64(account.name, seed + 1));
  std::vector<EventTime> moments;
  uint64_t landmarks = 0;
  for (EventTime landmark : LandmarksOf(account, scale, pace, end)) {
    ++landmarks;
    if (landmark_dice.Below(landmarks) < kLandmarksKept) {
      moments.push_back(landmark);
    }
  }
  for (size_t i = 0; i < account.events.size(); ++i) {
    EventTime time = account.events[i].time;
    bool kept = event_dice.Below(i + 1) < kEventsKept;
    if (kept && time <= end && account.OpenAt(time)) {
      moments.push_back(time);
    }
  }
  std::sort(moments.begin(), moments.end());
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  return moments;
}

}  // namespace hotiron
