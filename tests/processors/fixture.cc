#include "fixture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "processors/summary.h"

namespace hotiron {

Result<std::optional<std::string>> MapRows::Get(std::string_view key) {
  if (fail_at > 0 && --fail_at == 0) {
    return Unavailable("the disk is gone");
  }
  auto at = rows.find(key);
  return at == rows.end() ? std::optional<std::string>() : std::optional(at->second);
}

Result<void> MapRows::Scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  if (fail_at > 0 && --fail_at == 0) {
    return Unavailable("the disk is gone");
  }
  for (auto at = rows.lower_bound(prefix);
       at != rows.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at) {
    if (!visit(at->first, at->second)) {
      break;
    }
  }
  return {};
}

void MapRows::Write(const std::vector<Row>& changes) {
  for (const Row& row : changes) {
    if (row.value) {
      rows[row.key] = *row.value;
    } else {
      rows.erase(row.key);
    }
  }
}

EventTime At(std::string_view text) {
  std::string full(text);
  if (text.size() == 11) {
    full = fmt::format("2026-{}:00Z", text);
  }
  std::optional<EventTime> time = ParseTime(full);
  CHECK(time.has_value());
  return *time;
}

std::string Short(EventTime time) {
  std::string text = FormatTime(time);
  bool plain = text.substr(0, 5) == "2026-" && text.substr(16) == ":00.000Z";
  return plain ? text.substr(5, 5) + " " + text.substr(11, 5) : text;
}

namespace {

struct Known {
  const char* signal;
  const char* label;
  const char* topic;
  int anchor;
  double weight;
  bool contact;
};

constexpr Known kKnown[] = {
    {"blog_page", "blog", "product", 1, 1, false},
    {"docs_page", "documentation", "integration", 2, 2, false},
    {"pricing_page", "pricing page", "pricing", 3, 3, false},
    {"quote", "asked for a quote", "buying", 4, 8, false},
    {"call", "call", "people", -1, 1, true},
    {"careers_page", "careers page", "", -1, 1, false},
};

}  // namespace

pb::Catalogue SmallCatalogue(uint32_t version) {
  pb::Catalogue catalogue;
  catalogue.set_version(version);
  for (const char* stage : {"unaware", "aware", "exploring", "comparing", "deciding"}) {
    catalogue.add_stages(stage);
  }
  for (const Known& known : kKnown) {
    pb::SignalDefinition* signal = catalogue.add_signals();
    signal->set_signal(known.signal);
    signal->set_label(known.label);
    signal->set_topic(known.topic);
    signal->set_anchor(known.anchor);
    signal->set_weight(known.weight);
    signal->set_contact(known.contact);
  }
  for (auto [stage, topic, ask] :
       {std::tuple{"deciding", "", "Who must agree?"},
        std::tuple{"deciding", "buying", "By when must it run?"},
        std::tuple{"", "pricing", "What does today's way cost you?"},
        std::tuple{"comparing", "pricing", "Which budget is it from?"},
        std::tuple{"comparing", "", "What do you weigh alternatives by?"},
        std::tuple{"aware", "product", "What made you look?"}}) {
    pb::Question* question = catalogue.add_questions();
    question->set_stage(stage);
    question->set_topic(topic);
    question->set_ask(ask);
  }
  return catalogue;
}

double WeightOf(std::string_view signal) {
  for (const Known& known : kKnown) {
    if (known.signal == signal) {
      return known.weight;
    }
  }
  return 1;
}

