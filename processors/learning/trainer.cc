// From a history to a model.
//
//   history -> vocabulary -> rows (features at landmarks, read from a replayed journey)
//           -> per horizon: labels, ridge logistic regression, the same on five folds of accounts,
//              and from what these say of accounts they have not seen: the gate
//
// Features are read by the function that the live pipeline calls, on a journey that the live code
// has built, so there is nothing to keep in step.

#include "processors/learning/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "processors/learning/logistic.h"
#include "processors/learning/metrics.h"
#include "processors/learning/random.h"
#include "processors/learning/stage_trainer.h"

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr size_t kFewSignals = 40;      // up to so many, all are told apart
constexpr size_t kAccountsOfRare = 20;  // beyond, those of fewer accounts are rare
constexpr size_t kFolds = 5;
constexpr size_t kColdAccounts = 200;  // with fewer accounts or buyers an offset is tried
constexpr size_t kColdBuyers = 30;
constexpr double kGateErrors = 3;     // two are wrong too often: every horizon is one more try
constexpr size_t kGateAccounts = 10;  // buyers, and others, without which no gate opens
constexpr double kFreeC = 1;          // ridge where it should hardly be felt: few parameters
constexpr double kJourneyUnits = 14;  // a purchase is to take about so many units
constexpr std::array kTimeUnits{Duration(seconds{1}),  Duration(seconds{10}), Duration(minutes{1}),
                                Duration(minutes{10}), Duration(hours{1}),    Duration(hours{6}),
                                Duration(days{1}),     Duration(days{7}),     Duration(days{30})};
constexpr std::array kPaces{LandmarkPace{60, 1.1}, LandmarkPace{14, 1.1}, LandmarkPace{3, 1.3}};
constexpr std::array kTypicalAges{0.25, 1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 120.0, 365.0};

// The signals seen by most accounts while they were open.
Vocabulary MakeVocabulary(const LabelledHistory& history, std::vector<std::string>& remarks) {
  std::vector<size_t> accounts_of(history.signals.size(), 0);
  std::vector<size_t> last(history.signals.size(), SIZE_MAX);
  for (size_t i = 0; i < history.accounts.size(); ++i) {
    for (const PastEvent& event : history.accounts[i].events) {
      if (last[event.signal] != i) {
        last[event.signal] = i;
        ++accounts_of[event.signal];
      }
    }
  }
  std::vector<size_t> seen;
  for (size_t i = 0; i < accounts_of.size(); ++i) {
    if (accounts_of[i] > 0) {
      seen.push_back(i);
    }
  }
  std::sort(seen.begin(), seen.end(), [&](size_t a, size_t b) {
    return accounts_of[a] != accounts_of[b] ? accounts_of[a] > accounts_of[b]
                                            : history.signals[a] < history.signals[b];
  });
  size_t kept = seen.size();
  if (seen.size() > kFewSignals) {
    while (kept > 0 && accounts_of[seen[kept - 1]] < kAccountsOfRare) {
      --kept;
    }
    kept = std::min(kept, kVocabularyMax);
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < kept; ++i) {
    names.push_back(history.signals[seen[i]]);
  }
  std::sort(names.begin(), names.end());
  if (kept < seen.size()) {
    names.emplace_back(Vocabulary::kRareSignals);
    remarks.push_back(fmt::format("{} of {} signals are rare and count as one, {}",
                                  seen.size() - kept, seen.size(), Vocabulary::kRareSignals));
  }
  return Vocabulary(std::move(names));
}

