#include "app/worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "app/fault.h"
#include "app/topics.h"
#include "base/hash.h"
#include "base/versions.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

constexpr int kBatchRecords = 2'000;  // read before timers and commits get a look
constexpr Duration kIdlePoll{20};     // wait for records when there is nothing to do
constexpr Duration kLocateTimeout{5'000};
constexpr Duration kSeekTimeout{10'000};
constexpr Duration kInitTimeout{60'000};
constexpr Duration kFlushTimeout{30'000};
constexpr Duration kRetryPause{200};
constexpr Duration kRemakeRest{1'000};  // a full disk is not freed by haste
constexpr Duration kUnwellSaidAgain{30'000};
constexpr Duration kTickAgain{1'000};
constexpr int kFailuresMax = 20;  // aborts in a row before giving up
constexpr int kRestoreBatch = 20'000;

int64_t SteadyMillis() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Error Describe(const Error& error, const TopicPartition& partition) {
  return {error.code, fmt::format("{}: {}", ToString(partition), error.message)};
}

}  // namespace

Duration WorkerStatus::StillFor() const {
  int64_t beat = heartbeat_ms;
  return Duration{beat == 0 ? 0 : SteadyMillis() - beat};
}

Worker::Worker(const WorkerContext& context, int index)
    : config_(context.config),
      context_(context),
      index_(index),
      events_topic_(config_.Topic(kEventsTopic)),
      state_topic_(config_.Topic(kStateTopic)) {}

Worker::~Worker() = default;

Result<void> Worker::Run(const std::stop_token& stop) {
  status_.heartbeat_ms = SteadyMillis();
  Result<void> ended = Work(stop);
  status_.heartbeat_ms = 0;
  return ended;
}

Result<void> Worker::Work(const std::stop_token& stop) {
  TRY(CreateClients());
  while (!stop.stop_requested()) {
    status_.heartbeat_ms = SteadyMillis();
    Result<void> step = Step();
    if (!step.ok()) {
      Result<void> recovered = Recover(step.error());
      if (!recovered.ok() && fenced_) {
        return Conflict(
            fmt::format("`instance` '{}' seems to be in use by another process, which has taken "
                        "over: give every process an instance of its own ({})",
                        config_.instance, recovered.error().message));
      }
      TRY(recovered);
    }
  }
  status_.heartbeat_ms = SteadyMillis();
  return Drain();
}

Result<void> Worker::Step() {
  if (rewind_ != Rewinding::kNone) {
    bool reset = std::exchange(rewind_, Rewinding::kNone) == Rewinding::kReset;
    TRY(reset ? Reset() : Rewind());
  }
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->damage) {
      TRY(Remake(*partition, *std::exchange(partition->damage, std::nullopt)));
    }
  }
  TRY(LocateNew());
  TRY(OpenAndRestore());
  TRY(ReadBatch());
  if (rewind_ != Rewinding::kNone) {
    return {};
  }
  TRY(AppendTicks());
  if (CommitIsDue()) {
    TRY(Commit(false));
  }
  return Throttle();
}

Result<void> Worker::CreateClients() {
  TRY_ASSIGN(intake_, Intake::Make(config_, context_.person_key, context_.levers.catalogue()));
  KafkaOptions reading = context_.kafka;
  reading.properties["group.id"] = config_.app;
  TRY_ASSIGN(reader_, Reader::Create(reading));
  TRY(CreateProducer());
  KafkaOptions member = context_.kafka;
  member.properties["auto.offset.reset"] = "error";  // where to begin is our decision, always
  TRY_ASSIGN(consumer_,
             Consumer::Create(
                 member,
                 {.group = config_.app, .instance = fmt::format("{}-{}", config_.instance, index_)},
                 *this));
  std::vector<std::string> topics{events_topic_, config_.Topic(kFeedbackTopic),
                                  config_.Topic(kControlTopic)};
  for (const InputConfig& input : config_.inputs) {
    topics.push_back(input.topic);
  }
  return consumer_->Subscribe(topics);
}

Result<void> Worker::CreateProducer() {
  producer_.reset();
  if (!ExactlyOnce()) {
    TRY_ASSIGN(producer_, Producer::Create(context_.kafka, std::nullopt));
    return {};
  }
  TRY_ASSIGN(producer_, Producer::Create(context_.kafka, fmt::format("{}-{}-{}", config_.app,
                                                                     config_.instance, index_)));
  TransactionResult begun = producer_->InitTransactions(kInitTimeout);
  return begun.ok() ? Result<void>() : begun.error;
}

// ---------------------------------------------------------------- assignment

Worker::Role Worker::RoleOf(std::string_view topic) const {
  if (topic == events_topic_) {
    return Role::kEvents;
  }
  if (topic == config_.Topic(kControlTopic)) {
    return Role::kControl;
  }
  return topic == config_.Topic(kFeedbackTopic) ? Role::kFeedback : Role::kInput;
}

std::string_view Worker::NameOf(Role role) {
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

Worker::Partition* Worker::Find(std::string_view topic, int32_t partition) {
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

// Where each begins is found out by LocateNew: a rebalance must not wait for that.
void Worker::OnAssigned(std::span<TopicPartitionOffset> partitions) {
  for (TopicPartitionOffset& assigned : partitions) {
    assigned.offset = kOffsetBeginning;  // paused until it is located
    auto partition = std::make_unique<Partition>();
    partition->at = assigned.at;
    partition->role = RoleOf(assigned.at.topic);
    partitions_.push_back(std::move(partition));
  }
  status_.restoring = static_cast<int>(partitions_.size());
  status_.joined = true;
  context_.probe.Rebalanced();
}

void Worker::OnRevoked(std::span<const TopicPartition> partitions) {
  // With all summaries: the next owner may be long in coming.
  Result<void> committed = Commit(true);
  if (!committed.ok()) {
    spdlog::warn("What was staged at a rebalance is dropped and read again: {}.",
                 committed.error().message);
    DropStaged();
  }
  Release(partitions);
}

void Worker::OnLost(std::span<const TopicPartition> partitions) {
  spdlog::warn("Partitions were lost to another member: partitions={}. Dropping what is staged.",
               partitions.size());
  DropStaged();
  Release(partitions);
}

// In a rebalance: what stays is read again from its last commit by the loop, which also makes a new
// producer when the old one could not even abort.
void Worker::DropStaged() {
  context_.probe.Aborted();
  bool aborted = verdict_ != TransactionResult::Next::kNewProducer;
  if (in_transaction_) {
    in_transaction_ = false;
    aborted = aborted && producer_->Abort().ok();
  }
  verdict_.reset();
  Forget();
  rewind_ = aborted ? Rewinding::kSeek : Rewinding::kReset;
}

void Worker::CloseHost(Partition& partition) {
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

void Worker::Release(std::span<const TopicPartition> partitions) {
  last_found_ = nullptr;
  for (const TopicPartition& gone : partitions) {
    auto at = std::find_if(partitions_.begin(), partitions_.end(),
                           [&](const auto& partition) { return partition->at == gone; });
    if (at == partitions_.end()) {
      continue;
    }
    CloseHost(**at);
    context_.probe.Released(gone, (*at)->role == Role::kEvents);
    partitions_.erase(at);
  }
}

Result<void> Worker::LocateNew() {
  std::vector<TopicPartition> fresh;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->located && partition->rests_until <= std::chrono::steady_clock::now()) {
      fresh.push_back(partition->at);
    }
  }
  if (fresh.empty()) {
    return {};
  }
  Result<std::vector<std::optional<CommittedOffset>>> committed =
      consumer_->Committed(fresh, kLocateTimeout);
  if (!committed.ok()) {
    if (committed.error().code != Error::Code::kUnavailable) {
      return committed.error();
    }
    spdlog::warn("Committed offsets are not to be had yet: {}.", committed.error().message);
    std::this_thread::sleep_for(kRetryPause);
    return {};
  }
  for (size_t i = 0; i < fresh.size(); ++i) {
    Partition& partition = *Find(fresh[i].topic, fresh[i].partition);
    const std::optional<CommittedOffset>& known = committed.value()[i];
    if (partition.role == Role::kEvents) {
      TaskHost::Options options;
      options.task = TaskOptionsOf(config_);
      options.commit_bytes =
          std::max(options.commit_bytes, 2 * static_cast<size_t>(config_.commit_bytes));
      options.events = partition.at;
      options.changelog = {state_topic_, partition.at.partition};
      options.patience = config_.restore_patience;
      partition.host = std::make_unique<TaskHost>(std::move(options), context_.stores, known);
      context_.probe.Restoring(partition.at.partition);
      partition.next = known ? known->offset : -1;
    } else if (known) {
      partition.next = known->offset;
    } else {
      TRY_ASSIGN(Watermarks marks, consumer_->QueryWatermarks(partition.at, kLocateTimeout));
      partition.next = marks.low;
      if (partition.role == Role::kInput && config_.start == Config::Start::kLatest) {
        partition.next = marks.high;
      } else if (partition.role == Role::kInput && config_.start == Config::Start::kTime) {
        std::vector<TopicPartition> one{partition.at};
        TRY_ASSIGN(std::vector<int64_t> offsets,
                   consumer_->OffsetsAt(one, config_.start_time, kLocateTimeout));
        partition.next = offsets[0] == kOffsetEnd ? marks.high : offsets[0];
      }
    }
    partition.committed = partition.next;
    partition.located = true;
    if (partition.role == Role::kControl || partition.role == Role::kFeedback) {
      std::vector<TopicPartitionOffset> start{{partition.at, partition.next}};
      std::vector<TopicPartition> one{partition.at};
      TRY(consumer_->Seek(start, kSeekTimeout));
      TRY(consumer_->Resume(one));
      partition.reading = true;
    } else if (partition.role == Role::kInput) {
      std::vector<TopicPartitionOffset> start{{partition.at, partition.next}};
      TRY(consumer_->Seek(start, kSeekTimeout));  // Throttle resumes it
    }
  }
  return {};
}

Result<void> Worker::OpenAndRestore() {
  int restoring = 0;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->host && partition->host->stage() == TaskHost::Stage::kOpening) {
      Result<bool> opened = partition->host->Open(*reader_, WallNow());
      if (!opened.ok()) {
        return Describe(opened.error(), partition->at);
      }
    }
    restoring += partition->IsReady() ? 0 : 1;
  }
  status_.restoring = restoring;
  if (restoring == 0) {
    return {};
  }
  for (int i = 0; i < kRestoreBatch; ++i) {
    Result<std::optional<Message>> message = reader_->Poll(i == 0 ? kIdlePoll : Duration{0});
    if (!message.ok()) {
      return Error{message.error().code, fmt::format("the changelog {} cannot be read: {}",
                                                     state_topic_, message.error().message)};
    }
    if (!message.value()) {
      break;
    }
    Partition* partition = Find(events_topic_, message.value()->partition());
    if (partition != nullptr && partition->host &&
        partition->host->stage() == TaskHost::Stage::kRestoring) {
      Result<void> restored = partition->host->Restore(*message.value());
      if (!restored.ok()) {
        return Remake(*partition, restored.error());
      }
    }
  }
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->host || partition->host->stage() != TaskHost::Stage::kRestoring) {
      continue;
    }
    Result<bool> finished = partition->host->FinishRestore(*reader_);
    if (!finished.ok()) {
      return Remake(*partition, finished.error());
    }
    if (!finished.value()) {
      continue;
    }
    std::optional<int64_t> next = partition->host->next_offset();
    if (!next) {
      TRY_ASSIGN(Watermarks marks, consumer_->QueryWatermarks(partition->at, kLocateTimeout));
      next = marks.low;
    }
    partition->next = *next;
    partition->committed = *next;
    std::vector<TopicPartitionOffset> start{{partition->at, *next}};
    std::vector<TopicPartition> one{partition->at};
    TRY(consumer_->Seek(start, kSeekTimeout));
    TRY(consumer_->Resume(one));
    partition->reading = true;
    context_.probe.Restored(partition->at.partition, partition->host->task(),
                            partition->host->restored_records());
  }
  return {};
}

// ---------------------------------------------------------------- records

EventTime Worker::WallNow() const {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

Result<void> Worker::ReadBatch() {
  if (timers_left_) {
    return {};  // a commit comes first; the record is read again after it
  }
  Duration wait = status_.restoring > 0 ? Duration{0} : kIdlePoll;
  if (handled_ > 0) {
    auto waited =
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - commit_began_);
    wait = std::clamp(config_.commit_interval - waited, Duration{0}, kIdlePoll);
  }
  for (int i = 0; i < kBatchRecords && !timers_left_; ++i) {
    Result<std::optional<Message>> message = consumer_->Poll(i == 0 ? wait : Duration{0});
    if (!message.ok()) {
      return message.error();
    }
    // After a rebalance that dropped what was staged, messages of partitions that stayed would
    // leave a gap: they are read again.
    if (!message.value() || rewind_ != Rewinding::kNone) {
      return {};
    }
    if (message.value()->IsEof()) {
      NoteEnd(*message.value());
    } else {
      TRY(Handle(*message.value()));
    }
    if (static_cast<int>(handled_) >= config_.commit_records) {
      return {};
    }
  }
  return {};
}

// Behind the last record there may be a commit's marker: an offset that holds nothing to process.
void Worker::NoteEnd(const Message& message) {
  Partition* partition = Find(message.topic(), message.partition());
  if (partition != nullptr && partition->reading && !partition->stuck) {
    partition->end = std::max(partition->next, message.offset());
  }
}

Result<void> Worker::Handle(const Message& message) {
  Partition* partition = Find(message.topic(), message.partition());
  // What was fetched before a seek, a pause or a rebalance may still come; gaps are normal.
  if (partition == nullptr || !partition->reading || message.offset() < partition->next) {
    return {};
  }
  ++handled_;
  switch (partition->role) {
    case Role::kInput:
    case Role::kFeedback:
      TRY(HandleInput(*partition, message));
      break;
    case Role::kControl:
      TRY(HandleControl(message));
      break;
    case Role::kEvents:
      TRY(HandleEvent(*partition, message));
      if (timers_left_) {
        return {};
      }
      break;
  }
  partition->next = message.offset() + 1;
  // In event time a record's timestamp says nothing of how long it has waited.
  partition->last_time = config_.clock == Config::Clock::kEvent
                             ? WallNow()
                             : message.timestamp().value_or(EventTime{});
  return {};
}

Result<void> Worker::HandleInput(Partition& partition, const Message& message) {
  std::vector<std::pair<std::string, std::string>> kept;
  message.ForEachHeader(
      [&](std::string_view name, std::string_view value) { kept.emplace_back(name, value); });
  std::vector<InputHeader> headers;
  headers.reserve(kept.size());
  for (const auto& [name, value] : kept) {
    headers.push_back({name, value});
  }
  InputRecord record{.value = std::nullopt,
                     .key = message.has_key() ? message.key() : std::string_view(),
                     .headers = headers,
                     .topic = message.topic(),
                     .partition = message.partition(),
                     .offset = message.offset(),
                     .timestamp = message.timestamp().value_or(EventTime{})};
  if (message.has_value()) {
    record.value = message.value();
  }
  taken_.Clear();
  if (partition.role == Role::kFeedback) {
    intake_->TakeFeedback(record, taken_);
  } else {
    intake_->Take(record, WallNow(), taken_);
  }
  for (size_t i = 0; i < taken_.routed.size(); ++i) {
    TRY(ProduceEvent(taken_.routed[i].key, taken_.routed[i].record, taken_.times[i]));
  }
  std::string rejected_topic = config_.Topic(kRejectedTopic);
  for (const RejectedRecord& rejected : taken_.rejected) {
    std::vector<RecordHeader> record_headers;
    for (const auto& [name, value] : rejected.headers) {
      record_headers.push_back({name, value});
    }
    TRY(EnsureTransaction());
    TRY(producer_->Produce({.topic = rejected_topic,
                            .key = rejected.key,
                            .value = rejected.value,
                            .headers = record_headers}));
  }
  return {};
}

Result<void> Worker::ProduceEvent(std::string_view key, const pb::TaskRecord& record,
                                  EventTime time) {
  TRY(EnsureTransaction());
  std::string value = record.SerializeAsString();
  ProduceRecord produced{.topic = events_topic_, .key = key, .value = value};
  if (config_.clock == Config::Clock::kEvent) {
    produced.timestamp = time;
  }
  return producer_->Produce(produced);
}

// A version of a lever goes to every task. Whoever owns the control topic's partition does it.
Result<void> Worker::HandleControl(const Message& message) {
  pb::Control control;
  if (!message.has_value() ||
      !control.ParseFromArray(message.value().data(), static_cast<int>(message.value().size())) ||
      control.version() != kControlVersion) {
    return {};  // the lever board logs it
  }
  pb::TaskRecord record;
  record.set_version(kTaskRecordVersion);
  *record.mutable_levers() = control.levers();
  std::string value = record.SerializeAsString();
  TRY(EnsureTransaction());
  for (int32_t partition = 0; partition < config_.partitions; ++partition) {
    ProduceRecord produced{
        .topic = events_topic_, .partition = partition, .key = message.key(), .value = value};
    if (config_.clock == Config::Clock::kEvent) {
      produced.timestamp = kEarliestTime;  // a lever moves no event clock
    }
    TRY(producer_->Produce(produced));
  }
  return {};
}

Result<void> Worker::HandleEvent(Partition& partition, const Message& message) {
  LogRecord record{.offset = message.offset(),
                   .timestamp = message.timestamp().value_or(EventTime{}),
                   .key = message.key(),
                   .value = message.has_value() ? message.value() : std::string_view()};
  size_t rejects = outputs_.rejects.size();
  Result<Task::Progress> progress = partition.host->task().Process(record, outputs_);
  if (!progress.ok()) {
    return TaskFailed(partition, progress.error());
  }
  if (outputs_.rejects.size() > rejects) {
    outputs_.rejects.back().partition = partition.at.partition;
  }
  if (progress.value() == Task::Progress::kTimersLeft) {
    timers_left_ = true;
    partition.stuck = true;
  }
  return {};
}

// Where a timer is due and no record comes to say what time it is, one is appended that says just
// that. Its timestamp is the broker's, whose clock may be behind ours: it is said again until the
// timer has fired.
Result<void> Worker::AppendTicks() {
  if (config_.clock == Config::Clock::kEvent) {
    return {};
  }
  EventTime now = WallNow();
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->host || partition->host->stage() != TaskHost::Stage::kRunning) {
      continue;
    }
    std::optional<EventTime> due = partition->host->task().NextTimer();
    EventTime ticked = partition->host->ticked;
    if (!due || *due > now || (ticked >= *due && now - ticked < kTickAgain)) {
      continue;
    }
    pb::TaskRecord record;
    record.set_version(kTaskRecordVersion);
    record.mutable_tick();
    std::string value = record.SerializeAsString();
    TRY(EnsureTransaction());
    TRY(producer_->Produce(
        {.topic = events_topic_, .partition = partition->at.partition, .value = value}));
    partition->host->ticked = now;
    handled_ = std::max<uint64_t>(handled_, 1);
    context_.probe.Ticked();
  }
  return {};
}

