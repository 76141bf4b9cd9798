#include "processors/trained_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hotiron {
namespace {

constexpr size_t kTellingUp = 3;
constexpr std::array kMoreKnots{0.25, 2.0, 5.0, 10.0, 20.0, 60.0};  // of age, in units
constexpr double kTellingLogit = 0.05;  // odds of 1.05 and less are shown as 1.0: they tell nothing

// The typical standardised columns at `age`: between two ages, in between.
std::vector<double> TypicalAt(const TrainedModel& model, double age) {
  auto above = std::lower_bound(model.ages.begin(), model.ages.end(), age);
  if (above == model.ages.begin()) {
    return model.typical.front();
  }
  if (above == model.ages.end()) {
    return model.typical.back();
  }
  size_t right = static_cast<size_t>(above - model.ages.begin());
  double low = std::log1p(model.ages[right - 1]);
  double share = (std::log1p(age) - low) / (std::log1p(model.ages[right]) - low);
  std::vector<double> typical = model.typical[right - 1];
  for (size_t c = 0; c < typical.size(); ++c) {
    typical[c] += share * (model.typical[right][c] - typical[c]);
  }
  return typical;
}

// What is published of a logit: as much of what it says beyond the age as the gate lets pass.
double Gated(const Head& head, double full, double age) {
  double base = head.age_model.Logit(age);
  return base + head.gate.Share() * (full - base);
}

// In which contribution a column counts: the signals', then silence, age, activity.
size_t GroupOf(size_t column, size_t signals) {
  if (column >= kGeneralColumns) {
    return (column - kGeneralColumns) / kSignalColumns;
  }
  if (column >= kSilenceColumn && column < kAgeColumn) {
    return signals;
  }
  return column >= kAgeColumn && column < kSessionsColumn ? signals + 1 : signals + 2;
}

}  // namespace

double Logistic(double logit) {
  return logit >= 0 ? 1 / (1 + std::exp(-logit)) : std::exp(logit) / (1 + std::exp(logit));
}

std::array<double, kAgeBends> AgeBends(double age) {
  constexpr double kFine = 30;
  constexpr double kFiner = 1'000;
  static const std::array<double, kMoreKnots.size()> kLevels = [] {
    std::array<double, kMoreKnots.size()> levels{};
    std::transform(kMoreKnots.begin(), kMoreKnots.end(), levels.begin(),
                   [](double knot) { return std::log1p(knot); });
    return levels;
  }();
  std::array<double, kAgeBends> bends{};
  std::array<double, kAgeColumns> columns = AgeColumns(age);
  double* next = std::copy(columns.begin(), columns.end(), bends.data());
  *next++ = age;
  *next++ = std::log1p(kFine * age);
  *next++ = std::log1p(kFiner * age);
  for (double level : kLevels) {
    *next++ = std::max(0.0, columns[0] - level);
  }
  return bends;
}

double AgeModel::Logit(double at_age) const {
  double within = std::clamp(at_age, 0.0, age_max);
  std::array<double, kAgeBends> bends = AgeBends(within);
  return std::inner_product(weights.begin(), weights.end(), bends.begin(), bias);
}

double LogitOf(const TrainedModel& model, const Head& head, const Features& features, bool gated) {
  double full = head.bias;
  for (size_t c = 0; c < head.weights.size(); ++c) {
    full += head.weights[c] * model.standard.Apply(c, features.values[c]);
  }
  return gated ? Gated(head, full, features.age) : full;
}

std::vector<HeadScore> Score(const TrainedModel& model, const Features& features) {
  // Column by column: each is standardised once, and the sums do not wait for one another.
  std::vector<double> full;
  std::vector<const double*> weights;
  for (const Head& head : model.heads) {
    full.push_back(head.bias);
    weights.push_back(head.weights.data());
  }
  for (size_t c = 0; c < features.values.size(); ++c) {
    double z = model.standard.Apply(c, features.values[c]);
    for (size_t i = 0; i < full.size(); ++i) {
      full[i] += weights[i][c] * z;
    }
  }
  std::vector<HeadScore> scores;
  scores.reserve(full.size());
  for (size_t i = 0; i < model.heads.size(); ++i) {
    const Head& head = model.heads[i];
    HeadScore score{.horizon = head.horizon,
                    .logit = Gated(head, full[i], features.age),
                    .skill = head.gate.open,
                    .head = i};
    if (!scores.empty() && scores.back().logit > score.logit) {
      score.logit = scores.back().logit;
      score.head = scores.back().head;
    }
    score.probability = Logistic(score.logit);
    scores.push_back(score);
  }
  return scores;
}

std::vector<double> StageDistribution(const TrainedModel& model, const Features& features) {
  CHECK(model.stage);
  const StageHead& head = *model.stage;
  std::vector<double> shares = head.bias;
  for (size_t c = 0; c < features.values.size(); ++c) {
    double z = model.standard.Apply(c, features.values[c]);
    for (size_t stage = 0; stage < shares.size(); ++stage) {
      shares[stage] += head.weights[stage][c] * z;
    }
  }
  double greatest = *std::max_element(shares.begin(), shares.end());
  double total = 0;
  for (double& share : shares) {
    share = std::exp(share - greatest);
    total += share;
  }
  for (double& share : shares) {
    share /= total;
  }
  return shares;
}

Explanation Explain(const TrainedModel& model, const Features& features, size_t head) {
  const Head& from = model.heads[head];
  size_t signals = model.vocabulary.size();
  double share = from.gate.Share();
  Explanation explanation;
  for (size_t signal = 0; signal < signals; ++signal) {
    explanation.contributions.push_back({Contribution::Of::kSignal, signal, 0});
  }
  for (Contribution::Of of :
       {Contribution::Of::kSilence, Contribution::Of::kAge, Contribution::Of::kActivity}) {
    explanation.contributions.push_back({of, 0, 0});
  }
  std::vector<double> typical = TypicalAt(model, features.age);
  double base = from.bias;
  for (size_t c = 0; c < from.weights.size(); ++c) {
    double z = model.standard.Apply(c, features.values[c]);
    base += from.weights[c] * typical[c];
    explanation.contributions[GroupOf(c, signals)].logit +=
        share * from.weights[c] * (z - typical[c]);
  }
  explanation.base = (1 - share) * from.age_model.Logit(features.age) + share * base;
  explanation.logit = LogitOf(model, from, features, true);
  return explanation;
}

std::vector<Contribution> Change(const Explanation& now, const Explanation& before) {
  std::vector<Contribution> changes = now.contributions;
  for (size_t i = 0; i < changes.size(); ++i) {
    changes[i].logit -= before.contributions[i].logit;
    if (changes[i].of == Contribution::Of::kAge) {
      changes[i].logit += now.base - before.base;
    }
  }
  return changes;
}

std::vector<Contribution> MostTelling(std::vector<Contribution> changes) {
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Contribution& a, const Contribution& b) { return a.logit > b.logit; });
  std::vector<Contribution> telling;
  for (size_t i = 0; i < std::min(changes.size(), kTellingUp) && changes[i].logit > kTellingLogit;
       ++i) {
    telling.push_back(changes[i]);
  }
  if (!changes.empty() && changes.back().logit < -kTellingLogit) {
    telling.push_back(changes.back());
  }
  return telling;
}

}  // namespace hotiron
