#include "app/backtest_replay.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "app/config.h"
#include "app/intake.h"
#include "app/signal_masks.h"
#include "app/task_host.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/versions.h"
#include "ingest/fields.h"
#include "ingest/history.h"
#include "processors/capacity.h"
#include "processors/no_rows.h"
#include "processors/task.h"

namespace hotiron {
namespace {

constexpr Duration kSteerEvery = std::chrono::days{1};

class Run {
 public:
  Run(const ReplayPlan& plan, const std::function<void(const pb::Trigger&)>& revised, Intake intake,
      SignalMasks masks)
      : plan_(plan),
        revised_(revised),
        intake_(std::move(intake)),
        masks_(std::move(masks)),
        task_(OptionsOf(plan), no_rows_),
        has_capacity_(AnyCapacity(plan.policies)) {
    const std::vector<PastAccount>& accounts = plan.judged.accounts;
    for (size_t i = 0; i < accounts.size(); ++i) {
      accounts_.emplace(accounts[i].name, static_cast<uint32_t>(i));
    }
  }

  Result<void> SetLevers() {
    pb::Levers levers;
    *levers.mutable_catalogue() = plan_.catalogue;
    TRY(SetLever(levers));
    if (plan_.models.has_champion()) {
      levers.Clear();
      *levers.mutable_models() = plan_.models;
      TRY(SetLever(levers));
    }
    levers.Clear();
    *levers.mutable_policy() = plan_.policies;
    return SetLever(levers);
  }

  Result<void> Take(const Observation& observation) {
    ++done_.rows;
    auto at = accounts_.find(observation.account);
    if (at == accounts_.end() || !plan_.judged.accounts[at->second].OpenAt(observation.time)) {
      return {};
    }
    taken_.Clear();
    Outcome outcome =
        intake_.Route(observation, InputRecord{}, observation.time, taken_, plan_.unknown);
    if (outcome.kind != Outcome::Kind::kRouted) {
      done_.refused += outcome.kind == Outcome::Kind::kRejected ? 1 : 0;
      return {};
    }
    for (RoutedRecord& routed : taken_.routed) {
      routed.record.clear_cause();  // a row of a file is no record of a topic
      if (!masks_.Hide(routed.record.signal().signal())) {
        if (keys_.try_emplace(routed.key, at->second).second) {
          TRY(StateOwner(routed.key, plan_.judged.accounts[at->second].owner, observation.time));
        }
        ++done_.events;
        TRY(Steer(observation.time));
        TRY(Process(routed.key, routed.record, observation.time));
      }
    }
    return {};
  }

  // Lets time pass to the end of the history, for the timers that are due until then.
  Result<Replayed> Finish() {
    TRY(Steer(plan_.judged.end));
    TRY(Tick(plan_.judged.end));
    return std::move(done_);
  }

 private:
  static TaskOptions OptionsOf(const ReplayPlan& plan) {
    TaskOptions options = TaskOptionsOf(Config{});
    options.scale = plan.scale;
    options.cached_accounts = SIZE_MAX;  // there is no store to read them back from
    return options;
  }

  // Moves the thresholds of policies with a capacity, day by day up to `time`.
  Result<void> Steer(EventTime time) {
    if (!has_capacity_) {
      return {};
    }
    if (next_step_ == EventTime{}) {
      next_step_ = EventTime{} + (time - EventTime{}) / kSteerEvery * kSteerEvery;
    }
    for (; next_step_ <= time; next_step_ += kSteerEvery) {
      TRY(Tick(next_step_));
      std::optional<pb::Thresholds> thresholds =
          controller_.Step(task_.policies(), task_.models(), task_.thresholds(), next_step_);
      if (thresholds) {
        pb::Levers levers;
        *levers.mutable_thresholds() = *std::move(thresholds);
        TRY(SetLever(levers));
      }
    }
    return {};
  }

  Result<void> Tick(EventTime time) {
    pb::TaskRecord tick;
    tick.set_version(kTaskRecordVersion);
    tick.mutable_tick();
    return Process("", tick, time);
  }

  // As the CRM would have said before.
  Result<void> StateOwner(const std::string& key, const std::string& owner, EventTime time) {
    if (owner.empty()) {
      return {};
    }
    pb::TaskRecord record;
    record.set_version(kTaskRecordVersion);
    pb::Fact* fact = record.mutable_fact();
    fact->set_time_ms(ToMillis(time));
    fact->set_history(true);
    pb::FactField* field = fact->add_fields();
    field->set_name("owner");
    field->set_value(std::string(CutText(owner, kFactValueBytesMax)));
    return Process(key, record, time);
  }