// Inputs wait until every task has its levers, and while the tasks of this worker lag behind.
Result<void> Worker::Throttle() {
  int64_t event_lag = 0;
  int64_t input_lag = 0;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    std::optional<Watermarks> marks =
        partition->located ? consumer_->CachedWatermarks(partition->at) : std::nullopt;
    int64_t done = std::max(partition->next, partition->end);
    int64_t lag = marks ? std::max<int64_t>(0, marks->high - done) : 0;
    (partition->role == Role::kEvents ? event_lag : input_lag) += lag;
    context_.probe.Lag(partition->at, NameOf(partition->role), lag, partition->last_time);
  }
  status_.lag = event_lag + input_lag;
  if (context_.levers.catalogue_version() != intake_->catalogue_version()) {
    TRY(intake_->UseCatalogue(context_.levers.catalogue()));
  }
  int64_t limit = inputs_paused_ ? config_.input_lag_max / 2 : config_.input_lag_max;
  inputs_paused_ = !context_.levers.distributed() || event_lag > limit;
  std::vector<TopicPartition> change;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->role == Role::kInput && partition->located &&
        partition->reading == inputs_paused_) {
      partition->reading = !inputs_paused_;
      change.push_back(partition->at);
    }
  }
  if (change.empty()) {
    return {};
  }
  if (!inputs_paused_) {
    return consumer_->Resume(change);
  }
  TRY(consumer_->Pause(change));
  std::vector<TopicPartitionOffset> back;
  back.reserve(change.size());
  for (const TopicPartition& at : change) {
    back.push_back({at, Find(at.topic, at.partition)->next});
  }
  return consumer_->Seek(back, kSeekTimeout);
}