// The rows of all accounts. When there would be too many, landmarks are set further apart; when
// that is not enough, accounts are left out at random, so that what remains has the same rates.
Result<Rows> MakeRows(const LabelledHistory& history, const Vocabulary& vocabulary,
                      const TrainingOptions& options, const Work& work,
                      std::vector<std::string>& remarks) {
  size_t columns = ColumnsOf(vocabulary.size());
  std::vector<std::vector<EventTime>> moments(history.accounts.size());
  size_t total = 0;
  for (const LandmarkPace& pace : kPaces) {
    total = 0;
    for (size_t i = 0; i < history.accounts.size(); ++i) {
      moments[i] =
          TrainingMoments(history.accounts[i], options.scale, pace, history.end, options.seed);
      total += moments[i].size();
    }
    if (total <= kTrainingRowsMax) {
      break;
    }
  }
  if (total > kTrainingRowsMax) {
    std::vector<size_t> order(moments.size());
    for (size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    Random random(options.seed);
    size_t left_out = 0;
    for (size_t i = 0; total > kTrainingRowsMax; ++i, ++left_out) {
      std::swap(order[i], order[i + random.Below(order.size() - i)]);
      total -= moments[order[i]].size();
      moments[order[i]].clear();
    }
    remarks.push_back(fmt::format("{} of {} accounts were left out at random: {} rows are enough",
                                  left_out, moments.size(), kTrainingRowsMax));
  }
  std::vector<Rows> parts(kParts, Rows(columns));
  work.parallel([&](size_t part) {
    Features features;
    for (size_t i = PartBegin(part, moments.size()); i < PartBegin(part + 1, moments.size()); ++i) {
      Replay replay(history, history.accounts[i], options.scale);
      for (EventTime time : moments[i]) {
        ReadFeatures(replay.To(time), vocabulary, options.scale, time, time, features);
        parts[part].Add({static_cast<uint32_t>(i), time, features.age}, features.values);
      }
    }
  });
  if (!work.progress("reading features", 0, 1)) {
    return Unavailable("interrupted");
  }
  Rows rows(columns);
  for (Rows& part : parts) {
    rows.Append(part);
    part = Rows(columns);
  }
  return rows;
}

// What the explanations compare with.
void MeasureTypical(const Rows& rows, TrainedModel& model) {
  std::vector<std::vector<double>> sums(kTypicalAges.size(),
                                        std::vector<double>(rows.columns(), 0.0));
  std::vector<double> ages(kTypicalAges.size(), 0.0);
  std::vector<size_t> counts(kTypicalAges.size(), 0);
  for (size_t row = 0; row < rows.size(); ++row) {
    double age = rows.moments()[row].age;
    size_t nearest = 0;
    for (size_t i = 1; i < kTypicalAges.size(); ++i) {
      double middle = (std::log1p(kTypicalAges[i - 1]) + std::log1p(kTypicalAges[i])) / 2;
      nearest = std::log1p(age) >= middle ? i : nearest;
    }
    ages[nearest] += std::log1p(age);
    ++counts[nearest];
    std::span<const uint16_t> column = rows.ColumnsAt(row);
    std::span<const float> value = rows.ValuesAt(row);
    for (size_t i = 0; i < column.size(); ++i) {
      sums[nearest][column[i]] += static_cast<double>(value[i]);
    }
  }
  for (size_t i = 0; i < kTypicalAges.size(); ++i) {
    if (counts[i] > 0) {
      double number = static_cast<double>(counts[i]);
      model.ages.push_back(std::expm1(ages[i] / number));
      for (size_t c = 0; c < rows.columns(); ++c) {
        sums[i][c] = sums[i][c] / number + model.standard.Apply(c, 0);
      }
      model.typical.push_back(std::move(sums[i]));
    }
  }
}

// The rows that one head learns from.
struct HeadRows {
  std::vector<uint32_t> chosen;
  std::vector<uint8_t> labels;  // of every row
  std::vector<uint8_t> folds;   // of every row
};

// Age alone, standardised.
struct AgeRows {
  Rows rows{kAgeBends};
  Standard standard;
  double age_max = 0;

  explicit AgeRows(const std::vector<Moment>& moments) {
    std::array<double, kAgeBends> most{};
    for (const Moment& moment : moments) {
      std::array<double, kAgeBends> bends = AgeBends(moment.age);
      rows.Add(moment, bends);
      age_max = std::max(age_max, moment.age);
      for (size_t i = 0; i < kAgeBends; ++i) {
        most[i] = std::max(most[i], bends[i]);
      }
    }
    standard = rows.Measure();
    // Only the scale, and none so small that something is clipped: the bias takes care of the rest.
    standard.mean.assign(kAgeBends, 0.0);
    for (size_t i = 0; i < kAgeBends; ++i) {
      standard.scale[i] = std::max(standard.scale[i], most[i] / Standard::kClip);
    }
    rows.Standardise(standard);
  }

  AgeModel ModelOf(const LinearModel& fit) const {
    AgeModel model{.bias = fit.bias, .weights = {}, .age_max = age_max};
    for (size_t i = 0; i < kAgeBends; ++i) {
      model.weights[i] = fit.weights[i] / standard.scale[i];
    }
    return model;
  }
};

// Fits `problem` without each fold in turn, and gives for every chosen row the logit of the fit
// that has not seen its account. `prior_of`, where given, makes each fit's own prior.
using PriorOf = std::function<Result<std::vector<double>>(std::span<const uint32_t> chosen)>;

Result<std::vector<double>> OutOfFold(const RidgeProblem& problem, const HeadRows& head,
                                      const LinearModel& start, RidgeSolver& solver,
                                      const PriorOf& prior_of) {
  std::vector<double> logits(head.labels.size(), 0.0);
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<uint32_t> others;
    for (uint32_t row : head.chosen) {
      if (head.folds[row] != fold) {
        others.push_back(row);
      }
    }
    RidgeProblem part{
        .rows = problem.rows, .chosen = others, .labels = problem.labels, .c = problem.c};
    std::vector<double> prior;
    if (prior_of) {
      TRY_ASSIGN(prior, prior_of(others));
      part.prior = prior;
    }
    TRY_ASSIGN(LinearModel model, solver.Fit(part, start));
    for (uint32_t row : head.chosen) {
      if (head.folds[row] == fold) {
        logits[row] = model.Logit(problem.rows, row);
      }
    }
  }
  return logits;
}

