// One partition's records in, its rows out.
//
// Everything that a record changes is kept apart until the worker says what became of the commit:
// accounts in the cache are marked dirty, slices and object rows are staged, timers and the census
// keep what they need to go back. Committed makes it the new truth, Discard drops it, and both
// leave the task as if the other had never been possible. So the worker may commit when it likes.

#include "processors/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <type_traits>

#include "base/hash.h"
#include "base/identity.h"
#include "base/limits.h"
#include "base/local_message.h"
#include "base/versions.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

constexpr std::string_view kPolicyKey = "Lpolicy";
constexpr std::string_view kCatalogueKey = "Lcatalogue";
constexpr std::string_view kModelsKey = "Lmodels";
constexpr std::string_view kThresholdsKey = "Lthresholds";
constexpr std::string_view kCensusKey = "C";
constexpr std::string_view kOtherSegment = "other";
constexpr double kWeightMax = 1e6;
constexpr int kPathMax = 4;
constexpr size_t kKeyBytesMax = kIdBytesMax + 2;
constexpr size_t kSubjectBytesMax = kIdBytesMax + 20;  // "opportunity:" and an id
constexpr size_t kTopicBytesMax = 249;                 // Kafka's own
constexpr int kRetoldAfter = 8;  // units of silence, at least, until a stage is told anew
constexpr int kRetellings = 5;   // each after twice the silence of the one before
constexpr size_t kAccountBytesGuess = 600;  // of a dirty account, for staged_bytes()

// A point of the curve that is this long before a signal is another point than the signal's own.
constexpr Duration kJustBefore = std::chrono::minutes{1};

CurvePoint PointAt(EventTime time, const Standing& standing) {
  CurvePoint point{
      .time = time, .progress = standing.level.progress, .points = standing.level.points};
  for (size_t i = 0; i < std::min(standing.scores.size(), CurvePoint::kChances); ++i) {
    if (standing.scores[i].skill) {
      point.chances[i] = standing.scores[i].probability;
    }
  }
  point.horizons = HorizonsOf(standing.scores);
  return point;
}

std::string PrefixedKey(char prefix, std::string_view key) {
  std::string row_key(1, prefix);
  row_key += key;
  return row_key;
}

// Big-endian, so that key order is time order.
std::string TimerKey(int64_t due_ms, std::string_view key) {
  std::string row_key(1, kTimerRow);
  for (int shift = 56; shift >= 0; shift -= 8) {
    row_key += static_cast<char>(static_cast<uint64_t>(due_ms) >> shift);
  }
  row_key += key;
  return row_key;
}

std::pair<int64_t, std::string> ParseTimerKey(std::string_view row_key) {
  uint64_t due_ms = 0;
  for (size_t i = 1; i < 9; ++i) {
    due_ms = due_ms << 8 | static_cast<unsigned char>(row_key[i]);
  }
  return {static_cast<int64_t>(due_ms), std::string(row_key.substr(9))};
}

// The version of a lever's row is the lever's own.
template <typename Record>
constexpr bool kIsVersioned =
    !std::is_same_v<Record, pb::PolicySet> && !std::is_same_v<Record, pb::Catalogue> &&
    !std::is_same_v<Record, pb::ModelSet> && !std::is_same_v<Record, pb::Thresholds>;

template <typename Record>
Result<std::optional<Record>> ReadRow(RowSource& rows, std::string_view key) {
  TRY_ASSIGN(std::optional<std::string> bytes, rows.Get(key));
  if (!bytes) {
    return std::optional<Record>();
  }
  Record record;
  if (!record.ParseFromString(*bytes)) {
    return Corrupt(fmt::format("row '{}' of {} bytes does not read back", key[0], bytes->size()));
  }
  if constexpr (kIsVersioned<Record>) {
    if (record.version() != kRowVersion) {
      return Corrupt(fmt::format("row '{}' has version {}; this program reads version {}", key[0],
                                 record.version(), kRowVersion));
    }
  }
  return std::optional<Record>(std::move(record));
}

bool IsUsableTime(int64_t time_ms) {
  return time_ms >= ToMillis(kEarliestTime) && time_ms <= ToMillis(kLatestTime);
}

