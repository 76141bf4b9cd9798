#include "app/market_reps.h"

#include <cmath>
#include <optional>
#include <string_view>

#include "base/hash.h"
#include "base/json.h"

namespace hotiron {
namespace {

constexpr std::string_view kDismissals[] = {"not_our_profile", "wrong_timing", "wrong_timing",
                                            "in_opportunity",  "bad_data",     "duplicate"};
constexpr std::string_view kOutcomesSeen[] = {"meeting", "meeting",  "opportunity", "opportunity",
                                              "meeting", "no_reply", "no_reply",    "disqualified"};

// Dice that always fall alike for one trigger.
class TriggerDice {
 public:
  explicit TriggerDice(const std::string& trigger) : trigger_(trigger) {}

  // From 0 up to 1.
  double Roll() {
    return static_cast<double>(Hash64(trigger_, ++rolls_) >> 11) / static_cast<double>(1ULL << 53);
  }

  template <size_t kCount>
  std::string_view Pick(const std::string_view (&of)[kCount]) {
    return of[static_cast<size_t>(Roll() * kCount)];
  }

  // As people answer: half sooner than the middle one, a few much later.
  Duration After(Duration middle) {
    double factor = std::exp2(6 * (Roll() - 0.5));
    return Duration{static_cast<int64_t>(static_cast<double>(middle.count()) * factor)};
  }

 private:
  const std::string trigger_;
  uint64_t rolls_ = 0;
};

struct Action {
  std::string_view name;
  std::string_view reason;
  EventTime at;
  std::optional<EventTime> until;
};

RepAction Write(const pb::Trigger& trigger, const Action& action) {
  JsonWriter json;
  json.BeginObject().Field("trigger", trigger.id()).Field("account", trigger.account());
  json.Field("action", action.name).Field("at", action.at);
  if (!action.reason.empty()) {
    json.Field("reason", action.reason);
  }
  if (action.until) {
    json.Field("until", *action.until);
  }
  json.EndObject();
  return {trigger.account(), std::string(json.text())};
}

// What is done about a trigger, from its opening on.
std::vector<Action> Course(const pb::Trigger& trigger) {
  constexpr Duration kAnswer = std::chrono::hours{40};
  constexpr Duration kSnooze = std::chrono::days{1};
  constexpr Duration kOutcome = std::chrono::days{4};
  TriggerDice dice(trigger.id());
  std::vector<Action> course;
  EventTime at = FromMillis(trigger.opened_ms()) + dice.After(kAnswer);
  double kind = dice.Roll();
  if (kind < 0.25) {
    return course;  // nobody looks: it expires
  }
  if (kind < 0.40) {
    course.push_back({"dismiss", dice.Pick(kDismissals), at, {}});
    return course;
  }
  if (kind < 0.50) {
    course.push_back({"snooze", {}, at, at + kSnooze});
    at += kSnooze + dice.After(kAnswer);
  }
  course.push_back({"accept", {}, at, {}});
  if (dice.Roll() < 0.8) {
    course.push_back({"outcome", dice.Pick(kOutcomesSeen), at + dice.After(kOutcome), {}});
  }
  return course;
}

}  // namespace

void MarketReps::See(const pb::Trigger& trigger) {
  if (trigger.state() != pb::Trigger::OPENED || trigger.revision() != 1) {
    return;
  }
  MutexLock lock(mutex_);
  if (pending_.size() >= kPendingMax) {
    return;
  }
  for (const Action& action : Course(trigger)) {
    pending_.emplace(action.at, Write(trigger, action));
  }
}

std::vector<RepAction> MarketReps::TakeDue(EventTime now) {
  std::vector<RepAction> due;
  MutexLock lock(mutex_);
  auto end = pending_.upper_bound(now);
  for (auto at = pending_.begin(); at != end; ++at) {
    due.push_back(std::move(at->second));
  }
  pending_.erase(pending_.begin(), end);
  return due;
}

}  // namespace hotiron
