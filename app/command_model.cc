#include <fmt/format.h>

#include <functional>

#include "app/commands.h"
#include "app/control_topic.h"
#include "app/lever_files.h"
#include "app/output_file.h"
#include "app/pipeline.h"
#include "app/topics.h"
#include "base/json.h"
#include "kafka/admin.h"
#include "processors/models_in_force.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

struct ModelOptions {
  std::string config;
  std::string file;
  std::string json;
};

// The models that are to be in force, made of those that are; nothing: they stay.
using NextModels =
    std::function<Result<std::optional<pb::ModelSet>>(const Config&, const LeversInForce&)>;

// What goes along with a model badly, before it decides.
void SayRemarks(const pb::ModelText& text, const LeversInForce& in_force) {
  Result<TrainedModel> model = ReadModel(text.yaml(), text.hash());
  if (model.ok()) {
    for (const std::string& remark :
         RemarksOn(model.value(), in_force.policy(), in_force.catalogue())) {
      fmt::print(stderr, "model: {}\n", remark);
    }
  }
}

void Say(const char* role, const pb::ModelText& text) {
  if (text.hash().empty()) {
    fmt::print("{:<10} none\n", role);
    return;
  }
  Result<TrainedModel> model = ReadModel(text.yaml(), text.hash());
  if (!model.ok()) {
    fmt::print("{:<10} {}  (this program does not read it: {})\n", role, text.hash(),
               model.error().message);
    return;
  }
  std::string gates;
  for (const Head& head : model.value().heads) {
    gates += fmt::format("{}{} {}", gates.empty() ? "" : ", ", SayHorizon(head.horizon),
                         head.gate.open ? "open" : "closed");
  }
  const TrainingFacts& facts = model.value().facts;
  fmt::print("{:<10} {}  learnt from {} accounts until {}; gate: {}\n", role, text.hash(),
             facts.accounts, FormatTime(facts.until).substr(0, 10), gates);
}

std::string Json(const pb::ModelSet& models) {
  JsonWriter json;
  json.BeginObject().Field("version", models.version());
  json.Field("champion", models.champion().hash());
  json.Field("challenger", models.challenger().hash());
  json.Field("previous", models.previous().hash()).EndObject();
  return std::string(json.text());
}

Result<void> Apply(const ModelOptions& options, const NextModels& change) {
  TRY(CheckOutputs({{"--json", options.json}}, {options.config, options.file}));
  TRY_ASSIGN(Config config, ReadConfig(options.config));
  KafkaOptions kafka;
  TRY_ASSIGN(kafka.properties, ResolveKafka(config));
  kafka.log = KafkaLog();
  TRY_ASSIGN(Admin admin, Admin::Create(kafka));
  TRY_ASSIGN(auto topics, admin.Topics());
  if (topics.count(config.Topic(kControlTopic)) == 0) {
    return Invalid(fmt::format("topic {} does not exist: start `hotiron run` once first",
                               config.Topic(kControlTopic)));
  }
  TRY_ASSIGN(ControlTopic control, ControlTopic::Open(kafka, config));
  TRY_ASSIGN(std::optional<pb::ModelSet> next, change(config, control.in_force()));
  if (next) {
    pb::Levers levers;
    *levers.mutable_models() = std::move(*next);
    TRY(control.Publish(levers));
  }
  const pb::ModelSet& models = control.in_force().models();
  if (options.json != "-") {
    Say("champion", models.champion());
    Say("challenger", models.challenger());
    Say("previous", models.previous());
  }
  return options.json.empty() ? Result<void>() : WriteJsonFile(options.json, Json(models));
}

}  // namespace

void AddModel(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "model",
      "Which model of buying decides, and which is tried beside it (docs/MODEL.md); no restart");
  command->require_subcommand(1);
  auto options = std::make_shared<ModelOptions>();
  auto add = [&, options](const char* name, const char* help, NextModels change) {
    CLI::App* action = command->add_subcommand(name, help);
    action->add_option("--config", options->config, "Configuration file of `hotiron run`")
        ->required();
    action->add_option("--json", options->json,
                       "Write the hashes of the models in force to this file ('-': to stdout)");
    action->callback([&chosen, options, change = std::move(change)] {
      chosen = [options, change] {
        Result<void> done = Apply(*options, change);
        return done.ok() ? kExitFine : Fail(done.error());
      };
    });
    return action;
  };
  using Next = Result<std::optional<pb::ModelSet>>;
  add("show", "The models in force, and the verdicts of their gates",
      [](const Config&, const LeversInForce&) -> Next { return std::optional<pb::ModelSet>(); });
  add("offer", "A model file becomes the challenger, or the champion where there is none",
      [options](const Config& config, const LeversInForce& in_force) -> Next {
        TRY_ASSIGN(pb::ModelText model, ReadModelFile(options->file, config));
        SayRemarks(model, in_force);
        return WithOffered(in_force.models(), model);
      })
      ->add_option("file", options->file, "Model file, of `hotiron train`")
      ->required();
  add("promote", "The challenger decides from now on",
      [](const Config&, const LeversInForce& in_force) -> Next {
        TRY_ASSIGN(pb::ModelSet next, WithPromoted(in_force.models()));
        SayRemarks(next.champion(), in_force);
        return std::optional<pb::ModelSet>(std::move(next));
      });
  add("rollback",
      "The champion before decides again; the present one becomes the challenger, unless there "
      "is one",
      [](const Config&, const LeversInForce& in_force) -> Next {
        TRY_ASSIGN(pb::ModelSet next, WithRolledBack(in_force.models()));
        SayRemarks(next.champion(), in_force);
        return std::optional<pb::ModelSet>(std::move(next));
      });
}

}  // namespace hotiron