bool IsUsable(const pb::Signal& signal) {
  return IsUsableTime(signal.time_ms()) && signal.weight() >= 0 && signal.weight() <= kWeightMax &&
         !signal.signal().empty() && signal.signal().size() <= kSignalNameBytesMax &&
         signal.source().size() <= kSignalNameBytesMax && signal.path_size() <= kPathMax &&
         std::all_of(signal.path().begin(), signal.path().end(),
                     [](const std::string& step) { return step.size() <= kKeyBytesMax; });
}

bool IsUsable(const pb::Fact& fact) {
  return IsUsableTime(fact.time_ms()) && fact.subject().size() <= kSubjectBytesMax &&
         fact.parent().size() <= kKeyBytesMax &&
         static_cast<size_t>(fact.fields_size()) <= kSubjectFieldsMax &&
         std::all_of(fact.fields().begin(), fact.fields().end(), [](const pb::FactField& field) {
           return field.name().size() <= kFactNameBytesMax &&
                  field.value().size() <= kFactValueBytesMax;
         });
}

bool IsUsable(const pb::Feedback& feedback) {
  return feedback.trigger().size() <= kIdBytesMax &&
         feedback.reason().size() <= kFactValueBytesMax &&
         feedback.by().size() <= kFactValueBytesMax;
}

// What would spoil the sums of an account for ever, or the bounds of its row.
bool IsUsable(const pb::TaskRecord& record) {
  return record.cause().topic().size() <= kTopicBytesMax &&
         (!record.has_signal() || IsUsable(record.signal())) &&
         (!record.has_fact() || IsUsable(record.fact())) &&
         (!record.has_feedback() || IsUsable(record.feedback()));
}

bool IsKey(std::string_view key) {
  return key.size() > 2 && key[1] == ':' && key.size() <= kKeyBytesMax;
}

}  // namespace

void TaskOutputs::Clear() {
  *this = TaskOutputs();
}

Task::Task(TaskOptions options, RowSource& rows)
    : options_(std::move(options)),
      rows_(rows),
      slices_(rows),
      model_(std::make_unique<Model>(pb::Catalogue(), options_.scale)) {
  census_.set_version(kRowVersion);
  committed_.census = census_;
}

Result<void> Task::Load() {
  TRY_ASSIGN(std::optional<pb::OffsetRow> offset, ReadRow<pb::OffsetRow>(rows_, kOffsetKey));
  if (!offset || offset->next_offset() < 0) {
    return {};
  }
  if (offset->time_unit_ms() != options_.scale.unit.count()) {
    return Invalid(fmt::format(
        "journeys.time_unit is {}, but this state was made with {}: set it back, or choose another "
        "`app` and let it read the inputs again",
        FormatDuration(options_.scale.unit), FormatDuration(Duration{offset->time_unit_ms()})));
  }
  next_offset_ = offset->next_offset();
  commits_ = offset->commits();
  time_ = FromMillis(offset->time_ms());
  TRY(LoadLevers());
  TRY_ASSIGN(std::optional<pb::CensusRow> census, ReadRow<pb::CensusRow>(rows_, kCensusKey));
  if (census) {
    census_ = *census;
  }
  bool readable = true;
  TRY(rows_.Scan(std::string(1, kTimerRow), [&](std::string_view key, std::string_view) {
    readable = readable && key.size() > 9;
    if (readable) {
      timers_.insert(ParseTimerKey(key));
    }
    return readable;
  }));
  if (!readable) {
    return Corrupt("timer row: its key is too short");
  }
  if (offset->summaries_owed()) {
    EventTime since = FromMillis(offset->summaries_owed_since_ms());
    TRY(rows_.Scan(std::string(1, kAccountRow), [&](std::string_view key, std::string_view bytes) {
      pb::AccountRow row;
      if (row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
          IsCompany(key.substr(1)) && FromMillis(row.changed_ms()) >= since) {
        std::string account(key.substr(1));
        owed_keys_.insert(account);
        owed_.push_back({EventTime{}, FromMillis(row.changed_ms()), std::move(account)});
      }
      return true;
    }));
  }
  committed_ = {policies_, model_->catalogue(), models_.set(), thresholds_,
                census_,   next_offset_,        time_};
  return {};
}