// ---------------------------------------------------------------- commit

bool Worker::CommitIsDue() const {
  if (timers_left_ || static_cast<int>(handled_) >= config_.commit_records) {
    return true;
  }
  size_t bytes = 0;
  bool summaries = false;
  EventTime now = WallNow();
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (partition->host && partition->host->stage() == TaskHost::Stage::kRunning) {
      bytes += partition->host->task().staged_bytes();
      std::optional<EventTime> due = partition->host->task().NextSummary();
      summaries = summaries || (due && *due <= now);
    }
  }
  if (bytes >= static_cast<size_t>(config_.commit_bytes)) {
    return true;
  }
  return (handled_ > 0 || summaries) &&
         std::chrono::steady_clock::now() - commit_began_ >= config_.commit_interval;
}

Result<void> Worker::EnsureTransaction() {
  if (!ExactlyOnce() || in_transaction_) {
    return {};
  }
  TransactionResult begun = producer_->Begin();
  if (!begun.ok()) {
    verdict_ = begun.next;
    return begun.error;
  }
  in_transaction_ = true;
  return FaultAt(FaultPlace::kBegun) ? Result<void>(Unavailable("fault: begun")) : Result<void>();
}

Result<void> Worker::Commit(bool all_summaries) {
  if (!producer_) {
    return {};
  }
  commit_began_ = std::chrono::steady_clock::now();
  TRY(StageTasks(all_summaries));
  TRY(ProduceOutputs());
  TRY(ProduceChangelog());
  std::vector<TopicPartitionOffset> offsets = OffsetsToCommit();
  if (offsets.empty() && !in_transaction_) {
    handled_ = 0;
    return {};
  }
  TRY(ExactlyOnce() ? CommitTransaction(offsets) : CommitAtLeastOnce(offsets));
  context_.probe.Committed(outputs_, intake_->TakeCounts(), handled_,
                           std::chrono::steady_clock::now() - commit_began_, WallNow());
  AfterCommit(offsets);
  return {};
}

