#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "processors/learning/rows.h"
#include "processors/learning/work.h"

namespace hotiron {

// One number of a logistic model for each column of its rows.
struct LinearModel {
  double bias = 0;
  std::vector<double> weights;

  double Logit(const Rows& rows, size_t row) const { return bias + rows.Dot(row, weights); }
};

// What to minimise over bias and weights:
//   sum over `chosen` of the log loss + |weights - prior|^2 / (2 c)
struct RidgeProblem {
  const Rows& rows;
  std::span<const uint32_t> chosen;  // rows to learn from
  std::span<const uint8_t> labels;   // of every row of `rows`, 1 = yes
  double c = 1;
  std::span<const double> prior = {};    // of the weights; empty: zeros
  std::span<const double> offsets = {};  // added to the logit of every row of `rows`; empty: none

  double Logit(const LinearModel& model, size_t row) const {
    return model.Logit(rows, row) + (offsets.empty() ? 0.0 : offsets[row]);
  }
};

// Fits ridge logistic regressions over the same rows by Newton's method.
//
// Operation: the loss is strictly convex and smooth, so Newton steps, halved while they do not
// lower it, end at its only minimum. The Hessian costs far more than the gradient, so its
// factorisation is kept for as long as it still serves, over steps and over fits that resemble one
// another (folds of the same rows); that changes the way, not the end. A fit over rows of one class
// has no finite optimum: it gives the class's smoothed log odds and no weights.
// Concurrency: one thread at a time; the work is split by `work`.
// Limits: memory of kParts dense matrices of columns^2.
class RidgeSolver {
 public:
  explicit RidgeSolver(const Work& work);
  ~RidgeSolver();

  // `start` is where to begin; kUnavailable when `work` asked to give up.
  Result<LinearModel> Fit(const RidgeProblem& problem, const LinearModel& start);

 private:
  struct Factor;
  const Work& work_;
  std::unique_ptr<Factor> factor_;
};

// The loss of `model`, and its gradient (weights, then bias) when asked for.
double RidgeLoss(const RidgeProblem& problem, const LinearModel& model, const Work& work,
                 std::vector<double>* gradient);

// log(1 + exp(logit)) - label * logit, without overflow.
double LogLoss(double logit, bool label);

}  // namespace hotiron
