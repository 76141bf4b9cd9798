#include "app/task_host.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>

#include "base/time.h"
#include "base/versions.h"

namespace hotiron {
namespace {

constexpr Duration kOpenAgain{1'000};  // a full disk is not freed by haste
constexpr Duration kWaitingSaidAgain{30'000};

std::optional<EventTime> CommitTime(std::string_view offset_row) {
  pb::OffsetRow row;
  if (!row.ParseFromArray(offset_row.data(), static_cast<int>(offset_row.size()))) {
    return std::nullopt;
  }
  return FromMillis(row.wall_ms());
}

// The number of the task's commit that the group's committed offset belongs to; 0 when unknown.
uint64_t CommitNumber(const std::optional<CommittedOffset>& committed) {
  uint64_t number = 0;
  if (committed) {
    const std::string& text = committed->metadata;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number;
}

}  // namespace

TaskOptions TaskOptionsOf(const Config& config) {
  TaskOptions options;
  options.scale.unit = config.time_unit;
  options.limits.age = config.log_age;
  options.limits.entries = static_cast<size_t>(config.log_entries);
  options.limits.signals = static_cast<size_t>(config.journey_signals);
  options.limits.slices = static_cast<size_t>(config.journey_slices);
  options.cached_accounts =
      static_cast<size_t>(std::max(1, config.cached_accounts / config.partitions));
  options.summary_interval = config.journey_interval;
  options.segments = config.segments;
  return options;
}

TaskHost::TaskHost(Options options, StoreResources& stores,
                   std::optional<CommittedOffset> committed)
    : options_(std::move(options)),
      stores_(stores),
      committed_(std::move(committed)),
      waiting_since_(std::chrono::steady_clock::now()) {
  position_.set_version(kRowVersion);
  position_.set_next_offset(-1);
}

TaskHost::~TaskHost() = default;

Result<bool> TaskHost::Open(Reader& reader, EventTime now) {
  auto moment = std::chrono::steady_clock::now();
  if (moment < open_next_) {
    return false;
  }
  open_next_ = moment + kOpenAgain;
  Result<OpenedStore> opened =
      stores_.Open(options_.events.topic, options_.events.partition, now, &CommitTime);
  if (!opened.ok()) {
    bool held = opened.error().code == Error::Code::kConflict;
    if (opened.error().code != Error::Code::kUnavailable &&
        !(held && moment - waiting_since_ < options_.patience)) {
      return opened.error();
    }
    if (!waiting_said_ || moment - *waiting_said_ > kWaitingSaidAgain) {
      waiting_said_ = moment;
      spdlog::warn(
          "The state of a partition cannot be opened yet, waiting{}: partition={} "
          "error=\"{}\".",
          held ? " for up to " + FormatDuration(options_.patience) : std::string(),
          ToString(options_.events), opened.error().message);
    }
    return false;
  }
  if (waiting_said_) {
    spdlog::info("The state of a partition could be opened, going on: partition={}.",
                 ToString(options_.events));
    waiting_said_.reset();
  }
  waiting_since_ = moment;  // for the changelog, from here on
  store_ = std::move(opened.value().store);
  if (opened.value().outcome.state == OpenOutcome::State::kWasCorrupt) {
    spdlog::error("A damaged state directory was set aside and is restored: aside={}.",
                  opened.value().outcome.aside.string());
  }
  TRY_ASSIGN(std::optional<std::string> row, store_->Get(kOffsetKey));
  int64_t from = kOffsetBeginning;
  if (row) {
    if (!position_.ParseFromString(*row) || position_.version() != kRowVersion) {
      return Corrupt(fmt::format("{}: the offset row does not read back (version {})",
                                 ToString(options_.events), position_.version()));
    }
    from = position_.changelog_next();
  }
  std::vector<TopicPartitionOffset> start{{options_.changelog, from}};
  TRY(reader.Add(start));
  reading_ = true;
  stage_ = Stage::kRestoring;
  return true;
}

Result<void> TaskHost::Restore(const Message& message) {
  at_end_ = message.IsEof();
  if (at_end_) {
    return {};
  }
  ++restored_records_;
  position_.set_changelog_next(message.offset() + 1);
  if (message.key() == kOffsetKey) {
    pb::OffsetRow row;
    if (!row.ParseFromArray(message.value().data(), static_cast<int>(message.value().size())) ||
        row.version() != kRowVersion) {
      return Corrupt(
          fmt::format("{} at {}: the offset row does not read back (version {}): written "
                      "by a newer hotiron?",
                      ToString(options_.changelog), message.offset(), row.version()));
    }
    row.set_changelog_next(message.offset() + 1);
    position_ = row;
    whole_ = restored_.size();
    whole_next_ = row.changelog_next();
  } else {
    Row row{std::string(message.key()), std::nullopt};
    if (message.has_value()) {
      row.value = std::string(message.value());
    }
    restored_bytes_ += row.key.size() + message.value().size();
    restored_.push_back(std::move(row));
  }
  if (restored_bytes_ < options_.batch_bytes) {
    return {};
  }
  // Rows whose offset row is still to come wait for it. Where compaction has taken the offset rows
  // away they are too many to belong to one commit, and are written as they are.
  bool compacted = restored_bytes_ >= options_.commit_bytes;
  return WriteRestored(compacted ? restored_.size() : whole_);
}

// Writes the first `rows` restored rows. Halfway through, the position may say less than the rows
// do; reading on from changelog_next mends it, and nothing uses the rows before that.
Result<void> TaskHost::WriteRestored(size_t rows) {
  if (rows == 0) {
    return {};
  }
  auto end = restored_.begin() + static_cast<std::ptrdiff_t>(rows);
  std::vector<Row> batch(std::make_move_iterator(restored_.begin()), std::make_move_iterator(end));
  restored_.erase(restored_.begin(), end);
  pb::OffsetRow position = position_;
  if (!restored_.empty()) {
    position.set_changelog_next(whole_next_);
  }
  batch.push_back({std::string(kOffsetKey), position.SerializeAsString()});
  TRY(store_->Write(batch));
  whole_ = 0;
  restored_bytes_ = 0;
  for (const Row& row : restored_) {
    restored_bytes_ += row.key.size() + (row.value ? row.value->size() : 0);
  }
  return {};
}

Result<bool> TaskHost::FinishRestore(Reader& reader) {
  bool reached = !committed_ || (position_.next_offset() >= committed_->offset &&
                                 position_.commits() >= CommitNumber(committed_));
  if (!at_end_ || !reached) {
    if (at_end_ && std::chrono::steady_clock::now() - waiting_since_ > options_.patience) {
      return Conflict(fmt::format(
          "{} ends before the commit that the group knows of (offset {}, commit {}; it has {}, "
          "{}): "
          "was the topic deleted or cut? Reset the group's offsets or restore the topic",
          ToString(options_.changelog), committed_->offset, CommitNumber(committed_),
          position_.next_offset(), position_.commits()));
    }
    return false;
  }
  // Rows without their offset row are half of an at-least-once commit that was killed: its records
  // are read again and say all of it.
  restored_.resize(whole_);
  if (restored_records_ > 0) {
    restored_.push_back({std::string(kOffsetKey), position_.SerializeAsString()});
    TRY(store_->Write(restored_));
    restored_.clear();
  }
  std::vector<TopicPartition> done{options_.changelog};
  TRY(reader.Remove(done));
  reading_ = false;
  rows_ = std::make_unique<StoreRows>(*store_);
  task_ = std::make_unique<Task>(options_.task, *rows_);
  TRY(task_->Load());
  stage_ = Stage::kRunning;
  return true;
}

std::optional<int64_t> TaskHost::next_offset() const {
  return task_->next_offset();
}

Result<void> TaskHost::WriteCommitted(std::vector<Row>& rows,
                                      std::optional<int64_t> changelog_next) {
  if (changelog_next) {
    position_.set_changelog_next(std::max(position_.changelog_next(), *changelog_next));
  }
  CHECK(!rows.empty() && rows.back().key == kOffsetKey);
  pb::OffsetRow offset;
  CHECK(offset.ParseFromString(*rows.back().value));
  offset.set_changelog_next(position_.changelog_next());
  rows.back().value = offset.SerializeAsString();
  position_ = offset;
  return store_->Write(rows);
}

Result<void> TaskHost::Close(Reader& reader) {
  if (reading_) {
    std::vector<TopicPartition> ours{options_.changelog};
    TRY(reader.Remove(ours));
    reading_ = false;
  }
  task_.reset();
  rows_.reset();
  Result<void> closed = store_ ? store_->Close() : Result<void>();
  store_.reset();
  return closed;
}

}  // namespace hotiron
