#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "processors/features.h"
#include "processors/learning/labelled_history.h"
#include "processors/learning/work.h"

namespace hotiron {

// A moment in the life of an account: what the model is trained on and tested at.
struct Moment {
  uint32_t account = 0;  // index into the history's accounts
  EventTime time;
  double age = 0;  // in units
};

// Feature rows, stored sparsely: most accounts have seen few of the signals. Values are at first
// what ReadFeatures gave; Standardise replaces x by z(x) - z(0), so that zeros stay zeros. (A model
// with an intercept is the same over either.)
class Rows {
 public:
  explicit Rows(size_t columns) : columns_(columns) {}

  void Add(const Moment& moment, std::span<const double> values);

  // Appends all rows of `other`, which has the same columns.
  void Append(const Rows& other);

  Standard Measure() const;
  void Standardise(const Standard& standard);

  size_t columns() const { return columns_; }

  size_t size() const { return moments_.size(); }

  const std::vector<Moment>& moments() const { return moments_; }

  std::span<const uint16_t> ColumnsAt(size_t row) const {
    return {column_.data() + begin_[row], begin_[row + 1] - begin_[row]};
  }

  std::span<const float> ValuesAt(size_t row) const {
    return {value_.data() + begin_[row], begin_[row + 1] - begin_[row]};
  }

  // sum of weights * row
  double Dot(size_t row, std::span<const double> weights) const;

 private:
  size_t columns_;
  std::vector<Moment> moments_;
  std::vector<size_t> begin_{0};
  std::vector<uint16_t> column_;
  std::vector<float> value_;
};

// Whether the account bought within `horizon` (nothing: ever) after `moment`, as known at
// `history.end`. Unknown when the horizon had not passed by then, even where the outcome had come
// (what is resolved early is mostly won or mostly lost), and, for ever, on accounts younger than
// `maturity` at the end.
enum class Label : int8_t { kUnknown = -1, kNo = 0, kYes = 1 };

Label LabelOf(const LabelledHistory& history, const Moment& moment, std::optional<Duration> horizon,
              Duration maturity);

// The age by which 95 % of the outcomes that come have come (Kaplan and Meier), as far as known at
// the end of the history. Without any outcome more than any account's.
Duration MaturityOf(const LabelledHistory& history);

// Ages at which journeys are looked at: a quarter and a half of a unit, every unit for a while,
// then each so many times the one before.
struct LandmarkPace {
  double every_unit_until = 60;
  double growth = 1.1;
};

// These moments of each journey of an account, while it is open and up to `end`, in order of time.
std::vector<EventTime> LandmarksOf(const PastAccount& account, const TimeScale& scale,
                                   const LandmarkPace& pace, EventTime end);

// The moments of an account that a model is trained at, in order of time: landmarks and events, all
// of the first and then fewer and fewer; only while it is open. Whether a moment is
// among them depends on nothing that comes after it: if the events of a long life were each less
// likely to be drawn, then to be drawn would tell of a short one.
std::vector<EventTime> TrainingMoments(const PastAccount& account, const TimeScale& scale,
                                       const LandmarkPace& pace, EventTime end, uint64_t seed);

}  // namespace hotiron
