#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processors/backtest/ending.h"
#include "processors/learning/labelled_history.h"

namespace hotiron {

// A trigger that opened while its account was open.
struct Alert {
  uint32_t account = 0;  // index into the history's accounts
  EventTime opened;
  std::string policy;
  std::string owner;                    // who would have got it; "" when nobody is named
  std::optional<double> probability{};  // of its policy's horizon, where a model stated one
  std::optional<Duration> horizon{};    // nothing: ever
};

// What a number of alerts came to. An alert is right when its account bought afterwards, however
// much later; a false alarm when the account did not buy; else it is undecided.
struct AlertCount {
  size_t alerts = 0;
  size_t right = 0;
  size_t false_alarms = 0;

  size_t undecided() const { return alerts - right - false_alarms; }

  // The share of right ones among those that are decided.
  std::optional<double> precision() const;
};

struct PeriodTally {
  int64_t period = 0;
  AlertCount count;
};

struct OwnerTally {
  std::string owner;
  AlertCount count;
  size_t most = 0;  // alerts in one period
};

// The alerts that stated a probability, in the order of it: what was stated, what came true.
struct StatedAlerts {
  size_t number = 0;  // whose horizon has passed
  double stated = 0;  // on average
  double happened = 0;
};

// What became of the accounts of a history and of the alerts on them.
struct Tally {
  size_t accounts = 0;
  size_t buyers = 0;
  size_t others = 0;  // did not buy; the rest is undecided
  AlertCount count;
  size_t flagged = 0;           // accounts with an alert
  size_t flagged_buyers = 0;    // of these, bought
  size_t ahead = 0;             // of these, first alerted early enough
  std::vector<Duration> leads;  // of flagged buyers, from the first alert to the outcome, rising
  std::vector<PeriodTally> periods;  // every one from the first to the last, empty ones too
  std::vector<OwnerTally> owners;    // most alerts first
  std::map<std::string, AlertCount> policies;
  StatedAlerts stated;
};

// `alerts` in order of time. A buyer counts as ahead when the first alert came at least `ahead_by`
// before the outcome.
Tally Count(const LabelledHistory& history, std::span<const Ending> endings,
            const Calendar& calendar, std::span<const Alert> alerts, Duration ahead_by);

}  // namespace hotiron
