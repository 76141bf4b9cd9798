#include "processors/learning/labelled_history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/hash.h"
#include "base/identity.h"

namespace hotiron {

uint32_t PastAccount::StageAt(EventTime time) const {
  auto after =
      std::upper_bound(stages.begin(), stages.end(), time,
                       [](EventTime at, const PastStage& stage) { return at < stage.time; });
  return after == stages.begin() ? kNoStage : (after - 1)->stage;
}

size_t LabelledHistory::size() const {
  size_t size = 0;
  for (const PastAccount& account : accounts) {
    size += account.events.size();
  }
  return size;
}

std::string HashOf(const LabelledHistory& history) {
  uint64_t hash = Hash64(fmt::format("{}\n{}\n{}", fmt::join(history.signals, "\n"),
                                     fmt::join(history.stages, "\n"), ToMillis(history.end)));
  for (const PastAccount& account : history.accounts) {
    std::string text = fmt::format("{}\n{} {} {}\n", account.name, ToMillis(account.start),
                                   account.closed ? ToMillis(*account.closed) : -1, account.bought);
    for (const PastEvent& event : account.events) {
      fmt::format_to(std::back_inserter(text), "{} {} {} {}\n", ToMillis(event.time), event.signal,
                     event.person, event.weight);
    }
    for (const PastStage& stage : account.stages) {
      fmt::format_to(std::back_inserter(text), "{} {}\n", ToMillis(stage.time), stage.stage);
    }
    hash = Hash64(text, hash);
  }
  return Hex(hash);
}

LabelledHistory KnownAt(const LabelledHistory& history, const std::vector<size_t>& accounts,
                        EventTime end) {
  LabelledHistory known;
  known.signals = history.signals;
  known.stages = history.stages;
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
    while (!account.stages.empty() && account.stages.back().time > end) {
      account.stages.pop_back();
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