Result<void> Task::LoadLevers() {
  TRY_ASSIGN(std::optional<pb::PolicySet> policies, ReadRow<pb::PolicySet>(rows_, kPolicyKey));
  if (policies) {
    policies_ = *policies;
  }
  TRY_ASSIGN(std::optional<pb::Catalogue> catalogue, ReadRow<pb::Catalogue>(rows_, kCatalogueKey));
  if (catalogue) {
    model_ = std::make_unique<Model>(*catalogue, options_.scale);
  }
  TRY_ASSIGN(std::optional<pb::ModelSet> models, ReadRow<pb::ModelSet>(rows_, kModelsKey));
  if (models) {
    TRY_ASSIGN(models_, ModelsInForce::Read(std::move(*models), options_.scale));
  }
  TRY_ASSIGN(std::optional<pb::Thresholds> thresholds,
             ReadRow<pb::Thresholds>(rows_, kThresholdsKey));
  if (thresholds) {
    thresholds_ = std::move(*thresholds);
  }
  return {};
}

Result<Task::Progress> Task::Process(const LogRecord& record, TaskOutputs& outputs) {
  LocalMessage<pb::TaskRecord> message;
  pb::TaskRecord& task_record = *message;
  auto reject = [&](std::string_view reason) {
    ++outputs.verdicts[static_cast<size_t>(Verdict::kRejected)];
    outputs.rejects.push_back(
        {0, record.offset, reason, std::string(record.key), std::string(record.value)});
    next_offset_ = record.offset + 1;
    return Progress::kDone;
  };
  if (!task_record.ParseFromArray(record.value.data(), static_cast<int>(record.value.size())) ||
      task_record.version() != kTaskRecordVersion || !IsUsable(task_record)) {
    return reject("bad_record");
  }
  bool history = task_record.signal().history() || task_record.fact().history();
  if (!history && record.timestamp > time_) {
    for (size_t fired = 0; NextTimer() && *NextTimer() <= record.timestamp; ++fired) {
      if (fired == kTimersPerStep) {
        return Progress::kTimersLeft;
      }
      TRY(FireTimer(record.timestamp, outputs));
    }
    time_ = record.timestamp;
  }
  Result<Verdict> verdict = Verdict::kApplied;
  switch (task_record.body_case()) {
    case pb::TaskRecord::kTick:
      break;
    case pb::TaskRecord::kLevers:
      verdict = ApplyLevers(task_record.levers(), outputs);
      break;
    case pb::TaskRecord::kSignal:
    case pb::TaskRecord::kFact:
    case pb::TaskRecord::kFeedback:
      if (!IsKey(record.key)) {
        return reject("bad_key");
      }
      if (KindOf(record.key) == IdentityKind::kObject) {
        verdict = ApplyToObject(record.key, task_record, outputs);
      } else {
        verdict = ApplyToAccount(record.key, task_record, outputs);
      }
      break;
    case pb::TaskRecord::BODY_NOT_SET:
      return reject("bad_record");
  }
  TRY(verdict);
  if (verdict.value() == Verdict::kRejected) {
    return reject(task_record.has_feedback()       ? "bad_feedback"
                  : task_record.hops() >= kHopsMax ? "too_many_hops"
                                                   : "waiting_overflow");
  }
  ++outputs.verdicts[static_cast<size_t>(verdict.value())];
  if (verdict.value() == Verdict::kApplied && task_record.cause().timestamp_ms() > 0) {
    outputs.cause_timestamps_ms.push_back(task_record.cause().timestamp_ms());
  }
  next_offset_ = record.offset + 1;
  return Progress::kDone;
}

// A lever of a version that is in force already, or older, says nothing new.
Result<Verdict> Task::ApplyLevers(const pb::Levers& levers, TaskOutputs& outputs) {
  auto count_changed = [&] {
    for (Cached* cached : dirty_) {
      CountInCensus(*cached, outputs);
    }
  };
  if (levers.policy().version() > policies_.version()) {
    policies_ = levers.policy();
    levers_changed_.policies = true;
    return Verdict::kApplied;
  }
  if (levers.catalogue().version() > model_->catalogue().version()) {
    count_changed();
    model_ = std::make_unique<Model>(levers.catalogue(), options_.scale);
    levers_changed_.catalogue = true;
    return Verdict::kApplied;
  }
  if (levers.models().version() > models_.set().version()) {
    count_changed();
    TRY_ASSIGN(models_, ModelsInForce::Read(levers.models(), options_.scale));
    levers_changed_.models = true;
    return Verdict::kApplied;
  }
  if (levers.thresholds().version() > thresholds_.version()) {
    thresholds_ = levers.thresholds();
    levers_changed_.thresholds = true;
    return Verdict::kApplied;
  }
  return Verdict::kDuplicate;
}

