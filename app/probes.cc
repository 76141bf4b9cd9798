#include "app/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ingest/rejection.h"
#include "processors/decisions.h"
#include "processors/summary.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

using Buckets = std::vector<double>;

const Buckets kLatencyBuckets{0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600};
const Buckets kCommitBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
const Buckets kRecordBuckets{1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10'000, 25'000, 50'000};
const Buckets kRestoreBuckets{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
const Buckets kDelayBuckets{0.1,  1,      5,      15,      60,        300,
                            3600, 21'600, 86'400, 604'800, 2'592'000, 31'536'000};
const Buckets kPeopleBuckets{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20};

// Minutes to weeks: how people answer, and how long buying takes.
const Buckets kResponseBuckets{60,     300,    900,     1'800,   3'600,   14'400,
                               28'800, 86'400, 172'800, 345'600, 604'800, 1'209'600};
const Buckets kLeadBuckets{3'600,     14'400,    86'400,    172'800,   345'600,   604'800,
                           1'209'600, 2'592'000, 5'184'000, 7'776'000, 15'552'000};

const Buckets kChanceBuckets{0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3,
                             0.4,  0.5,  0.6,  0.7, 0.8,  0.9, 1};

// Chances that are told apart where outcomes are counted by them, each up to here.
constexpr double kChanceBandEnds[] = {0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1};
constexpr std::string_view kNoChance = "none";  // no model, or none that has shown skill

constexpr std::string_view kNoStageYet = "none";  // before a company's first stage
constexpr std::string_view kNoTopic = "none";     // of signals that are about nothing in particular

// By Verdict.
const std::vector<std::string> kVerdicts{"applied", "duplicate", "late", "forwarded", "rejected"};

const std::vector<std::string> kTaskRejections{"bad_record", "bad_key", "bad_feedback",
                                               "too_many_hops", "waiting_overflow"};

Family<Counter>& Counters(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

Counter& OneCounter(Registry& registry, const char* name, const char* help) {
  return Counters(registry, name, help).Add({});
}

Family<Gauge>& Gauges(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

Family<Histogram>& Histograms(Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry);
}

Histogram& OneHistogram(Registry& registry, const char* name, const char* help,
                        const Buckets& buckets) {
  return Histograms(registry, name, help).Add({}, buckets);
}

MetricLabel Sources(const LabelSets& labels) {
  std::vector<std::string> sources{"feedback"};
  sources.insert(sources.end(), labels.sources.begin(), labels.sources.end());
  return MetricLabel::OrOther("source", std::move(sources), kSourceLabelsMax);
}

MetricLabel Policies(const LabelSets& labels) {
  return MetricLabel::OrOther("policy", labels.policies, kPolicyLabelsMax);
}

MetricLabel Segments(const LabelSets& labels) {
  return MetricLabel::OrOther("segment", labels.segments, kSegmentLabelsMax);
}

MetricLabel StagesFrom(const LabelSets& labels) {
  std::vector<std::string> stages{std::string(kNoStageYet)};
  stages.insert(stages.end(), labels.stages.begin(), labels.stages.end());
  return MetricLabel::OrOther("from", std::move(stages), kStageLabelsMax + 1);
}

MetricLabel Topics(const LabelSets& labels) {
  std::vector<std::string> topics{std::string(kNoTopic)};
  topics.insert(topics.end(), labels.topics.begin(), labels.topics.end());
  return MetricLabel::OrOther("topic", std::move(topics), kTopicLabelsMax);
}

template <typename Reason>
MetricLabel Reasons(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.emplace_back(Name(static_cast<Reason>(i)));
  }
  return MetricLabel::Closed("reason", std::move(names));
}

// A label of the names in a constant list, and "other".
template <size_t kCount>
MetricLabel OneOf(const char* label, const std::string_view (&names)[kCount]) {
  return MetricLabel::OrOther(label, std::vector<std::string>(std::begin(names), std::end(names)),
                              kCount);
}

// "0.2-0.3"
std::string ChanceBand(std::optional<double> chance) {
  double begin = 0;
  for (double end : kChanceBandEnds) {
    if (chance && (*chance < end || end == 1)) {
      return fmt::format("{}-{}", begin, end);
    }
    begin = end;
  }
  return std::string(kNoChance);
}

MetricLabel ChanceBands() {
  std::vector<std::string> bands{std::string(kNoChance)};
  double begin = 0;
  for (double end : kChanceBandEnds) {
    bands.push_back(ChanceBand(begin));
    begin = end;
  }
  return MetricLabel::Closed("chance", std::move(bands));
}

// What the model said when a trigger opened, or last rose: within the horizon that its policy goes
// by. Nothing for one that went by something else.
std::optional<double> ChanceOf(const pb::Trigger& trigger) {
  if (trigger.measure() != MeasureName(pb::Policy::PROBABILITY)) {
    return std::nullopt;
  }
  return trigger.value();
}

MetricLabel TriggerStates() {
  std::vector<std::string> states;
  for (int state = pb::Trigger::OPENED; state <= pb::Trigger::CLOSED; ++state) {
    states.emplace_back(StateName(static_cast<pb::Trigger::State>(state)));
  }
  return MetricLabel::Closed("state", std::move(states));
}

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void Add(Counter& counter, uint64_t number) {
  if (number > 0) {
    counter.Increment(static_cast<double>(number));
  }
}

}  // namespace

// ---------------------------------------------------------------- histograms

// Counted here first, so that the histogram's lock is taken once.
void Distribution::ObserveMillis(const std::vector<int64_t>& values) {
  if (values.empty()) {
    return;
  }
  std::vector<double> counts(buckets_.size() + 1);
  double sum = 0;
  for (int64_t millis : values) {
    double seconds = static_cast<double>(std::max<int64_t>(0, millis)) / 1000;
    auto bucket = std::lower_bound(buckets_.begin(), buckets_.end(), seconds);
    ++counts[static_cast<size_t>(bucket - buckets_.begin())];
    sum += seconds;
  }
  histogram_.ObserveMultiple(counts, sum);
}

std::vector<double> WithObjective(std::vector<double> buckets, double objective) {
  auto at = std::lower_bound(buckets.begin(), buckets.end(), objective);
  if (at == buckets.end() || *at != objective) {
    buckets.insert(at, objective);
  }
  return buckets;
}

// ---------------------------------------------------------------- inputs

IntakeProbe::IntakeProbe(Registry& registry, const LabelSets& labels)
    : lost_(Counters(registry, "hotiron_input_records_lost_total",
                     "Records that retention removed before they were read."),
            {Sources(labels)}),
      records_(Counters(registry, "hotiron_input_records_total", "Records read from input topics."),
               {Sources(labels)}),
      bytes_(Counters(registry, "hotiron_input_bytes_total", "Bytes of these records' values."),
             {Sources(labels)}),
      routed_(Counters(registry, "hotiron_observations_routed_total",
                       "Observations sent on to the identity they name."),
              {Sources(labels)}),
      unknown_kept_(Counters(registry, "hotiron_observations_unknown_kept_total",
                             "Of the routed ones, those the signal catalogue does not know."),
                    {Sources(labels)}),
      lost_changes_(Counters(registry, "hotiron_observations_lost_changes_total",
                             "Of the routed ones, those that say only that changes were lost."),
                    {Sources(labels)}),
      rejected_(Counters(registry, "hotiron_observations_rejected_total",
                         "Observations that could not be used; they are in the rejected topic."),
                {Sources(labels), Reasons<RejectReason>(kRejectReasons)}),
      ignored_(Counters(registry, "hotiron_observations_ignored_total",
                        "Observations that could be read and are of no use here."),
               {Sources(labels), Reasons<IgnoreReason>(kIgnoreReasons)}),
      delay_(Histograms(registry, "hotiron_event_delay_seconds",
                        "From when an event happened to when it was taken in."),
             {Sources(labels)}, kDelayBuckets),
      newest_(Gauges(registry, "hotiron_newest_event_timestamp_seconds",
                     "When the newest event happened that was taken in, since 1970; 0 = none yet."),
              {Sources(labels)}) {}

void IntakeProbe::Lost(std::string_view source, uint64_t records) {
  Add(lost_.At({source}), records);
}

void IntakeProbe::Took(const std::map<std::string, IntakeCounts>& by_source) {
  for (const auto& [source, counts] : by_source) {
    Add(records_.At({source}), counts.records);
    Add(bytes_.At({source}), counts.bytes);
    Add(routed_.At({source}), counts.routed);
    Add(unknown_kept_.At({source}), counts.unknown_kept);
    Add(lost_changes_.At({source}), counts.lost_changes);
    for (size_t i = 0; i < kRejectReasons; ++i) {
      if (counts.rejected[i] > 0) {
        Add(rejected_.At({source, Name(static_cast<RejectReason>(i))}), counts.rejected[i]);
      }
    }
    for (size_t i = 0; i < kIgnoreReasons; ++i) {
      if (counts.ignored[i] > 0) {
        Add(ignored_.At({source, Name(static_cast<IgnoreReason>(i))}), counts.ignored[i]);
      }
    }
    Distribution(delay_.At({source}), kDelayBuckets).ObserveMillis(counts.delays_ms);
    MutexLock lock(mutex_);
    Gauge& newest = newest_.At({source});
    newest.Set(std::max(newest.Value(), static_cast<double>(ToMillis(counts.newest)) / 1000));
  }
}

// ---------------------------------------------------------------- tasks

TaskProbe::TaskProbe(Registry& registry, const LabelSets& labels, double objective_seconds)
    : stages_(labels.stages),
      records_(Counters(registry, "hotiron_task_records_total",
                        "Records of the task log that were processed, by what became of them."),
               {MetricLabel::Closed("verdict", kVerdicts)}),
      rejections_(Counters(registry, "hotiron_task_rejections_total",
                           "Records of the task log that could not be used."),
                  {MetricLabel::OrOther("reason", kTaskRejections, kTaskRejections.size())}),
      transitions_(
          Counters(registry, "hotiron_stage_transitions_total",
                   "Companies that went from one stage to another."),
          {StagesFrom(labels), MetricLabel::OrOther("to", labels.stages, kStageLabelsMax)}),
      moves_(Counters(registry, "hotiron_stage_moves_total",
                      "Of the transitions between two stages, those forward and those back."),
             {MetricLabel::Closed("direction", {"forward", "back"}), Segments(labels)}),
      signals_(Counters(registry, "hotiron_signals_applied_total",
                        "Signals that were added to a journey."),
               {Sources(labels)}),
      topics_(Counters(registry, "hotiron_signal_topics_total",
                       "Signals that were added to a journey, by what they were about."),
              {Topics(labels)}),
      revisions_(Counters(registry, "hotiron_trigger_revisions_total",
                          "Revisions of triggers, by the state they went to."),
                 {Policies(labels), TriggerStates()}),
      dismissals_(Counters(registry, "hotiron_trigger_dismissals_total",
                           "Triggers that reps dismissed, by why."),
                  {Policies(labels), OneOf("reason", kDismissalReasons)}),
      trigger_outcomes_(Counters(registry, "hotiron_trigger_outcomes_total",
                                 "Outcomes of triggers that reps have stated."),
                        {Policies(labels), OneOf("outcome", kOutcomes)}),
      outcomes_by_chance_(
          Counters(registry, "hotiron_trigger_outcomes_by_chance_total",
                   "Outcomes that reps have stated, by the probability that the trigger went by."),
          {ChanceBands(), OneOf("outcome", kOutcomes)}),
      challenger_(Counters(registry, "hotiron_challenger_verdicts_total",
                           "Triggers that the champion's probability opened, by whether the "
                           "challenger's reached the same threshold."),
                  {Policies(labels), MetricLabel::Closed("verdict", {"agrees", "disagrees"})}),
      suppressions_(Counters(registry, "hotiron_suppressions_total",
                             "Times a level was reached and no trigger opened, by why not."),
                    {Policies(labels), OneOf("reason", kSuppressionReasons)}),
      folded_(OneCounter(registry, "hotiron_entries_folded_total",
                         "Entries that left the log of a journey for its sums.")),
      over_limit_(OneCounter(registry, "hotiron_entries_over_limit_total",
                             "Of the folded ones, those that left because the log was full.")),
      pooled_(OneCounter(registry, "hotiron_slices_pooled_total",
                         "Origins of a journey that can no longer be told apart.")),
      other_names_(OneCounter(registry, "hotiron_signal_names_pooled_total",
                              "Signals counted under (other): too many names on one journey.")),
      timers_(OneCounter(registry, "hotiron_timers_fired_total", "Timers that fired.")),
      summaries_(OneCounter(registry, "hotiron_journey_summaries_total",
                            "Summaries sent to the journeys topic.")),
      buying_group_(
          OneHistogram(registry, "hotiron_buying_group_people",
                       "People active at a company when a trigger opened.", kPeopleBuckets),
          kPeopleBuckets),
      claims_(Counters(registry, "hotiron_trigger_claims_total",
                       "Triggers that a probability opened and whose horizon has passed, by that "
                       "probability and whether the CRM says that the account bought in time."),
              {ChanceBands(), MetricLabel::Closed("bought", {"yes", "no"})}),
      claims_expected_(OneCounter(registry, "hotiron_trigger_claims_expected_total",
                                  "The probabilities of these, added up.")),
      chance_(OneHistogram(registry, "hotiron_trigger_probability",
                           "Probability that a trigger went by when it opened.", kChanceBuckets),
              kChanceBuckets),
      response_(OneHistogram(registry, "hotiron_trigger_response_seconds",
                             "From a trigger's opening to its being accepted or dismissed.",
                             kResponseBuckets),
                kResponseBuckets),
      lead_(
          OneHistogram(registry, "hotiron_trigger_lead_seconds",
                       "From a trigger's opening to an opportunity at its account.", kLeadBuckets),
          kLeadBuckets),
      latency_(OneHistogram(registry, "hotiron_event_latency_seconds",
                            "From an input record's timestamp to the commit of what it changed.",
                            WithObjective(kLatencyBuckets, objective_seconds)),
               WithObjective(kLatencyBuckets, objective_seconds)),
      trigger_latency_(OneHistogram(registry, "hotiron_trigger_latency_seconds",
                                    "From the timestamp of the input record that opened a trigger "
                                    "to the commit of the trigger.",
                                    WithObjective(kLatencyBuckets, objective_seconds)),
                       WithObjective(kLatencyBuckets, objective_seconds)) {}

void TaskProbe::Committed(const TaskOutputs& outputs, EventTime now) {
  for (size_t i = 0; i < kVerdicts.size(); ++i) {
    Add(records_.At({kVerdicts[i]}), outputs.verdicts[i]);
  }
  for (const TaskOutputs::Reject& reject : outputs.rejects) {
    rejections_.At({reject.reason}).Increment();
  }
  CountTransitions(outputs);
  for (const auto& [source, number] : outputs.signals) {
    Add(signals_.At({source}), number);
  }
  for (const auto& [topic, number] : outputs.topics) {
    Add(topics_.At({topic.empty() ? kNoTopic : std::string_view(topic)}), number);
  }
  for (const Suppressed& suppressed : outputs.suppressions) {
    suppressions_.At({suppressed.policy, suppressed.reason}).Increment();
  }
  Add(folded_, outputs.folds.folded);
  Add(over_limit_, outputs.folds.over_limit);
  Add(pooled_, outputs.folds.pooled);
  Add(other_names_, outputs.folds.other_names);
  Add(timers_, outputs.timers);
  Add(summaries_, outputs.summaries.size());
  std::vector<int64_t> latencies;
  latencies.reserve(outputs.cause_timestamps_ms.size());
  for (int64_t timestamp_ms : outputs.cause_timestamps_ms) {
    latencies.push_back(ToMillis(now) - timestamp_ms);
  }
  latency_.ObserveMillis(latencies);
  for (const Judged& judged : outputs.judged) {
    claims_.At({ChanceBand(judged.probability), judged.bought ? "yes" : "no"}).Increment();
    claims_expected_.Increment(judged.probability);
  }
  CountTriggers(outputs, now);
}

void TaskProbe::CountTransitions(const TaskOutputs& outputs) {
  for (const auto& [transition, number] : outputs.transitions) {
    const auto& [before, after, segment] = transition;
    Add(transitions_.At({before.empty() ? kNoStageYet : std::string_view(before), after}), number);
    auto from = std::find(stages_.begin(), stages_.end(), before);
    auto to = std::find(stages_.begin(), stages_.end(), after);
    if (from != stages_.end() && to != stages_.end()) {
      Add(moves_.At({from < to ? "forward" : "back", segment}), number);
    }
  }
}

// What a revision says of the people it was for, and of what came of it.
void TaskProbe::CountAnswer(const pb::Trigger& trigger) {
  double age = static_cast<double>(trigger.as_of_ms() - trigger.opened_ms()) / 1000;
  const std::string& reason = trigger.feedback_reason();
  switch (trigger.state()) {
    case pb::Trigger::ACCEPTED:
      response_.Observe(age);
      break;
    case pb::Trigger::DISMISSED:
      response_.Observe(age);
      dismissals_.At({trigger.policy(), reason}).Increment();
      break;
    case pb::Trigger::CLOSED:
      trigger_outcomes_.At({trigger.policy(), reason}).Increment();
      outcomes_by_chance_.At({ChanceBand(ChanceOf(trigger)), reason}).Increment();
      if (reason == kOutcomeOpportunity) {
        lead_.Observe(age);
      }
      break;
    case pb::Trigger::RETRACTED:
      if (reason == kOpenOpportunity) {
        lead_.Observe(age);
      }
      break;
    default:
      break;
  }
}

void TaskProbe::CountChance(const pb::Trigger& opened) {
  std::optional<double> chance = ChanceOf(opened);
  if (!chance) {
    return;
  }
  chance_.Observe(*chance);
  if (!opened.challenger_model().empty()) {
    bool agrees = opened.challenger() >= opened.threshold();
    challenger_.At({opened.policy(), agrees ? "agrees" : "disagrees"}).Increment();
  }
}

void TaskProbe::CountTriggers(const TaskOutputs& outputs, EventTime now) {
  for (const pb::Trigger& trigger : outputs.triggers) {
    revisions_.At({trigger.policy(), StateName(trigger.state())}).Increment();
    CountAnswer(trigger);
    if (trigger.revision() != 1) {
      continue;
    }
    buying_group_.Observe(trigger.people_active());
    CountChance(trigger);
    if (trigger.cause().timestamp_ms() > 0) {  // none when a timer opened it
      trigger_latency_.ObserveMillis({ToMillis(now) - trigger.cause().timestamp_ms()});
    }
  }
}

// ---------------------------------------------------------------- workers

CommitProbe::CommitProbe(Registry& registry, double objective_seconds)
    : commits_(OneCounter(registry, "hotiron_commits_total", "Commits that succeeded.")),
      aborts_(OneCounter(registry, "hotiron_aborts_total",
                         "Times that what was staged was dropped and read again.")),
      resets_(OneCounter(registry, "hotiron_resets_total",
                         "Times that a producer was made anew and its tasks were restored.")),
      remade_(OneCounter(registry, "hotiron_stores_remade_total",
                         "Stores that failed, and were closed and restored.")),
      rebalances_(
          OneCounter(registry, "hotiron_rebalances_total", "Assignments received by workers.")),
      ticks_(OneCounter(registry, "hotiron_ticks_total",
                        "Records appended to say that time has passed.")),
      restores_(OneCounter(registry, "hotiron_restores_total",
                           "Tasks whose state was brought up to the last commit.")),
      restored_records_(OneCounter(registry, "hotiron_restored_records_total",
                                   "Records of the changelog read for that.")),
      commit_seconds_(OneHistogram(registry, "hotiron_commit_duration_seconds",
                                   "Time that a commit takes.",
                                   WithObjective(kCommitBuckets, objective_seconds))),
      commit_records_(OneHistogram(registry, "hotiron_commit_records",
                                   "Records, of any topic, that a commit covers.", kRecordBuckets)),
      restore_seconds_(OneHistogram(registry, "hotiron_restore_duration_seconds",
                                    "From the assignment of a task to its state being complete.",
                                    kRestoreBuckets)) {}

void CommitProbe::Committed(uint64_t records, std::chrono::steady_clock::duration took) {
  commits_.Increment();
  commit_seconds_.Observe(Seconds(took));
  commit_records_.Observe(static_cast<double>(records));
}

void CommitProbe::Restored(uint64_t records, std::chrono::steady_clock::duration took) {
  restores_.Increment();
  Add(restored_records_, records);
  restore_seconds_.Observe(Seconds(took));
}

}  // namespace hotiron
