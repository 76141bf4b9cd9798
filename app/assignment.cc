#include "app/assignment.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "app/topics.h"
#include "base/wall_clock.h"

namespace hotiron {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kLocateTimeout{5'000};
constexpr Duration kLocatePause{200};
constexpr Duration kSeekTimeout{10'000};
constexpr Duration kRestorePoll{20};
constexpr int kRestoreBatch = 20'000;   // changelog records before the rest gets a look
constexpr Duration kRemakeRest{1'000};  // a full disk is not freed by haste
constexpr Duration kUnwellSaidAgain{30'000};

Error Describe(const Error& error, const TopicPartition& partition) {
  return {error.code, fmt::format("{}: {}", ToString(partition), error.message)};
}

}  // namespace

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kInput:
      return "input";
    case Role::kFeedback:
      return "feedback";
    case Role::kControl:
      return "control";
    case Role::kEvents:
      return "events";
  }
  CHECK(false);
}

Error Partition::Failed(const Error& error) {
  Error described = Describe(error, at);
  if (error.code == Error::Code::kCorrupt) {
    damage = error;
    described.code = Error::Code::kUnavailable;
  }
  return described;
}

Assignment::Assignment(const Config& config, StoreResources& stores, WorkerProbe& probe)
    : config_(config),
      events_topic_(config.Topic(kEventsTopic)),
      state_topic_(config.Topic(kStateTopic)),
      stores_(stores),
      probe_(probe) {}

Result<void> Assignment::Start(const KafkaOptions& kafka) {
  KafkaOptions reading = kafka;
  reading.properties["group.id"] = config_.app;
  // Only an empty answer tells that a changelog is read to its end: a restart waits for it.
  reading.properties.emplace("fetch.wait.max.ms", "10");
  TRY_ASSIGN(reader_, Reader::Create(reading));
  return {};
}

Role Assignment::RoleOf(std::string_view topic) const {
  if (topic == events_topic_) {
    return Role::kEvents;
  }
  if (topic == config_.Topic(kControlTopic)) {
    return Role::kControl;
  }
  return topic == config_.Topic(kFeedbackTopic) ? Role::kFeedback : Role::kInput;
}

void Assignment::Add(const TopicPartition& at) {
  auto partition = std::make_unique<Partition>();
  partition->at = at;
  partition->role = RoleOf(at.topic);
  partitions_.push_back(std::move(partition));
}

void Assignment::Release(std::span<const TopicPartition> partitions) {
  last_found_ = nullptr;
  for (const TopicPartition& gone : partitions) {
    auto at = std::find_if(partitions_.begin(), partitions_.end(),
                           [&](const auto& partition) { return partition->at == gone; });
    if (at == partitions_.end()) {
      continue;
    }
    CloseHost(**at);
    probe_.Released(gone, (*at)->role == Role::kEvents);
    partitions_.erase(at);
  }
}

Partition* Assignment::Find(std::string_view topic, int32_t partition) {
  if (last_found_ != nullptr && last_found_->at.partition == partition &&
      last_found_->at.topic == topic) {
    return last_found_;
  }
  for (std::unique_ptr<Partition>& candidate : partitions_) {
    if (candidate->at.partition == partition && candidate->at.topic == topic) {
      return last_found_ = candidate.get();
    }
  }
  return nullptr;
}

int Assignment::restoring() const {
  return static_cast<int>(
      std::count_if(partitions_.begin(), partitions_.end(),
                    [](const std::unique_ptr<Partition>& one) { return !one->IsReady(); }));
}

bool Assignment::reads_changelogs() const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [](const std::unique_ptr<Partition>& one) {
                       return one->host && one->host->stage() == TaskHost::Stage::kRestoring;
                     });
}

// ---------------------------------------------------------------- getting them ready

Result<void> Assignment::RemakeDamaged(Consumer& consumer) {
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->damage) {
      TRY(Remake(*partition, *std::exchange(partition->damage, std::nullopt), consumer));
    }
  }
  return {};
}

