#include "processors/learning/history_builder.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <tuple>

namespace hotiron {
namespace {

constexpr uint64_t kAlikeShare = 10;  // as many that are alike (one in ten) are worth a word

// The places of `texts` in order of text.
std::vector<uint32_t> InOrder(const std::vector<std::string>& texts) {
  std::vector<uint32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return texts[a] < texts[b]; });
  return order;
}

// The last word on each moment, in order of time.
std::vector<PastStage> InOrder(std::vector<PastStage> stages) {
  std::stable_sort(stages.begin(), stages.end(),
                   [](const PastStage& a, const PastStage& b) { return a.time < b.time; });
  std::vector<PastStage> ordered;
  for (const PastStage& stage : stages) {
    if (!ordered.empty() && ordered.back().time == stage.time) {
      ordered.back() = stage;
    } else {
      ordered.push_back(stage);
    }
  }
  return ordered;
}

}  // namespace

uint32_t HistoryBuilder::Index::Of(std::string_view text) {
  auto [at, fresh] = index.try_emplace(text, static_cast<uint32_t>(texts.size()));
  if (fresh) {
    texts.emplace_back(text);
  }
  return at->second;
}

HistoryBuilder::Account& HistoryBuilder::AccountOf(std::string_view name) {
  uint32_t index = names_.Of(name);
  if (index == accounts_.size()) {
    accounts_.emplace_back();
  }
  return accounts_[index];
}

void HistoryBuilder::Add(std::string_view account, const Event& event) {
  Account& about = AccountOf(account);
  about.events.push_back({.time = event.time,
                          .sequence = event.sequence,
                          .id = event.id,
                          .person = event.person.empty() ? 0 : Hash64(event.person) | 1U,
                          .weight = event.weight,
                          .signal = signals_.Of(event.signal)});
  Know(about, event.time);
}

void HistoryBuilder::SetStart(std::string_view account, EventTime start) {
  AccountOf(account).start = start;
}

void HistoryBuilder::SetOwner(std::string_view account, std::string_view owner) {
  AccountOf(account).owner = owner;
}

void HistoryBuilder::SetOutcome(std::string_view account, std::optional<EventTime> closed,
                                bool bought) {
  Account& about = AccountOf(account);
  about.stated = true;
  about.closed = closed;
  about.bought = closed && bought;
  if (closed) {
    Know(about, *closed);
  }
}

void HistoryBuilder::AddStage(std::string_view account, EventTime time, std::string_view stage) {
  Account& about = AccountOf(account);
  about.stages.push_back({time, stage.empty() ? kNoStage : stages_.Of(stage)});
  Know(about, time);
}

void HistoryBuilder::OrderStages(std::vector<std::string> stages) {
  CHECK(stages_.texts.empty());
  for (const std::string& stage : stages) {
    stages_.Of(stage);
  }
  stages_in_order_ = true;
}

void HistoryBuilder::Reach(EventTime time) {
  end_ = std::max(end_, time);
}

void HistoryBuilder::Reach(std::string_view account, EventTime time) {
  Know(AccountOf(account), time);
}

void HistoryBuilder::Know(Account& account, EventTime time) {
  account.known = std::max(account.known.value_or(time), time);
  Reach(time);
}

// Of dates without a time of day nothing can be said.
bool HistoryBuilder::IsLikeOneBefore(const Pending& event, std::vector<Pending>& at_once) {
  if (event.time.time_since_epoch() % std::chrono::days{1} == Duration{0}) {
    return false;
  }
  if (!at_once.empty() && at_once.front().time != event.time) {
    at_once.clear();
  }
  bool alike = std::any_of(at_once.begin(), at_once.end(), [&](const Pending& other) {
    return other.signal == event.signal && other.person == event.person &&
           other.weight == event.weight;
  });
  if (!alike) {
    at_once.push_back(event);
  }
  return alike;
}

PastAccount HistoryBuilder::Finish(std::string name, Account& account,
                                   const std::vector<uint32_t>& signal_order, Counts& counts) {
  std::vector<Pending>& events = account.events;
  std::sort(events.begin(), events.end(), [](const Pending& a, const Pending& b) {
    return std::tuple(a.time, a.sequence, a.id) < std::tuple(b.time, b.sequence, b.id);
  });
  PastAccount past{.name = std::move(name),
                   .start = account.start.value_or(events.front().time),
                   .closed = account.closed,
                   .bought = account.bought};
  past.stages = InOrder(std::move(account.stages));
  past.owner = std::move(account.owner);
  std::vector<Pending> at_once;  // the events of one moment
  absl::flat_hash_set<uint64_t> ids;
  absl::flat_hash_map<uint64_t, uint32_t> people;
  for (const Pending& event : events) {
    if (!ids.insert(event.id).second) {
      ++counts.repeated;
      continue;
    }
    if (!past.OpenAt(event.time)) {
      ++counts.after;
      continue;
    }
    uint32_t person = 0;
    if (event.person != 0) {
      person =
          people.try_emplace(event.person, static_cast<uint32_t>(people.size() + 1)).first->second;
    }
    counts.alike += IsLikeOneBefore(event, at_once) ? 1U : 0U;
    past.events.push_back({.time = event.time,
                           .sequence = past.events.size() + 1,
                           .signal = signal_order[event.signal],
                           .person = person,
                           .weight = event.weight});
  }
  events = {};
  return past;
}

