#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.h"
#include "app/learning_input.h"
#include "app/lever_files.h"
#include "app/output_file.h"
#include "base/json.h"
#include "processors/learning/trainer.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

struct TrainOptions {
  LearningOptions learning;
  std::string out;
};

void PrintStage(const StageHead& head) {
  const StageGate& gate = head.gate;
  fmt::print(
      "\nstages {}: {} rows of {} accounts; right {:.1f}% of the time, {} {:.1f}%; gain in log "
      "loss "
      "{:.3f} ({:.3f}); gate {}\n",
      fmt::join(head.stages, ", "), head.rows, head.accounts, 100 * gate.accuracy, gate.reference,
      100 * gate.reference_accuracy, gate.gain, gate.error,
      gate.open ? "open" : "closed: no demonstrated skill");
}

void Print(const TrainedModel& model) {
  const TrainingFacts& facts = model.facts;
  fmt::print("{} events of {} accounts, {} to {}: {} bought, {} did not, {} are open\n",
             facts.events, facts.accounts, FormatTime(facts.from), FormatTime(facts.until),
             facts.bought, facts.lost, facts.open);
  fmt::print(
      "time unit {}; {} signals; {} training rows; 95 % of outcomes come within {:.1f} units\n\n",
      FormatDuration(model.scale.unit), model.vocabulary.size(), facts.rows,
      model.scale.UnitsIn(facts.maturity));
  fmt::print("{:>8} {:>9} {:>9} {:>7} {:>9} {:>6} {:>8} {:>7}  {}\n", "horizon", "rows", "accounts",
             "buyers", "came true", "AUC", "slope", "(error)", "gate");
  for (const Head& head : model.heads) {
    fmt::print("{:>8} {:>9} {:>9} {:>7} {:>8.1f}% {:>6} {:>8.3f} {:>7}  {}{}\n",
               SayHorizon(head.horizon), head.rows, head.accounts, head.buyers, 100 * head.positive,
               head.auc ? fmt::format("{:.3f}", *head.auc) : "-", head.gate.slope,
               fmt::format("({:.3f})", head.gate.error),
               head.gate.open ? "open" : "closed: no demonstrated skill, age alone is published",
               head.cold_start ? "; starts from points and age" : "");
  }
  if (model.stage) {
    PrintStage(*model.stage);
  }
}

std::string Json(const TrainedModel& model, const std::vector<std::string>& remarks) {
  const TrainingFacts& facts = model.facts;
  JsonWriter json;
  json.BeginObject();
  json.Field("hash", model.hash).Field("data_hash", facts.data_hash);
  json.Field("from", facts.from).Field("until", facts.until);
  json.Field("time_unit", FormatDuration(model.scale.unit));
  json.Field("events", facts.events).Field("accounts", facts.accounts);
  json.Field("bought", facts.bought).Field("lost", facts.lost).Field("open", facts.open);
  json.Field("signals", static_cast<uint64_t>(model.vocabulary.size()));
  json.Field("rows", facts.rows).Field("maturity", FormatDuration(facts.maturity));
  json.Key("gate").BeginArray();
  for (const Head& head : model.heads) {
    json.BeginObject();
    json.Field("horizon", SayHorizon(head.horizon));
    json.Field("s", head.gate.slope).Field("se", head.gate.error).Field("open", head.gate.open);
    json.Field("rows", head.rows).Field("accounts", head.accounts).Field("buyers", head.buyers);
    json.Field("positive", head.positive).Field("cold_start", head.cold_start);
    json.Key("auc");
    head.auc ? json.Value(*head.auc) : json.Null();
    json.EndObject();
  }
  json.EndArray();
  if (model.stage) {
    json.Key("stage");
    WriteStageGate(json, *model.stage);
  }
  json.Key("remarks").BeginArray();
  for (const std::string& remark : remarks) {
    json.Value(remark);
  }
  json.EndArray().EndObject();
  return std::string(json.text());
}

Result<void> TrainModel(const TrainOptions& options) {
  TRY(CheckOutputs({{"--out", options.out}, {"--json", options.learning.json}},
                   InputsOf(options.learning)));
  Progress progress("train");
  TRY_ASSIGN(LearningInput input, ReadLearningInput(options.learning, progress));
  TimeScale scale = ScaleOf(input, input.history);
  std::unique_ptr<Model> anchors = AnchorsOf(input, scale);
  TrainingOptions training_options{.scale = scale,
                                   .horizons = DefaultHorizons(scale),
                                   .seed = options.learning.seed,
                                   .anchors = anchors.get()};
  TrainingFacts facts{.catalogue = input.catalogue.version(),
                      .won = options.learning.won,
                      .masks = options.learning.masks,
                      .data_hash = input.data_hash};
  Work work = MakeWork(progress);
  TRY_ASSIGN(Training training, Train(input.history, training_options, std::move(facts), work));
  progress.Finish();
  std::vector<std::string> remarks = std::move(input.remarks);
  remarks.insert(remarks.end(), training.remarks.begin(), training.remarks.end());
  // Remarks beside an error, too: they may say why.
  for (const std::string& remark : remarks) {
    fmt::print(stderr, "train: {}\n", remark);
  }
  if (training.model.heads.empty()) {
    return Invalid(
        fmt::format("{}nothing can be learnt from these outcomes: a model needs accounts that "
                    "bought and accounts that did not",
                    options.learning.outcomes.empty() ? "" : options.learning.outcomes + ": "));
  }
  std::string text = WriteModel(training.model);
  if (text.size() > kModelBytesMax) {
    remarks.push_back(fmt::format(
        "the model has {} bytes, a platform that runs takes at most {}: mask some signals",
        text.size(), kModelBytesMax));
    fmt::print(stderr, "train: {}\n", remarks.back());
  }
  // What is published is what reads back.
  TRY_ASSIGN(TrainedModel model, ReadModel(text, options.out));
  TRY(WriteOutput(options.out, text));
  if (options.learning.json != "-" && options.out != "-") {
    Print(model);
  }
  return options.learning.json.empty() ? Result<void>()
                                       : WriteJsonFile(options.learning.json, Json(model, remarks));
}

}  // namespace

void AddTrain(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "train", "Learn a model of buying from a history with its outcomes (docs/MODEL.md)");
  auto options = std::make_shared<TrainOptions>();
  AddLearningOptions(*command, options->learning);
  command->add_option("--out", options->out, "Model file to write (YAML; '-': standard output)")
      ->required();
  command->callback([&chosen, options] {
    chosen = [options] {
      Result<void> done = TrainModel(*options);
      return done.ok() ? kExitFine : Fail(done.error());
    };
  });
}

}  // namespace hotiron
