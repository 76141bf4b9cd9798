#include "processors/backtest/ending.h"

#include <algorithm>

namespace hotiron {
namespace {

constexpr EventTime kFirstMonday{std::chrono::days{4}};  // 5 January 1970

}  // namespace

std::vector<Ending> EndingsOf(const LabelledHistory& history, Duration maturity) {
  std::vector<Ending> endings;
  endings.reserve(history.accounts.size());
  for (const PastAccount& account : history.accounts) {
    bool decided = account.closed || account.start + maturity <= history.end;
    endings.push_back(account.bought ? Ending::kBought
                      : decided      ? Ending::kNotBought
                                     : Ending::kUndecided);
  }
  return endings;
}

int64_t Calendar::IndexOf(EventTime time) const {
  Duration since = time - kFirstMonday;
  int64_t index = since / period;
  return since % period < Duration{0} ? index - 1 : index;
}

EventTime Calendar::StartOf(int64_t index) const {
  return kFirstMonday + period * index;
}

double Calendar::periods() const {
  return static_cast<double>(std::max(until - from, Duration{1}).count()) /
         static_cast<double>(period.count());
}

}  // namespace hotiron
