#include "app/boards.h"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "app/gauges.h"
#include "app/version.h"

namespace hotiron {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily OneGauge(std::string name, std::string help, double value) {
  MetricFamily family = GaugeFamily(std::move(name), std::move(help));
  AddGauge(family, {}, value);
  return family;
}

MetricFamily OneGauge(std::string name, std::string help, uint64_t value) {
  return OneGauge(std::move(name), std::move(help), static_cast<double>(value));
}

}  // namespace

// ---------------------------------------------------------------- tasks

TaskBoard::TaskBoard(const LabelSets& labels)
    : stages_(MetricLabel::OrOther("stage", labels.stages, kStageLabelsMax)),
      segments_(MetricLabel::OrOther("segment", labels.segments, kSegmentLabelsMax)) {}

void TaskBoard::Restoring(int32_t partition) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[partition];
  entry.running = false;
  entry.restoring_since = std::chrono::steady_clock::now();
}

void TaskBoard::Running(int32_t partition, const Task& task) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[partition];
  entry.running = true;
  entry.census = task.census();
  entry.versions = {task.policy_version(), task.catalogue_version(), task.models_version(),
                    task.thresholds().version()};
}

std::chrono::steady_clock::duration TaskBoard::RestoringFor(int32_t partition) const {
  MutexLock lock(mutex_);
  auto at = entries_.find(partition);
  return at == entries_.end() ? std::chrono::steady_clock::duration{}
                              : std::chrono::steady_clock::now() - at->second.restoring_since;
}

void TaskBoard::Released(int32_t partition) {
  MutexLock lock(mutex_);
  entries_.erase(partition);
}

uint64_t TaskBoard::companies() const {
  MutexLock lock(mutex_);
  uint64_t companies = 0;
  for (const auto& [partition, entry] : entries_) {
    companies += entry.census.companies();
  }
  return companies;
}

std::vector<MetricFamily> TaskBoard::Collect() const {
  std::map<std::pair<size_t, size_t>, int64_t> accounts;  // by place in stages_, segments_
  uint64_t others = 0;
  uint64_t running = 0;
  uint64_t restoring = 0;
  std::optional<LeverVersions> versions;  // the lowest of each
  {
    MutexLock lock(mutex_);
    for (const auto& [partition, entry] : entries_) {
      for (const pb::CensusCell& cell : entry.census.cells()) {
        accounts[{stages_.Find(cell.stage()), segments_.Find(cell.segment())}] += cell.accounts();
      }
      others += entry.census.others();
      ++(entry.running ? running : restoring);
      if (entry.running) {
        LeverVersions lowest = versions.value_or(entry.versions);
        for (size_t i = 0; i < kLeverKinds.size(); ++i) {
          lowest[i] = std::min(lowest[i], entry.versions[i]);
        }
        versions = lowest;
      }
    }
  }
  MetricFamily census = GaugeFamily("hotiron_accounts", "Companies, by stage and segment.");
  for (size_t stage = 0; stage < stages_.values.size(); ++stage) {
    for (size_t segment = 0; segment < segments_.values.size(); ++segment) {
      AddGauge(census,
               {{stages_.name, stages_.values[stage]}, {segments_.name, segments_.values[segment]}},
               static_cast<double>(accounts[{stage, segment}]));
    }
  }
  MetricFamily tasks = GaugeFamily("hotiron_tasks", "Tasks of this process, by state.");
  AddGauge(tasks, {{"state", "restoring"}}, static_cast<double>(restoring));
  AddGauge(tasks, {{"state", "running"}}, static_cast<double>(running));
  MetricFamily levers =
      GaugeFamily("hotiron_levers_version", "Lowest version in force in any task of this process.");
  for (size_t i = 0; i < kLeverKinds.size(); ++i) {
    AddGauge(levers, {{"kind", kLeverKinds[i]}}, versions.value_or(LeverVersions{})[i]);
  }
  return {std::move(census),
          OneGauge("hotiron_identities_without_company",
                   "Visitors and persons whose company is not known.", others),
          std::move(tasks), std::move(levers)};
}

// ---------------------------------------------------------------- lag

void LagBoard::Set(const TopicPartition& at, std::string_view role, int64_t records,
                   EventTime last) {
  MutexLock lock(mutex_);
  auto [entry, is_new] = entries_.try_emplace(at);
  if (is_new) {
    entry->second.role = role;
    entry->second.since = now_();
  }
  entry->second.records = records;
  entry->second.last = last;
}

void LagBoard::Released(const TopicPartition& at) {
  MutexLock lock(mutex_);
  entries_.erase(at);
}

