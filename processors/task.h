#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "base/row.h"
#include "processors/account.h"
#include "processors/decisions.h"
#include "processors/estimator.h"
#include "processors/model.h"
#include "processors/models_in_force.h"
#include "processors/row_source.h"
#include "processors/slice_table.h"

namespace hotiron {

inline constexpr int kHopsMax = 4;             // forwards of one record
inline constexpr int kWaitingMax = 64;         // signals that wait in an object's row
inline constexpr size_t kTimersPerStep = 500;  // fired before the worker gets to commit

struct TaskOptions {
  TimeScale scale;
  JourneyLimits limits;
  size_t cached_accounts = 50'000;             // state.cached_accounts, per task
  Duration summary_interval = Duration{1000};  // journeys.interval
  std::vector<std::string> segments;           // those the census tells apart; the rest is "other"
};

// One record of <app>.events as it was read.
struct LogRecord {
  int64_t offset = 0;
  EventTime timestamp;  // the record's own
  std::string_view key;
  std::string_view value;
};

// What processing has brought about since the outputs were last cleared.
struct TaskOutputs {
  struct Forward {
    std::string key;
    std::string value;  // pb::TaskRecord
    EventTime time;     // of the record's body
  };

  struct Summary {
    std::string key;
    std::string json;
  };

  struct Reject {
    int32_t partition = 0;  // filled in by the worker
    int64_t offset = 0;
    std::string_view reason;  // bad_record, bad_key, too_many_hops, waiting_overflow, bad_feedback
    std::string key;
    std::string value;
  };

  std::vector<pb::Trigger> triggers;
  std::vector<Forward> forwards;
  std::vector<Summary> summaries;
  std::vector<Reject> rejects;

  // For the counters.
  uint64_t verdicts[5] = {};  // by Verdict
  FoldCounts folds;
  uint64_t timers = 0;
  std::vector<Suppressed> suppressions;
  std::vector<Judged> judged;
  std::map<std::tuple<std::string, std::string, std::string>, uint64_t>
      transitions;                           // stage from, to, segment
  std::map<std::string, uint64_t> signals;   // applied, by source
  std::map<std::string, uint64_t> topics;    // applied, by what they were about ("": not known)
  std::vector<int64_t> cause_timestamps_ms;  // of input records applied, for the latency

  void Clear();
};

// The pure core: applies the records of one partition of <app>.events to the rows of that partition
// and decides. Reads no clock, no network, no disk but through RowSource.
//
// Operation: Load; then for each record Process until it says kDone; then StageRows, and once these
// are durable Committed, or else Discard, which forgets all that happened since the last Committed
// (the records must then be processed again from next_offset()).
// The same records give the same rows, triggers and forwards, however they are cut into commits.
// Concurrency: one thread. Limits: TaskOptions and the constants above.
class Task {
 public:
  enum class Progress : uint8_t {
    kDone,
    kTimersLeft,  // timers were due before this record; commit, then process the record again
  };

  Task(TaskOptions options, RowSource& rows);

  // Reads what must be in memory: position, levers, census, timers, and the accounts whose summary
  // was still owed when the last owner stopped.
  Result<void> Load();

  // Next record to process; nothing before the first commit.
  std::optional<int64_t> next_offset() const { return next_offset_; }

  // The running maximum of record timestamps, which is the task's clock.
  EventTime time() const { return time_; }

  // After an error nothing but Discard makes sense.
  Result<Progress> Process(const LogRecord& record, TaskOutputs& outputs);

  // When the next timer is due; nothing when there is none.
  std::optional<EventTime> NextTimer() const;

  // Appends every row that changed, with the position, and every summary that is due at `wall`.
  // `wall` only spaces the summaries and stamps the position; all = those that are not due yet too.
  Result<void> StageRows(EventTime wall, bool all_summaries, std::vector<Row>& rows,
                         TaskOutputs& outputs);

  void Committed();
  void Discard();

  // True when there is anything to commit.
  bool dirty() const;

  // When the oldest owed summary is due, on the wall clock.
  std::optional<EventTime> NextSummary() const;

  // Bytes that wait for a commit, roughly; the worker bounds it.
  size_t staged_bytes() const { return staged_bytes_; }

  const pb::CensusRow& census() const { return census_; }

  // Counts the commits of this task; a restore is complete when it has reached the one that the
  // group's committed offset names.
  uint64_t commits() const { return commits_; }