void HistoryBuilder::FinishStages(LabelledHistory& history) const {
  history.stages = stages_.texts;
  if (stages_in_order_) {
    return;
  }

  struct Entered {
    double age = 0;
    double accounts = 0;
    uint32_t stage = 0;
  };

  std::vector<Entered> entered(history.stages.size());
  for (uint32_t i = 0; i < entered.size(); ++i) {
    entered[i].stage = i;
  }
  for (const PastAccount& account : history.accounts) {
    absl::flat_hash_set<uint32_t> seen;
    for (const PastStage& stage : account.stages) {
      if (stage.stage != kNoStage && seen.insert(stage.stage).second) {
        entered[stage.stage].age += static_cast<double>((stage.time - account.start).count());
        ++entered[stage.stage].accounts;
      }
    }
  }
  auto mean = [](const Entered& stage) {
    return stage.accounts == 0 ? INFINITY : stage.age / stage.accounts;
  };
  std::sort(entered.begin(), entered.end(), [&](const Entered& a, const Entered& b) {
    return mean(a) != mean(b) ? mean(a) < mean(b) : stages_.texts[a.stage] < stages_.texts[b.stage];
  });
  std::vector<uint32_t> place(entered.size());
  for (uint32_t i = 0; i < entered.size(); ++i) {
    place[entered[i].stage] = i;
    history.stages[i] = stages_.texts[entered[i].stage];
  }
  for (PastAccount& account : history.accounts) {
    for (PastStage& stage : account.stages) {
      stage.stage = stage.stage == kNoStage ? kNoStage : place[stage.stage];
    }
  }
}

// A history goes on to its last date, and whoever has no outcome counts as watched until then. One
// wrong date of one account is enough to make all of them look as if they would never buy.
std::optional<std::string> HistoryBuilder::RemarkOnEnd() const {
  std::vector<std::pair<EventTime, uint32_t>> last;  // of each account
  EventTime first = EventTime::max();
  for (uint32_t i = 0; i < accounts_.size(); ++i) {
    const Account& account = accounts_[i];
    if (account.known) {
      last.emplace_back(*account.known, i);
    }
    for (const Pending& event : account.events) {
      first = std::min(first, event.time);
    }
  }
  size_t few = 1 + last.size() / 1'000;  // so many may be wrong
  if (last.size() < 10 * few || first == EventTime::max()) {
    return std::nullopt;
  }
  std::sort(last.begin(), last.end(), std::greater<>());
  EventTime rest = last[few].first;
  if (last[0].first != end_ || end_ - rest <= (rest - first) / 4) {
    return std::nullopt;
  }
  return fmt::format(
      "the history ends at {}, by a date of account '{}'; without the last {} of {} accounts it "
      "would end at {}: correct what is wrong or in the future, for who has no outcome counts as "
      "watched until the end",
      FormatTime(end_), names_.texts[last[0].second], few, last.size(), FormatTime(rest));
}

LabelledHistory HistoryBuilder::Build(std::vector<std::string>& remarks) {
  LabelledHistory history;
  history.end = end_;
  std::optional<std::string> far = RemarkOnEnd();
  if (far) {
    remarks.push_back(*std::move(far));
  }
  std::vector<uint32_t> signal_order(signals_.texts.size());
  for (uint32_t place : InOrder(signals_.texts)) {
    signal_order[place] = static_cast<uint32_t>(history.signals.size());
    history.signals.push_back(signals_.texts[place]);
  }
  Counts counts;
  for (uint32_t place : InOrder(names_.texts)) {
    Account& account = accounts_[place];
    if (account.events.empty()) {
      counts.strangers += account.stated ? 1U : 0U;
      continue;
    }
    counts.unstated += account.stated ? 0U : 1U;
    PastAccount past = Finish(names_.texts[place], account, signal_order, counts);
    if (past.events.empty()) {
      ++counts.silent;
      continue;
    }
    history.accounts.push_back(std::move(past));
  }
  FinishStages(history);
  auto remark = [&](uint64_t count, std::string_view what) {
    if (count > 0) {
      remarks.push_back(fmt::format("{} {}", count, what));
    }
  };
  remark(counts.repeated, "events are there twice and were left out");
  if (counts.alike * kAlikeShare > history.size()) {
    remark(counts.alike,
           "events are like another in account, time, signal and contact, and count all the same: "
           "was something exported twice?");
  }
  remark(counts.strangers,
         "outcomes are of accounts without an event that counts and were left out");
  remark(counts.unstated, "accounts have no outcome and count as open");
  remark(counts.after, "events at or after their account's outcome were left out");
  remark(counts.silent, "accounts have no event before their outcome and were left out");
  return history;
}

}  // namespace hotiron
