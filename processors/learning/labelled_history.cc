#include "processors/learning/labelled_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/identity.h"

namespace hotiron {

size_t LabelledHistory::size() const {
  size_t size = 0;
  for (const PastAccount& account : accounts) {
    size += account.events.size();
  }
  return size;
}

LabelledHistory KnownAt(const LabelledHistory& history, const std::vector<size_t>& accounts,
                        EventTime end) {
  LabelledHistory known;
  known.signals = history.signals;
  known.end = end;
  for (size_t index : accounts) {
    PastAccount account = history.accounts[index];
    while (!account.events.empty() && account.events.back().time > end) {
      account.events.pop_back();
    }
    if (account.closed && *account.closed > end) {
      account.closed.reset();
      account.bought = false;
    }
    known.accounts.push_back(std::move(account));
  }
  return known;
}

Result<HistorySplit> SplitByStart(const LabelledHistory& history, double share) {
  std::vector<size_t> order(history.accounts.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return history.accounts[a].start < history.accounts[b].start;
  });
  size_t number = static_cast<size_t>(share * static_cast<double>(order.size()));
  if (number == 0 || number == order.size()) {
    return Invalid(fmt::format("{} accounts with events cannot be split into a first {} and a rest",
                               order.size(), share));
  }
  HistorySplit split;
  auto middle = order.begin() + static_cast<std::ptrdiff_t>(number);
  split.first.assign(order.begin(), middle);
  split.rest.assign(middle, order.end());
  split.at = history.accounts[split.rest.front()].start;
  return split;
}

Replay::Replay(const LabelledHistory& history, const PastAccount& account, const TimeScale& scale)
    : history_(history), account_(account), scale_(scale), slices_(rows_) {}

const Journey& Replay::To(EventTime time) {
  pb::Signal signal;
  for (; next_ < account_.events.size() && account_.events[next_].time <= time; ++next_) {
    const PastEvent& event = account_.events[next_];
    signal.set_id(event.sequence);
    signal.set_time_ms(ToMillis(event.time));
    signal.set_sequence(event.sequence);
    signal.set_signal(history_.signals[event.signal]);
    signal.set_weight(event.weight);
    signal.clear_path();
    signal.add_path(event.person == 0
                        ? MakeKey(IdentityKind::kAccount, account_.name)
                        : MakeKey(IdentityKind::kContact, fmt::format("{}", event.person)));
    // Nothing can fail: there is no store, and events come in order.
    Result<Verdict> verdict = journey_.Apply("", signal, scale_, {}, slices_, counts_);
    CHECK(verdict.ok());
  }
  return journey_;
}

}  // namespace hotiron