std::vector<MetricFamily> LagBoard::Collect() const {
  MetricFamily records =
      GaugeFamily("hotiron_lag_records", "Records of a partition that were not processed yet.");
  MetricFamily seconds =
      GaugeFamily("hotiron_lag_seconds",
                  "Age of the last record processed while there are more; 0 when there are none.");
  EventTime now = now_();
  int64_t hidden_records = 0;
  double hidden_seconds = 0;
  MutexLock lock(mutex_);
  for (const auto& [at, entry] : entries_) {
    EventTime last = entry.last == EventTime{} ? entry.since : entry.last;
    double age = entry.records > 0 ? std::chrono::duration<double>(now - last).count() : 0;
    age = std::max(0.0, age);
    if (records.metric.size() == kLagPartitionsMax) {
      hidden_records += entry.records;
      hidden_seconds = std::max(hidden_seconds, age);
      continue;
    }
    std::vector<ClientMetric::Label> labels{
        {"role", entry.role}, {"topic", at.topic}, {"partition", std::to_string(at.partition)}};
    AddGauge(records, labels, static_cast<double>(entry.records));
    AddGauge(seconds, std::move(labels), age);
  }
  if (entries_.size() > kLagPartitionsMax) {
    std::vector<ClientMetric::Label> labels{
        {"role", "other"}, {"topic", "other"}, {"partition", "other"}};
    AddGauge(records, labels, static_cast<double>(hidden_records));
    AddGauge(seconds, std::move(labels), hidden_seconds);
  }
  return {std::move(records), std::move(seconds)};
}

// ---------------------------------------------------------------- databases

std::vector<MetricFamily> StoreBoard::Collect() const {
  StoreStats stats = stats_();
  return {
      OneGauge("hotiron_store_databases", "Databases that are open.", stats.databases),
      OneGauge("hotiron_store_memory_limit_bytes", "Memory that all databases may use together.",
               stats.memory_limit_bytes),
      OneGauge("hotiron_store_cache_bytes", "Memory that they use.", stats.cache_bytes),
      OneGauge("hotiron_store_cache_pinned_bytes", "Of that, what cannot be given back now.",
               stats.cache_pinned_bytes),
      OneGauge("hotiron_store_write_buffer_bytes", "Of that, rows that are not in a file yet.",
               stats.write_buffer_bytes),
      OneGauge("hotiron_store_table_bytes", "Live files of the open databases.", stats.table_bytes),
      OneGauge("hotiron_store_disk_bytes", "Files, also those that wait to be deleted.",
               stats.disk_bytes),
      OneGauge("hotiron_store_disk_limit_bytes", "Disk that they may use; 0 = as much as there is.",
               stats.disk_limit_bytes),
      OneGauge("hotiron_store_pending_compaction_bytes", "What compaction still has to rewrite.",
               stats.pending_compaction_bytes),
      OneGauge("hotiron_store_rows", "Rows, estimated.", stats.rows),
      OneGauge("hotiron_store_background_errors",
               "Failed flushes and compactions of the open databases.", stats.background_errors),
      OneGauge("hotiron_store_databases_stopped",
               "Databases that take no writes until a flush or compaction ends.",
               stats.writes_stopped)};
}

// ---------------------------------------------------------------- process

namespace {

// The fields of /proc/self/stat from the third on; the second, the name, may hold spaces.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  size_t end_of_name = line.rfind(')');
  std::istringstream rest(end_of_name == std::string::npos ? "" : line.substr(end_of_name + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) {
    fields.push_back(field);
  }
  return fields;
}

// Seconds since 1970 at which the machine was started.
double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("btime ", 0) == 0) {
      return std::strtod(line.c_str() + 6, nullptr);
    }
  }
  return 0;
}

uint64_t OpenFiles() {
  uint64_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) {
    return 0;
  }
  while (readdir(directory) != nullptr) {
    ++count;
  }
  (void)closedir(directory);
  return count < 3 ? 0 : count - 3;  // ".", "..", and the directory itself
}

}  // namespace

std::vector<MetricFamily> ProcessBoard::Collect() const {
  constexpr size_t kStartTime = 19;  // fields of proc(5), less the three before
  constexpr size_t kVirtualBytes = 20;
  constexpr size_t kResidentPages = 21;
  std::vector<std::string> fields = StatFields();
  auto number = [&](size_t at) {
    return at < fields.size() ? std::strtod(fields[at].c_str(), nullptr) : 0;
  };
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  rusage used{};
  (void)getrusage(RUSAGE_SELF, &used);
  double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  rlimit files{};
  (void)getrlimit(RLIMIT_NOFILE, &files);

  MetricFamily cpu_seconds{
      "process_cpu_seconds_total", "Processor time used.", MetricType::Counter, {}};
  ClientMetric cpu_metric;
  cpu_metric.counter.value = cpu;
  cpu_seconds.metric.push_back(std::move(cpu_metric));
  MetricFamily build = GaugeFamily("hotiron_build_info", "The version that is running; always 1.");
  AddGauge(build, {{"version", kVersion}}, 1);
  return {std::move(build),
          OneGauge("hotiron_memory_budget_bytes",
                   "Memory that the process may use by its settings.", memory_budget_bytes_),
          std::move(cpu_seconds),
          OneGauge("process_resident_memory_bytes", "Memory in use.",
                   number(kResidentPages) * static_cast<double>(sysconf(_SC_PAGESIZE))),
          OneGauge("process_virtual_memory_bytes", "Memory reserved.", number(kVirtualBytes)),
          OneGauge("process_start_time_seconds", "When the process was started, since 1970.",
                   BootTime() + number(kStartTime) / ticks),
          OneGauge("process_open_fds", "Files and sockets that are open.", OpenFiles()),
          OneGauge("process_max_fds", "Files and sockets that may be open.",
                   static_cast<uint64_t>(files.rlim_cur))};
}

}  // namespace hotiron
