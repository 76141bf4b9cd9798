#include "app/worker_probe.h"

#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

#include <iterator>
#include <numeric>
#include <utility>

#include "app/topics.h"
#include "base/wall_clock.h"
#include "processors/model.h"

namespace hotiron {
namespace {

LabelSets LabelsOf(const Config& config, const pb::PolicySet& policy,
                   const pb::Catalogue& catalogue) {
  LabelSets labels;
  for (const InputConfig& input : config.inputs) {
    labels.sources.push_back(input.source);
  }
  labels.stages.assign(catalogue.stages().begin(), catalogue.stages().end());
  if (labels.stages.empty()) {
    labels.stages = DefaultStages();
  }
  for (const pb::SignalDefinition& signal : catalogue.signals()) {
    if (!signal.topic().empty()) {
      labels.topics.push_back(signal.topic());
    }
  }
  labels.segments = config.segments;
  for (const pb::Policy& each : policy.policies()) {
    labels.policies.push_back(each.name());
  }
  return labels;
}

// The time within which an event should have become a trigger, at half load.
double ObjectiveSeconds(const Config& config) {
  constexpr Duration kSlack{50};
  return std::chrono::duration<double>(2 * config.commit_interval + kSlack).count();
}

}  // namespace

WorkerProbe::WorkerProbe(const Config& config, const pb::PolicySet& policy,
                         const pb::Catalogue& catalogue, const StoreResources& stores,
                         std::function<void(const pb::Trigger&)> on_trigger)
    : on_trigger_(std::move(on_trigger)),
      intake_(registry_, LabelsOf(config, policy, catalogue)),
      outcomes_(registry_, LabelsOf(config, policy, catalogue), ObjectiveSeconds(config)),
      commits_(registry_, ObjectiveSeconds(config)),
      tasks_(LabelsOf(config, policy, catalogue)),
      lag_(WallNow),
      stores_([&stores] { return stores.Stats(); }),
      process_(BudgetOf(config).total_bytes()),
      reject_notice_(config.Topic(kRejectedTopic)) {}

std::string WorkerProbe::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const prometheus::Collectable* board : std::initializer_list<const prometheus::Collectable*>{
           &tasks_, &decisions_, &lag_, &stores_, &process_}) {
    std::vector<prometheus::MetricFamily> more = board->Collect();
    families.insert(families.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

WorkerProbe::Totals WorkerProbe::totals() const {
  return {.input_records = input_records_,
          .rejected = rejected_,
          .triggers_opened = triggers_opened_,
          .companies = tasks_.companies()};
}

void WorkerProbe::Restored(int32_t partition, const Task& task, uint64_t records) {
  commits_.Restored(records, tasks_.RestoringFor(partition));
  TaskCommitted(partition, task);
}

void WorkerProbe::Released(const TopicPartition& at, bool is_task) {
  lag_.Released(at);
  if (is_task) {
    tasks_.Released(at.partition);
  }
}

void WorkerProbe::Committed(const TaskOutputs& outputs,
                            const std::map<std::string, IntakeCounts>& intake, uint64_t records,
                            std::chrono::steady_clock::duration took, EventTime now) {
  intake_.Took(intake);
  outcomes_.Committed(outputs, now);
  commits_.Committed(records, took);
  for (const std::string& line :
       reject_notice_.Took(intake, outputs.rejects, std::chrono::steady_clock::now())) {
    spdlog::warn("{}", line);
  }
  for (const auto& [source, counts] : intake) {
    input_records_ += counts.records;
    rejected_ += std::accumulate(counts.rejected.begin(), counts.rejected.end(), uint64_t{0});
  }
  rejected_ += outputs.rejects.size();
  for (const pb::Trigger& trigger : outputs.triggers) {
    triggers_opened_ += trigger.revision() == 1 ? 1 : 0;
    if (on_trigger_) {
      on_trigger_(trigger);
    }
  }
}

}  // namespace hotiron
