#include "processors/curve.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace hotiron {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr double kProgressSteps = 2;  // per percent
constexpr double kPointSteps = 10;    // per point
constexpr double kPointsTold = 1e8;   // more are told as that many
constexpr double kLogitSteps = 20;    // per unit
constexpr int kEvenChance = 128;      // the step of a logit of 0; step 0 is no chance at all
constexpr int kSameProgress = 2;      // steps: 1 %
constexpr int kSameChance = 4;        // steps: 0.2 of the logit

uint8_t RoundChance(std::optional<double> chance) {
  if (!chance) {
    return 0;
  }
  double p = std::clamp(*chance, 1e-9, 1 - 1e-9);
  double step = kEvenChance + std::round(kLogitSteps * std::log(p / (1 - p)));
  return static_cast<uint8_t>(std::clamp(step, 1.0, 255.0));
}

std::optional<double> ChanceOf(uint8_t step) {
  if (step == 0) {
    return std::nullopt;
  }
  return 1 / (1 + std::exp((kEvenChance - step) / kLogitSteps));
}

}  // namespace

Curve::Rounded Curve::Round(const CurvePoint& point) {
  Rounded rounded;
  rounded.minute = static_cast<uint32_t>(std::max<int64_t>(0, ToMillis(point.time)) / kMinuteMs);
  double progress = std::clamp(point.progress, 0.0, 100.0);
  rounded.progress = static_cast<uint8_t>(std::lround(kProgressSteps * progress));
  double points = std::clamp(point.points, 0.0, kPointsTold);
  rounded.points = static_cast<uint32_t>(std::lround(kPointSteps * points));
  std::transform(point.chances.begin(), point.chances.end(), rounded.chances.begin(), RoundChance);
  return rounded;
}

bool Curve::SaysTheSame(const Rounded& a, const Rounded& b) {
  return std::abs(a.progress - b.progress) < kSameProgress &&
         std::equal(a.chances.begin(), a.chances.end(), b.chances.begin(), [](int x, int y) {
           return (x == 0) == (y == 0) && std::abs(x - y) < kSameChance;
         });
}

// Twice its area, of the line that shows it largest. Points are left to progress, which rises and
// falls with them.
int64_t Curve::Triangle(const Rounded& a, const Rounded& b, const Rounded& c) {
  auto area = [&](int64_t of_a, int64_t of_b, int64_t of_c) {
    return std::abs((int64_t{b.minute} - a.minute) * (of_c - of_a) -
                    (int64_t{c.minute} - a.minute) * (of_b - of_a));
  };
  int64_t largest = area(a.progress, b.progress, c.progress);
  for (size_t i = 0; i < CurvePoint::kChances; ++i) {
    largest = std::max(largest, area(a.chances[i], b.chances[i], c.chances[i]));
  }
  return largest;
}

void Curve::DropTheLeast() {
  size_t least = 1;
  int64_t least_area = Triangle(points_[0], points_[1], points_[2]);
  for (size_t i = 2; i + 1 < points_.size(); ++i) {
    int64_t area = Triangle(points_[i - 1], points_[i], points_[i + 1]);
    if (area < least_area) {
      least = i;
      least_area = area;
    }
  }
  points_.erase(points_.begin() + static_cast<std::ptrdiff_t>(least));
}

void Curve::Note(const CurvePoint& point) {
  Rounded rounded = Round(point);
  if (!points_.empty() && rounded.minute < points_.back().minute) {
    return;
  }
  if (point.horizons != 0 && point.horizons != horizons_) {
    horizons_ = point.horizons;
    for (Rounded& each : points_) {
      each.chances = {};
    }
  }
  bool same_minute = !points_.empty() && rounded.minute == points_.back().minute;
  bool flat = points_.size() >= 2 && SaysTheSame(points_[points_.size() - 2], points_.back()) &&
              SaysTheSame(points_[points_.size() - 2], rounded);
  if (same_minute || flat) {
    points_.back() = rounded;
    return;
  }
  points_.push_back(rounded);
  if (points_.size() > kPointsMax) {
    DropTheLeast();
  }
}

std::optional<EventTime> Curve::Last() const {
  if (points_.empty()) {
    return std::nullopt;
  }
  return FromMillis(int64_t{points_.back().minute} * kMinuteMs);
}

std::vector<CurvePoint> Curve::Points() const {
  std::vector<CurvePoint> points;
  points.reserve(points_.size());
  for (const Rounded& rounded : points_) {
    CurvePoint& point = points.emplace_back();
    point.horizons = horizons_;
    point.time = FromMillis(int64_t{rounded.minute} * kMinuteMs);
    point.progress = rounded.progress / kProgressSteps;
    point.points = rounded.points / kPointSteps;
    std::transform(rounded.chances.begin(), rounded.chances.end(), point.chances.begin(), ChanceOf);
  }
  return points;
}

void Curve::WriteTo(pb::AccountRow& row) const {
  if (points_.empty()) {
    return;
  }
  bool any_chance = false;
  std::string progress;
  std::string chances;
  uint32_t before = 0;
  for (const Rounded& point : points_) {
    row.add_curve_minute_delta(point.minute - before);
    before = point.minute;
    progress.push_back(static_cast<char>(point.progress));
    row.add_curve_points(point.points);
    for (uint8_t chance : point.chances) {
      any_chance = any_chance || chance != 0;
      chances.push_back(static_cast<char>(chance));
    }
  }
  row.set_curve_progress(std::move(progress));
  if (any_chance) {
    row.set_curve_chances(std::move(chances));
  }
  row.set_curve_horizons(horizons_);
}

Result<Curve> Curve::ReadFrom(const pb::AccountRow& row) {
  auto size = static_cast<size_t>(row.curve_minute_delta_size());
  const std::string& chances = row.curve_chances();
  if (size > kPointsMax || row.curve_progress().size() != size ||
      static_cast<size_t>(row.curve_points_size()) != size ||
      (!chances.empty() && chances.size() != size * CurvePoint::kChances)) {
    return Corrupt("curve: its columns do not fit each other");
  }
  Curve curve;
  curve.horizons_ = row.curve_horizons();
  curve.points_.resize(size);
  uint32_t minute = 0;
  for (size_t i = 0; i < size; ++i) {
    Rounded& point = curve.points_[i];
    minute += row.curve_minute_delta(static_cast<int>(i));
    point.minute = minute;
    point.progress = static_cast<uint8_t>(row.curve_progress()[i]);
    point.points = row.curve_points(static_cast<int>(i));
    for (size_t c = 0; c < CurvePoint::kChances && !chances.empty(); ++c) {
      point.chances[c] = static_cast<uint8_t>(chances[i * CurvePoint::kChances + c]);
    }
  }
  return curve;
}

}  // namespace hotiron
