#include "processors/learning/softmax.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace hotiron {
namespace {

constexpr int kRoundsMax = 100;
constexpr double kRoundGains = 1e-7;  // of the loss, or it was the last round

// log of the sum of exp(value), the value at `without` left out.
double LogSum(std::span<const double> values, size_t without) {
  double greatest = -INFINITY;
  for (size_t i = 0; i < values.size(); ++i) {
    greatest = i == without ? greatest : std::max(greatest, values[i]);
  }
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += i == without ? 0 : std::exp(values[i] - greatest);
  }
  return greatest + std::log(sum);
}

// The same weights added to every class change no probability, and one class at a time would take
// for ever to lose what they have in common: so it is taken out of all at once.
void Centre(SoftmaxModel& model) {
  double number = static_cast<double>(model.size());
  for (size_t c = 0; c < model.front().weights.size(); ++c) {
    double mean = 0;
    for (const LinearModel& of_class : model) {
      mean += of_class.weights[c] / number;
    }
    for (LinearModel& of_class : model) {
      of_class.weights[c] -= mean;
    }
  }
}

}  // namespace

void Softmax(std::span<double> logits) {
  double total = LogSum(logits, logits.size());
  for (double& logit : logits) {
    logit = std::exp(logit - total);
  }
}

Result<SoftmaxModel> FitSoftmax(const SoftmaxProblem& problem, const Work& work) {
  const size_t classes = problem.classes;
  SoftmaxModel model(classes, LinearModel{0, std::vector<double>(problem.rows.columns(), 0.0)});
  std::deque<RidgeSolver> solvers;
  std::vector<std::vector<uint8_t>> labels(classes);
  for (size_t k = 0; k < classes; ++k) {
    solvers.emplace_back(work);
    labels[k].resize(problem.labels.size());
    for (size_t row = 0; row < problem.labels.size(); ++row) {
      labels[k][row] = problem.labels[row] == k ? 1 : 0;
    }
  }
  std::vector<double> logits(problem.labels.size() * classes, 0.0);  // row by row
  std::vector<double> offsets(problem.labels.size(), 0.0);
  double loss = std::numeric_limits<double>::max();
  for (int round = 0; round < kRoundsMax; ++round) {
    for (size_t k = 0; k < classes; ++k) {
      for (uint32_t row : problem.chosen) {
        offsets[row] = -LogSum({logits.data() + row * classes, classes}, k);
      }
      TRY_ASSIGN(model[k], solvers[k].Fit({.rows = problem.rows,
                                           .chosen = problem.chosen,
                                           .labels = labels[k],
                                           .c = problem.c,
                                           .offsets = offsets},
                                          model[k]));
      for (uint32_t row : problem.chosen) {
        logits[row * classes + k] = model[k].Logit(problem.rows, row);
      }
    }
    Centre(model);
    double now = 0;
    for (uint32_t row : problem.chosen) {
      for (size_t k = 0; k < classes; ++k) {
        logits[row * classes + k] = model[k].Logit(problem.rows, row);
      }
      std::span<const double> of_row(logits.data() + row * classes, classes);
      now += LogSum(of_row, classes) - of_row[problem.labels[row]];
    }
    for (const LinearModel& of_class : model) {
      for (double weight : of_class.weights) {
        now += weight * weight / (2 * problem.c);
      }
    }
    if (!(now < loss - kRoundGains * loss)) {
      break;
    }
    loss = now;
  }
  return model;
}

}  // namespace hotiron