Result<void> Assignment::Locate(Consumer& consumer) {
  std::vector<TopicPartition> fresh;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->located && partition->rests_until <= SteadyClock::now()) {
      fresh.push_back(partition->at);
    }
  }
  if (fresh.empty()) {
    return {};
  }
  Result<std::vector<std::optional<CommittedOffset>>> committed =
      consumer.Committed(fresh, kLocateTimeout);
  if (!committed.ok()) {
    if (committed.error().code != Error::Code::kUnavailable) {
      return committed.error();
    }
    spdlog::warn("Committed offsets are not to be had yet: {}.", committed.error().message);
    std::this_thread::sleep_for(kLocatePause);
    return {};
  }
  std::vector<Partition*> others;
  for (size_t i = 0; i < fresh.size(); ++i) {
    Partition& partition = *Find(fresh[i].topic, fresh[i].partition);
    const std::optional<CommittedOffset>& known = committed.value()[i];
    if (partition.role == Role::kEvents) {
      MakeHost(partition, known);
      partition.next = known ? known->offset : -1;
    } else if (known) {
      partition.next = known->offset;
    } else {
      TRY_ASSIGN(partition.next, FirstOffset(partition, consumer));
      // Or a restart before the first record would find another start, and skip what is between.
      partition.start_owed = true;
    }
    partition.committed = partition.next;
    if (partition.role == Role::kEvents) {
      partition.located = true;
    } else {
      others.push_back(&partition);
    }
  }
  TRY(Begin(others, consumer));
  for (Partition* partition : others) {
    partition->located = true;
  }
  return {};
}

// Where to begin what was never read.
Result<int64_t> Assignment::FirstOffset(const Partition& partition, Consumer& consumer) const {
  TRY_ASSIGN(Watermarks marks, consumer.QueryWatermarks(partition.at, kLocateTimeout));
  if (partition.role != Role::kInput || config_.start == Config::Start::kEarliest) {
    return marks.low;
  }
  if (config_.start == Config::Start::kLatest) {
    return marks.high;
  }
  std::vector<TopicPartition> one{partition.at};
  TRY_ASSIGN(std::vector<int64_t> offsets,
             consumer.OffsetsAt(one, config_.start_time, kLocateTimeout));
  return offsets[0] == kOffsetEnd ? marks.high : offsets[0];
}

// The log must still have what is to be read next: nothing is skipped without being told to.
// `first`: the offset that the log begins with.
Result<void> Assignment::CheckThere(Partition& partition, int64_t first) {
  if (partition.next >= first) {
    return {};
  }
  int64_t lost = first - partition.next;
  std::string what = fmt::format(
      "{}: offset {} is to be read next, but the log begins at {}: {} records were removed "
      "(retention) before they were read",
      ToString(partition.at), partition.next, first, lost);
  switch (partition.role) {
    case Role::kEvents:
      return Corrupt(what +
                     ". Journeys would be wrong without them: choose another `app` and let it read "
                     "the inputs again (docs/RUNBOOK.md, 'Records are gone')");
    case Role::kInput:
    case Role::kFeedback:
      if (config_.when_lost == Config::WhenLost::kStop) {
        return Corrupt(what +
                       ". To go on with the records that are there, set `when_lost: continue` "
                       "(docs/RUNBOOK.md, 'Records are gone')");
      }
      spdlog::error("{}. Going on at offset {}.", what, first);
      probe_.InputLost(SourceOf(partition), static_cast<uint64_t>(lost));
      break;
    case Role::kControl:
      break;  // levers that are read again say nothing new
  }
  partition.next = first;
  partition.committed = first;
  return {};
}

// All together: a restart begins some twenty partitions, and each question takes its time.
Result<void> Assignment::Begin(std::span<Partition* const> partitions, Consumer& consumer) {
  if (partitions.empty()) {
    return {};
  }
  std::vector<TopicPartition> all;
  for (const Partition* partition : partitions) {
    all.push_back(partition->at);
  }
  TRY_ASSIGN(std::vector<int64_t> firsts, consumer.Beginnings(all, kLocateTimeout));
  std::vector<TopicPartitionOffset> starts;
  std::vector<TopicPartition> resumed;
  for (size_t i = 0; i < partitions.size(); ++i) {
    Partition& partition = *partitions[i];
    TRY(CheckThere(partition, firsts[i]));
    starts.push_back({partition.at, partition.next});
    if (partition.role != Role::kInput) {  // these wait for PauseInputs
      resumed.push_back(partition.at);
    }
  }
  TRY(consumer.Seek(starts, kSeekTimeout));
  if (!resumed.empty()) {
    TRY(consumer.Resume(resumed));
  }
  for (Partition* partition : partitions) {
    partition->reading = partition->role != Role::kInput;
  }
  return {};
}

