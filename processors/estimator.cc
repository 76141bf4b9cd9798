// Cumulative evidence: why this and not a state machine is argued in docs/MODEL.md. The brute-force
// model that checks it is in journey_test.cc.

#include "processors/estimator.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hotiron {
namespace {

constexpr double kEvidenceExponent = 1.1;
constexpr size_t kStageHalfLife = 1;  // 7 units

double Decay(EventTime from, EventTime to, Duration half_life) {
  return std::exp2(-static_cast<double>((to - from).count()) /
                   static_cast<double>(half_life.count()));
}

// Every signal's sums over slices and log, in order of name. Entries are added in their order, so
// the same entries give the same bits.
std::vector<SignalShare> Gather(const Journey& journey, const TimeScale& scale, EventTime as_of,
                                EventTime until) {
  std::vector<SignalShare> shares;
  for (const Sums::NamedSums& sums : journey.total().signals()) {
    SignalShare share{.signal = sums.signal,
                      .count = sums.sums.count,
                      .first = sums.sums.first,
                      .last = sums.sums.last};
    for (size_t i = 0; i < kHalfLives; ++i) {
      share.decayed[i] = journey.total().DecayedAt(scale, sums.sums, i, as_of);
    }
    shares.push_back(std::move(share));
  }
  std::vector<size_t> position(journey.names().size(), SIZE_MAX);
  for (const Entry& entry : journey.log()) {
    if (entry.place.time > until) {
      break;
    }
    size_t& at = position[entry.signal];
    if (at == SIZE_MAX) {
      const std::string& name = journey.names()[entry.signal];
      auto known = std::find_if(shares.begin(), shares.end(),
                                [&](const SignalShare& share) { return share.signal == name; });
      at = static_cast<size_t>(known - shares.begin());
      if (known == shares.end()) {
        shares.push_back({.signal = name, .first = entry.place.time, .last = entry.place.time});
      }
    }
    SignalShare& share = shares[at];
    for (size_t i = 0; i < kHalfLives; ++i) {
      share.decayed[i] += entry.weight * Decay(entry.place.time, as_of, scale.HalfLife(i));
    }
    ++share.count;
    share.first = std::min(share.first, entry.place.time);
    share.last = std::max(share.last, entry.place.time);
  }
  std::sort(shares.begin(), shares.end(),
            [](const SignalShare& a, const SignalShare& b) { return a.signal < b.signal; });
  return shares;
}

double EvidenceOf(double x) {
  return kEvidenceExponent * std::log1p(std::max(0.0, x));
}

// Adds what a signal says to the evidence for each stage up to its anchor.
void AddEvidence(double x, int anchor, std::vector<double>& evidence) {
  if (anchor < 1) {
    return;
  }
  double more = EvidenceOf(x);
  for (size_t s = 1; s < evidence.size() && static_cast<int>(s) <= anchor; ++s) {
    evidence[s] += more;
  }
}

size_t StageShown(const std::vector<double>& at_least) {
  size_t stage = 0;
  for (size_t s = 1; s < at_least.size(); ++s) {
    stage = at_least[s] >= 0.5 ? s : stage;
  }
  return stage;
}

// The estimate at `as_of` of the entries up to `until`.
Estimate MakeEstimate(const Journey& journey, const Model& model, EventTime as_of,
                      EventTime until) {
  Estimate estimate;
  estimate.as_of = as_of;
  estimate.signals = Gather(journey, model.scale(), as_of, until);
  size_t stages = model.stages().size();
  std::vector<double> evidence(stages, 0.0);  // of signals anchored at s or later
  for (SignalShare& share : estimate.signals) {
    const Model::Meaning& meaning = model.MeaningOf(share.signal);
    share.points = share.decayed[kStageHalfLife];
    estimate.points += share.points;
    AddEvidence(share.points, meaning.anchor, evidence);
    if (meaning.contact) {
      estimate.contacted =
          estimate.contacted ? std::max(*estimate.contacted, share.last) : share.last;
    }
  }
  estimate.at_least.assign(stages, 1.0);
  for (size_t s = 1; s < stages; ++s) {
    estimate.at_least[s] = -std::expm1(-evidence[s]);
    estimate.progress += 100.0 * estimate.at_least[s] / static_cast<double>(stages - 1);
  }
  for (size_t s = 0; s < stages; ++s) {
    estimate.distribution.push_back(estimate.at_least[s] -
                                    (s + 1 < stages ? estimate.at_least[s + 1] : 0.0));
  }
  estimate.stage = StageShown(estimate.at_least);
  for (SignalShare& share : estimate.signals) {
    int anchor = model.MeaningOf(share.signal).anchor;
    double of_share = EvidenceOf(share.points);
    for (size_t s = 1; s < stages && static_cast<int>(s) <= anchor; ++s) {
      if (evidence[s] > 0) {
        share.progress +=
            100.0 * estimate.at_least[s] * of_share / evidence[s] / static_cast<double>(stages - 1);
      }
    }
  }
  return estimate;
}

}  // namespace

Estimate EstimateJourney(const Journey& journey, const Model& model, EventTime as_of) {
  return MakeEstimate(journey, model, as_of, EventTime::max());
}

Estimate EstimateBefore(const Journey& journey, const Model& model, EventTime as_of) {
  return MakeEstimate(journey, model, as_of, as_of);
}

Level EstimateLevel(const Journey& journey, const Model& model, EventTime as_of) {
  const TimeScale& scale = model.scale();
  Duration half_life = scale.HalfLife(kStageHalfLife);
  std::vector<double> x(journey.names().size(), 0.0);
  for (const Entry& entry : journey.log()) {
    x[entry.signal] += entry.weight * Decay(entry.place.time, as_of, half_life);
  }
  size_t stages = model.stages().size();
  std::vector<double> evidence(stages, 0.0);
  Level level;
  auto add = [&](const std::string& signal, double sum) {
    level.points += sum;
    AddEvidence(sum, model.MeaningOf(signal).anchor, evidence);
  };
  for (const Sums::NamedSums& sums : journey.total().signals()) {
    double sum = journey.total().DecayedAt(scale, sums.sums, kStageHalfLife, as_of);
    auto at = std::find(journey.names().begin(), journey.names().end(), sums.signal);
    if (at != journey.names().end()) {
      double& in_log = x[static_cast<size_t>(at - journey.names().begin())];
      sum += in_log;
      in_log = 0;
    }
    add(sums.signal, sum);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] != 0) {
      add(journey.names()[i], x[i]);
    }
  }
  std::vector<double> at_least(stages, 1.0);
  for (size_t s = 1; s < stages; ++s) {
    at_least[s] = -std::expm1(-evidence[s]);
    level.progress += 100.0 * at_least[s] / static_cast<double>(stages - 1);
  }
  level.stage = StageShown(at_least);
  return level;
}

}  // namespace hotiron
