#include "processors/backtest/windowed.h"

#include <algorithm>
#include <cmath>

#include "processors/learning/logistic.h"
#include "processors/learning/rows.h"

namespace hotiron {
namespace {

constexpr double kRidge = 1;
constexpr size_t kRowsMax = 500'000;  // more than so simple a model can use

}  // namespace

WindowedCounts::WindowedCounts(const LabelledHistory& history, const PastAccount& account,
                               const Vocabulary& vocabulary, const TimeScale& scale)
    : history_(history),
      account_(account),
      vocabulary_(vocabulary),
      scale_(scale),
      counts_(Columns(vocabulary.size()), 0.0),
      columns_(Columns(vocabulary.size()), 0.0) {}

std::span<const double> WindowedCounts::At(EventTime time) {
  auto count = [&](size_t event, size_t window, double by) {
    size_t signal = vocabulary_.IndexOf(history_.signals[account_.events[event].signal]);
    if (signal != Vocabulary::kNone) {
      counts_[kUnits.size() * signal + window] += by;
    }
  };
  for (; seen_ < account_.events.size() && account_.events[seen_].time <= time; ++seen_) {
    for (size_t window = 0; window < kUnits.size(); ++window) {
      count(seen_, window, 1);
    }
  }
  for (size_t window = 0; window < kUnits.size(); ++window) {
    EventTime begin = time - scale_.unit * kUnits[window];
    size_t& forgotten = forgotten_[window];
    for (; forgotten < seen_ && account_.events[forgotten].time <= begin; ++forgotten) {
      count(forgotten, window, -1);
    }
  }
  std::transform(counts_.begin(), counts_.end(), columns_.begin(),
                 [](double number) { return std::log1p(number); });
  columns_.back() =
      seen_ == 0 ? 0 : std::log1p(scale_.UnitsIn(time - account_.events.front().time));
  return columns_;
}

double WindowedModel::Logit(std::span<const double> columns) const {
  double logit = bias;
  for (size_t c = 0; c < columns.size(); ++c) {
    logit += weights[c] * standard.Apply(c, columns[c]);
  }
  return logit;
}

Result<std::optional<WindowedModel>> FitWindowed(const LabelledHistory& history,
                                                 const Vocabulary& vocabulary,
                                                 const TimeScale& scale,
                                                 std::optional<Duration> horizon, uint64_t seed,
                                                 const Work& work) {
  Duration maturity = MaturityOf(history);
  Rows rows(WindowedCounts::Columns(vocabulary.size()));
  std::vector<uint8_t> labels;
  std::vector<uint32_t> chosen;
  for (size_t i = 0; i < history.accounts.size() && rows.size() < kRowsMax; ++i) {
    const PastAccount& account = history.accounts[i];
    WindowedCounts counts(history, account, vocabulary, scale);
    for (EventTime time : TrainingMoments(account, scale, {}, history.end, seed)) {
      Moment moment{static_cast<uint32_t>(i), time, 0};
      Label label = LabelOf(history, moment, horizon, maturity);
      if (label != Label::kUnknown) {
        chosen.push_back(static_cast<uint32_t>(rows.size()));
        rows.Add(moment, counts.At(time));
        labels.push_back(label == Label::kYes ? 1 : 0);
      }
    }
  }
  auto bought = std::count(labels.begin(), labels.end(), uint8_t{1});
  if (bought == 0 || static_cast<size_t>(bought) == labels.size()) {
    return std::optional<WindowedModel>();
  }
  WindowedModel model;
  model.standard = rows.Measure();
  rows.Standardise(model.standard);
  RidgeSolver solver(work);
  TRY_ASSIGN(LinearModel fit,
             solver.Fit({.rows = rows, .chosen = chosen, .labels = labels, .c = kRidge}, {}));
  model.weights = std::move(fit.weights);
  // The rows hold z(x) - z(0), so that zeros stay zeros.
  model.bias = fit.bias;
  for (size_t c = 0; c < model.weights.size(); ++c) {
    model.bias -= model.weights[c] * model.standard.Apply(c, 0);
  }
  return std::optional<WindowedModel>(std::move(model));
}

}  // namespace hotiron