void Assignment::MakeHost(Partition& partition, const std::optional<CommittedOffset>& known) {
  TaskHost::Options options;
  options.task = TaskOptionsOf(config_);
  options.commit_bytes =
      std::max(options.commit_bytes, 2 * static_cast<size_t>(config_.commit_bytes));
  options.events = partition.at;
  options.changelog = {state_topic_, partition.at.partition};
  options.patience = config_.restore_patience;
  partition.host = std::make_unique<TaskHost>(std::move(options), stores_, known);
  probe_.Restoring(partition.at.partition);
}

Result<void> Assignment::OpenAndRestore(Consumer& consumer) {
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->host && partition->host->stage() == TaskHost::Stage::kOpening) {
      Result<bool> opened = partition->host->Open(*reader_, WallNow());
      if (!opened.ok()) {
        return Describe(opened.error(), partition->at);
      }
    }
  }
  if (reads_changelogs()) {
    TRY(ReadChangelogs(consumer));
  }
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->host && partition->host->stage() == TaskHost::Stage::kRestoring) {
      Result<bool> finished = partition->host->FinishRestore(*reader_);
      if (!finished.ok()) {
        return Remake(*partition, finished.error(), consumer);
      }
    }
  }
  return BeginEvents(consumer);
}

// Those whose tasks are restored: the offset row says where to go on.
Result<void> Assignment::BeginEvents(Consumer& consumer) {
  std::vector<Partition*> restored;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->task() == nullptr || partition->reading) {
      continue;
    }
    std::optional<int64_t> next = partition->host->next_offset();
    if (!next) {
      TRY_ASSIGN(next, FirstOffset(*partition, consumer));
    }
    partition->next = *next;
    partition->committed = *next;
    restored.push_back(partition.get());
  }
  TRY(Begin(restored, consumer));
  for (const Partition* partition : restored) {
    probe_.Restored(partition->at.partition, partition->host->task(),
                    partition->host->restored_records());
  }
  return {};
}

Result<void> Assignment::ReadChangelogs(Consumer& consumer) {
  for (int i = 0; i < kRestoreBatch; ++i) {
    Result<std::optional<Message>> message = reader_->Poll(i == 0 ? kRestorePoll : Duration{0});
    if (!message.ok()) {
      return Error{message.error().code, fmt::format("the changelog {} cannot be read: {}",
                                                     state_topic_, message.error().message)};
    }
    if (!message.value()) {
      return {};
    }
    Partition* partition = Find(events_topic_, message.value()->partition());
    if (partition != nullptr && partition->host &&
        partition->host->stage() == TaskHost::Stage::kRestoring) {
      Result<void> restored = partition->host->Restore(*message.value());
      if (!restored.ok()) {
        return Remake(*partition, restored.error(), consumer);
      }
    }
  }
  return {};
}

// ---------------------------------------------------------------- while they are read

Assignment::Lag Assignment::ReportLag(const Consumer& consumer) const {
  Lag sum;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    std::optional<Watermarks> marks =
        partition->located ? consumer.CachedWatermarks(partition->at) : std::nullopt;
    int64_t done = std::max(partition->next, partition->end);
    int64_t lag = marks ? std::max<int64_t>(0, marks->high - done) : 0;
    (partition->role == Role::kEvents ? sum.events : sum.others) += lag;
    probe_.Lag(partition->at, NameOf(partition->role), lag, partition->last_time);
  }
  return sum;
}