double MeanLoss(const HeadRows& head, const std::vector<double>& logits) {
  double loss = 0;
  for (uint32_t row : head.chosen) {
    loss += LogLoss(logits[row], head.labels[row] != 0);
  }
  return loss / static_cast<double>(head.chosen.size());
}

struct HeadCounts {
  uint64_t accounts = 0;
  uint64_t buyers = 0;
  size_t positive = 0;
};

// Fits the slope s of logit = base + s (full - base) by Newton steps, with the standard error that
// holds when the rows of one account resemble each other.
SkillGate FitGate(const Rows& rows, const HeadRows& head, const std::vector<double>& base,
                  const std::vector<double>& full, const HeadCounts& counts) {
  double slope = 0;
  double curvature = 0;
  for (int step = 0; step < 50; ++step) {
    double gradient = 0;
    curvature = 0;
    for (uint32_t row : head.chosen) {
      double off = full[row] - base[row];
      double p = Logistic(base[row] + slope * off);
      gradient += (p - (head.labels[row] != 0 ? 1 : 0)) * off;
      curvature += p * (1 - p) * off * off;
    }
    if (!(curvature > 1e-12)) {
      return {};  // the features say nothing that age does not
    }
    double move = std::clamp(gradient / curvature, -1.0, 1.0);
    slope -= move;
    if (std::abs(move) < 1e-10) {
      break;
    }
  }
  double squares = 0;  // of the accounts' sums of scores
  double sum = 0;
  size_t clusters = 0;
  for (size_t i = 0; i < head.chosen.size(); ++i) {
    uint32_t row = head.chosen[i];
    double off = full[row] - base[row];
    double p = Logistic(base[row] + slope * off);
    sum += (p - (head.labels[row] != 0 ? 1 : 0)) * off;
    bool last = i + 1 == head.chosen.size() ||
                rows.moments()[head.chosen[i + 1]].account != rows.moments()[row].account;
    if (last) {
      squares += sum * sum;
      sum = 0;
      ++clusters;
    }
  }
  double few = clusters > 1 ? static_cast<double>(clusters) / static_cast<double>(clusters - 1) : 1;
  SkillGate gate{.slope = slope, .error = std::sqrt(squares * few) / curvature};
  // The standard error itself is a guess from so many accounts: few of a kind prove nothing.
  gate.open = counts.buyers >= kGateAccounts && counts.accounts - counts.buyers >= kGateAccounts &&
              slope - kGateErrors * gate.error > 0;
  return gate;
}

