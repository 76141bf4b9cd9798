#include "app/commit.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "app/fault.h"
#include "base/wall_clock.h"

namespace hotiron {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kCommitTimeout{30'000};  // of offsets, at-least-once

}  // namespace

Commit::Commit(const Config& config, Assignment& assignment, Outbox& outbox)
    : config_(config), assignment_(assignment), outbox_(outbox) {}

bool Commit::IsDue() const {
  if (timers_left_ || IsFull()) {
    return true;
  }
  size_t bytes = 0;
  bool summaries = false;
  bool starts = false;
  EventTime now = WallNow();
  for (const std::unique_ptr<Partition>& partition : assignment_.all()) {
    starts = starts || (partition->start_owed && partition->located);
    if (const Task* task = partition->task()) {
      bytes += task->staged_bytes();
      std::optional<EventTime> due = task->NextSummary();
      summaries = summaries || (due && *due <= now);
    }
  }
  if (bytes >= static_cast<size_t>(config_.commit_bytes)) {
    return true;
  }
  return (handled_ > 0 || summaries || starts) && Remaining() <= Duration{0};
}

Duration Commit::Remaining() const {
  bool hurries = caught_up_ && !outputs_.triggers.empty();
  Duration interval = hurries ? config_.commit_interval / 2 : config_.commit_interval;
  return interval - std::chrono::duration_cast<Duration>(SteadyClock::now() - began_);
}

Result<std::optional<Commit::Done>> Commit::Run(bool all_summaries, Consumer& consumer) {
  began_ = SteadyClock::now();
  TRY(StageTasks(all_summaries));
  TRY(Send());
  std::vector<TopicPartitionOffset> offsets = Offsets();
  if (offsets.empty() && !outbox_.in_transaction()) {
    handled_ = 0;
    return std::optional<Done>();
  }
  TRY(ExactlyOnce() ? CommitTransaction(offsets, consumer) : CommitAtLeastOnce(offsets, consumer));
  return std::optional<Done>(Finish(offsets));
}

void Commit::Drop() {
  outputs_.Clear();
  staged_.clear();
  handled_ = 0;
  timers_left_ = false;
}

Result<void> Commit::StageTasks(bool all_summaries) {
  staged_.clear();
  EventTime wall = WallNow();
  for (const std::unique_ptr<Partition>& partition : assignment_.all()) {
    Task* task = partition->task();
    if (task == nullptr) {
      continue;
    }
    std::optional<EventTime> summary = task->NextSummary();
    bool owes = summary && (all_summaries || *summary <= wall);
    if (!task->dirty() && !owes) {
      continue;
    }
    StagedTask staged{partition.get(), {}};
    Result<void> rows = task->StageRows(wall, all_summaries, staged.rows, outputs_);
    if (!rows.ok()) {
      return partition->Failed(rows.error());
    }
    if (!staged.rows.empty()) {
      staged_.push_back(std::move(staged));
    }
  }
  return {};
}

Result<void> Commit::Send() {
  TRY(outbox_.SendOutputs(outputs_));
  if (!ExactlyOnce()) {
    // Without a transaction the order tells: a trigger may come twice, but no row says that one was
    // opened which never left.
    TRY(outbox_.Flush());
  }
  for (const StagedTask& staged : staged_) {
    TRY(outbox_.SendRows(staged.partition->host->changelog(), staged.rows));
  }
  return FaultAt(FaultPlace::kProduced) ? Result<void>(Unavailable("fault: produced"))
                                        : Result<void>();
}

std::vector<TopicPartitionOffset> Commit::Offsets() const {
  std::vector<TopicPartitionOffset> offsets;
  for (const std::unique_ptr<Partition>& partition : assignment_.all()) {
    auto staged = std::find_if(staged_.begin(), staged_.end(), [&](const StagedTask& task) {
      return task.partition == partition.get();
    });
    if (staged != staged_.end()) {
      offsets.push_back(
          {partition->at, partition->next, fmt::format("{}", partition->task()->commits() + 1)});
    } else if (partition->next != partition->committed ||
               (partition->start_owed && partition->located)) {
      offsets.push_back({partition->at, partition->next});
    }
  }
  return offsets;
}

Result<void> Commit::CommitTransaction(const std::vector<TopicPartitionOffset>& offsets,
                                       Consumer& consumer) {
  if (!staged_.empty() && FaultSwapsCommitOrder()) {
    TRY(WriteRows(consumer));
    for (const StagedTask& staged : staged_) {
      TRY(assignment_.Close(*staged.partition->host));  // makes them permanent
    }
    FaultExit();
  }
  TRY(outbox_.Commit(offsets, consumer));
  return WriteRows(consumer);
}

// Rows may reach the store before the offsets are committed: after a crash in between the records
// are read again, and the store knows that it has them.
Result<void> Commit::CommitAtLeastOnce(const std::vector<TopicPartitionOffset>& offsets,
                                       Consumer& consumer) {
  TRY(outbox_.Flush());
  TRY(WriteRows(consumer));
  Result<void> committed =
      offsets.empty() ? Result<void>() : consumer.Commit(offsets, kCommitTimeout);
  if (!committed.ok()) {
    spdlog::warn("Offsets were not committed; after a crash their records are read again: {}.",
                 committed.error().message);
  }
  return {};
}

// The commit has happened: a store that cannot be written is left behind and restored later. Where
// not even that works the log must decide, as for a commit whose answer was lost: an abort would
// read again what has been committed.
Result<void> Commit::WriteRows(Consumer& consumer) {
  for (StagedTask& staged : staged_) {
    TaskHost& host = *staged.partition->host;
    Result<void> written =
        host.WriteCommitted(staged.rows, outbox_.NextDelivered(host.changelog()));
    if (!written.ok()) {
      written = assignment_.Remake(*staged.partition, written.error(), consumer);
    }
    if (!written.ok()) {
      outbox_.DoubtOutcome();
      return written;
    }
  }
  (void)FaultAt(FaultPlace::kWritten);
  return {};
}

Commit::Done Commit::Finish(const std::vector<TopicPartitionOffset>& offsets) {
  Done done;
  for (const StagedTask& staged : staged_) {
    if (Task* task = staged.partition->task()) {
      task->Committed();
      done.tasks.push_back(staged.partition);
    }
  }
  for (const TopicPartitionOffset& offset : offsets) {
    Partition* partition = assignment_.Find(offset.at.topic, offset.at.partition);
    if (partition != nullptr) {
      partition->committed = offset.offset;
      partition->start_owed = false;
    }
  }
  done.outputs = std::move(outputs_);
  done.records = handled_;
  done.took = SteadyClock::now() - began_;
  Drop();
  return done;
}

}  // namespace hotiron