Result<Task::Cached*> Task::LoadAccount(std::string_view key) {
  auto at = accounts_.find(key);
  if (at != accounts_.end()) {
    recent_.splice(recent_.begin(), recent_, at->second);
    return &*at->second;
  }
  Cached cached;
  TRY_ASSIGN(std::optional<std::string> bytes, rows_.Get(PrefixedKey(kAccountRow, key)));
  if (bytes) {
    TRY_ASSIGN(cached.account, Account::Decode(key, *bytes));
  }
  cached.account.key = key;
  recent_.push_front(std::move(cached));
  Cached& loaded = recent_.front();
  accounts_.emplace(loaded.account.key, recent_.begin());
  if (loaded.account.timer_ms != 0 &&
      timers_.insert({loaded.account.timer_ms, std::string(key)}).second) {
    // Half of an at-least-once commit: the account's row reached the changelog, its timer's did
    // not. Discard and this function together do the same again.
    timer_changes_[{loaded.account.timer_ms, std::string(key)}] = true;
    MarkDirty(loaded);
  }
  return &loaded;
}

void Task::MarkDirty(Cached& cached) {
  cached.account.changed = time_;
  cached.counted = false;
  cached.level.reset();
  if (!cached.dirty) {
    cached.dirty = true;
    dirty_.push_back(&cached);
    staged_bytes_ += kAccountBytesGuess;
  }
}

bool Task::IsLive(int64_t event_ms, bool history) const {
  return !history && ToMillis(time_) - event_ms <= policies_.live_within_ms();
}

DecisionContext Task::Context(const pb::Cause* cause, bool live) const {
  return {policies_, thresholds_, *model_, models_, time_, cause, live};
}

Result<Verdict> Task::ApplySignal(Cached& cached, const pb::TaskRecord& record,
                                  TaskOutputs& outputs) {
  const pb::Signal& signal = record.signal();
  Account& account = cached.account;
  bool company = IsCompany(account.key);
  bool decides = company && !signal.history();
  bool live = IsLive(signal.time_ms(), signal.history());
  DecisionContext context = Context(nullptr, true);
  if (signal.history()) {
    context.now = FromMillis(signal.time_ms());
  }
  Decider decider(context, outputs.triggers, outputs.suppressions);
  bool rearms = decides && live && Decider::AnyDisarmed(account);
  std::optional<EventTime> told = account.curve.Last();
  bool ends_silence = company && told && context.now - *told >= options_.scale.unit;
  std::optional<Standing> before;
  if (rearms || ends_silence) {
    before = decider.StandingOf(account);
  }
  Result<Verdict> verdict = account.journey.Apply(account.key, signal, options_.scale,
                                                  options_.limits, slices_, outputs.folds);
  if (!verdict.ok()) {
    MarkDirty(cached);  // it is half changed: Discard must drop it
    return verdict;
  }
  if (verdict.value() != Verdict::kApplied) {
    return verdict;
  }
  MarkDirty(cached);
  ++outputs.signals[signal.source()];
  ++outputs.topics[model_->MeaningOf(signal.signal()).topic];
  if (rearms) {
    decider.Rearm(account, *before);
  }
  if (ends_silence) {
    account.curve.Note(PointAt(before->as_of - kJustBefore, *before));
  }
  if (company) {
    PlanRetelling(account);
  }
  std::optional<Standing> after;
  if (decides) {
    after = Decide(cached, &record.cause(), live, outputs);
  } else {
    SetTimer(account);
    if (company) {
      after = decider.StandingOf(account);
    }
  }
  if (after) {
    account.curve.Note(PointAt(after->as_of, *after));
  }
  return verdict;
}