// The weights that points and age alone would have, for the ridge to start from.
Result<std::vector<double>> ColdStartPrior(const Rows& rows, const HeadRows& head,
                                           std::span<const uint32_t> chosen, const Work& work) {
  constexpr size_t kPoints = kTotalColumn + 1;  // log1p of all decayed sums at 7 units
  Rows two(2);
  std::vector<double> values(2);
  for (size_t row = 0; row < rows.size(); ++row) {
    values.assign(2, 0.0);
    std::span<const uint16_t> column = rows.ColumnsAt(row);
    for (size_t i = 0; i < column.size(); ++i) {
      if (column[i] == kPoints || column[i] == kAgeColumn) {
        values[column[i] == kPoints ? 0 : 1] = static_cast<double>(rows.ValuesAt(row)[i]);
      }
    }
    two.Add(rows.moments()[row], values);
  }
  RidgeSolver solver(work);
  TRY_ASSIGN(LinearModel fit,
             solver.Fit({.rows = two, .chosen = chosen, .labels = head.labels, .c = kFreeC}, {}));
  std::vector<double> prior(rows.columns(), 0.0);
  prior[kPoints] = fit.weights[0];
  prior[kAgeColumn] = fit.weights[1];
  return prior;
}

HeadCounts CountHead(const Rows& rows, const HeadRows& head) {
  HeadCounts counts;
  std::optional<uint32_t> account;
  bool bought = false;
  for (uint32_t row : head.chosen) {
    if (account != rows.moments()[row].account) {
      account = rows.moments()[row].account;
      ++counts.accounts;
      bought = false;
    }
    counts.positive += head.labels[row];
    if (head.labels[row] != 0 && !bought) {
      bought = true;
      ++counts.buyers;
    }
  }
  return counts;
}

// Learns one head; the rows must be standardised.
Result<Head> TrainHead(const Rows& rows, const AgeRows& ages, const HeadRows& head_rows,
                       const HeadCounts& counts, const Standard& standard, const Work& work) {
  Head head;
  head.rows = head_rows.chosen.size();
  head.accounts = counts.accounts;
  head.buyers = counts.buyers;
  head.positive = static_cast<double>(counts.positive) / static_cast<double>(head.rows);

  RidgeProblem age_problem{
      .rows = ages.rows, .chosen = head_rows.chosen, .labels = head_rows.labels, .c = kRidgeC};
  RidgeSolver age_solver(work);
  TRY_ASSIGN(LinearModel age_fit, age_solver.Fit(age_problem, {}));
  TRY_ASSIGN(std::vector<double> base,
             OutOfFold(age_problem, head_rows, age_fit, age_solver, nullptr));
  head.age_model = ages.ModelOf(age_fit);

  RidgeProblem problem{
      .rows = rows, .chosen = head_rows.chosen, .labels = head_rows.labels, .c = kRidgeC};
  RidgeSolver solver(work);
  TRY_ASSIGN(LinearModel fit, solver.Fit(problem, {}));
  TRY_ASSIGN(std::vector<double> full, OutOfFold(problem, head_rows, fit, solver, nullptr));
  if (head.accounts < kColdAccounts || head.buyers < kColdBuyers) {
    PriorOf prior_of = [&](std::span<const uint32_t> chosen) {
      return ColdStartPrior(rows, head_rows, chosen, work);
    };
    TRY_ASSIGN(std::vector<double> offset_full,
               OutOfFold(problem, head_rows, fit, solver, prior_of));
    if (MeanLoss(head_rows, offset_full) < MeanLoss(head_rows, full)) {
      head.cold_start = true;
      full = std::move(offset_full);
      TRY_ASSIGN(std::vector<double> prior, prior_of(head_rows.chosen));
      problem.prior = prior;
      TRY_ASSIGN(fit, solver.Fit(problem, fit));
    }
  }
  head.gate = FitGate(rows, head_rows, base, full, counts);
  std::vector<ForecastOutcome> forecasts;
  for (uint32_t row : head_rows.chosen) {
    forecasts.push_back({.probability = full[row],  // ranks only
                         .happened = head_rows.labels[row] != 0,
                         .account = rows.moments()[row].account});
  }
  head.auc = Measure(forecasts, {.resamples = 0}).auc;

  head.weights = std::move(fit.weights);
  head.bias = fit.bias;
  for (size_t c = 0; c < head.weights.size(); ++c) {
    head.bias -= head.weights[c] * standard.Apply(c, 0);  // rows hold z(x) - z(0)
  }
  return head;
}

