#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "app/commands.h"
#include "app/pipeline.h"

namespace hotiron {
namespace {

constexpr int kSignalsInterval = 200;  // ms between looks at signals and failures

int RunUntilStopped(const std::string& config_file, const std::vector<std::string>& role_names) {
  Signals signals(Signals::Hangup::kReloads);
  Result<Roles> roles = ReadRoles(role_names);
  if (!roles.ok()) {
    return Fail(roles.error());
  }
  Result<Config> config = ReadConfig(config_file);
  if (!config.ok()) {
    return Fail(config.error());
  }
  Result<void> runnable = CheckRunnable(config.value(), roles.value());
  if (!runnable.ok()) {
    return Fail(
        {runnable.error().code, fmt::format("{}: {}", config_file, runnable.error().message)});
  }
  if (config.value().unkeyed) {
    spdlog::warn("People are hashed without a key (privacy.unkeyed): for test data only.");
  }
  Result<std::unique_ptr<Pipeline>> pipeline =
      Pipeline::Start({.config = config.value(), .roles = roles.value()});
  if (!pipeline.ok()) {
    return Fail(pipeline.error());
  }
  Pipeline& running = *pipeline.value();
  spdlog::info("Memory: {}.", FormatBudget(BudgetOf(running.config())));
  spdlog::info("Running: app={} instance={} workers={} metrics=http://{}:{}/metrics",
               running.config().app, running.config().instance, running.config().workers,
               running.config().admin_address, running.admin_port());
  if (roles.value().serve) {
    spdlog::info("Strike list: http://{}:{}/{}", running.config().serve_address,
                 running.serve_port(),
                 running.config().serve_token_file.empty() ? "" : " (with the token)");
  }
  while (!signals.WaitForStop(kSignalsInterval) && !running.failed()) {
    if (signals.TakeReload()) {
      Result<void> reloaded = running.Reload();
      if (reloaded.ok()) {
        spdlog::info("Policy, catalogue and model were read again.");
      } else {
        spdlog::error("Nothing was reloaded: {}.", reloaded.error().message);
      }
    }
  }
  if (signals.stopped()) {
    spdlog::info("Stopping: draining, a second signal ends at once.");
  }
  // The drain keeps an ear open for the second signal.
  std::jthread impatience([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      signals.WaitForStop(kSignalsInterval);
    }
  });
  Result<void> ended = running.Stop();
  impatience.request_stop();
  if (!ended.ok()) {
    _exit(Fail(ended.error()));  // a Kafka client that did not close may hang its destructor
  }
  return kExitFine;
}

}  // namespace

void AddRun(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("run",
                                         "Process events from Kafka until told to stop (SIGINT or "
                                         "SIGTERM drains, SIGHUP reads policy, "
                                         "catalogue and model again)");
  auto config = std::make_shared<std::string>();
  command->add_option("--config", *config, "Configuration file (YAML); see deploy/ for examples")
      ->required();
  RoleNames roles = AddRoles(*command, "What this process does");
  command->callback([&chosen, config, roles] {
    chosen = [config, roles] { return RunUntilStopped(*config, *roles); };
  });
}

}  // namespace hotiron