Result<void> Worker::StageTasks(bool all_summaries) {
  staged_.clear();
  EventTime wall = WallNow();
  for (std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->host || partition->host->stage() != TaskHost::Stage::kRunning) {
      continue;
    }
    Task& task = partition->host->task();
    std::optional<EventTime> summary = task.NextSummary();
    bool owes = summary && (all_summaries || *summary <= wall);
    if (!task.dirty() && !owes) {
      continue;
    }
    StagedTask staged{partition.get(), {}};
    Result<void> rows = task.StageRows(wall, all_summaries, staged.rows, outputs_);
    if (!rows.ok()) {
      return TaskFailed(*partition, rows.error());
    }
    if (!staged.rows.empty()) {
      staged_.push_back(std::move(staged));
    }
  }
  return {};
}

Result<void> Worker::ProduceOutputs() {
  for (const TaskOutputs::Forward& forward : outputs_.forwards) {
    TRY(EnsureTransaction());
    ProduceRecord record{.topic = events_topic_, .key = forward.key, .value = forward.value};
    if (config_.clock == Config::Clock::kEvent) {
      record.timestamp = forward.time;
    }
    TRY(producer_->Produce(record));
  }
  std::string triggers_topic = config_.Topic(kTriggersTopic);
  for (const pb::Trigger& trigger : outputs_.triggers) {
    TRY(EnsureTransaction());
    std::string json = WriteTrigger(trigger);
    auto partition =
        static_cast<int32_t>(Hash64(trigger.account()) % static_cast<uint64_t>(config_.partitions));
    TRY(producer_->Produce(
        {.topic = triggers_topic, .partition = partition, .key = trigger.id(), .value = json}));
  }
  std::string journeys_topic = config_.Topic(kJourneysTopic);
  for (const TaskOutputs::Summary& summary : outputs_.summaries) {
    TRY(EnsureTransaction());
    TRY(producer_->Produce({.topic = journeys_topic, .key = summary.key, .value = summary.json}));
  }
  std::string rejected_topic = config_.Topic(kRejectedTopic);
  for (const TaskOutputs::Reject& reject : outputs_.rejects) {
    TRY(EnsureTransaction());
    std::string at = fmt::format("{}", reject.partition);
    std::string offset = fmt::format("{}", reject.offset);
    std::string size = fmt::format("{}", reject.value.size());
    std::vector<RecordHeader> headers{{"reason", reject.reason},
                                      {"topic", events_topic_},
                                      {"partition", at},
                                      {"offset", offset},
                                      {"size", size}};
    TRY(producer_->Produce({.topic = rejected_topic,
                            .key = reject.key,
                            .value = std::string_view(reject.value).substr(0, kRejectedBytesMax),
                            .headers = headers}));
  }
  return {};
}