void Count(const LabelledHistory& history, TrainingFacts& facts) {
  facts.until = history.end;
  facts.from = history.end;
  facts.events = history.size();
  facts.accounts = history.accounts.size();
  facts.bought = facts.lost = facts.open = 0;
  for (const PastAccount& account : history.accounts) {
    if (!account.events.empty()) {
      facts.from = std::min(facts.from, account.events.front().time);
    }
    ++(!account.closed ? facts.open : account.bought ? facts.bought : facts.lost);
  }
}

}  // namespace

std::vector<std::optional<Duration>> DefaultHorizons(const TimeScale& scale) {
  return {scale.unit * 7, scale.unit * 14, scale.unit * 30, std::nullopt};
}

Duration FindTimeUnit(const LabelledHistory& history) {
  std::vector<Duration> lives;
  for (bool buyers : {true, false}) {
    for (const PastAccount& account : history.accounts) {
      EventTime last = account.closed.value_or(history.end);
      if ((account.bought || !buyers) && last > account.start) {
        lives.push_back(last - account.start);
      }
    }
    if (!lives.empty()) {
      break;
    }
  }
  if (lives.empty()) {
    return TimeScale{}.unit;
  }
  auto middle = lives.begin() + static_cast<std::ptrdiff_t>(lives.size() / 2);
  std::nth_element(lives.begin(), middle, lives.end());
  double wanted = std::log(static_cast<double>(middle->count()) / kJourneyUnits);
  auto far = [&](Duration unit) {
    return std::abs(std::log(static_cast<double>(unit.count())) - wanted);
  };
  return *std::min_element(kTimeUnits.begin(), kTimeUnits.end(),
                           [&](Duration a, Duration b) { return far(a) < far(b); });
}

Result<Training> Train(const LabelledHistory& history, const TrainingOptions& options,
                       TrainingFacts facts, const Work& work) {
  Training training;
  TrainedModel& model = training.model;
  model.facts = std::move(facts);
  Count(history, model.facts);
  model.facts.seed = options.seed;
  model.facts.maturity = MaturityOf(history);
  model.scale = options.scale;
  model.vocabulary = MakeVocabulary(history, training.remarks);
  TRY_ASSIGN(Rows rows, MakeRows(history, model.vocabulary, options, work, training.remarks));
  model.facts.rows = rows.size();
  model.standard = rows.Measure();
  rows.Standardise(model.standard);
  MeasureTypical(rows, model);
  AgeRows ages(rows.moments());

  HeadRows head_rows;
  head_rows.folds.resize(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    const PastAccount& account = history.accounts[rows.moments()[row].account];
    head_rows.folds[row] = static_cast<uint8_t>(Hash64(account.name, options.seed) % kFolds);
  }
  for (size_t i = 0; i < options.horizons.size(); ++i) {
    std::optional<Duration> horizon = options.horizons[i];
    if (!work.progress("learning horizons", i, options.horizons.size())) {
      return Unavailable("interrupted");
    }
    head_rows.chosen.clear();
    head_rows.labels.assign(rows.size(), 0);
    for (size_t row = 0; row < rows.size(); ++row) {
      Label label = LabelOf(history, rows.moments()[row], horizon, model.facts.maturity);
      if (label != Label::kUnknown) {
        head_rows.chosen.push_back(static_cast<uint32_t>(row));
        head_rows.labels[row] = label == Label::kYes ? 1 : 0;
      }
    }
    HeadCounts counts = CountHead(rows, head_rows);
    if (counts.positive == 0 || counts.positive == head_rows.chosen.size()) {
      training.remarks.push_back(fmt::format(
          "nothing to learn for horizon {}: {}", horizon ? FormatDuration(*horizon) : "ever",
          head_rows.chosen.empty() ? "no account was watched for so long while it was open"
          : counts.positive == 0   ? "no account bought within it"
                                   : "every account bought within it"));
      continue;
    }
    TRY_ASSIGN(Head head, TrainHead(rows, ages, head_rows, counts, model.standard, work));
    head.horizon = horizon;
    model.heads.push_back(std::move(head));
  }
  if (!history.stages.empty()) {
    if (!work.progress("learning stages", 0, 1)) {
      return Unavailable("interrupted");
    }
    TRY_ASSIGN(model.stage, TrainStages({.history = history,
                                         .rows = rows,
                                         .standard = model.standard,
                                         .folds = head_rows.folds,
                                         .fold_count = kFolds,
                                         .anchors = options.anchors},
                                        work, training.remarks));
  }
  return training;
}

}  // namespace hotiron