Result<Verdict> Task::ApplyToAccount(std::string_view key, const pb::TaskRecord& record,
                                     TaskOutputs& outputs) {
  TRY_ASSIGN(Cached * cached, LoadAccount(key));
  if (record.has_signal()) {
    return ApplySignal(*cached, record, outputs);
  }
  Account& account = cached->account;
  if (record.has_feedback()) {
    Verdict verdict =
        Decider(Context(&record.cause(), true), outputs.triggers, outputs.suppressions)
            .ApplyFeedback(account, record.feedback());
    if (verdict == Verdict::kApplied) {
      MarkDirty(*cached);
      SetTimer(account);
    }
    return verdict;
  }
  const pb::Fact& fact = record.fact();
  Verdict verdict = account.facts.Apply(fact);
  if (verdict == Verdict::kApplied) {
    MarkDirty(*cached);
    if (IsCompany(key) && !fact.history()) {
      Decide(*cached, &record.cause(), IsLive(fact.time_ms(), fact.history()), outputs);
    }
  }
  return verdict;
}

// An object's row remembers where the object belongs and what was said of it before that was known.
// Everything goes on to its parent; there it is recognised should it come twice.
Result<Verdict> Task::ApplyToObject(std::string_view key, const pb::TaskRecord& record,
                                    TaskOutputs& outputs) {
  if (record.has_feedback()) {
    return Verdict::kLate;
  }
  if (record.hops() >= kHopsMax) {
    return Verdict::kRejected;
  }
  std::string row_key = PrefixedKey(kObjectRow, key);
  auto at = objects_.find(row_key);
  if (at == objects_.end()) {
    TRY_ASSIGN(std::optional<pb::ObjectRow> row, ReadRow<pb::ObjectRow>(rows_, row_key));
    at = objects_.emplace(row_key, Object{row.value_or(pb::ObjectRow())}).first;
  }
  auto& [row, changed] = at->second;
  bool had_parent = !row.parent().empty();
  const pb::Fact& fact = record.fact();
  if (record.has_fact() && !fact.parent().empty() && fact.parent() != key &&
      (!had_parent || std::tuple{fact.time_ms(), fact.sequence()} >
                          std::tuple{row.parent_time_ms(), row.parent_sequence()})) {
    row.set_parent(fact.parent());
    row.set_parent_time_ms(fact.time_ms());
    row.set_parent_sequence(fact.sequence());
    changed = true;
  }
  if (record.has_fact() && IsKey(fact.subject()) && IsKnownPerson(fact.subject())) {
    changed = changed || row.subject() != fact.subject();
    row.set_subject(fact.subject());  // a contact whose e-mail address has been named
  }
  if (row.parent().empty()) {
    if (row.waiting_size() >= kWaitingMax) {
      return Verdict::kRejected;
    }
    *row.add_waiting() = record;
    changed = true;
    staged_bytes_ += record.ByteSizeLong();
    return Verdict::kApplied;
  }
  for (const pb::TaskRecord& waiting : row.waiting()) {
    Forward(row, waiting, outputs);
  }
  changed = changed || row.waiting_size() > 0;
  row.clear_waiting();
  Forward(row, record, outputs);
  return Verdict::kForwarded;
}

void Task::Forward(const pb::ObjectRow& row, pb::TaskRecord record, TaskOutputs& outputs) const {
  record.set_hops(record.hops() + 1);
  int64_t time_ms = record.has_fact() ? record.fact().time_ms() : record.signal().time_ms();
  if (record.has_fact()) {
    record.mutable_fact()->clear_parent();
    if (!row.subject().empty()) {
      record.mutable_fact()->set_subject(row.subject());
    }
  }
  outputs.forwards.push_back({row.parent(), record.SerializeAsString(), FromMillis(time_ms)});
}

Standing Task::Decide(Cached& cached, const pb::Cause* cause, bool live, TaskOutputs& outputs) {
  Account& account = cached.account;
  Standing standing =
      Decider(Context(cause, live), outputs.triggers, outputs.suppressions).Decide(account);
  cached.level = standing.level;
  SetTimer(account);
  return standing;
}

// The evidence decays while nothing happens: after some silence an account's stage is told anew,
// for the census and the summary. Nothing is decided then. Accounts that fell silent together, as
// those of a weekend do, are not told anew together. 0: not after `now`.
int64_t Task::NextRetelling(const Account& account, EventTime now) const {
  Duration first = options_.scale.unit * kRetoldAfter;
  first +=
      Duration{static_cast<int64_t>(Hash64(account.key) % static_cast<uint64_t>(first.count()))};
  std::optional<EventTime> next = NextLook(account.journey, first, kRetellings, now);
  return next ? ToMillis(*next) : 0;
}