Result<void> Worker::ProduceChangelog() {
  if (!ExactlyOnce()) {
    // Without a transaction the order tells: a trigger may come twice, but no row says that one was
    // opened which never left.
    TRY(producer_->Flush(kFlushTimeout));
  }
  for (const StagedTask& staged : staged_) {
    TRY(EnsureTransaction());
    const TopicPartition& changelog = staged.partition->host->changelog();
    for (const Row& row : staged.rows) {
      ProduceRecord record{
          .topic = changelog.topic, .partition = changelog.partition, .key = row.key};
      if (row.value) {
        record.value = *row.value;
      }
      TRY(producer_->Produce(record));
    }
  }
  return FaultAt(FaultPlace::kProduced) ? Result<void>(Unavailable("fault: produced"))
                                        : Result<void>();
}

std::vector<TopicPartitionOffset> Worker::OffsetsToCommit() {
  std::vector<TopicPartitionOffset> offsets;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    auto staged = std::find_if(staged_.begin(), staged_.end(), [&](const StagedTask& task) {
      return task.partition == partition.get();
    });
    if (staged != staged_.end()) {
      offsets.push_back({partition->at, partition->next,
                         fmt::format("{}", partition->host->task().commits() + 1)});
    } else if (partition->next != partition->committed) {
      offsets.push_back({partition->at, partition->next});
    }
  }
  return offsets;
}