Result<void> Assignment::PauseInputs(bool paused, Consumer& consumer) {
  inputs_paused_ = paused;
  std::vector<TopicPartition> change;
  std::vector<TopicPartitionOffset> back;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->role == Role::kInput && partition->located && partition->reading == paused) {
      partition->reading = !paused;
      change.push_back(partition->at);
      back.push_back({partition->at, partition->next});
    }
  }
  if (change.empty()) {
    return {};
  }
  if (!paused) {
    return consumer.Resume(change);
  }
  TRY(consumer.Pause(change));
  return consumer.Seek(back, kSeekTimeout);
}

Result<bool> Assignment::AnyLost(Consumer& consumer) const {
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->reading) {
      continue;
    }
    TRY_ASSIGN(Watermarks marks, consumer.QueryWatermarks(partition->at, kLocateTimeout));
    if (partition->next < marks.low) {
      return true;
    }
    if (partition->next > marks.high) {
      return Corrupt(fmt::format(
          "{}: offset {} is to be read next, but the log ends at {}: was the topic deleted and "
          "created again? (docs/RUNBOOK.md, 'Records are gone')",
          ToString(partition->at), partition->next, marks.high));
    }
  }
  return false;
}

std::string_view Assignment::SourceOf(const Partition& partition) const {
  for (const InputConfig& input : config_.inputs) {
    if (input.topic == partition.at.topic) {
      return input.source;
    }
  }
  return NameOf(Role::kFeedback);
}

Result<void> Assignment::ReadStuckAgain(Consumer& consumer) {
  std::vector<TopicPartitionOffset> again;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (std::exchange(partition->stuck, false)) {  // its record has been read but not processed
      again.push_back({partition->at, partition->next});
    }
  }
  return again.empty() ? Result<void>() : consumer.Seek(again, kSeekTimeout);
}

// ---------------------------------------------------------------- when something went wrong

void Assignment::Forget() {
  for (std::unique_ptr<Partition>& partition : partitions_) {
    partition->stuck = false;
    partition->next = partition->committed;
    partition->end = 0;
    if (partition->host) {
      partition->host->ticked = {};
    }
    if (Task* task = partition->task()) {
      task->Discard();
    }
  }
}

Result<void> Assignment::Rewind(Consumer& consumer) {
  std::vector<TopicPartitionOffset> back;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->IsReady()) {
      back.push_back({partition->at, partition->committed});
    }
  }
  return back.empty() ? Result<void>() : consumer.Seek(back, kSeekTimeout);
}

Result<void> Assignment::Reset(Consumer& consumer) {
  std::vector<TopicPartition> reading;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    CloseHost(*partition);
    if (partition->reading) {
      reading.push_back(partition->at);
    }
    partition->located = false;
    partition->reading = false;
  }
  return reading.empty() ? Result<void>() : consumer.Pause(reading);
}

Result<void> Assignment::Remake(Partition& partition, const Error& error, Consumer& consumer) {
  bool damaged = error.code == Error::Code::kCorrupt;
  if ((!damaged && error.code != Error::Code::kUnavailable) ||
      (damaged && ++partition.found_damaged > 1)) {
    return Describe(error, partition.at);
  }
  probe_.Remade();
  auto now = SteadyClock::now();
  if (damaged || !partition.unwell_said || now - *partition.unwell_said > kUnwellSaidAgain) {
    partition.unwell_said = now;
    spdlog::error("The state of a partition is closed and restored: partition={} error=\"{}\".",
                  ToString(partition.at), error.message);
  }
  if (partition.reading) {
    std::vector<TopicPartition> one{partition.at};
    TRY(consumer.Pause(one));
  }
  CloseHost(partition);
  partition.rests_until = now + kRemakeRest;
  if (damaged) {
    TRY(stores_.SetAside(partition.at.topic, partition.at.partition));
  }
  partition.located = false;
  partition.reading = false;
  return {};
}

void Assignment::CloseHost(Partition& partition) {
  if (!partition.host) {
    return;
  }
  Result<void> closed = partition.host->Close(*reader_);
  if (!closed.ok()) {
    spdlog::warn("A store did not close well; the changelog has its rows: {}.",
                 closed.error().message);
  }
  partition.host.reset();
}

}  // namespace hotiron