// A time that is set already stays if it is earlier: an account in the midst of things does not set
// a timer anew with every event.
void Task::PlanRetelling(Account& account) const {
  int64_t next_ms = NextRetelling(account, time_);
  if (next_ms != 0 && (account.retell_ms == 0 || next_ms < account.retell_ms)) {
    account.retell_ms = next_ms;
  }
}

// As of `now`, up to which nothing happens to it. By the evidence the first stage is where it
// stays.
void Task::Retell(Cached& cached, EventTime now, TaskOutputs& outputs) {
  Account& account = cached.account;
  DecisionContext context = Context(nullptr, false);
  context.now = now;
  cached.level = Decider(context, outputs.triggers, outputs.suppressions).StandingOf(account).level;
  bool over = cached.level->stage == 0 && !TellsStage(models_, *model_);
  account.retell_ms = over ? 0 : NextRetelling(account, now);
}

// To the next time at which something is to be decided, told anew or judged.
void Task::SetTimer(Account& account) {
  int64_t due_ms = Decider::NextTimer(account);
  for (int64_t other_ms : {account.retell_ms, Decider::NextJudgement(account)}) {
    if (other_ms != 0 && (due_ms == 0 || other_ms < due_ms)) {
      due_ms = other_ms;
    }
  }
  if (account.timer_ms == due_ms) {
    return;
  }
  auto change = [&](int64_t at, bool added) {
    std::pair<int64_t, std::string> timer{at, account.key};
    auto [known, fresh] = timer_changes_.try_emplace(timer, added);
    if (!fresh && known->second != added) {
      timer_changes_.erase(known);  // there and back
    }
    if (added) {
      timers_.insert(std::move(timer));
    } else {
      timers_.erase(timer);
    }
  };
  if (account.timer_ms != 0) {
    change(account.timer_ms, false);
  }
  if (due_ms != 0) {
    change(due_ms, true);
  }
  account.timer_ms = due_ms;
}

std::optional<EventTime> Task::NextTimer() const {
  if (timers_.empty()) {
    return std::nullopt;
  }
  return FromMillis(timers_.begin()->first);
}

Result<void> Task::FireTimer(EventTime until, TaskOutputs& outputs) {
  auto [due_ms, key] = *timers_.begin();
  TRY_ASSIGN(Cached * cached, LoadAccount(key));
  if (cached->account.timer_ms != due_ms) {
    // At-least-once mode may leave half of a commit's rows in the changelog when it is killed: a
    // timer that its account does not know of any more, or not yet again. The account is right.
    timers_.erase({due_ms, key});
    timer_changes_[{due_ms, key}] = false;
    return {};
  }
  time_ = std::max(time_, FromMillis(due_ms));
  MarkDirty(*cached);
  bool retells = cached->account.retell_ms != 0 && cached->account.retell_ms <= due_ms;
  int64_t decide_ms = Decider::NextTimer(cached->account);
  if (decide_ms != 0 && decide_ms <= due_ms) {
    Decide(*cached, nullptr, true, outputs);
  }
  if (retells) {
    Retell(*cached, until, outputs);
  }
  Decider(Context(nullptr, false), outputs.triggers, outputs.suppressions)
      .Judge(cached->account, outputs.judged);
  SetTimer(cached->account);
  // A timer that is not over after it fired would fire for ever.
  CHECK(cached->account.timer_ms == 0 || cached->account.timer_ms > due_ms);
  ++outputs.timers;
  return {};
}

EventTime Task::AsOf(const Account& account) const {
  std::optional<EventTime> newest = account.journey.Newest();
  return newest ? std::max(time_, *newest) : time_;
}

