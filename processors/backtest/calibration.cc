#include "processors/backtest/calibration.h"

#include <algorithm>
#include <map>

namespace hotiron {
namespace {

constexpr size_t kResamples = 200;  // of accounts, for the interval of the AUC

constexpr size_t kBins = 10;

// Whether the account bought within the horizon; nothing when that is not known.
std::optional<bool> CameTrue(const LabelledHistory& history, uint32_t index, Ending ending,
                             EventTime at, std::optional<Duration> horizon) {
  if (!horizon) {
    return ending == Ending::kUndecided ? std::nullopt
                                        : std::optional<bool>(ending == Ending::kBought);
  }
  if (at + *horizon > history.end) {
    return std::nullopt;
  }
  const PastAccount& account = history.accounts[index];
  return account.bought && *account.closed <= at + *horizon;
}

// Equal probabilities stay in one bin.
std::vector<ReliabilityBin> BinsOf(std::vector<ForecastOutcome> forecasts) {
  std::sort(forecasts.begin(), forecasts.end(),
            [](const ForecastOutcome& a, const ForecastOutcome& b) {
              return a.probability < b.probability;
            });
  std::vector<ReliabilityBin> bins;
  ReliabilityBin bin;
  for (size_t i = 0; i < forecasts.size(); ++i) {
    ++bin.number;
    bin.stated += forecasts[i].probability;
    bin.happened += forecasts[i].happened ? 1 : 0;
    bool last = i + 1 == forecasts.size();
    if (last || (forecasts[i + 1].probability > forecasts[i].probability &&
                 (i + 1) * kBins >= forecasts.size() * (bins.size() + 1))) {
      bin.stated /= static_cast<double>(bin.number);
      bin.happened /= static_cast<double>(bin.number);
      bins.push_back(bin);
      bin = {};
    }
  }
  return bins;
}

}  // namespace

Calibration Calibrate(const LabelledHistory& history, std::span<const Ending> endings,
                      const Calendar& calendar, std::span<const Snapshot> snapshots, size_t head,
                      std::optional<Duration> horizon) {
  Calibration calibration{.horizon = horizon, .quality = {}, .bins = {}, .periods = {}};
  std::vector<ForecastOutcome> forecasts;
  std::map<int64_t, ForecastPeriod> periods;
  for (const Snapshot& snapshot : snapshots) {
    std::optional<bool> came_true = CameTrue(history, snapshot.account, endings[snapshot.account],
                                             calendar.StartOf(snapshot.period), horizon);
    if (!came_true) {
      continue;
    }
    double probability = static_cast<double>(snapshot.probabilities[head]);
    forecasts.push_back(
        {.probability = probability, .happened = *came_true, .account = snapshot.account});
    ForecastPeriod& period = periods[snapshot.period];
    period.period = snapshot.period;
    ++period.number;
    period.stated += probability;
    period.happened += *came_true ? 1 : 0;
  }
  for (auto& [index, period] : periods) {
    period.stated /= static_cast<double>(period.number);
    period.happened /= static_cast<double>(period.number);
    calibration.periods.push_back(period);
  }
  calibration.quality = Measure(forecasts, {.resamples = kResamples});
  calibration.bins = BinsOf(std::move(forecasts));
  return calibration;
}

}  // namespace hotiron
