#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/records.pb.h"
#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// How far an account was at a moment, as it was told then.
struct CurvePoint {
  static constexpr size_t kChances = 4;  // of a model's horizons, the first ones

  EventTime time;
  double progress = 0;                                       // 0 to 100 %
  double points = 0;                                         // 0 or more
  std::array<std::optional<double>, kChances> chances = {};  // nothing: no model has shown skill
  uint32_t horizons = 0;  // a hash of those that the chances are of; 0: no model has spoken
};

// How an account has come along: a line through what was told of it, of at most kPointsMax points.
// Points that say the same as the two before them only move the last one on; when the line is full,
// the point goes that changes its picture least: the one that makes the smallest triangle with its
// neighbours (Visvalingam and Whyatt, 1993).
//
// Chances are of the horizons of the newest point that has any: those of a model with others go.
// It is history, as a ledger is: records that come in another order may leave another curve. What
// it keeps is rounded: time to minutes (also where a time unit is shorter), progress to 0.5 %,
// points to 0.1, the logit of a chance to 0.05 within +-6.35.
class Curve {
 public:
  static constexpr size_t kPointsMax = 32;

  // One that is before the last point says nothing.
  void Note(const CurvePoint& point);

  bool empty() const { return points_.empty(); }

  // When the last point is; nothing without one.
  std::optional<EventTime> Last() const;

  std::vector<CurvePoint> Points() const;  // in order of time

  void WriteTo(pb::AccountRow& row) const;
  static Result<Curve> ReadFrom(const pb::AccountRow& row);

 private:
  // In whole steps: the same notes leave the same bytes.
  struct Rounded {
    uint32_t minute = 0;   // since 1970
    uint8_t progress = 0;  // half percents
    uint32_t points = 0;   // tenths
    std::array<uint8_t, CurvePoint::kChances> chances{};
  };

  static Rounded Round(const CurvePoint& point);
  static bool SaysTheSame(const Rounded& a, const Rounded& b);
  static int64_t Triangle(const Rounded& a, const Rounded& b, const Rounded& c);
  void DropTheLeast();

  std::vector<Rounded> points_;
  uint32_t horizons_ = 0;
};

}  // namespace hotiron
