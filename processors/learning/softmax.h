#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "processors/learning/logistic.h"

namespace hotiron {

// A linear model of each class; the greatest is the likeliest.
using SoftmaxModel = std::vector<LinearModel>;

// P(class) = exp(logit of class) / sum over classes of exp(logit), from logits, in place.
void Softmax(std::span<double> logits);

// What to minimise: sum over `chosen` of -log P(its class) + |weights|^2 / (2 c)
struct SoftmaxProblem {
  const Rows& rows;
  std::span<const uint32_t> chosen;  // rows to learn from
  std::span<const uint8_t> labels;   // the class of every row of `rows`
  size_t classes = 2;
  double c = 1;
};

// Fits a ridge softmax regression, class by class: with the other classes held, the loss of one is
// that of a logistic regression with an offset for each row, -log of the others' sum. The whole is
// convex, so going round until nothing is gained ends at the minimum.
//
// Concurrency and limits: those of a RidgeSolver for each class. kUnavailable when interrupted.
Result<SoftmaxModel> FitSoftmax(const SoftmaxProblem& problem, const Work& work);

}  // namespace hotiron
