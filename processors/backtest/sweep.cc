// Sorted by score, highest first, the rises are in the order in which a falling threshold meets
// them. The first rise of an account that is met flags the account; each further one is earlier,
// since a track rises, and moves its flag back in time. So buyers only ever turn from "flagged too
// late" to "flagged ahead", and every threshold is judged by adding up.

#include "processors/backtest/sweep.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace hotiron {
namespace {

struct Step {
  double score;
  uint32_t account;
  EventTime time;
};

enum class Flag : uint8_t { kNone, kFlagged, kAhead };

SweepPoint Between(const SweepPoint& above, const SweepPoint& below, double share) {
  auto mix = [share](double a, double b) { return a + share * (b - a); };
  return {.threshold = below.threshold,
          .flagged = mix(above.flagged, below.flagged),
          .buyers = mix(above.buyers, below.buyers),
          .ahead = mix(above.ahead, below.ahead),
          .false_alarms = mix(above.false_alarms, below.false_alarms)};
}

}  // namespace

void AddScore(Track& track, EventTime time, double score) {
  if (track.empty() || score > track.back().score) {
    track.push_back({time, score});
  }
}

std::optional<EventTime> FlaggedAt(const Track& track, double threshold) {
  auto at = std::lower_bound(track.begin(), track.end(), threshold,
                             [](const Rise& rise, double least) { return rise.score < least; });
  if (at == track.end()) {
    return std::nullopt;
  }
  return at->time;
}

std::optional<double> SweepPoint::precision() const {
  double decided = buyers + false_alarms;
  return decided > 0 ? std::optional<double>(buyers / decided) : std::nullopt;
}

Sweep::Sweep(const LabelledHistory& history, std::span<const Ending> endings,
             std::span<const Track> tracks, Duration ahead_by)
    : history_(history), endings_(endings), tracks_(tracks) {
  std::vector<Step> steps;
  for (size_t i = 0; i < tracks.size(); ++i) {
    for (const Rise& rise : tracks[i]) {
      steps.push_back({rise.score, static_cast<uint32_t>(i), rise.time});
    }
  }
  std::sort(steps.begin(), steps.end(),
            [](const Step& a, const Step& b) { return a.score > b.score; });
  std::vector<Flag> flags(tracks.size(), Flag::kNone);
  SweepPoint point;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    Ending ending = endings[step.account];
    Flag& flag = flags[step.account];
    if (flag == Flag::kNone) {
      flag = Flag::kFlagged;
      point.flagged += 1;
      point.buyers += ending == Ending::kBought ? 1 : 0;
      point.false_alarms += ending == Ending::kNotBought ? 1 : 0;
    }
    if (flag == Flag::kFlagged && ending == Ending::kBought &&
        step.time + ahead_by <= *history.accounts[step.account].closed) {
      flag = Flag::kAhead;
      point.ahead += 1;
    }
    if (i + 1 == steps.size() || steps[i + 1].score < step.score) {
      point.threshold = step.score;
      points_.push_back(point);
    }
  }
}

std::vector<SweepPoint> Sweep::Thinned(size_t most) const {
  if (points_.size() <= most) {
    return points_;
  }
  std::vector<SweepPoint> thinned{points_.front()};
  double step = points_.back().flagged / static_cast<double>(most);
  for (const SweepPoint& point : points_) {
    if (point.flagged >= thinned.back().flagged + step) {
      thinned.push_back(point);
    }
  }
  if (thinned.back().threshold != points_.back().threshold) {
    thinned.back() = points_.back();
  }
  return thinned;
}

SweepPoint Sweep::At(double SweepPoint::*load, double accounts) const {
  auto below = std::find_if(points_.begin(), points_.end(),
                            [&](const SweepPoint& point) { return point.*load > accounts; });
  if (below == points_.end()) {
    return points_.empty() ? SweepPoint{} : points_.back();
  }
  SweepPoint nobody{.threshold = below->threshold};
  const SweepPoint& above = below == points_.begin() ? nobody : *(below - 1);
  if (above.*load == accounts) {
    return above;
  }
  return Between(above, *below, (accounts - above.*load) / ((*below).*load - above.*load));
}

SweepPoint Sweep::AtFlagged(double accounts) const {
  return At(&SweepPoint::flagged, accounts);
}

SweepPoint Sweep::AtFalseAlarms(double accounts) const {
  return At(&SweepPoint::false_alarms, accounts);
}

std::vector<Alert> Sweep::AlertsAt(const SweepPoint& point) const {
  std::vector<Alert> alerts;
  std::vector<std::pair<uint64_t, Alert>> just;  // by lot
  for (size_t i = 0; i < tracks_.size(); ++i) {
    if (std::optional<EventTime> flagged = FlaggedAt(tracks_[i], point.threshold)) {
      Alert alert{.account = static_cast<uint32_t>(i),
                  .opened = *flagged,
                  .policy = {},
                  .owner = history_.accounts[i].owner};
      if (tracks_[i].back().score > point.threshold) {
        alerts.push_back(std::move(alert));
      } else {
        just.emplace_back(Hash64("lot", i), std::move(alert));
      }
    }
  }
  std::sort(just.begin(), just.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [lot, alert] : just) {
    if (static_cast<double>(alerts.size() + 1) > point.flagged + 0.5) {
      break;
    }
    alerts.push_back(std::move(alert));
  }
  std::sort(alerts.begin(), alerts.end(), [](const Alert& a, const Alert& b) {
    return std::pair(a.opened, a.account) < std::pair(b.opened, b.account);
  });
  return alerts;
}

std::vector<Duration> Sweep::Leads(double threshold) const {
  std::vector<Duration> leads;
  for (size_t i = 0; i < tracks_.size(); ++i) {
    std::optional<EventTime> flagged = FlaggedAt(tracks_[i], threshold);
    if (flagged && endings_[i] == Ending::kBought) {
      leads.push_back(*history_.accounts[i].closed - *flagged);
    }
  }
  std::sort(leads.begin(), leads.end());
  return leads;
}

std::optional<Duration> Median(std::span<const Duration> sorted) {
  if (sorted.empty()) {
    return std::nullopt;
  }
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace hotiron