  uint32_t policy_version() const { return policies_.version(); }

  uint32_t catalogue_version() const { return model_->catalogue().version(); }

  uint32_t models_version() const { return models_.set().version(); }

  const pb::PolicySet& policies() const { return policies_; }

  const pb::Thresholds& thresholds() const { return thresholds_; }

  const ModelsInForce& models() const { return models_; }

  // Every account of this partition as it is now (tests and offline commands). Rows that are not in
  // memory are read.
  Result<void> ForEachAccount(const std::function<void(const Account&)>& visit);

  const Model& model() const { return *model_; }

  // The moment for which an account's summary is stated.
  EventTime AsOf(const Account& account) const;

 private:
  struct Cached {
    Account account;
    bool dirty = false;
    bool counted = false;        // in the census, since the last change
    std::optional<Level> level;  // as of the last change, when a decision had to know
  };

  Result<Cached*> LoadAccount(std::string_view key);
  void MarkDirty(Cached& cached);
  Result<Verdict> ApplyLevers(const pb::Levers& levers, TaskOutputs& outputs);
  Result<Verdict> ApplySignal(Cached& cached, const pb::TaskRecord& record, TaskOutputs& outputs);
  Result<Verdict> ApplyToAccount(std::string_view key, const pb::TaskRecord& record,
                                 TaskOutputs& outputs);
  Result<Verdict> ApplyToObject(std::string_view key, const pb::TaskRecord& record,
                                TaskOutputs& outputs);
  void Forward(const pb::ObjectRow& row, pb::TaskRecord record, TaskOutputs& outputs) const;
  // The first one; `until`: the time of the record that comes next.
  Result<void> FireTimer(EventTime until, TaskOutputs& outputs);
  Standing Decide(Cached& cached, const pb::Cause* cause, bool live, TaskOutputs& outputs);
  DecisionContext Context(const pb::Cause* cause, bool live) const;
  int64_t NextRetelling(const Account& account, EventTime now) const;
  void PlanRetelling(Account& account) const;
  void Retell(Cached& cached, EventTime now, TaskOutputs& outputs);
  void SetTimer(Account& account);
  bool IsLive(int64_t event_ms, bool history) const;
  void CountInCensus(Cached& cached, TaskOutputs& outputs);
  void MoveCensus(std::string_view stage, std::string_view segment, int64_t by);
  void StageLevers(std::vector<Row>& rows) const;
  Result<void> LoadLevers();
  void EvictClean();

  const TaskOptions options_;  // constant after construction
  RowSource& rows_;
  SliceTable slices_;

  // Decoded accounts, the last used first, and where each is by its key.
  std::list<Cached> recent_;
  absl::flat_hash_map<std::string_view, std::list<Cached>::iterator, TextHash> accounts_;
  std::vector<Cached*> dirty_;

  struct Object {
    pb::ObjectRow row;
    bool changed = false;
  };

  std::map<std::string, Object, std::less<>> objects_;  // read since the commit
  absl::btree_set<std::pair<int64_t, std::string>> timers_;
  std::map<std::pair<int64_t, std::string>, bool> timer_changes_;  // true = added

  struct LeversChanged {
    bool policies = false;
    bool catalogue = false;
    bool models = false;
    bool thresholds = false;

    bool Any() const { return policies || catalogue || models || thresholds; }
  };

  LeversChanged levers_changed_;
  size_t staged_bytes_ = 0;

  // Owed summaries, oldest first, with the wall time when each is due.
  struct Owed {
    EventTime due;
    EventTime since;  // task time of the change
    std::string key;
  };

  std::deque<Owed> owed_;
  absl::flat_hash_set<std::string> owed_keys_;
  std::vector<Owed> summaries_in_flight_;  // staged, as they were owed

  pb::PolicySet policies_;
  pb::Thresholds thresholds_;
  std::unique_ptr<Model> model_;
  ModelsInForce models_;
  pb::CensusRow census_;
  std::optional<int64_t> next_offset_;
  EventTime time_{};
  uint64_t commits_ = 0;

  // What Discard goes back to.
  struct LastCommit {
    pb::PolicySet policies;
    pb::Catalogue catalogue;
    pb::ModelSet models;
    pb::Thresholds thresholds;
    pb::CensusRow census;
    std::optional<int64_t> next_offset;
    EventTime time{};
  };

  LastCommit committed_;
};

}  // namespace hotiron