void Task::MoveCensus(std::string_view stage, std::string_view segment, int64_t by) {
  // In order of stage and segment and without empty cells: the same counts are the same bytes.
  auto* cells = census_.mutable_cells();
  using CellName = std::pair<std::string_view, std::string_view>;
  int at = 0;
  while (at < cells->size() &&
         CellName(cells->Get(at).stage(), cells->Get(at).segment()) < CellName(stage, segment)) {
    ++at;
  }
  if (at == cells->size() || cells->Get(at).stage() != stage ||
      cells->Get(at).segment() != segment) {
    pb::CensusCell* cell = cells->Add();
    cell->set_stage(std::string(stage));
    cell->set_segment(std::string(segment));
    std::rotate(cells->pointer_begin() + at, cells->pointer_end() - 1, cells->pointer_end());
  }
  pb::CensusCell* cell = cells->Mutable(at);
  cell->set_accounts(cell->accounts() + by);
  if (cell->accounts() == 0) {
    cells->DeleteSubrange(at, 1);
  }
}

// As of the account's last change, and by the catalogue and models of then: a census, and what an
// account's row says of it, must not depend on when the worker commits.
void Task::CountInCensus(Cached& cached, TaskOutputs& outputs) {
  if (cached.counted) {
    return;
  }
  cached.counted = true;
  Account& account = cached.account;
  if (!IsCompany(account.key)) {
    if (account.stage.empty()) {
      account.stage = "-";
      census_.set_others(census_.others() + 1);
    }
    return;
  }
  if (!cached.level) {
    DecisionContext context = Context(nullptr, false);
    context.now = account.changed;
    cached.level =
        Decider(context, outputs.triggers, outputs.suppressions).StandingOf(account).level;
  }
  const std::string& stage = model_->stages()[cached.level->stage];
  auto known = std::find_if(
      options_.segments.begin(), options_.segments.end(),
      [&](const std::string& name) { return SameName(name, account.facts.Get("", "segment")); });
  std::string segment(known == options_.segments.end() ? kOtherSegment : std::string_view(*known));
  if (stage == account.stage && segment == account.segment) {
    return;
  }
  if (account.stage.empty()) {
    census_.set_companies(census_.companies() + 1);
  } else {
    MoveCensus(account.stage, account.segment, -1);
  }
  MoveCensus(stage, segment, 1);
  if (stage != account.stage) {
    ++outputs.transitions[{account.stage, stage, segment}];
  }
  account.stage = stage;
  account.segment = segment;
}

Result<void> Task::StageRows(EventTime wall, bool all_summaries, std::vector<Row>& rows,
                             TaskOutputs& outputs) {
  for (Cached* cached : dirty_) {
    Account& account = cached->account;
    CountInCensus(*cached, outputs);
    rows.push_back({PrefixedKey(kAccountRow, account.key), account.Encode()});
    // Visitors and persons without a company have no reader there, and are many.
    if (IsCompany(account.key) && owed_keys_.insert(account.key).second) {
      owed_.push_back({wall + options_.summary_interval, account.changed, account.key});
    }
  }
  while (!owed_.empty() && (all_summaries || owed_.front().due <= wall)) {
    TRY_ASSIGN(Cached * cached, LoadAccount(owed_.front().key));
    const Account& account = cached->account;
    if (!account.journey.empty() || !account.facts.subjects().empty()) {
      outputs.summaries.push_back(
          {account.key, WriteSummary(account, *model_, models_, AsOf(account))});
    }
    owed_keys_.erase(account.key);
    summaries_in_flight_.push_back(std::move(owed_.front()));
    owed_.pop_front();
  }
  slices_.Stage([&](const std::string& key, std::optional<std::string> value) {
    rows.push_back({key, std::move(value)});
  });
  for (auto& [key, object] : objects_) {
    if (object.changed) {
      object.row.set_version(kRowVersion);
      rows.push_back({key, object.row.SerializeAsString()});
    }
  }
  for (const auto& [timer, added] : timer_changes_) {
    rows.push_back({TimerKey(timer.first, timer.second),
                    added ? std::optional<std::string>("") : std::nullopt});
  }
  StageLevers(rows);
  if (census_.SerializeAsString() != committed_.census.SerializeAsString()) {
    rows.push_back({std::string(kCensusKey), census_.SerializeAsString()});
  }
  if (next_offset_) {
    pb::OffsetRow offset;
    offset.set_version(kRowVersion);
    offset.set_next_offset(*next_offset_);
    offset.set_time_ms(ToMillis(time_));
    offset.set_time_unit_ms(options_.scale.unit.count());
    offset.set_summaries_owed(!owed_.empty());
    if (!owed_.empty()) {
      auto oldest = std::min_element(owed_.begin(), owed_.end(), [](const Owed& a, const Owed& b) {
        return a.since < b.since;
      });
      offset.set_summaries_owed_since_ms(ToMillis(oldest->since));
    }
    offset.set_wall_ms(ToMillis(wall));
    offset.set_commits(commits_ + 1);
    rows.push_back({std::string(kOffsetKey), offset.SerializeAsString()});
  }
  return {};
}

