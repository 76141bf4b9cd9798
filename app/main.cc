#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>

#include "app/commands.h"
#include "app/version.h"

namespace hotiron {
namespace {

int Main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("hotiron"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);

  CLI::App app(
      "Hotiron tells account teams when to act and why, from web activity and CRM events.");
  app.set_version_flag("--version", fmt::format("hotiron {}", kVersion));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 2 usage or configuration to correct, 3 failed for a reason outside "
      "(broker, disk).");
  app.fallthrough();
  Command chosen;
  AddRun(app, chosen);
  AddDemo(app, chosen);
  AddReplay(app, chosen);
  AddJourneys(app, chosen);
  AddTrain(app, chosen);
  AddEvaluate(app, chosen);
  AddModel(app, chosen);
  AddBacktest(app, chosen);
  AddCheckConfig(app, chosen);
  auto is_meant = [&](const CLI::App* command) { return command->check_name(argv[1]); };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_meant).empty()) {
    return Fail(Invalid(fmt::format("'{}' is no command; see hotiron --help", argv[1])));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? kExitFine : kExitUsage;
  }
  return chosen();
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  try {
    return hotiron::Main(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "hotiron: {}\n", problem.what());
    return hotiron::kExitFailed;
  }
}
