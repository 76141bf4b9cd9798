#include <fmt/format.h>

#include <iostream>

#include "app/commands.h"
#include "app/config.h"
#include "app/intake.h"
#include "app/lever_files.h"
#include "app/pipeline.h"
#include "base/json.h"
#include "kafka/admin.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

Result<std::string> Check(const std::string& file, Roles roles, std::vector<std::string>& remarks) {
  TRY_ASSIGN(Config config, ReadConfig(file));
  Result<void> runnable = CheckRunnable(config, roles);
  if (!runnable.ok()) {
    return Invalid(fmt::format("{}: {}", file, runnable.error().message));
  }
  std::string text = FormatConfig(config);
  if (roles.process) {
    TRY_ASSIGN(LeverFiles levers, ReadLevers(config));
    TRY_ASSIGN(std::string key, ReadPersonKey(config));
    TRY(Intake::Make(config, key, levers.catalogue));
    text +=
        fmt::format("# policy version {} ({} policies), catalogue version {} ({} signals), {}\n",
                    levers.policy.version(), levers.policy.policies_size(),
                    levers.catalogue.version(), levers.catalogue.signals_size(),
                    levers.model ? "model " + levers.model->hash() : "no model");
    if (levers.model) {
      TRY_ASSIGN(TrainedModel model, ReadModel(levers.model->yaml(), config.model_file));
      remarks = RemarksOn(model, levers.policy, levers.catalogue);
      for (const std::string& remark : remarks) {
        text += fmt::format("# remark: {}\n", remark);
      }
    }
  }
  KafkaOptions kafka;
  TRY_ASSIGN(kafka.properties, ResolveKafka(config));
  kafka.log = [](LogLevel, std::string_view) {};  // checks the properties; asks no broker
  TRY(Admin::Create(kafka, Duration{1}));
  return text + fmt::format("# memory: {}\n", FormatBudget(BudgetOf(config)));
}

int CheckConfig(const std::string& file, const std::vector<std::string>& role_names,
                const std::string& json) {
  Result<Roles> roles = ReadRoles(role_names);
  std::vector<std::string> remarks;
  Result<std::string> text =
      roles.ok() ? Check(file, roles.value(), remarks) : Result<std::string>(roles.error());
  if (!json.empty()) {
    JsonWriter writer;
    writer.BeginObject().Field("file", file).Field("ok", text.ok());
    if (!text.ok()) {
      writer.Field("error", text.error().message);
    }
    writer.Key("remarks").BeginArray();
    for (const std::string& remark : remarks) {
      writer.Value(remark);
    }
    writer.EndArray();
    writer.EndObject();
    Result<void> written = WriteJsonFile(json, writer.text());
    if (!written.ok()) {
      return Fail(written.error());
    }
  }
  if (!text.ok()) {
    return Fail(text.error());
  }
  if (json != "-") {
    std::cout << text.value();
  }
  return kExitFine;
}

}  // namespace

void AddCheckConfig(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "check-config",
      "Check a configuration with its policy, catalogue and secrets, and print it in full");
  auto config = std::make_shared<std::string>();
  auto json = std::make_shared<std::string>();
  command->add_option("--config", *config, "Configuration file (YAML)")->required();
  command->add_option("--json", *json, "Write the verdict as JSON to this file ('-': to stdout)");
  RoleNames roles = AddRoles(*command, "For a process that does this");
  command->callback([&chosen, config, roles, json] {
    chosen = [config, roles, json] { return CheckConfig(*config, *roles, *json); };
  });
}

}  // namespace hotiron
