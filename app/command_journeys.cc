#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "app/commands.h"
#include "app/config.h"
#include "app/defaults.h"
#include "app/intake.h"
#include "app/lever_files.h"
#include "app/output_file.h"
#include "app/pipeline.h"
#include "app/progress.h"
#include "app/signal_masks.h"
#include "app/task_host.h"
#include "base/versions.h"
#include "ingest/history.h"
#include "processors/no_rows.h"
#include "processors/summary.h"
#include "processors/task.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

struct JourneysOptions {
  std::vector<std::string> events;
  std::string config;
  std::string model;
  std::string as_of;
  std::string as_of_from;
  std::string out;
};

// account -> as_of, from the lines that <app>.journeys holds or this command has printed.
Result<std::map<std::string, EventTime>> ReadMoments(const std::string& file_name) {
  std::ifstream file(file_name);
  if (!file) {
    return Invalid(fmt::format("{}: cannot be read", file_name));
  }
  std::map<std::string, EventTime> moments;
  simdjson::ondemand::parser parser;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    simdjson::padded_string padded(line);
    simdjson::ondemand::document document;
    std::string_view account;
    std::string_view as_of;
    if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
        document["account"].get(account) != simdjson::SUCCESS ||
        document["as_of"].get(as_of) != simdjson::SUCCESS || !ParseTime(as_of)) {
      return Invalid(
          fmt::format("{}:{}: must be a JSON object with \"account\" and \"as_of\" (in this order)",
                      file_name, number));
    }
    moments[std::string(account)] = *ParseTime(as_of);
  }
  return moments;
}

// A model, and what it is to be shown.
struct ShownModel {
  pb::ModelText text;  // without a hash: there is none
  SignalMasks masks;
  UnknownNames unknown = UnknownNames::kKeep;
};

// Where no configuration says otherwise, time unit, weights and signals are those that the model
// learnt with.
Result<ShownModel> ReadModelOf(const JourneysOptions& options, Config& config,
                               pb::Catalogue& catalogue) {
  ShownModel shown;
  const std::string file = options.model.empty() ? config.model_file : options.model;
  if (file.empty()) {
    return shown;
  }
  TRY_ASSIGN(std::string text, ReadFile(file));
  TRY_ASSIGN(TrainedModel model, ReadModel(text, file));
  if (options.config.empty()) {
    config.time_unit = model.scale.unit;
    if (model.facts.catalogue == 0) {
      catalogue = {};
      catalogue.set_version(1);
    }
    TRY_ASSIGN(shown.masks, SignalMasks::Make(model.facts.masks));
    if (KnowsCatalogueOnly(model, catalogue)) {
      shown.unknown = UnknownNames::kIgnore;
    }
  }
  TRY_ASSIGN(shown.text, CheckModel(std::move(text), file, config));
  for (const std::string& remark : RemarksOn(model, {}, catalogue)) {
    fmt::print(stderr, "journeys: {}\n", remark);
  }
  return shown;
}

