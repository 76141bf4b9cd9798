#include "app/learning_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "app/config.h"
#include "app/event_log.h"
#include "app/pipeline.h"
#include "app/topics.h"
#include "base/hash.h"
#include "base/identity.h"
#include "ingest/catalogue.h"
#include "ingest/history.h"
#include "ingest/outcomes.h"
#include "ingest/router.h"
#include "ingest/stages.h"
#include "processors/learning/crm_outcome.h"
#include "processors/learning/history_builder.h"
#include "processors/learning/trainer.h"

namespace hotiron {
namespace {

constexpr size_t kStagesMax = 20;  // as a catalogue has

struct Mask {
  std::string pattern;
  std::unique_ptr<RE2> compiled;
  uint64_t removed = 0;
  bool may_be_idle = false;  // it need not leave out anything
};

Result<std::vector<Mask>> CompileMasks(const std::vector<std::string>& patterns) {
  std::vector<Mask> masks;
  for (const std::string& pattern : patterns) {
    auto compiled = std::make_unique<RE2>(pattern, RE2::Quiet);
    if (!compiled->ok()) {
      return Invalid(fmt::format("--mask '{}': {}", pattern, compiled->error()));
    }
    masks.push_back({.pattern = pattern, .compiled = std::move(compiled)});
  }
  return masks;
}

// Counts outcomes by name, and says so.
std::string SayOutcomes(const std::map<std::string, uint64_t>& outcomes) {
  std::vector<std::string> names;
  names.reserve(outcomes.size());
  for (const auto& [name, count] : outcomes) {
    names.push_back(fmt::format("{} ({})", name, count));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

bool IsCompanyKey(std::string_view key) {
  return key.size() > 2 && IsCompany(key);
}

// As a history file would name it.
std::string_view NameOfAccount(std::string_view key) {
  return KindOf(key) == IdentityKind::kAccount ? IdOf(key) : key;
}

class InputReader {
 public:
  InputReader(const LearningOptions& options, Progress& progress)
      : options_(options), progress_(progress) {}

  Result<void> Classify(const pb::Catalogue& catalogue, UnknownNames unknown) {
    input_.catalogue = catalogue;
    unknown_ = unknown;
    TRY_ASSIGN(Classifier classifier, Classifier::Make(catalogue));
    classifier_ = std::make_unique<Classifier>(std::move(classifier));
    return {};
  }

  Result<LearningInput> Read() {
    TRY_ASSIGN(masks_, CompileMasks(options_.masks));
    TRY_ASSIGN(std::vector<Mask> of_model, CompileMasks(options_.model_masks));
    for (Mask& mask : of_model) {
      mask.may_be_idle = true;
      masks_.push_back(std::move(mask));
    }
    TRY(ReadTimeUnit());
    bool log = !options_.config.empty() || !options_.topic.empty() || !options_.brokers.empty();
    if (log) {
      TRY(ReadLog());
    } else {
      TRY(ReadFiles());
    }
    TRY(CheckMasks());
    if (!options_.outcomes.empty()) {
      TRY(ReadOutcomes());
    }
    if (!options_.stages.empty()) {
      TRY(ReadStages());
    }
    input_.history = builder_.Build(input_.remarks);
    input_.data_hash = HashOf(input_.history);
    return std::move(input_);
  }

 private:
  Result<void> ReadTimeUnit() {
    if (options_.time_unit.empty()) {
      return {};
    }
    std::optional<Duration> unit = ParseDuration(options_.time_unit);
    if (!unit || *unit < std::chrono::seconds{1} || *unit > std::chrono::days{3660}) {
      return Invalid(fmt::format("--time-unit '{}': must be a time from 1s to 3660d, such as 1d",
                                 options_.time_unit));
    }
    input_.time_unit = *unit;
    return {};
  }

  Result<void> ReadFiles() {
    if (options_.events.empty() || options_.outcomes.empty()) {
      return Invalid(
          fmt::format("{}: is missing: files of events and outcomes, or the --config of "
                      "a platform to learn from its own log",
                      options_.events.empty() ? "--events" : "--outcomes"));
    }
    if (classifier_ == nullptr && !options_.catalogue.empty()) {
      TRY_ASSIGN(std::string text, ReadFile(options_.catalogue));
      TRY_ASSIGN(pb::Catalogue catalogue, ParseCatalogue(text, options_.catalogue));
      TRY(Classify(catalogue, UnknownNames::kIgnore));
    }
    TRY_ASSIGN(MergedHistory history, MergedHistory::Open(options_.events, {}));
    Observation observation;
    uint64_t rows = 0;
    for (;;) {
      TRY_ASSIGN(bool more, history.Next(observation));
      if (!more) {
        break;
      }
      ++rows;
      Take(observation);
      progress_.Show(history.progress().bytes_read, history.progress().bytes_total, rows);
      if (progress_.interrupted()) {
        return Unavailable("interrupted");
      }
    }
    progress_.Finish();
    if (rows == 0) {
      return Invalid(
          fmt::format("{}:1: no event follows the header", fmt::join(options_.events, ", ")));
    }
    Remark(unclassified_, "events are no signal of the catalogue and were left out");
    return {};
  }

  void Take(const Observation& observation) {
    std::string_view signal = observation.name;
    double weight = 1;
    if (classifier_ != nullptr) {
      classifier_->Classify(observation, matches_);
      if (matches_.empty() && unknown_ == UnknownNames::kIgnore) {
        ++unclassified_;
        builder_.Reach(observation.account, observation.time);
        return;
      }
      if (!matches_.empty()) {
        signal = matches_[0]->signal();  // an event is at most one signal
        weight = matches_[0]->weight();
      }
    }
    if (IsMasked(signal)) {
      builder_.Reach(observation.account, observation.time);
      return;
    }
    std::string person =
        IsJunkId(observation.contact) ? std::string() : NormaliseId(observation.contact);
    builder_.Add(observation.account, {.time = observation.time,
                                       .sequence = observation.sequence,
                                       .id = Hash64(observation.id, Hash64(observation.source)),
                                       .signal = signal,
                                       .person = person,
                                       .weight = weight});
  }

  bool IsMasked(std::string_view signal) {
    auto at = masks_of_.find(signal);
    if (at == masks_of_.end()) {
      at = masks_of_.emplace(signal, std::vector<Mask*>()).first;
      for (Mask& mask : masks_) {
        if (RE2::PartialMatch(re2::StringPiece(signal.data(), signal.size()), *mask.compiled)) {
          at->second.push_back(&mask);
        }
      }
    }
    for (Mask* mask : at->second) {
      ++mask->removed;
    }
    return !at->second.empty();
  }

  Result<void> CheckMasks() {
    for (const Mask& mask : masks_) {
      if (mask.removed == 0 && !mask.may_be_idle) {
        std::vector<std::string_view> signals;
        for (const auto& [signal, masks] : masks_of_) {
          signals.push_back(signal);
        }
        return Invalid(fmt::format("--mask '{}': no signal has it in its name; the signals are: {}",
                                   mask.pattern, fmt::join(signals, ", ")));
      }
      input_.remarks.push_back(
          fmt::format("mask '{}' removed {} events", mask.pattern, mask.removed));
    }
    return {};
  }

  Result<void> ReadLog() {
    if (!options_.events.empty() || !options_.catalogue.empty()) {
      return Invalid(
          fmt::format("{}: cannot be used beside --config, --brokers or --topic: a log has its own",
                      options_.events.empty() ? "--catalogue" : "--events"));
    }
    KafkaOptions kafka;
    std::string topic = options_.topic;
    if (!options_.config.empty()) {
      TRY_ASSIGN(Config config, ReadConfig(options_.config));
      TRY_ASSIGN(kafka.properties, ResolveKafka(config));
      kafka.properties.emplace("group.id", config.app);
      topic = topic.empty() ? config.Topic(kEventsTopic) : topic;
      if (!input_.time_unit) {
        // What the platform's own sums are in: a model of another unit would not fit them.
        input_.time_unit = config.time_unit;
      }
    }
    if (!options_.brokers.empty()) {
      kafka.properties["bootstrap.servers"] = options_.brokers;
    }
    if (topic.empty() || kafka.properties.count("bootstrap.servers") == 0) {
      return Invalid(fmt::format("{}: is missing, or a --config that names it",
                                 topic.empty() ? "--topic" : "--brokers"));
    }
    kafka.log = KafkaLog();
    uint64_t unreadable = 0;
    TRY(ReadEventLog(
        kafka, topic, progress_, unreadable,
        [this](std::string_view key, const pb::TaskRecord& record) { Take(key, record); }));
    if (masks_of_.empty()) {
      return Invalid(fmt::format("topic {}: holds no signal of an account", topic));
    }
    Remark(unreadable, "records of the log do not read back and were left out");
    Remark(strangers_, "signals are of people and visitors that belong to no account");
    if (options_.outcomes.empty()) {
      TakeClosings();
    }
    return {};
  }

  // Of an object's row the forwarded record counts, which names the account.
  void Take(std::string_view key, const pb::TaskRecord& record) {
    if (record.levers().catalogue().version() > input_.catalogue.version()) {
      input_.catalogue = record.levers().catalogue();
    }
    if (record.has_fact()) {
      builder_.Reach(FromMillis(record.fact().time_ms()));
      if (IsCompanyKey(key)) {
        closings_[std::string(NameOfAccount(key))].Add(record.fact());
      }
    }
    if (!record.has_signal()) {
      return;
    }
    const pb::Signal& signal = record.signal();
    builder_.Reach(FromMillis(signal.time_ms()));
    if (!IsCompanyKey(key)) {
      strangers_ += key.size() > 2 && KindOf(key) != IdentityKind::kObject ? 1U : 0U;
      return;
    }
    if (IsMasked(signal.signal())) {
      return;
    }
    std::string_view origin = signal.path().empty() ? std::string_view() : signal.path(0);
    builder_.Add(NameOfAccount(key), {.time = FromMillis(signal.time_ms()),
                                      .sequence = signal.sequence(),
                                      .id = signal.id(),
                                      .signal = signal.signal(),
                                      .person = IsCompanyKey(origin) ? std::string_view() : origin,
                                      .weight = signal.weight()});
  }

  void TakeClosings() {
    std::map<std::string, uint64_t> outcomes;
    for (const auto& [account, closings] : closings_) {
      if (!closings.any()) {
        continue;
      }
      std::optional<CrmOutcome::Closing> closing = closings.Get();
      std::string outcome(!closing ? kOpenOutcome : closing->bought ? "won" : "lost");
      builder_.SetOutcome(account, closing ? std::optional(closing->time) : std::nullopt,
                          IsWon(outcome));
      ++outcomes[outcome];
    }
    input_.remarks.push_back(
        fmt::format("outcomes by the CRM's opportunities: {}",
                    outcomes.empty() ? "no account has any" : SayOutcomes(outcomes)));
  }

  bool IsWon(const std::string& outcome) const {
    return std::find(options_.won.begin(), options_.won.end(), outcome) != options_.won.end();
  }

  Result<void> ReadOutcomes() {
    uint64_t repeated = 0;
    TRY_ASSIGN(std::vector<OutcomeRow> rows, hotiron::ReadOutcomes(options_.outcomes, repeated));
    if (rows.empty()) {
      return Invalid(fmt::format("{}:1: no outcome follows the header", options_.outcomes));
    }
    std::map<std::string, uint64_t> outcomes;
    uint64_t backwards = 0;
    for (const OutcomeRow& row : rows) {
      ++outcomes[row.outcome];
      if (row.time) {
        builder_.Reach(row.account, *row.time);
      }
      if (row.start) {
        builder_.SetStart(row.account, *row.start);
      }
      builder_.SetOwner(row.account, row.owner);
      builder_.SetOutcome(row.account, row.open() ? std::nullopt : row.time, IsWon(row.outcome));
      backwards += !row.open() && row.start && *row.time < *row.start ? 1U : 0U;
    }
    for (const std::string& won : options_.won) {
      if (outcomes.count(won) == 0 || won == kOpenOutcome) {
        input_.remarks.push_back(fmt::format("no account of {} has the outcome '{}'; there are: {}",
                                             options_.outcomes, won, SayOutcomes(outcomes)));
      }
    }
    std::map<std::string, uint64_t> lost = outcomes;
    std::erase_if(lost, [&](const auto& outcome) {
      return outcome.first == kOpenOutcome || IsWon(outcome.first);
    });
    if (!lost.empty()) {
      input_.remarks.push_back(fmt::format("outcomes that count as bought: {}; as not bought: {}",
                                           fmt::join(options_.won, ", "), SayOutcomes(lost)));
    }
    Remark(repeated, "outcomes are stated twice");
    Remark(
        backwards,
        "outcomes are before their account's start; what such accounts did from their outcome on "
        "was left out");
    return {};
  }

  // With a catalogue its stages are the ones there are.
  Result<void> ReadStages() {
    TRY_ASSIGN(std::vector<StageRow> rows, hotiron::ReadStages(options_.stages));
    if (rows.empty()) {
      return Invalid(fmt::format("{}:1: no stage follows the header", options_.stages));
    }
    const auto& known = input_.catalogue.stages();
    if (!known.empty()) {
      builder_.OrderStages({known.begin(), known.end()});
    }
    std::set<std::string> names;
    for (const StageRow& row : rows) {
      bool fits = row.stage.empty() || known.empty() ||
                  std::find(known.begin(), known.end(), row.stage) != known.end();
      if (!fits) {
        return Invalid(fmt::format("{}:{}: '{}' is no stage of the catalogue; its stages are: {}",
                                   options_.stages, row.line, row.stage, fmt::join(known, ", ")));
      }
      if (!row.stage.empty()) {
        names.insert(row.stage);
      }
      if (names.size() > kStagesMax) {
        return Invalid(fmt::format("{}:{}: more than {} different stages", options_.stages,
                                   row.line, kStagesMax));
      }
      builder_.AddStage(row.account, row.time, row.stage);
    }
    return {};
  }

  void Remark(uint64_t count, std::string_view what) {
    if (count > 0) {
      input_.remarks.push_back(fmt::format("{} {}", count, what));
    }
  }

  const LearningOptions& options_;
  Progress& progress_;
  LearningInput input_;
  HistoryBuilder builder_;
  std::vector<Mask> masks_;
  std::map<std::string, std::vector<Mask*>, std::less<>> masks_of_;  // each signal, by name
  // Of files.
  std::unique_ptr<Classifier> classifier_;
  UnknownNames unknown_ = UnknownNames::kIgnore;
  std::vector<const pb::SignalDefinition*> matches_;
  uint64_t unclassified_ = 0;
  // Of a log.
  std::map<std::string, CrmOutcome> closings_;  // by account
  uint64_t strangers_ = 0;
};

}  // namespace

std::vector<std::string> InputsOf(const LearningOptions& options) {
  std::vector<std::string> inputs = options.events;
  inputs.insert(inputs.end(),
                {options.outcomes, options.stages, options.config, options.catalogue});
  return inputs;
}

void AddLearningOptions(CLI::App& command, LearningOptions& options) {
  options.won = {"won"};
  command.add_option(
      "--events", options.events,
      "History (account,contact,ts,source,signal,value), plain or gzip; several files are merged "
      "by time");
  command.add_option(
      "--outcomes", options.outcomes,
      "Outcomes (account,start_ts,outcome,outcome_ts), plain or gzip; an account without one, or "
      "with 'open', is still open");
  command.add_option("--config", options.config,
                     "Configuration of a platform: learn from its own log of events and from what "
                     "its CRM says became of opportunities (or from --outcomes)");
  command.add_option("--brokers", options.brokers,
                     "Kafka brokers of such a log, host:port,host:port, where no --config says so");
  command.add_option("--topic", options.topic, "Its topic (default: <app>.events)");
  command.add_option("--stages", options.stages,
                     "Known stages (account,ts,stage): from then on the account is in that stage");
  command.add_option("--mask", options.masks,
                     "Leave out signals with this RE2 pattern anywhere in their name; repeatable. "
                     "Mask what states or follows the outcome");
  command
      .add_option("--won", options.won,
                  "Outcome that counts as bought; repeatable. All other closed ones count as not "
                  "bought")
      ->capture_default_str();
  command.add_option("--time-unit", options.time_unit,
                     "Pace of a journey, such as 1d or 10m: half-lives are 1, 7 and 30 units "
                     "(default: found from the data)");
  command.add_option("--catalogue", options.catalogue,
                     "Signal catalogue: only its signals count, with its weights (default: every "
                     "signal of the events, with weight 1)");
  command.add_option("--json", options.json,
                     "Write the results to this file ('-': standard output)");
  command.add_option("--seed", options.seed, "Of whatever is drawn at random")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

Result<LearningInput> ReadLearningInput(const LearningOptions& options, Progress& progress) {
  return InputReader(options, progress).Read();
}

Result<LearningInput> ReadLearningInput(const LearningOptions& options,
                                        const pb::Catalogue& catalogue, UnknownNames unknown,
                                        Progress& progress) {
  InputReader reader(options, progress);
  TRY(reader.Classify(catalogue, unknown));
  return reader.Read();
}

TimeScale ScaleOf(const LearningInput& input, const LabelledHistory& learnt_from) {
  return {.unit = input.time_unit ? *input.time_unit : FindTimeUnit(learnt_from)};
}

std::unique_ptr<Model> AnchorsOf(const LearningInput& input, const TimeScale& scale) {
  const auto& signals = input.catalogue.signals();
  bool any = std::any_of(signals.begin(), signals.end(),
                         [](const pb::SignalDefinition& signal) { return signal.anchor() > 0; });
  return any ? std::make_unique<Model>(input.catalogue, scale) : nullptr;
}

void WriteStageGate(JsonWriter& json, const StageHead& head) {
  json.BeginObject();
  json.Key("stages").BeginArray();
  for (const std::string& stage : head.stages) {
    json.Value(stage);
  }
  json.EndArray();
  json.Field("rows", head.rows).Field("accounts", head.accounts);
  json.Field("reference", head.gate.reference);
  json.Field("gain", head.gate.gain).Field("se", head.gate.error);
  json.Field("accuracy", head.gate.accuracy);
  json.Field("reference_accuracy", head.gate.reference_accuracy);
  json.Field("open", head.gate.open).EndObject();
}

Work MakeWork(Progress& progress) {
  Work work;
  work.parallel = [](const std::function<void(size_t)>& part) {
    std::atomic<size_t> next = 0;
    auto take_parts = [&] {
      for (size_t i = next++; i < kParts; i = next++) {
        part(i);
      }
    };
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < std::min<size_t>(std::thread::hardware_concurrency(), kParts); ++i) {
      threads.emplace_back(take_parts);
    }
    take_parts();
  };
  work.progress = [&progress](std::string_view step, size_t done, size_t total) {
    progress.ShowStep(step, done, total);
    return !progress.interrupted();
  };
  return work;
}

}  // namespace hotiron
