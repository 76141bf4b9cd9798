#include <fmt/format.h>

#include <iostream>

#include "app/commands.h"
#include "app/config.h"
#include "app/intake.h"
#include "app/pipeline.h"
#include "base/json.h"
#include "kafka/admin.h"

namespace hotiron {
namespace {

Result<std::string> Check(const std::string& file) {
  TRY_ASSIGN(Config config, ReadConfig(file));
  Result<void> runnable = CheckRunnable(config);
  if (!runnable.ok()) {
    return Invalid(fmt::format("{}: {}", file, runnable.error().message));
  }
  TRY_ASSIGN(LeverFiles levers, ReadLevers(config));
  TRY_ASSIGN(std::string key, ReadPersonKey(config));
  TRY(Intake::Make(config, key, levers.catalogue));
  KafkaOptions kafka;
  TRY_ASSIGN(kafka.properties, ResolveKafka(config));
  kafka.log = [](LogLevel, std::string_view) {};  // checks the properties; asks no broker
  TRY(Admin::Create(kafka, Duration{1}));
  return fmt::format(
      "{}# policy version {} ({} policies), catalogue version {} ({} signals), {}\n"
      "# memory: {}\n",
      FormatConfig(config), levers.policy.version(), levers.policy.policies_size(),
      levers.catalogue.version(), levers.catalogue.signals_size(),
      levers.model ? "model " + levers.model->hash() : "no model", FormatBudget(BudgetOf(config)));
}

int CheckConfig(const std::string& file, const std::string& json) {
  Result<std::string> text = Check(file);
  if (!json.empty()) {
    JsonWriter writer;
    writer.BeginObject().Field("file", file).Field("ok", text.ok());
    if (!text.ok()) {
      writer.Field("error", text.error().message);
    }
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
  command->callback(
      [&chosen, config, json] { chosen = [config, json] { return CheckConfig(*config, *json); }; });
}

}  // namespace hotiron