Result<void> Compute(const JourneysOptions& options) {
  std::vector<std::string> inputs = options.events;
  inputs.insert(inputs.end(), {options.config, options.model, options.as_of_from});
  TRY(CheckOutputs({{"--json", options.out}}, inputs));
  Config config;
  if (!options.config.empty()) {
    TRY_ASSIGN(config, ReadConfig(options.config));
  }
  TRY_ASSIGN(pb::Catalogue catalogue, CatalogueOf(config));
  TRY_ASSIGN(ShownModel model, ReadModelOf(options, config, catalogue));
  std::string person_key;
  if (!config.person_key_file.empty()) {
    TRY_ASSIGN(person_key, ReadPersonKey(config));
  }
  std::optional<EventTime> as_of;
  if (!options.as_of.empty()) {
    as_of = ParseTime(options.as_of);
    if (!as_of) {
      return Invalid(
          fmt::format("--as-of: '{}' is not a time such as 2026-03-01T00:00:00Z", options.as_of));
    }
  }
  std::map<std::string, EventTime> moments;
  if (!options.as_of_from.empty()) {
    TRY_ASSIGN(moments, ReadMoments(options.as_of_from));
  }
  TRY_ASSIGN(Intake intake, Intake::Make(config, person_key, catalogue));
  TRY_ASSIGN(MergedHistory history, MergedHistory::Open(options.events, {}));

  NoRows rows;
  TaskOptions task_options = TaskOptionsOf(config);
  task_options.cached_accounts = SIZE_MAX;
  Task task(task_options, rows);
  TaskOutputs outputs;
  int64_t offset = 0;
  pb::TaskRecord levers;
  levers.set_version(kTaskRecordVersion);
  *levers.mutable_levers()->mutable_catalogue() = catalogue;
  std::string bytes = levers.SerializeAsString();
  TRY(task.Process({.offset = offset++, .timestamp = {}, .key = "", .value = bytes}, outputs));
  if (!model.text.hash().empty()) {
    pb::ModelSet& models = *levers.mutable_levers()->mutable_models();
    levers.mutable_levers()->clear_catalogue();
    *models.mutable_champion() = model.text;
    models.set_version(1);
    bytes = levers.SerializeAsString();
    TRY(task.Process({.offset = offset++, .timestamp = {}, .key = "", .value = bytes}, outputs));
  }

  Progress progress("journeys");
  Observation observation;
  Intake::Output taken;
  uint64_t refused = 0;
  while (true) {
    TRY_ASSIGN(bool more, history.Next(observation));
    if (!more) {
      break;
    }
    taken.Clear();
    Outcome outcome =
        intake.Route(observation, InputRecord{}, observation.time, taken, model.unknown);
    refused += outcome.kind == Outcome::Kind::kRejected ? 1 : 0;
    for (const RoutedRecord& routed : taken.routed) {
      if (model.masks.Hide(routed.record.signal().signal())) {
        continue;
      }
      bytes = routed.record.SerializeAsString();
      TRY(task.Process(
          {.offset = offset++, .timestamp = observation.time, .key = routed.key, .value = bytes},
          outputs));
    }
    outputs.Clear();
    progress.Show(history.progress().bytes_read, history.progress().bytes_total,
                  static_cast<uint64_t>(offset));
    if (progress.interrupted()) {
      return Unavailable("interrupted");
    }
  }
  progress.Finish();
  if (refused > 0) {
    fmt::print(stderr, "journeys: {} rows name no usable account and were left out\n", refused);
  }

  std::map<std::string, std::string> lines;
  TRY(task.ForEachAccount([&](const Account& account) {
    EventTime moment = as_of.value_or(task.AsOf(account));
    auto stated = moments.find(account.key);
    if (stated != moments.end()) {
      moment = stated->second;
    }
    lines[account.key] = WriteSummary(account, task.model(), task.models(), moment);
  }));
  TRY_ASSIGN(std::unique_ptr<OutputFile> out,
             OutputFile::Create(options.out.empty() ? "-" : options.out));
  for (const auto& [key, line] : lines) {
    out->stream() << line << '\n';
  }
  return out->Commit();
}

}  // namespace

void AddJourneys(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "journeys",
      "Compute the journeys of a history file, without Kafka: one JSON line per account");
  auto options = std::make_shared<JourneysOptions>();
  command
      ->add_option("--events", options->events,
                   "History (account,contact,ts,source,signal,value), plain or gzip; several files "
                   "are merged by time")
      ->required();
  command->add_option("--config", options->config,
                      "Configuration file: catalogue, model, person key, time unit, log limits");
  command->add_option(
      "--model", options->model,
      "State what this model of buying says, too (of `hotiron train`); without a --config "
      "time unit, weights and signals are those that it learnt with");
  CLI::Option* as_of = command->add_option(
      "--as-of", options->as_of,
      "State every journey at this time (default: at each account's newest event)");
  command
      ->add_option("--as-of-from", options->as_of_from,
                   "State each journey at the as_of that the JSON lines of this file give for it")
      ->excludes(as_of);
  command->add_option("--json", options->out,
                      "Write the lines to this file (default: standard output)");
  command->callback([&chosen, options] {
    chosen = [options] {
      Result<void> done = Compute(*options);
      return done.ok() ? kExitFine : Fail(done.error());
    };
  });
}

}  // namespace hotiron