pb::PolicySet SmallPolicies(uint32_t version) {
  pb::PolicySet set;
  set.set_version(version);
  set.set_live_within_ms(Duration{std::chrono::minutes{15}}.count());
  set.set_reconsider_after_ms(Duration{std::chrono::minutes{1}}.count());
  set.mutable_sale()->set_complex_amount(50'000);
  set.mutable_sale()->set_default_amount(10'000);
  pb::Policy* policy = set.add_policies();
  policy->set_name("strike");
  policy->set_measure(pb::Policy::POINTS);
  policy->set_threshold(10);
  policy->set_rearm(5);
  policy->set_people_within_ms(Duration{std::chrono::days{30}}.count());
  policy->set_cooldown_ms(Duration{std::chrono::days{14}}.count());
  policy->set_expires_ms(Duration{std::chrono::days{7}}.count());
  policy->mutable_suppress()->set_disqualified(true);
  return set;
}

pb::TaskRecord MakeSignal(std::string_view signal, EventTime time, const SignalSpec& spec) {
  pb::TaskRecord record;
  record.set_version(1);
  pb::Signal* body = record.mutable_signal();
  body->set_time_ms(ToMillis(time));
  body->set_sequence(spec.sequence);
  body->set_signal(std::string(signal));
  body->set_weight(spec.weight.value_or(WeightOf(signal)));
  body->add_path(spec.by.find(':') == std::string::npos ? "c:" + spec.by : spec.by);
  body->set_source(spec.source);
  body->set_history(spec.history);
  body->set_id(spec.id != 0 ? spec.id
                            : Hash64(fmt::format("{} {} {} {} {}", signal, spec.by, ToMillis(time),
                                                 spec.sequence, body->weight())));
  return record;
}

pb::TaskRecord MakeFact(std::string_view subject,
                        const std::vector<std::pair<std::string, std::string>>& fields,
                        EventTime time, uint64_t sequence) {
  pb::TaskRecord record;
  record.set_version(1);
  pb::Fact* fact = record.mutable_fact();
  fact->set_subject(std::string(subject));
  fact->set_time_ms(ToMillis(time));
  fact->set_sequence(sequence);
  for (const auto& [name, value] : fields) {
    pb::FactField* field = fact->add_fields();
    field->set_name(name);
    field->set_value(value);
  }
  return record;
}

pb::TaskRecord MakePolicies(const pb::PolicySet& policies) {
  pb::TaskRecord record;
  record.set_version(1);
  *record.mutable_levers()->mutable_policy() = policies;
  return record;
}

pb::TaskRecord MakeCatalogue(const pb::Catalogue& catalogue) {
  pb::TaskRecord record;
  record.set_version(1);
  *record.mutable_levers()->mutable_catalogue() = catalogue;
  return record;
}

pb::TaskRecord MakeModels(const pb::ModelSet& models) {
  pb::TaskRecord record;
  record.set_version(1);
  *record.mutable_levers()->mutable_models() = models;
  return record;
}

pb::TaskRecord MakeThresholds(const pb::Thresholds& thresholds) {
  pb::TaskRecord record;
  record.set_version(1);
  *record.mutable_levers()->mutable_thresholds() = thresholds;
  return record;
}

pb::TaskRecord MakeTick() {
  pb::TaskRecord record;
  record.set_version(1);
  record.mutable_tick();
  return record;
}

Line MakeLine(EventTime timestamp, std::string key, const pb::TaskRecord& record) {
  return {timestamp, std::move(key), record.SerializeAsString()};
}

Runner::Runner(TaskOptions task_options)
    : options(std::move(task_options)), task(std::make_unique<Task>(options, rows)) {
  EXPECT_TRUE(task->Load().ok());
}

void Runner::Run(const std::vector<Line>& log, const std::function<Cut()>& cut) {
  auto next = [&] { return static_cast<size_t>(task->next_offset().value_or(0)); };
  while (next() < log.size()) {
    switch (cut ? cut() : Cut::kGoOn) {
      case Cut::kGoOn:
        break;
      case Cut::kCommit:
        Commit();
        break;
      case Cut::kReopen:
        Commit();
        Reopen();
        break;
      case Cut::kDiscard:
        Discard(false);
        break;
      case Cut::kDiscardStaged:
        Discard(true);
        break;
    }
    const Line& line = log[next()];
    Result<Task::Progress> progress = task->Process(
        {static_cast<int64_t>(next()), line.timestamp, line.key, line.value}, pending);
    ASSERT_TRUE(progress.ok()) << progress.error().message;
    if (progress.value() == Task::Progress::kTimersLeft) {
      Commit();
    }
  }
  Commit();
}

void Runner::Commit() {
  std::vector<Row> changes;
  Result<void> staged = task->StageRows(wall, true, changes, pending);
  ASSERT_TRUE(staged.ok()) << staged.error().message;
  rows.Write(changes);
  task->Committed();
  auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(done.triggers, pending.triggers);
  append(done.forwards, pending.forwards);
  append(done.summaries, pending.summaries);
  append(done.rejects, pending.rejects);
  append(done.suppressions, pending.suppressions);
  append(done.judged, pending.judged);
  for (size_t i = 0; i < std::size(done.verdicts); ++i) {
    done.verdicts[i] += pending.verdicts[i];
  }
  done.folds.folded += pending.folds.folded;
  done.folds.over_limit += pending.folds.over_limit;
  done.folds.pooled += pending.folds.pooled;
  done.folds.other_names += pending.folds.other_names;
  done.timers += pending.timers;
  pending.Clear();
}

void Runner::Reopen() {
  task = std::make_unique<Task>(options, rows);
  Result<void> loaded = task->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
}

void Runner::Discard(bool staged) {
  if (staged) {
    std::vector<Row> changes;
    Result<void> result = task->StageRows(wall, true, changes, pending);
    ASSERT_TRUE(result.ok()) << result.error().message;
  }
  task->Discard();
  pending.Clear();
}

std::map<std::string, std::string> Runner::Rows() const {
  std::map<std::string, std::string> all(rows.rows.begin(), rows.rows.end());
  auto offset = all.find(std::string(kOffsetKey));
  if (offset != all.end()) {
    pb::OffsetRow row;
    EXPECT_TRUE(row.ParseFromString(offset->second));
    row.clear_commits();
    offset->second = row.SerializeAsString();
  }
  return all;
}

std::vector<std::string> Runner::TriggerTexts() const {
  std::vector<std::string> texts;
  for (const pb::Trigger& trigger : done.triggers) {
    texts.push_back(WriteTrigger(trigger));
  }
  return texts;
}

const Account* Runner::Find(std::string_view key) {
  accounts_.clear();
  EXPECT_TRUE(task->ForEachAccount([&](const Account& account) {
                    if (account.key == key) {
                      accounts_.push_back(account);
                    }
                  })
                  .ok());
  return accounts_.empty() ? nullptr : &accounts_[0];
}

namespace {

std::string Differs(const rapidjson::Value& a, const rapidjson::Value& b,
                    const std::vector<std::string>& except, const std::string& path) {
  if (a.IsNumber() && b.IsNumber()) {
    if (a.IsInt64() && b.IsInt64()) {
      return a.GetInt64() == b.GetInt64()
                 ? ""
                 : fmt::format("{}: {} and {}", path, a.GetInt64(), b.GetInt64());
    }
    double x = a.GetDouble();
    double y = b.GetDouble();
    bool same = std::abs(x - y) <= 1e-9 * std::max(std::abs(x), std::abs(y)) + 1e-12;
    return same ? "" : fmt::format("{}: {} and {}", path, x, y);
  }
  if (a.GetType() != b.GetType()) {
    return path + ": of different types";
  }
  if (a.IsString()) {
    std::string_view x(a.GetString(), a.GetStringLength());
    std::string_view y(b.GetString(), b.GetStringLength());
    return x == y ? "" : fmt::format("{}: {} and {}", path, x, y);
  }
  if (a.IsArray()) {
    if (a.Size() != b.Size()) {
      return fmt::format("{}: {} and {} elements", path, a.Size(), b.Size());
    }
    for (rapidjson::SizeType i = 0; i < a.Size(); ++i) {
      std::string found = Differs(a[i], b[i], except, fmt::format("{}[{}]", path, i));
      if (!found.empty()) {
        return found;
      }
    }
    return "";
  }
  if (a.IsObject()) {
    if (a.MemberCount() != b.MemberCount()) {
      return path + ": different members";
    }
    for (const auto& member : a.GetObject()) {
      std::string name = member.name.GetString();
      if (std::find(except.begin(), except.end(), name) != except.end()) {
        continue;
      }
      if (!b.HasMember(member.name)) {
        return fmt::format("{}.{}: only in one", path, name);
      }
      std::string found = Differs(member.value, b[member.name], except, path + "." + name);
      if (!found.empty()) {
        return found;
      }
    }
  }
  return "";
}

}  // namespace

std::string JsonDifference(std::string_view a, std::string_view b,
                           const std::vector<std::string>& except) {
  rapidjson::Document x;
  rapidjson::Document y;
  x.Parse(a.data(), a.size());
  y.Parse(b.data(), b.size());
  if (x.HasParseError() || y.HasParseError()) {
    return "not JSON";
  }
  return Differs(x, y, except, "");
}

}  // namespace hotiron