  Result<void> SetLever(const pb::Levers& levers) {
    pb::TaskRecord record;
    record.set_version(kTaskRecordVersion);
    *record.mutable_levers() = levers;
    return Process("", record, kEarliestTime);  // a lever moves no event clock
  }

  Result<void> Process(const std::string& key, const pb::TaskRecord& record, EventTime time) {
    record.SerializeToString(&bytes_);
    Task::Progress progress = Task::Progress::kTimersLeft;
    while (progress == Task::Progress::kTimersLeft) {
      TRY_ASSIGN(progress, task_.Process({offset_, time, key, bytes_}, outputs_));
      Collect();
    }
    ++offset_;
    return {};
  }

  void Collect() {
    for (pb::Trigger& trigger : outputs_.triggers) {
      trigger.clear_cause();
      auto at = keys_.find(trigger.account());
      if (at != keys_.end() &&
          plan_.judged.accounts[at->second].OpenAt(FromMillis(trigger.as_of_ms()))) {
        ++done_.revisions;
        revised_(trigger);
        if (trigger.revision() == 1) {
          done_.openings.push_back(OpeningOf(trigger, at->second));
          controller_.Opened(trigger.policy(), trigger.id(), FromMillis(trigger.opened_ms()));
        }
      }
    }
    for (const Suppressed& suppressed : outputs_.suppressions) {
      auto at = keys_.find(suppressed.account);
      if (at != keys_.end() && plan_.judged.accounts[at->second].OpenAt(suppressed.at)) {
        ++done_.suppressed[suppressed.reason];
      }
    }
    outputs_.triggers.clear();
    outputs_.suppressions.clear();
    outputs_.cause_timestamps_ms.clear();
    CHECK(outputs_.forwards.empty());  // a history names accounts, never objects
  }

  Opening OpeningOf(const pb::Trigger& trigger, uint32_t account) const {
    Opening opening{.alert = {.account = account,
                              .opened = FromMillis(trigger.opened_ms()),
                              .policy = trigger.policy(),
                              .owner = trigger.owner()},
                    .why = trigger.why(),
                    .stage = trigger.stage(),
                    .measure = trigger.measure(),
                    .value = trigger.value(),
                    .threshold = trigger.threshold()};
    for (const pb::Policy& policy : plan_.policies.policies()) {
      for (const pb::Chance& chance : trigger.chances()) {
        if (policy.name() == trigger.policy() && policy.measure() == pb::Policy::PROBABILITY &&
            chance.horizon_ms() == policy.horizon_ms() && chance.skill()) {
          opening.alert.probability = chance.probability();
          if (policy.horizon_ms() > 0) {
            opening.alert.horizon = Duration{policy.horizon_ms()};
          }
        }
      }
    }
    return opening;
  }

  const ReplayPlan& plan_;
  const std::function<void(const pb::Trigger&)>& revised_;
  Intake intake_;
  SignalMasks masks_;
  NoRows no_rows_;
  Task task_;
  const bool has_capacity_;
  RateController controller_;
  EventTime next_step_{};
  TaskOutputs outputs_;
  Intake::Output taken_;
  std::string bytes_;
  int64_t offset_ = 0;
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> accounts_;  // by name
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> keys_;      // by key
  Replayed done_;
};

}  // namespace

Result<Replayed> ReplayHistory(const ReplayPlan& plan,
                               const std::function<void(const pb::Trigger&)>& revised,
                               Progress& progress) {
  auto begun = std::chrono::steady_clock::now();
  Config config;
  config.clock = Config::Clock::kEvent;
  TRY_ASSIGN(Intake intake, Intake::Make(config, "", plan.catalogue));
  TRY_ASSIGN(SignalMasks masks, SignalMasks::Make(plan.masks));
  Run run(plan, revised, std::move(intake), std::move(masks));
  TRY(run.SetLevers());
  TRY_ASSIGN(MergedHistory history,
             MergedHistory::Open(plan.events, {.source = "history", .history = false}));
  Observation observation;
  for (uint64_t rows = 1;; ++rows) {
    TRY_ASSIGN(bool more, history.Next(observation));
    if (!more) {
      break;
    }
    TRY(run.Take(observation));
    progress.Show(history.progress().bytes_read, history.progress().bytes_total, rows);
    if (progress.interrupted()) {
      return Unavailable("interrupted");
    }
  }
  progress.Finish();
  TRY_ASSIGN(Replayed replayed, run.Finish());
  replayed.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return replayed;
}

}  // namespace hotiron