Result<void> Worker::CommitTransaction(const std::vector<TopicPartitionOffset>& offsets) {
  TRY(EnsureTransaction());
  if (!staged_.empty() && FaultSwapsCommitOrder()) {
    TRY(WriteRows());
    for (const StagedTask& staged : staged_) {
      TRY(staged.partition->host->Close(*reader_));  // makes them permanent
    }
    FaultExit();
  }
  if (!offsets.empty()) {
    TransactionResult sent = producer_->SendOffsets(offsets, *consumer_);
    if (!sent.ok()) {
      verdict_ = sent.next;
      return sent.error;
    }
  }
  if (FaultAt(FaultPlace::kOffsetsSent)) {
    return Unavailable("fault: offsets_sent");
  }
  TransactionResult committed = producer_->Commit();
  if (!committed.ok()) {
    verdict_ = committed.next;
    return committed.error;
  }
  in_transaction_ = false;
  if (FaultAt(FaultPlace::kCommitted)) {
    verdict_ = TransactionResult::Next::kNewProducer;  // as if the answer had been lost
    return Unavailable("fault: committed");
  }
  return WriteRows();
}

// Rows may reach the store before the offsets are committed: after a crash in between the records
// are read again, and the store knows that it has them.
Result<void> Worker::CommitAtLeastOnce(const std::vector<TopicPartitionOffset>& offsets) {
  TRY(producer_->Flush(kFlushTimeout));
  TRY(WriteRows());
  Result<void> committed =
      offsets.empty() ? Result<void>() : consumer_->Commit(offsets, kFlushTimeout);
  if (!committed.ok()) {
    spdlog::warn("Offsets were not committed; after a crash their records are read again: {}.",
                 committed.error().message);
  }
  return {};
}

