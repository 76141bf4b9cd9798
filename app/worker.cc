#include "app/worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "app/topics.h"
#include "base/versions.h"
#include "base/wall_clock.h"

namespace hotiron {
namespace {

constexpr int kBatchRecords = 2'000;  // read before timers and commits get a look
constexpr Duration kIdlePoll{20};     // wait for records when there is nothing to do
constexpr Duration kRetryPause{200};
constexpr Duration kTickAgain{1'000};
constexpr int kFailuresMax = 20;        // aborts in a row before giving up
constexpr Duration kQuietTime{60'000};  // after which a failure begins a new row
constexpr Duration kCloseTimeoutMin{1'000};

int64_t SteadyMillis() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
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
      outbox_(config_, context.kafka,
              fmt::format("{}-{}-{}", config_.app, config_.instance, index)),
      assignment_(config_, context.stores, context.probe),
      commit_(config_, assignment_, outbox_) {}

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
  TRY(TakeBackOwed());
  TRY(assignment_.RemakeDamaged(*consumer_));
  TRY(assignment_.Locate(*consumer_));
  TRY(assignment_.OpenAndRestore(*consumer_));
  status_.restoring = assignment_.restoring();
  TRY(ReadBatch());
  if (rewind_ != Rewinding::kNone) {
    return {};
  }
  TRY(AppendTicks());
  if (commit_.IsDue()) {
    TRY(CommitNow(false));
  }
  return Throttle();
}

Result<void> Worker::CreateClients() {
  TRY_ASSIGN(intake_, Intake::Make(config_, context_.person_key, context_.levers.catalogue()));
  TRY(assignment_.Start(context_.kafka));
  TRY(Join());  // goes on by itself while the producer is made; nothing is polled before
  return outbox_.Open();
}

Result<void> Worker::Join() {
  KafkaOptions member = context_.kafka;
  member.properties["auto.offset.reset"] = "error";  // where to begin is our decision, always
  TRY_ASSIGN(consumer_,
             Consumer::Create(
                 member,
                 {.group = config_.app, .instance = fmt::format("{}-{}", config_.instance, index_)},
                 *this));
  std::vector<std::string> topics{config_.Topic(kEventsTopic), config_.Topic(kFeedbackTopic),
                                  config_.Topic(kControlTopic)};
  for (const InputConfig& input : config_.inputs) {
    topics.push_back(input.topic);
  }
  return consumer_->Subscribe(topics);
}

// ---------------------------------------------------------------- rebalances

// Where each begins is found out by Assignment::Locate: a rebalance must not wait for that.
void Worker::OnAssigned(std::span<TopicPartitionOffset> partitions) {
  for (TopicPartitionOffset& assigned : partitions) {
    assigned.offset = kOffsetBeginning;  // paused until it is located
    assignment_.Add(assigned.at);
  }
  TellOwner();
  status_.restoring = assignment_.restoring();
  status_.joined = true;
  context_.probe.Rebalanced();
}

void Worker::OnRevoked(std::span<const TopicPartition> partitions) {
  // With all summaries: the next owner may be long in coming.
  Result<void> committed = CommitNow(true);
  if (!committed.ok()) {
    spdlog::warn("What was staged at a rebalance is dropped and read again: {}.",
                 committed.error().message);
    DropStaged();
  }
  assignment_.Release(partitions);
  TellOwner();
}

void Worker::OnLost(std::span<const TopicPartition> partitions) {
  spdlog::warn("Partitions were lost to another member: partitions={}. Dropping what is staged.",
               partitions.size());
  DropStaged();
  assignment_.Release(partitions);
  TellOwner();
}

// Whoever owns the control topic's partition copies levers into the tasks' log and sets thresholds.
void Worker::TellOwner() {
  bool owner = assignment_.Find(config_.Topic(kControlTopic), 0) != nullptr;
  if (owner != std::exchange(owns_control_, owner)) {
    context_.levers.Own(owner);
  }
}

// In a rebalance: what stays is read again from its last commit by the loop, which also makes a new
// producer when the old one could not even abort.
void Worker::DropStaged() {
  context_.probe.Aborted();
  bool usable = outbox_.TakeVerdict() != Outbox::Next::kNewProducer;
  bool aborted = outbox_.Abort().ok() && usable;
  Forget();
  rewind_ = aborted ? Rewinding::kSeek : Rewinding::kReset;
}

Result<void> Worker::TakeBackOwed() {
  switch (std::exchange(rewind_, Rewinding::kNone)) {
    case Rewinding::kNone:
      return {};
    case Rewinding::kSeek:
      return assignment_.Rewind(*consumer_);
    case Rewinding::kReset:
      return Reset();
  }
  CHECK(false);
}

// ---------------------------------------------------------------- records

Result<void> Worker::ReadBatch() {
  // Where timers are left a commit comes first; the record is read again after it.
  Duration wait = assignment_.reads_changelogs() ? Duration{0} : kIdlePoll;
  if (commit_.handled() > 0) {
    wait = std::clamp(commit_.Remaining(), Duration{0}, kIdlePoll);
  }
  commit_.SetCaughtUp(false);
  for (int i = 0; i < kBatchRecords && !commit_.timers_left(); ++i) {
    Result<std::optional<Message>> polled = consumer_->Poll(i == 0 ? wait : Duration{0});
    if (!polled.ok()) {
      return PollFailed(polled.error());
    }
    // After a rebalance that dropped what was staged, messages of partitions that stayed would
    // leave a gap: they are read again.
    if (!polled.value() || rewind_ != Rewinding::kNone) {
      commit_.SetCaughtUp(true);
      return {};
    }
    const Message& message = *polled.value();
    if (message.IsEof()) {
      NoteEnd(message);
    } else {
      TRY(Handle(message));
    }
    if (commit_.IsFull()) {
      return {};
    }
  }
  return {};
}

// librdkafka has given up a partition whose next record is gone, and cannot be told to go on. As a
// new member the worker finds out what is missing, and what to do about it (Assignment).
Result<void> Worker::Rejoin() {
  TRY(consumer_->Close(config_.drain_deadline));
  return Join();
}

Result<void> Worker::PollFailed(const Error& error) {
  if (error.code == Error::Code::kCorrupt) {
    TRY_ASSIGN(bool lost, assignment_.AnyLost(*consumer_));
    if (lost) {
      return Rejoin();
    }
  }
  return error;
}

// Behind the last record there may be a commit's marker: an offset that holds nothing to process.
void Worker::NoteEnd(const Message& message) {
  Partition* partition = assignment_.Find(message.topic(), message.partition());
  if (partition != nullptr && partition->reading && !partition->stuck) {
    partition->end = std::max(partition->next, message.offset());
  }
}

Result<void> Worker::Handle(const Message& message) {
  Partition* partition = assignment_.Find(message.topic(), message.partition());
  // What was fetched before a seek, a pause or a rebalance may still come; gaps are normal.
  if (partition == nullptr || !partition->reading || message.offset() < partition->next) {
    return {};
  }
  commit_.Handled(1);
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
      if (commit_.timers_left()) {
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

Result<void> Worker::HandleInput(const Partition& partition, const Message& message) {
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
    TRY(outbox_.SendEvent(taken_.routed[i].key, taken_.routed[i].record, taken_.times[i]));
  }
  for (const RejectedRecord& rejected : taken_.rejected) {
    TRY(outbox_.SendRejected(rejected));
  }
  return {};
}

// A version of a lever goes to every task. Whoever owns the control topic's partition does it.
Result<void> Worker::HandleControl(const Message& message) {
  pb::Control control;
  if (!message.has_value() ||
      !control.ParseFromArray(message.value().data(), static_cast<int>(message.value().size())) ||
      control.version() != kControlVersion) {
    return {};  // the lever board logs it
  }
  return outbox_.SendLevers(message.key(), control.levers());
}

Result<void> Worker::HandleEvent(Partition& partition, const Message& message) {
  LogRecord record{.offset = message.offset(),
                   .timestamp = message.timestamp().value_or(EventTime{}),
                   .key = message.key(),
                   .value = message.has_value() ? message.value() : std::string_view()};
  TaskOutputs& outputs = commit_.outputs();
  size_t rejects = outputs.rejects.size();
  Result<Task::Progress> progress = partition.task()->Process(record, outputs);
  if (!progress.ok()) {
    return partition.Failed(progress.error());
  }
  if (outputs.rejects.size() > rejects) {
    outputs.rejects.back().partition = partition.at.partition;
  }
  if (progress.value() == Task::Progress::kTimersLeft) {
    commit_.LeaveTimers();
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
  for (const std::unique_ptr<Partition>& partition : assignment_.all()) {
    const Task* task = partition->task();
    std::optional<EventTime> due = task == nullptr ? std::nullopt : task->NextTimer();
    if (!due || *due > now) {
      continue;
    }
    EventTime ticked = partition->host->ticked;
    if (ticked >= *due && now - ticked < kTickAgain) {
      continue;
    }
    TRY(outbox_.SendTick(partition->at.partition));
    partition->host->ticked = now;
    commit_.TickSent();
    context_.probe.Ticked();
  }
  return {};
}

// Inputs wait until every task has its levers, and while the tasks of this worker lag behind.
Result<void> Worker::Throttle() {
  Assignment::Lag lag = assignment_.ReportLag(*consumer_);
  status_.lag = lag.events + lag.others;
  if (context_.levers.catalogue_version() != intake_->catalogue_version()) {
    TRY(intake_->UseCatalogue(context_.levers.catalogue()));
  }
  int64_t limit = assignment_.inputs_paused() ? config_.input_lag_max / 2 : config_.input_lag_max;
  return assignment_.PauseInputs(!context_.levers.distributed() || lag.events > limit, *consumer_);
}

Result<void> Worker::CommitNow(bool all_summaries) {
  if (!outbox_.is_open()) {
    return {};
  }
  TRY_ASSIGN(std::optional<Commit::Done> done, commit_.Run(all_summaries, *consumer_));
  if (!done) {
    return {};
  }
  failures_in_a_row_ = 0;
  fenced_ = false;
  context_.probe.Committed(done->outputs, intake_->TakeCounts(), done->records, done->took,
                           WallNow());
  for (const Partition* partition : done->tasks) {
    context_.probe.TaskCommitted(partition->at.partition, *partition->task());
    context_.levers.Reached(partition->task()->time());
  }
  Result<void> sought = assignment_.ReadStuckAgain(*consumer_);
  if (!sought.ok()) {
    spdlog::warn("Seeking failed and is tried again: {}.", sought.error().message);
    rewind_ = Rewinding::kSeek;
  }
  return {};
}

// The pipeline ends the process when this takes longer than the deadline: calls to a broker that is
// away cannot be given up.
Result<void> Worker::Drain() {
  auto deadline = std::chrono::steady_clock::now() + config_.drain_deadline;
  Result<void> committed = CommitNow(true);
  if (!committed.ok()) {
    spdlog::warn("The last commit failed; its records are read again at the next start: {}.",
                 committed.error().message);
    // Without a producer, leaving the group finds nothing to commit; the broker, or the next
    // producer of this name, ends what is open.
    outbox_.Close();
    Forget();
  }
  auto left = std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now());
  return consumer_->Close(std::max(left, kCloseTimeoutMin));
}

// ---------------------------------------------------------------- when something goes wrong

// kCorrupt, kInvalid and kConflict of the outside world are for people; the rest is tried again.
Result<void> Worker::Recover(const Error& error) {
  auto now = std::chrono::steady_clock::now();
  if (now - last_failure_ > kQuietTime) {
    failures_in_a_row_ = 0;
    fenced_ = false;
  }
  last_failure_ = now;
  ++failures_in_a_row_;
  std::optional<Outbox::Next> verdict = outbox_.TakeVerdict();
  if (failures_in_a_row_ > kFailuresMax) {
    return Error{error.code, fmt::format("{} attempts failed, the last one because: {}",
                                         failures_in_a_row_, error.message)};
  }
  if (!verdict && (error.code == Error::Code::kConflict || error.code == Error::Code::kInvalid ||
                   error.code == Error::Code::kCorrupt)) {
    return error;
  }
  if (error.code == Error::Code::kConflict && failures_in_a_row_ > 1) {
    fenced_ = true;
    return error;
  }
  fenced_ = fenced_ || error.code == Error::Code::kConflict;
  spdlog::warn("A step failed and is taken back: failures_in_a_row={} error=\"{}\".",
               failures_in_a_row_, error.message);
  std::this_thread::sleep_for(kRetryPause * std::min(failures_in_a_row_, 10));
  TRY(verdict == Outbox::Next::kNewProducer ? Reset() : Abort());
  return ServeGroup();
}

// Drops everything since the last commit and reads it again.
Result<void> Worker::Abort() {
  context_.probe.Aborted();
  if (!outbox_.Abort().ok()) {
    return Reset();
  }
  Forget();
  rewind_ = Rewinding::kSeek;
  return {};
}

// Only polling serves the group's events, and while a rebalance waits for that every seek times
// out: a step that fails at one would fail for ever. A record that comes is read again.
Result<void> Worker::ServeGroup() {
  Result<std::optional<Message>> polled = consumer_->Poll(kIdlePoll);
  if (!polled.ok() && polled.error().code != Error::Code::kUnavailable) {
    return PollFailed(polled.error());
  }
  return {};
}

// The outcome is unknown, or the producer is of no use any more: the log decides.
Result<void> Worker::Reset() {
  context_.probe.Reset();
  Forget();
  TRY(assignment_.Reset(*consumer_));
  return outbox_.Open();
}

void Worker::Forget() {
  commit_.Drop();
  (void)intake_->TakeCounts();
  assignment_.Forget();
}

}  // namespace hotiron
