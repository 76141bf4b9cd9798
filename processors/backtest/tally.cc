#include "processors/backtest/tally.h"

#include <algorithm>

namespace hotiron {
namespace {

void Add(Ending ending, AlertCount& count) {
  ++count.alerts;
  count.right += ending == Ending::kBought ? 1 : 0;
  count.false_alarms += ending == Ending::kNotBought ? 1 : 0;
}

void AddStated(const LabelledHistory& history, Ending ending, const Alert& alert,
               StatedAlerts& stated) {
  const PastAccount& account = history.accounts[alert.account];
  bool known =
      alert.horizon ? alert.opened + *alert.horizon <= history.end : ending != Ending::kUndecided;
  if (!alert.probability || !known) {
    return;
  }
  bool happened =
      account.bought && (!alert.horizon || *account.closed <= alert.opened + *alert.horizon);
  ++stated.number;
  stated.stated += *alert.probability;
  stated.happened += happened ? 1 : 0;
}

}  // namespace

std::optional<double> AlertCount::precision() const {
  size_t decided = right + false_alarms;
  return decided > 0
             ? std::optional<double>(static_cast<double>(right) / static_cast<double>(decided))
             : std::nullopt;
}

Tally Count(const LabelledHistory& history, std::span<const Ending> endings,
            const Calendar& calendar, std::span<const Alert> alerts, Duration ahead_by) {
  Tally tally;
  tally.accounts = history.accounts.size();
  for (Ending ending : endings) {
    tally.buyers += ending == Ending::kBought ? 1 : 0;
    tally.others += ending == Ending::kNotBought ? 1 : 0;
  }
  int64_t first = calendar.IndexOf(calendar.from);
  for (int64_t period = first; period <= calendar.IndexOf(calendar.until); ++period) {
    tally.periods.push_back({.period = period, .count = {}});
  }
  std::map<std::string, std::map<int64_t, AlertCount>> owners;
  std::vector<bool> flagged(history.accounts.size(), false);
  for (const Alert& alert : alerts) {
    const PastAccount& account = history.accounts[alert.account];
    Ending ending = endings[alert.account];
    int64_t period = calendar.IndexOf(alert.opened);
    Add(ending, tally.count);
    Add(ending, tally.periods[static_cast<size_t>(period - first)].count);
    Add(ending, tally.policies[alert.policy]);
    Add(ending, owners[alert.owner][period]);
    AddStated(history, ending, alert, tally.stated);
    if (flagged[alert.account]) {
      continue;
    }
    flagged[alert.account] = true;
    ++tally.flagged;
    if (ending == Ending::kBought) {
      Duration lead = *account.closed - alert.opened;
      ++tally.flagged_buyers;
      tally.ahead += lead >= ahead_by ? 1 : 0;
      tally.leads.push_back(lead);
    }
  }
  std::sort(tally.leads.begin(), tally.leads.end());
  if (owners.size() == 1 && owners.begin()->first.empty()) {
    owners.clear();  // nobody is named at all
  }
  for (const auto& [owner, by_period] : owners) {
    OwnerTally sum{.owner = owner, .count = {}};
    for (const auto& [period, count] : by_period) {
      sum.count.alerts += count.alerts;
      sum.count.right += count.right;
      sum.count.false_alarms += count.false_alarms;
      sum.most = std::max(sum.most, count.alerts);
    }
    tally.owners.push_back(std::move(sum));
  }
  std::stable_sort(
      tally.owners.begin(), tally.owners.end(),
      [](const OwnerTally& a, const OwnerTally& b) { return a.count.alerts > b.count.alerts; });
  if (tally.stated.number > 0) {
    tally.stated.stated /= static_cast<double>(tally.stated.number);
    tally.stated.happened /= static_cast<double>(tally.stated.number);
  }
  return tally;
}

}  // namespace hotiron