// The commit has happened: a store that cannot be written is left behind and restored later. Where
// not even that works the log must decide, as for a commit whose answer was lost: an abort would
// read again what has been committed.
Result<void> Worker::WriteRows() {
  for (StagedTask& staged : staged_) {
    TaskHost& host = *staged.partition->host;
    Result<void> written =
        host.WriteCommitted(staged.rows, producer_->NextDelivered(host.changelog()));
    if (!written.ok()) {
      written = Remake(*staged.partition, written.error());
    }
    if (!written.ok()) {
      verdict_ = TransactionResult::Next::kNewProducer;
      return written;
    }
  }
  (void)FaultAt(FaultPlace::kWritten);
  return {};
}

void Worker::AfterCommit(const std::vector<TopicPartitionOffset>& offsets) {
  for (StagedTask& staged : staged_) {
    if (staged.partition->host && staged.partition->host->stage() == TaskHost::Stage::kRunning) {
      Task& task = staged.partition->host->task();
      task.Committed();
      context_.probe.TaskCommitted(staged.partition->at.partition, task);
    }
  }
  for (const TopicPartitionOffset& offset : offsets) {
    Partition* partition = Find(offset.at.topic, offset.at.partition);
    if (partition != nullptr) {
      partition->committed = offset.offset;
    }
  }
  staged_.clear();
  outputs_.Clear();
  handled_ = 0;
  failures_in_a_row_ = 0;
  fenced_ = false;
  if (timers_left_) {
    timers_left_ = false;
    for (std::unique_ptr<Partition>& partition : partitions_) {
      if (partition->stuck) {  // its record has been read but not processed
        partition->stuck = false;
        std::vector<TopicPartitionOffset> again{{partition->at, partition->next}};
        Result<void> sought = consumer_->Seek(again, kSeekTimeout);
        if (!sought.ok()) {
          spdlog::warn("Seeking failed and is tried again: {}.", sought.error().message);
          rewind_ = Rewinding::kSeek;
        }
      }
    }
  }
}

// ---------------------------------------------------------------- when something goes wrong

