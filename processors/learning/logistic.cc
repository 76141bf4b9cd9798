#include "processors/learning/logistic.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>

#include "processors/trained_model.h"

namespace hotiron {
namespace {

constexpr int kStepsMax = 200;
constexpr int kHalvingsMax = 40;
constexpr double kTolerance = 1e-10;   // of the loss that is still to gain, relative
constexpr double kFactorServes = 0.1;  // a step must leave at most so much of what is to gain

double PenaltyOf(const RidgeProblem& problem, const LinearModel& model, double* gradient) {
  double penalty = 0;
  for (size_t c = 0; c < model.weights.size(); ++c) {
    double off = model.weights[c] - (problem.prior.empty() ? 0.0 : problem.prior[c]);
    penalty += off * off / (2 * problem.c);
    if (gradient != nullptr) {
      gradient[c] += off / problem.c;
    }
  }
  return penalty;
}

// The upper half of the Hessian; the last row and column are the bias.
Eigen::MatrixXd HessianOf(const RidgeProblem& problem, const LinearModel& model, const Work& work) {
  size_t columns = problem.rows.columns();
  size_t size = columns + 1;
  std::vector<std::vector<double>> parts(kParts);
  work.parallel([&](size_t part) {
    std::vector<double>& sum = parts[part];
    sum.assign(size * size, 0.0);
    for (size_t i = PartBegin(part, problem.chosen.size());
         i < PartBegin(part + 1, problem.chosen.size()); ++i) {
      size_t row = problem.chosen[i];
      double p = Logistic(problem.Logit(model, row));
      double weight = p * (1 - p);
      std::span<const uint16_t> column = problem.rows.ColumnsAt(row);
      std::span<const float> value = problem.rows.ValuesAt(row);
      for (size_t a = 0; a < column.size(); ++a) {
        double scaled = weight * static_cast<double>(value[a]);
        double* line = sum.data() + column[a] * size;
        for (size_t b = a; b < column.size(); ++b) {
          line[column[b]] += scaled * static_cast<double>(value[b]);
        }
        line[columns] += scaled;
      }
      sum[size * size - 1] += weight;
    }
  });
  Eigen::MatrixXd hessian =
      Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(size), static_cast<Eigen::Index>(size));
  for (const std::vector<double>& part : parts) {
    // Rows of ours are columns of Eigen's: its lower half.
    hessian += Eigen::Map<const Eigen::MatrixXd>(part.data(), hessian.rows(), hessian.cols());
  }
  for (Eigen::Index c = 0; c + 1 < hessian.rows(); ++c) {
    hessian(c, c) += 1 / problem.c;
  }
  Eigen::Index bias = hessian.rows() - 1;
  hessian(bias, bias) += 1e-9;  // may have no curvature where all is certain
  return hessian;
}

LinearModel Moved(const LinearModel& from, const Eigen::VectorXd& step, double share) {
  LinearModel to = from;
  for (size_t c = 0; c < to.weights.size(); ++c) {
    to.weights[c] -= share * step[static_cast<Eigen::Index>(c)];
  }
  to.bias -= share * step[step.size() - 1];
  return to;
}

}  // namespace

double LogLoss(double logit, bool label) {
  double margin = label ? logit : -logit;
  return margin >= 0 ? std::log1p(std::exp(-margin)) : -margin + std::log1p(std::exp(margin));
}

