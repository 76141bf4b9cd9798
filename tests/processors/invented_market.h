#pragma once

// A small invented market whose truth is known: for the tests of learning.

#include <string>

#include "processors/learning/labelled_history.h"
#include "processors/learning/random.h"

namespace hotiron {

struct InventedMarket {
  size_t accounts = 400;
  double telling = 1;  // 0: what accounts do says nothing about whether they buy
  Duration unit = std::chrono::days{1};
  uint64_t seed = 1;
  double longest = 25;  // units until an outcome has come
};

// Accounts start over 100 units and look around; of those that will buy (about a third), the more
// telling the market, the more look at prices. Outcomes come 5 to `longest` units after the start.
inline LabelledHistory Invent(const InventedMarket& market) {
  Random random(market.seed);
  auto chance = [&] { return static_cast<double>(random.Below(1'000'000)) / 1e6; };
  LabelledHistory history;
  history.signals = {"visit", "pricing", "docs", "careers"};
  EventTime begin = kEarliestTime;
  auto after = [&](EventTime time, double units) {
    return time + Duration(static_cast<int64_t>(units * static_cast<double>(market.unit.count())));
  };
  history.end = after(begin, 130);
  uint64_t sequence = 0;
  for (size_t i = 0; i < market.accounts; ++i) {
    PastAccount account;
    account.name = "account " + std::to_string(i);
    account.start = after(begin, 100 * chance());
    bool buys = chance() < 0.35;
    double keen = buys ? 0.25 + 0.5 * market.telling : 0.25;
    EventTime closes = after(account.start, 5 + (market.longest - 5) * chance());
    EventTime time = account.start;
    while (time < closes && time <= history.end) {
      uint32_t signal = chance() < keen ? 1U : chance() < 0.4 ? 0U : chance() < 0.5 ? 2U : 3U;
      account.events.push_back({time, ++sequence, signal,
                                static_cast<uint32_t>(1 + random.Below(3)),
                                signal == 1 ? 3.0 : 1.0});
      time = after(time, 0.01 + 3 * chance());
    }
    if (closes <= history.end) {
      account.closed = closes;
      account.bought = buys;
    }
    history.accounts.push_back(std::move(account));
  }
  return history;
}

}  // namespace hotiron