// kCorrupt, kInvalid and kConflict of the outside world are for people; the rest is tried again.
Result<void> Worker::Recover(const Error& error) {
  ++failures_in_a_row_;
  spdlog::warn("A step failed and is taken back: failures_in_a_row={} error=\"{}\".",
               failures_in_a_row_, error.message);
  bool new_producer = verdict_ == TransactionResult::Next::kNewProducer;
  bool known = verdict_.has_value();
  verdict_.reset();
  if (failures_in_a_row_ > kFailuresMax) {
    return Error{error.code, fmt::format("{} attempts failed, the last one because: {}",
                                         failures_in_a_row_, error.message)};
  }
  if (!known && (error.code == Error::Code::kConflict || error.code == Error::Code::kInvalid ||
                 error.code == Error::Code::kCorrupt)) {
    return error;
  }
  if (error.code == Error::Code::kConflict && failures_in_a_row_ > 1) {
    fenced_ = true;
    return error;
  }
  fenced_ = fenced_ || error.code == Error::Code::kConflict;
  std::this_thread::sleep_for(kRetryPause * std::min(failures_in_a_row_, 10));
  if (new_producer) {
    return Reset();
  }
  return Abort();
}

// Drops everything since the last commit and reads it again.
Result<void> Worker::Abort() {
  context_.probe.Aborted();
  if (in_transaction_) {
    in_transaction_ = false;
    TransactionResult aborted = producer_->Abort();
    if (!aborted.ok()) {
      return Reset();
    }
  }
  Forget();
  return Rewind();
}

void Worker::Forget() {
  outputs_.Clear();
  staged_.clear();
  (void)intake_->TakeCounts();
  handled_ = 0;
  timers_left_ = false;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    partition->stuck = false;
    partition->next = partition->committed;
    partition->end = 0;
    if (partition->host) {
      partition->host->ticked = {};
      if (partition->host->stage() == TaskHost::Stage::kRunning) {
        partition->host->task().Discard();
      }
    }
  }
}

Result<void> Worker::Rewind() {
  std::vector<TopicPartitionOffset> back;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    bool running = !partition->host || partition->host->stage() == TaskHost::Stage::kRunning;
    if (partition->located && running) {
      back.push_back({partition->at, partition->committed});
    }
  }
  return back.empty() ? Result<void>() : consumer_->Seek(back, kSeekTimeout);
}

// The outcome is unknown, or the producer is of no use any more: the log decides. Everything is
// located and restored as if it had just been assigned.
Result<void> Worker::Reset() {
  context_.probe.Reset();
  in_transaction_ = false;
  Forget();
  std::vector<TopicPartition> reading;
  for (std::unique_ptr<Partition>& partition : partitions_) {
    CloseHost(*partition);
    if (partition->reading) {
      reading.push_back(partition->at);
    }
    partition->located = false;
    partition->reading = false;
  }
  if (!reading.empty()) {
    TRY(consumer_->Pause(reading));
  }
  return CreateProducer();
}

// Damage that a task meets in its rows: the step is taken back, then the task is made anew.
Error Worker::TaskFailed(Partition& partition, const Error& error) {
  Error described = Describe(error, partition.at);
  if (error.code == Error::Code::kCorrupt) {
    partition.damage = error;
    described.code = Error::Code::kUnavailable;
  }
  return described;
}

// A task whose store is unwell is closed and restored from its changelog, after a rest, while the
// others go on; damage is set aside. What a restore cannot mend is an error: state that this
// program does not take, and damage that is found again, since then it is in the changelog.
Result<void> Worker::Remake(Partition& partition, const Error& error) {
  bool damaged = error.code == Error::Code::kCorrupt;
  if ((!damaged && error.code != Error::Code::kUnavailable) ||
      (damaged && ++partition.found_damaged > 1)) {
    return Describe(error, partition.at);
  }
  context_.probe.Remade();
  auto now = std::chrono::steady_clock::now();
  if (damaged || !partition.unwell_said || now - *partition.unwell_said > kUnwellSaidAgain) {
    partition.unwell_said = now;
    spdlog::error("The state of a partition is closed and restored: partition={} error=\"{}\".",
                  ToString(partition.at), error.message);
  }
  if (partition.reading) {
    std::vector<TopicPartition> one{partition.at};
    TRY(consumer_->Pause(one));
  }
  CloseHost(partition);
  partition.rests_until = now + kRemakeRest;
  if (damaged) {
    TRY(context_.stores.SetAside(partition.at.topic, partition.at.partition));
  }
  partition.located = false;
  partition.reading = false;
  return {};
}

Result<void> Worker::Drain() {
  Result<void> committed = Commit(true);
  if (!committed.ok()) {
    spdlog::warn("The last commit failed; its records are read again at the next start: {}.",
                 committed.error().message);
    (void)Abort();
  }
  return consumer_->Close(config_.drain_deadline);
}

}  // namespace hotiron
