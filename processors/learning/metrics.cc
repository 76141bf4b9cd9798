#include "processors/learning/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "processors/learning/random.h"

namespace hotiron {
namespace {

constexpr size_t kBins = 10;

using Ranked = std::vector<ForecastOutcome>;  // highest probability first

// Calls `visit` with each run [begin, end) of equal probability.
template <typename Visit>
void ForEachTie(const Ranked& ranked, const Visit& visit) {
  for (size_t begin = 0; begin < ranked.size();) {
    size_t end = begin + 1;
    while (end < ranked.size() && ranked[end].probability == ranked[begin].probability) {
      ++end;
    }
    visit(begin, end);
    begin = end;
  }
}

// Every forecast counts as often as its account's weight says.
std::optional<double> AucOf(const Ranked& ranked, const std::vector<uint32_t>& weights) {
  double hits_above = 0;
  double pairs = 0;
  double misses = 0;
  ForEachTie(ranked, [&](size_t begin, size_t end) {
    double hits_here = 0;
    double misses_here = 0;
    for (size_t i = begin; i < end; ++i) {
      (ranked[i].happened ? hits_here : misses_here) += weights[ranked[i].account];
    }
    pairs += misses_here * (hits_above + hits_here / 2);
    hits_above += hits_here;
    misses += misses_here;
  });
  if (hits_above == 0 || misses == 0) {
    return std::nullopt;
  }
  return pairs / (hits_above * misses);
}

std::optional<double> AveragePrecision(const Ranked& ranked) {
  double hits = 0;
  double sum = 0;
  ForEachTie(ranked, [&](size_t begin, size_t end) {
    double here = 0;
    for (size_t i = begin; i < end; ++i) {
      here += ranked[i].happened ? 1 : 0;
    }
    hits += here;
    sum += here * hits / static_cast<double>(end);
  });
  if (hits == 0 || hits == static_cast<double>(ranked.size())) {
    return std::nullopt;
  }
  return sum / hits;
}

// Bins of about a tenth each; equal probabilities stay together.
double CalibrationError(const Ranked& ranked) {
  double error = 0;
  double stated = 0;
  double happened = 0;
  size_t filled = 0;
  ForEachTie(ranked, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      stated += ranked[i].probability;
      happened += ranked[i].happened ? 1 : 0;
    }
    if (end == ranked.size() || end * kBins >= ranked.size() * (filled + 1)) {
      error += std::abs(stated - happened);
      stated = happened = 0;
      filled = end * kBins / ranked.size();
    }
  });
  return error / static_cast<double>(ranked.size());
}

double PrecisionTop(const Ranked& ranked, double share) {
  std::map<uint32_t, Ranked> groups;
  for (const ForecastOutcome& forecast : ranked) {
    groups[forecast.group].push_back(forecast);
  }
  double taken = 0;
  double hits = 0;
  for (const std::pair<const uint32_t, Ranked>& group : groups) {
    const Ranked& members = group.second;
    double wanted = std::max(1.0, std::round(share * static_cast<double>(members.size())));
    ForEachTie(members, [&](size_t begin, size_t end) {
      double here = 0;
      for (size_t i = begin; i < end; ++i) {
        here += members[i].happened ? 1 : 0;
      }
      double take =
          std::clamp(wanted - static_cast<double>(begin), 0.0, static_cast<double>(end - begin));
      taken += take;
      hits += here * take / static_cast<double>(end - begin);
    });
  }
  return hits / taken;
}

}  // namespace

ForecastQuality Measure(std::span<const ForecastOutcome> forecasts, const QualityOptions& options) {
  ForecastQuality quality;
  quality.number = forecasts.size();
  if (forecasts.empty()) {
    return quality;
  }
  Ranked ranked(forecasts.begin(), forecasts.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const ForecastOutcome& a, const ForecastOutcome& b) {
                     return a.probability > b.probability;
                   });
  double happened = 0;
  double squares = 0;
  std::vector<uint32_t> accounts;
  for (const ForecastOutcome& forecast : ranked) {
    double off = forecast.probability - (forecast.happened ? 1 : 0);
    squares += off * off;
    happened += forecast.happened ? 1 : 0;
    accounts.push_back(forecast.account);
  }
  double number = static_cast<double>(ranked.size());
  quality.base_rate = happened / number;
  quality.brier = squares / number;
  quality.ece = CalibrationError(ranked);
  quality.precision_top = PrecisionTop(ranked, options.top_share);
  quality.pr_auc = AveragePrecision(ranked);

  std::sort(accounts.begin(), accounts.end());
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  for (ForecastOutcome& forecast : ranked) {
    forecast.account = static_cast<uint32_t>(
        std::lower_bound(accounts.begin(), accounts.end(), forecast.account) - accounts.begin());
  }
  std::vector<uint32_t> weights(accounts.size(), 1);
  quality.auc = AucOf(ranked, weights);
  if (!quality.auc) {
    return quality;
  }
  Random random(options.seed);
  std::vector<double> resampled;
  for (size_t i = 0; i < options.resamples; ++i) {
    weights.assign(accounts.size(), 0);
    for (size_t draw = 0; draw < accounts.size(); ++draw) {
      ++weights[random.Below(accounts.size())];
    }
    if (std::optional<double> auc = AucOf(ranked, weights)) {
      resampled.push_back(*auc);
    }
  }
  if (!resampled.empty()) {
    std::sort(resampled.begin(), resampled.end());
    size_t last = resampled.size() - 1;
    quality.auc_low =
        resampled[static_cast<size_t>(std::lround(0.025 * static_cast<double>(last)))];
    quality.auc_high =
        resampled[static_cast<size_t>(std::lround(0.975 * static_cast<double>(last)))];
  }
  return quality;
}

}  // namespace hotiron
