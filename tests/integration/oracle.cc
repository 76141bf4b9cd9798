#include "tests/integration/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "app/defaults.h"
#include "app/intake.h"
#include "app/topics.h"
#include "base/identity.h"
#include "processors/row_source.h"
#include "processors/summary.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"

namespace hotiron {
namespace {

constexpr size_t kShown = 5;               // differences of a kind that are spelled out
constexpr uint64_t kCommitEveryMax = 300;  // records
constexpr size_t kCachedAccounts = 100;    // few: rows are read back all the time

using Rows = std::map<std::string, std::string>;
using Bag = std::map<std::string, int>;  // what -> how often

class MapRows final : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override {
    auto at = rows.find(std::string(key));
    return at == rows.end() ? std::optional<std::string>() : at->second;
  }

  Result<void> Scan(std::string_view prefix,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    for (auto at = rows.lower_bound(std::string(prefix));
         at != rows.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at) {
      if (!visit(at->first, at->second)) {
        break;
      }
    }
    return {};
  }

  void Apply(const std::vector<Row>& changes) {
    for (const Row& row : changes) {
      if (row.value) {
        rows[row.key] = *row.value;
      } else {
        rows.erase(row.key);
      }
    }
  }

  Rows rows;
};

std::string Printable(std::string_view text, size_t most = 300) {
  std::string shown;
  for (char c : text.substr(0, most)) {
    shown += c >= ' ' && c < 127 ? std::string(1, c)
                                 : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return shown + (text.size() > most ? "..." : "");
}

// The row, for people.
std::string Say(std::string_view key, const std::string& bytes) {
  pb::AccountRow account;
  pb::ObjectRow object;
  pb::CensusRow census;
  pb::OffsetRow offset;
  std::string text;
  if (key[0] == kAccountRow && account.ParseFromString(bytes)) {
    text = account.ShortDebugString();
  } else if (key[0] == kObjectRow && object.ParseFromString(bytes)) {
    text = object.ShortDebugString();
  } else if (key[0] == kCensusRow && census.ParseFromString(bytes)) {
    text = census.ShortDebugString();
  } else if (key == kOffsetKey && offset.ParseFromString(bytes)) {
    text = offset.ShortDebugString();
  } else {
    text = bytes;
  }
  return Printable(text, 1'500);
}

class Judgement {
 public:
  Judgement(const Rig& rig, const OracleOptions& options)
      : rig_(rig), options_(options), config_(rig.config) {}

  Findings Reach() {
    events_ = rig_.Read(config_.Topic(kEventsTopic));
    state_ = rig_.Read(config_.Topic(kStateTopic));
    if (events_.empty() || events_.size() != state_.size()) {
      Differ("<app>.events or <app>.state does not exist, or their partitions differ in number");
      return std::move(found_);
    }
    CheckTransactions();
    if (options_.inputs) {
      CheckInputs();
    }
    CheckLevers();
    CheckOffsets();
    for (size_t p = 0; p < events_.size(); ++p) {
      RunCore(static_cast<int32_t>(p));
    }
    CheckTriggers();
    CompareBags("forwarded records", forwards_, logged_forwards_);
    CheckRejects();
    CheckJourneys();
    return std::move(found_);
  }

 private:
  void Differ(std::string words) { found_.differences.push_back(std::move(words)); }

  // `more_is_wrong`: it may not be there more often than wanted (but at least once).
  void CompareBags(std::string_view what, const Bag& wanted, const Bag& is) {
    size_t lost = 0;
    size_t doubled = 0;
    size_t strange = 0;
    std::string examples;
    size_t shown = 0;
    auto show = [&](std::string_view how, const std::string& item) {
      if (shown++ < kShown) {
        examples += fmt::format("\n    {}: {}", how, Printable(item));
      }
    };
    for (const auto& [item, count] : wanted) {
      auto at = is.find(item);
      int there = at == is.end() ? 0 : at->second;
      if (there < (options_.exactly_once ? count : 1)) {
        ++lost;
        show("lost", item);
      } else if (there > count && options_.exactly_once) {
        ++doubled;
        show("doubled", item);
      }
    }
    for (const auto& [item, count] : is) {
      if (wanted.count(item) == 0) {
        ++strange;
        show("not expected", item);
      }
    }
    if (lost + doubled + strange > 0) {
      Differ(fmt::format("{}: lost {}, doubled {}, not expected {} (of {}){}", what, lost, doubled,
                         strange, wanted.size(), examples));
    }
  }

  void CheckTransactions() {
    for (std::string_view kind : {kEventsTopic, kStateTopic, kTriggersTopic, kJourneysTopic,
                                  kRejectedTopic, kControlTopic}) {
      std::string topic = config_.Topic(kind);
      if (rig_.Ends(topic, true) != rig_.Ends(topic, false)) {
        Differ(fmt::format("{}: a transaction is open", topic));
      }
    }
  }

  std::string Item(std::string_view key, std::string_view value, EventTime time) const {
    // The broker gives the time in `clock: wall`.
    return fmt::format("{}\n{}\n{}", key,
                       config_.clock == Config::Clock::kEvent ? ToMillis(time) : 0, value);
  }

  void CheckInputs() {
    pb::Catalogue catalogue = Need(CatalogueOf(config_));
    Intake intake = Need(Intake::Make(config_, Need(ReadPersonKey(config_)), catalogue));
    Intake::Output output;
    Bag wanted;
    EventTime now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    for (const std::string& topic : rig_.InputTopics()) {
      for (const std::vector<LogEntry>& partition : rig_.Read(topic)) {
        for (const LogEntry& entry : partition) {
          std::vector<InputHeader> headers;
          for (const auto& [name, value] : entry.headers) {
            headers.push_back({name, value});
          }
          InputRecord record{.value = std::nullopt,
                             .key = entry.key,
                             .headers = headers,
                             .topic = topic,
                             .partition = entry.partition,
                             .offset = entry.offset,
                             .timestamp = entry.timestamp};
          if (entry.value) {
            record.value = *entry.value;
          }
          if (topic == config_.Topic(kFeedbackTopic)) {
            intake.TakeFeedback(record, output);
          } else {
            intake.Take(record, now, output);
          }
          ++found_.inputs;
        }
      }
    }
    for (size_t i = 0; i < output.routed.size(); ++i) {
      ++wanted[Item(output.routed[i].key, output.routed[i].record.SerializeAsString(),
                    output.times[i])];
    }
    for (const RejectedRecord& rejected : output.rejected) {
      ++rejects_[RejectItem(rejected.key, rejected.value, rejected.headers)];
    }
    Bag is;
    pb::TaskRecord record;
    for (const std::vector<LogEntry>& partition : events_) {
      for (const LogEntry& entry : partition) {
        if (record.ParseFromString(entry.value.value_or("")) && record.hops() == 0 &&
            !record.has_tick() && !record.has_levers()) {
          ++is[Item(entry.key, *entry.value, entry.timestamp)];
        }
      }
    }
    CompareBags("input records in the log", wanted, is);
  }

  void CheckLevers() {
    Bag wanted;
    for (const std::vector<LogEntry>& partition : rig_.Read(config_.Topic(kControlTopic))) {
      for (const LogEntry& entry : partition) {
        pb::Control control;
        if (entry.value && control.ParseFromString(*entry.value)) {
          for (size_t p = 0; p < events_.size(); ++p) {
            ++wanted[fmt::format("{} {} {}", p, control.levers().policy().version(),
                                 control.levers().catalogue().version())];
          }
        }
      }
    }
    Bag is;
    pb::TaskRecord record;
    for (const std::vector<LogEntry>& partition : events_) {
      for (const LogEntry& entry : partition) {
        if (record.ParseFromString(entry.value.value_or("")) && record.has_levers()) {
          ++is[fmt::format("{} {} {}", entry.partition, record.levers().policy().version(),
                           record.levers().catalogue().version())];
        }
      }
    }
    if (options_.inputs) {
      CompareBags("levers in the log", wanted, is);
    }
  }

  void CheckOffsets() {
    std::vector<std::string> topics =
        options_.inputs ? rig_.InputTopics() : std::vector<std::string>();
    topics.push_back(config_.Topic(kControlTopic));
    for (const std::string& topic : topics) {
      std::vector<std::optional<int64_t>> committed = rig_.Committed(topic);
      std::vector<int64_t> ends = rig_.Ends(topic, true);
      for (size_t p = 0; p < ends.size(); ++p) {
        if (committed[p].value_or(0) != ends[p]) {
          Differ(fmt::format("{}[{}]: committed {} of {}", topic, p, committed[p].value_or(0),
                             ends[p]));
        }
      }
    }
  }

  static Rows Compact(const std::vector<LogEntry>& changelog) {
    Rows rows;
    for (const LogEntry& entry : changelog) {
      if (entry.value) {
        rows[entry.key] = *entry.value;
      } else {
        rows.erase(entry.key);
      }
    }
    return rows;
  }

  TaskOptions CoreOptions() const {
    TaskOptions options;
    options.scale.unit = config_.time_unit;
    options.limits.age = config_.log_age;
    options.limits.entries = static_cast<size_t>(config_.log_entries);
    options.cached_accounts = kCachedAccounts;
    options.summary_interval = config_.journey_interval;
    options.segments = config_.segments;
    return options;
  }

  // The pure core over the partition's log as far as the run has processed it; behind that only
  // ticks may wait.
  void RunCore(int32_t partition) {
    const std::vector<LogEntry>& log = events_[static_cast<size_t>(partition)];
    Rows state = Compact(state_[static_cast<size_t>(partition)]);
    pb::OffsetRow position;
    if (state.count(std::string(kOffsetKey)) == 0) {
      if (!log.empty()) {
        Differ(fmt::format("state[{}]: has no position", partition));
      }
      return;
    }
    CHECK(position.ParseFromString(state[std::string(kOffsetKey)]));
    std::optional<int64_t> committed =
        rig_.Committed(config_.Topic(kEventsTopic))[static_cast<size_t>(partition)];
    if (options_.exactly_once && committed != position.next_offset()) {
      Differ(fmt::format("events[{}]: the group committed {}, the state says {}", partition,
                         committed.value_or(-1), position.next_offset()));
    }
    MapRows rows;
    Task task(CoreOptions(), rows);
    Need(task.Load());
    std::mt19937_64 random(options_.seed + static_cast<uint64_t>(partition));
    TaskOutputs outputs;
    auto commit = [&] {
      std::vector<Row> changes;
      TaskOutputs summaries;
      Need(task.StageRows(EventTime{}, true, changes, summaries));
      rows.Apply(changes);
      task.Committed();
    };
    uint64_t until_commit = 1;
    pb::TaskRecord parsed;
    for (const LogEntry& entry : log) {
      bool reads = parsed.ParseFromString(entry.value.value_or(""));
      ++found_.events;
      found_.ticks += reads && parsed.has_tick() ? 1 : 0;
      if (reads && parsed.hops() > 0) {
        ++logged_forwards_[Item(entry.key, *entry.value, entry.timestamp)];
        ++found_.forwards;
      }
      if (entry.offset >= position.next_offset()) {
        if (!reads || !parsed.has_tick()) {
          Differ(fmt::format("events[{}]: offset {} was not processed (up to {})", partition,
                             entry.offset, position.next_offset()));
        }
        continue;
      }
      LogRecord record{.offset = entry.offset,
                       .timestamp = entry.timestamp,
                       .key = entry.key,
                       .value = entry.value ? std::string_view(*entry.value) : std::string_view()};
      while (Need(task.Process(record, outputs)) == Task::Progress::kTimersLeft) {
        commit();
      }
      if (--until_commit == 0) {
        commit();
        until_commit = 1 + random() % kCommitEveryMax;
      }
    }
    commit();
    for (const pb::Trigger& trigger : outputs.triggers) {
      ++triggers_[trigger.id() + "\n" + WriteTrigger(trigger)];
    }
    for (const TaskOutputs::Forward& forward : outputs.forwards) {
      ++forwards_[Item(forward.key, forward.value, forward.time)];
    }
    for (const TaskOutputs::Reject& reject : outputs.rejects) {
      ++core_rejects_[fmt::format("{} {}", reject.reason, reject.offset)];
    }
    CompareRows(fmt::format("state[{}]", partition), rows.rows, state);
    for (const std::string& instance : options_.local) {
      CompareLocal(instance, partition, state);
    }
    CollectSummaries(task, partition);
  }

  // Of the position only what both must agree on.
  static std::string Comparable(std::string_view key, const std::string& bytes) {
    pb::OffsetRow offset;
    if (key != kOffsetKey || !offset.ParseFromString(bytes)) {
      return bytes;
    }
    return fmt::format("offset {} time {}", offset.next_offset(), offset.time_ms());
  }

  void CompareRows(const std::string& what, const Rows& wanted, const Rows& is) {
    size_t missing = 0;
    size_t strange = 0;
    size_t other = 0;
    size_t shown = 0;
    std::string examples;
    auto show = [&](const std::string& words) {
      if (shown++ < kShown) {
        examples += "\n    " + words;
      }
    };
    for (const auto& [key, value] : wanted) {
      auto at = is.find(key);
      if (at == is.end()) {
        ++missing;
        show(fmt::format("missing {}: {}", Printable(key), Say(key, value)));
      } else if (Comparable(key, value) != Comparable(key, at->second)) {
        ++other;
        show(fmt::format("{}:\n      is     {}\n      wanted {}", Printable(key),
                         Say(key, at->second), Say(key, value)));
      }
    }
    for (const auto& [key, value] : is) {
      if (wanted.count(key) == 0) {
        ++strange;
        show(fmt::format("not expected {}: {}", Printable(key), Say(key, value)));
      }
    }
    if (missing + strange + other > 0) {
      Differ(fmt::format("{}: of {} rows {} are missing, {} not expected, {} other{}", what,
                         wanted.size(), missing, strange, other, examples));
    }
  }

  void CompareLocal(const std::string& instance, int32_t partition, const Rows& state) {
    StoreOptions store;
    store.directory = rig_.StateOf(instance) / config_.app;
    store.databases = config_.partitions;
    store.memory_bytes = size_t{32} << 20;
    std::filesystem::path directory =
        store.directory / fmt::format("{}-{}", config_.Topic(kEventsTopic), partition);
    if (!std::filesystem::exists(directory)) {
      return;
    }
    std::unique_ptr<StoreResources> resources = Need(StoreResources::Create(store));
    OpenedStore opened =
        Need(resources->Open(config_.Topic(kEventsTopic), partition, EventTime{}, {}));
    Rows rows;
    Need(opened.store->Scan("", "", [&](std::string_view key, std::string_view value) {
      rows.emplace(key, value);
      return true;
    }));
    Need(opened.store->Close());
    CompareRows(fmt::format("the store of {} for partition {}", instance, partition), state, rows);
  }

  void CollectSummaries(Task& task, int32_t partition) {
    std::map<std::string, std::string> moments;
    if (journeys_.empty()) {
      for (const std::vector<LogEntry>& entries : rig_.Read(config_.Topic(kJourneysTopic))) {
        for (const LogEntry& entry : entries) {
          journeys_[entry.key] = entry.value.value_or("");
        }
      }
    }
    size_t missing = 0;
    size_t other = 0;
    std::string example;
    Need(task.ForEachAccount([&](const Account& account) {
      ++found_.accounts;
      if (!IsCompany(account.key)) {
        return;  // no summary is made of it
      }
      auto at = journeys_.find(account.key);
      if (at == journeys_.end()) {
        ++missing;
        example = account.key;
        return;
      }
      known_accounts_.insert(account.key);
      constexpr std::string_view kAsOf = "\"as_of\":\"";
      size_t from = at->second.find(kAsOf);
      std::optional<EventTime> as_of;
      if (from != std::string::npos) {
        from += kAsOf.size();
        as_of = ParseTime(at->second.substr(from, at->second.find('"', from) - from));
      }
      std::string wanted = as_of ? WriteSummary(account, task.model(), task.models(), *as_of) : "";
      if (wanted != at->second) {
        ++other;
        size_t differs = 0;
        while (differs < wanted.size() && differs < at->second.size() &&
               wanted[differs] == at->second[differs]) {
          ++differs;
        }
        size_t begin = differs < 60 ? 0 : differs - 60;
        example = fmt::format("{}: is ...{}, wanted ...{}", account.key,
                              Printable(at->second.substr(std::min(begin, at->second.size())), 200),
                              Printable(wanted.substr(std::min(begin, wanted.size())), 200));
      }
    }));
    if (missing + other > 0) {
      Differ(fmt::format("journeys of partition {}: {} missing, {} other, such as {}", partition,
                         missing, other, example));
    }
  }

  void CheckTriggers() {
    Bag is;
    for (const std::vector<LogEntry>& partition : rig_.Read(config_.Topic(kTriggersTopic))) {
      for (const LogEntry& entry : partition) {
        ++is[entry.key + "\n" + entry.value.value_or("")];
      }
    }
    for (const auto& [item, count] : triggers_) {
      found_.triggers += static_cast<size_t>(count);
    }
    CompareBags("triggers", triggers_, is);
  }

  void CheckJourneys() {
    size_t strange = 0;
    for (const auto& [key, json] : journeys_) {
      strange += known_accounts_.count(key) == 0 ? 1 : 0;
    }
    if (strange > 0) {
      Differ(fmt::format("journeys: {} of accounts that the core does not know", strange));
    }
  }

  static std::string RejectItem(const std::string& key, const std::string& value,
                                const std::vector<std::pair<std::string, std::string>>& headers) {
    std::string item = key;
    for (const auto& [name, text] : headers) {
      item.append("\n").append(name).append("=").append(text);
    }
    return item + "\n" + value;
  }

  void CheckRejects() {
    Bag is;
    Bag core;
    for (const std::vector<LogEntry>& partition : rig_.Read(config_.Topic(kRejectedTopic))) {
      for (const LogEntry& entry : partition) {
        ++found_.rejects;
        std::map<std::string, std::string> headers(entry.headers.begin(), entry.headers.end());
        if (headers["topic"] == config_.Topic(kEventsTopic)) {
          ++core[headers["reason"] + " " + headers["offset"]];
        } else {
          ++is[RejectItem(entry.key, entry.value.value_or(""), entry.headers)];
        }
      }
    }
    if (options_.inputs) {
      CompareBags("rejected input records", rejects_, is);
    }
    CompareBags("rejected records of the log", core_rejects_, core);
  }

  const Rig& rig_;
  const OracleOptions& options_;
  const Config& config_;
  Findings found_;
  std::vector<std::vector<LogEntry>> events_;
  std::vector<std::vector<LogEntry>> state_;
  std::map<std::string, std::string> journeys_;
  std::set<std::string> known_accounts_;
  Bag triggers_;
  Bag forwards_;
  Bag logged_forwards_;
  Bag rejects_;
  Bag core_rejects_;
};

}  // namespace

std::string Findings::Words() const {
  std::string words = fmt::format(
      "{} input records, {} in the log ({} forwarded, {} ticks), {} revisions of triggers, {} "
      "accounts, {} rejected; {} differences",
      inputs, events, forwards, ticks, triggers, accounts, rejects, differences.size());
  for (const std::string& difference : differences) {
    words += "\n  " + difference;
  }
  return words;
}

Findings Judge(const Rig& rig, const OracleOptions& options) {
  return Judgement(rig, options).Reach();
}

Outcomes ReadOutcomes(const Rig& rig) {
  Outcomes outcomes;
  for (const std::vector<LogEntry>& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
    for (const LogEntry& entry : partition) {
      ++outcomes.triggers[entry.key + "\n" + entry.value.value_or("")];
    }
  }
  for (const std::vector<LogEntry>& partition : rig.Read(rig.config.Topic(kStateTopic))) {
    for (const LogEntry& entry : partition) {
      pb::OffsetRow offset;
      std::pair<int32_t, std::string> key{entry.partition, entry.key};
      if (!entry.value) {
        outcomes.rows.erase(key);
      } else if (entry.key == kOffsetKey && offset.ParseFromString(*entry.value)) {
        outcomes.rows[key] = fmt::format("{} {}", offset.next_offset(), offset.time_ms());
      } else {
        outcomes.rows[key] = *entry.value;
      }
    }
  }
  return outcomes;
}

}  // namespace hotiron
