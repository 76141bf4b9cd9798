// Which stage is an account in? A softmax regression on the features of its journey, fitted to the
// moments at which the stage is known. Whether it may speak is decided on accounts that it has not
// seen: it must say more (log loss) than what is shown without it, and be right no less often.

#include "processors/learning/stage_trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "processors/estimator.h"
#include "processors/learning/softmax.h"
#include "processors/learning/trainer.h"

namespace hotiron {
namespace {

constexpr double kDoubt = 0.01;              // shared by all stages
constexpr double kStageGateErrors = 3;       // as for buying
constexpr size_t kStageAccountsOfEach = 10;  // of the two commonest stages

// The rows whose stage is known.
struct KnownRows {
  std::vector<uint32_t> chosen;
  std::vector<uint8_t> stages;  // of every row
  size_t accounts = 0;
  std::vector<std::set<uint32_t>> accounts_of;  // by stage
};

KnownRows ChooseRows(const LabelledHistory& history, const Rows& rows) {
  KnownRows known;
  known.stages.assign(rows.size(), 0);
  known.accounts_of.resize(history.stages.size());
  std::set<uint32_t> accounts;
  for (size_t row = 0; row < rows.size(); ++row) {
    const Moment& moment = rows.moments()[row];
    uint32_t stage = history.accounts[moment.account].StageAt(moment.time);
    if (stage != kNoStage) {
      known.chosen.push_back(static_cast<uint32_t>(row));
      known.stages[row] = static_cast<uint8_t>(stage);
      known.accounts_of[stage].insert(moment.account);
      accounts.insert(moment.account);
    }
  }
  known.accounts = accounts.size();
  return known;
}

using Distributions = std::vector<std::vector<double>>;  // of every row that was chosen, else empty

// What the fits that have not seen a row's account say of it.
Result<Distributions> OutOfFold(const StageProblem& problem, const KnownRows& known,
                                const Work& work) {
  Distributions stated(problem.rows.size());
  for (size_t fold = 0; fold < problem.fold_count; ++fold) {
    std::vector<uint32_t> others;
    for (uint32_t row : known.chosen) {
      if (problem.folds[row] != fold) {
        others.push_back(row);
      }
    }
    TRY_ASSIGN(SoftmaxModel model, FitSoftmax({.rows = problem.rows,
                                               .chosen = others,
                                               .labels = known.stages,
                                               .classes = problem.history.stages.size(),
                                               .c = kRidgeC},
                                              work));
    for (uint32_t row : known.chosen) {
      if (problem.folds[row] == fold) {
        for (const LinearModel& of_stage : model) {
          stated[row].push_back(of_stage.Logit(problem.rows, row));
        }
        Softmax(stated[row]);
      }
    }
  }
  return stated;
}

// The shares of the stages among the rows of the other folds.
Distributions BaseRates(const StageProblem& problem, const KnownRows& known) {
  size_t stages = problem.history.stages.size();
  Distributions of_fold(problem.fold_count, std::vector<double>(stages, 0.0));
  for (uint32_t row : known.chosen) {
    for (size_t fold = 0; fold < problem.fold_count; ++fold) {
      of_fold[fold][known.stages[row]] += problem.folds[row] == fold ? 0 : 1;
    }
  }
  for (std::vector<double>& shares : of_fold) {
    double total = 0;
    for (double& share : shares) {
      share += 1;  // none is impossible
      total += share;
    }
    for (double& share : shares) {
      share /= total;
    }
  }
  Distributions stated(problem.rows.size());
  for (uint32_t row : known.chosen) {
    stated[row] = of_fold[problem.folds[row]];
  }
  return stated;
}

Distributions Evidence(const StageProblem& problem, const KnownRows& known, const Work& work) {
  Distributions stated(problem.rows.size());
  work.parallel([&](size_t part) {
    // Rows are in order of account; an account's rows belong to the part of its first one.
    const std::vector<Moment>& moments = problem.rows.moments();
    size_t accounts = problem.history.accounts.size();
    auto first_of = [&](size_t account) {
      return std::lower_bound(
          known.chosen.begin(), known.chosen.end(), account,
          [&](uint32_t row, size_t wanted) { return moments[row].account < wanted; });
    };
    auto end = first_of(PartBegin(part + 1, accounts));
    std::optional<Replay> replay;
    std::optional<uint32_t> replayed;
    for (auto at = first_of(PartBegin(part, accounts)); at != end; ++at) {
      const Moment& moment = moments[*at];
      if (replayed != moment.account) {
        replayed = moment.account;
        replay.emplace(problem.history, problem.history.accounts[moment.account],
                       problem.anchors->scale());
      }
      stated[*at] = EvidenceDistribution(replay->To(moment.time), *problem.anchors, moment.time);
    }
  });
  return stated;
}

double LossOf(const std::vector<double>& stated, size_t stage) {
  return -std::log(std::max(stated[stage], 1e-12));
}

bool Right(const std::vector<double>& stated, size_t stage) {
  return std::max_element(stated.begin(), stated.end()) - stated.begin() ==
         static_cast<std::ptrdiff_t>(stage);
}

// Mean gain in log loss of `own` over `other`, with the standard error that holds when the rows of
// one account resemble each other.
StageGate Compare(const StageProblem& problem, const KnownRows& known, const Distributions& own,
                  const Distributions& other) {
  StageGate gate;
  double number = static_cast<double>(known.chosen.size());
  for (uint32_t row : known.chosen) {
    size_t stage = known.stages[row];
    gate.gain += (LossOf(other[row], stage) - LossOf(own[row], stage)) / number;
    gate.accuracy += (Right(own[row], stage) ? 1 : 0) / number;
    gate.reference_accuracy += (Right(other[row], stage) ? 1 : 0) / number;
  }
  double squares = 0;
  double sum = 0;
  for (size_t i = 0; i < known.chosen.size(); ++i) {
    uint32_t row = known.chosen[i];
    size_t stage = known.stages[row];
    sum += LossOf(other[row], stage) - LossOf(own[row], stage) - gate.gain;
    bool last =
        i + 1 == known.chosen.size() ||
        problem.rows.moments()[known.chosen[i + 1]].account != problem.rows.moments()[row].account;
    if (last) {
      squares += sum * sum;
      sum = 0;
    }
  }
  double accounts = static_cast<double>(known.accounts);
  gate.error = std::sqrt(squares * accounts / (accounts - 1)) / number;
  gate.open =
      gate.gain - kStageGateErrors * gate.error > 0 && gate.accuracy >= gate.reference_accuracy;
  return gate;
}

}  // namespace

std::vector<double> EvidenceDistribution(const Journey& journey, const Model& anchors,
                                         EventTime as_of) {
  std::vector<double> shares = EstimateBefore(journey, anchors, as_of).distribution;
  for (double& share : shares) {
    share = (1 - kDoubt) * share + kDoubt / static_cast<double>(shares.size());
  }
  return shares;
}

Result<std::optional<StageHead>> TrainStages(const StageProblem& problem, const Work& work,
                                             std::vector<std::string>& remarks) {
  KnownRows known = ChooseRows(problem.history, problem.rows);
  std::vector<size_t> common;
  for (const std::set<uint32_t>& accounts : known.accounts_of) {
    common.push_back(accounts.size());
  }
  std::sort(common.rbegin(), common.rend());
  if (known.accounts < kStageAccounts || common.size() < 2 || common[1] < kStageAccountsOfEach) {
    remarks.push_back(fmt::format(
        "stages are not learnt: that takes {} accounts of known stage while they are open, {} of "
        "them in a second stage; there are {}, of the stages [{}]: [{}]",
        kStageAccounts, kStageAccountsOfEach, known.accounts,
        fmt::join(problem.history.stages, ", "), fmt::join(common, ", ")));
    return std::optional<StageHead>();
  }
  StageHead head;
  head.stages = problem.history.stages;
  head.rows = known.chosen.size();
  head.accounts = known.accounts;
  TRY_ASSIGN(Distributions own, OutOfFold(problem, known, work));
  head.gate = Compare(
      problem, known, own,
      problem.anchors != nullptr ? Evidence(problem, known, work) : BaseRates(problem, known));
  head.gate.reference = problem.anchors != nullptr ? kEvidenceReference : kBaseRateReference;
  TRY_ASSIGN(SoftmaxModel model, FitSoftmax({.rows = problem.rows,
                                             .chosen = known.chosen,
                                             .labels = known.stages,
                                             .classes = problem.history.stages.size(),
                                             .c = kRidgeC},
                                            work));
  for (LinearModel& of_stage : model) {
    double bias = of_stage.bias;
    for (size_t c = 0; c < of_stage.weights.size(); ++c) {
      bias -= of_stage.weights[c] * problem.standard.Apply(c, 0);  // rows hold z(x) - z(0)
    }
    head.bias.push_back(bias);
    head.weights.push_back(std::move(of_stage.weights));
  }
  return std::optional<StageHead>(std::move(head));
}

}  // namespace hotiron