void Task::StageLevers(std::vector<Row>& rows) const {
  auto stage = [&](bool changed, std::string_view key, const auto& lever) {
    if (changed) {
      rows.push_back({std::string(key), lever.SerializeAsString()});
    }
  };
  stage(levers_changed_.policies, kPolicyKey, policies_);
  stage(levers_changed_.catalogue, kCatalogueKey, model_->catalogue());
  stage(levers_changed_.models, kModelsKey, models_.set());
  stage(levers_changed_.thresholds, kThresholdsKey, thresholds_);
}

bool Task::dirty() const {
  return next_offset_ != committed_.next_offset || time_ != committed_.time || !dirty_.empty();
}

std::optional<EventTime> Task::NextSummary() const {
  if (owed_.empty()) {
    return std::nullopt;
  }
  return owed_.front().due;
}

void Task::Committed() {
  for (Cached* cached : dirty_) {
    cached->dirty = false;
  }
  dirty_.clear();
  slices_.Discard();
  objects_.clear();
  timer_changes_.clear();
  summaries_in_flight_.clear();
  if (levers_changed_.Any()) {
    committed_.policies = policies_;
    committed_.catalogue = model_->catalogue();
    committed_.models = models_.set();
    committed_.thresholds = thresholds_;
    levers_changed_ = {};
  }
  committed_.census = census_;
  committed_.next_offset = next_offset_;
  committed_.time = time_;
  ++commits_;
  staged_bytes_ = 0;
  EvictClean();
}

void Task::Discard() {
  for (Cached* cached : dirty_) {
    auto at = accounts_.find(cached->account.key);
    std::list<Cached>::iterator changed = at->second;
    accounts_.erase(at);
    recent_.erase(changed);
  }
  dirty_.clear();
  slices_.Discard();
  objects_.clear();
  for (const auto& [timer, added] : timer_changes_) {
    if (added) {
      timers_.erase(timer);
    } else {
      timers_.insert(timer);
    }
  }
  timer_changes_.clear();
  for (; !summaries_in_flight_.empty(); summaries_in_flight_.pop_back()) {
    owed_keys_.insert(summaries_in_flight_.back().key);
    owed_.push_front(std::move(summaries_in_flight_.back()));
  }
  if (levers_changed_.Any()) {
    policies_ = committed_.policies;
    model_ = std::make_unique<Model>(committed_.catalogue, options_.scale);
    thresholds_ = committed_.thresholds;
    Result<ModelsInForce> models = ModelsInForce::Read(committed_.models, options_.scale);
    CHECK(models.ok());  // it was in force
    models_ = std::move(models).value();
    levers_changed_ = {};
  }
  census_ = committed_.census;
  next_offset_ = committed_.next_offset;
  time_ = committed_.time;
  staged_bytes_ = 0;
  EvictClean();
}

// Drops the accounts that were used longest ago until there is room again: the next touch reads
// them back. None is dirty here. Those that owe a summary are seldom among them: it falls due soon.
void Task::EvictClean() {
  CHECK(dirty_.empty());
  while (recent_.size() > options_.cached_accounts) {
    accounts_.erase(recent_.back().account.key);
    recent_.pop_back();
  }
}

Result<void> Task::ForEachAccount(const std::function<void(const Account&)>& visit) {
  Result<void> problem;
  TRY(rows_.Scan(std::string(1, kAccountRow), [&](std::string_view key, std::string_view bytes) {
    std::string_view account_key = key.substr(1);
    if (!accounts_.contains(account_key)) {
      Result<Account> account = Account::Decode(account_key, bytes);
      if (!account.ok()) {
        problem = account.error();
        return false;
      }
      visit(account.value());
    }
    return true;
  }));
  TRY(problem);
  for (const Cached& cached : recent_) {
    const Account& account = cached.account;
    if (!account.journey.empty() || !account.facts.subjects().empty()) {
      visit(account);
    }
  }
  return {};
}

}  // namespace hotiron