double RidgeLoss(const RidgeProblem& problem, const LinearModel& model, const Work& work,
                 std::vector<double>* gradient) {
  size_t columns = problem.rows.columns();
  std::array<double, kParts> losses{};
  std::array<std::vector<double>, kParts> gradients;
  work.parallel([&](size_t part) {
    double loss = 0;  // summed apart from the others' memory
    std::vector<double> sum(gradient == nullptr ? 0 : columns + 1, 0.0);
    for (size_t i = PartBegin(part, problem.chosen.size());
         i < PartBegin(part + 1, problem.chosen.size()); ++i) {
      size_t row = problem.chosen[i];
      double logit = problem.Logit(model, row);
      bool label = problem.labels[row] != 0;
      loss += LogLoss(logit, label);
      if (gradient != nullptr) {
        double off = Logistic(logit) - (label ? 1 : 0);
        std::span<const uint16_t> column = problem.rows.ColumnsAt(row);
        std::span<const float> value = problem.rows.ValuesAt(row);
        for (size_t a = 0; a < column.size(); ++a) {
          sum[column[a]] += off * static_cast<double>(value[a]);
        }
        sum[columns] += off;
      }
    }
    losses[part] = loss;
    gradients[part] = std::move(sum);
  });
  double loss = 0;
  for (double part : losses) {
    loss += part;
  }
  if (gradient != nullptr) {
    gradient->assign(columns + 1, 0.0);
    for (const std::vector<double>& part : gradients) {
      for (size_t c = 0; c <= columns; ++c) {
        (*gradient)[c] += part[c];
      }
    }
  }
  return loss + PenaltyOf(problem, model, gradient == nullptr ? nullptr : gradient->data());
}

struct RidgeSolver::Factor {
  Eigen::LLT<Eigen::MatrixXd, Eigen::Lower> hessian;
};

RidgeSolver::RidgeSolver(const Work& work) : work_(work) {}

RidgeSolver::~RidgeSolver() = default;

Result<LinearModel> RidgeSolver::Fit(const RidgeProblem& problem, const LinearModel& start) {
  size_t yes = 0;
  for (uint32_t row : problem.chosen) {
    yes += problem.labels[row];
  }
  size_t columns = problem.rows.columns();
  LinearModel model = start;
  model.weights.resize(columns, 0.0);
  if (yes == 0 || yes == problem.chosen.size()) {
    model.weights.assign(columns, 0.0);
    double number = static_cast<double>(problem.chosen.size());
    model.bias =
        std::log((static_cast<double>(yes) + 0.5) / (number - static_cast<double>(yes) + 0.5));
    for (uint32_t row : problem.chosen) {
      model.bias -= problem.offsets.empty() ? 0.0 : problem.offsets[row] / number;
    }
    return model;
  }
  std::vector<double> gradient;
  double loss = RidgeLoss(problem, model, work_, &gradient);
  double to_gain = INFINITY;  // half the Newton decrement
  bool fresh = false;         // the factor is of this very point
  for (int step = 0; step < kStepsMax; ++step) {
    if (!work_.progress("fitting", 0, 0)) {
      return Unavailable("interrupted");
    }
    if (factor_ == nullptr || factor_->hessian.rows() != static_cast<Eigen::Index>(columns + 1)) {
      factor_ = std::make_unique<Factor>();
      factor_->hessian.compute(HessianOf(problem, model, work_));
      fresh = true;
    }
    Eigen::Map<const Eigen::VectorXd> slope(gradient.data(),
                                            static_cast<Eigen::Index>(gradient.size()));
    Eigen::VectorXd direction = factor_->hessian.solve(slope);
    double gain = slope.dot(direction) / 2;
    if (!fresh && !(gain <= kFactorServes * to_gain)) {
      factor_.reset();  // serves no more
      to_gain = INFINITY;
      continue;
    }
    if (!(gain > kTolerance * loss)) {
      break;
    }
    double share = 1;
    LinearModel next;
    std::vector<double> next_gradient;
    double next_loss = INFINITY;
    for (int halving = 0; halving < kHalvingsMax; ++halving, share /= 2) {
      next = Moved(model, direction, share);
      next_loss = RidgeLoss(problem, next, work_, &next_gradient);
      if (next_loss <= loss) {
        break;
      }
    }
    if (!(next_loss < loss)) {
      if (fresh) {
        break;  // no better within the precision of doubles
      }
      factor_.reset();
      continue;
    }
    model = std::move(next);
    loss = next_loss;
    gradient = std::move(next_gradient);
    to_gain = gain;
    fresh = false;
  }
  return model;
}

}  // namespace hotiron
