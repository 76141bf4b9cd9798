#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "app/backtest.h"
#include "app/backtest_report.h"
#include "app/backtest_text.h"
#include "app/commands.h"
#include "app/output_file.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

struct BacktestCommandOptions {
  BacktestOptions backtest;
  std::string html;
  std::string triggers;
};

Result<void> RunCommand(const BacktestCommandOptions& options) {
  const std::string& json = options.backtest.learning.json;
  std::vector<std::string> inputs = InputsOf(options.backtest.learning);
  inputs.insert(inputs.end(),
                {options.backtest.policy, options.backtest.model, options.backtest.against});
  TRY(CheckOutputs({{"--json", json}, {"--html", options.html}, {"--triggers", options.triggers}},
                   inputs));
  Progress progress("backtest");
  std::unique_ptr<OutputFile> triggers;
  if (!options.triggers.empty()) {
    TRY_ASSIGN(triggers, OutputFile::Create(options.triggers));
  }
  auto revised = [&](const pb::Trigger& trigger) {
    if (triggers) {
      triggers->stream() << WriteTrigger(trigger) << '\n';
    }
  };
  TRY_ASSIGN(Backtest backtest, RunBacktest(options.backtest, revised, progress));
  if (triggers) {
    TRY(triggers->Commit());
  }
  for (const std::string& remark : backtest.remarks) {
    fmt::print(stderr, "backtest: {}\n", remark);
  }
  if (json != "-" && options.html != "-" && options.triggers != "-") {
    fmt::print("{}", BacktestSummary(backtest));
  }
  if (!json.empty()) {
    TRY(WriteJsonFile(json, BacktestJson(backtest)));
  }
  return options.html.empty() ? Result<void>()
                              : WriteOutput(options.html, BacktestReport(backtest));
}

}  // namespace

void AddBacktest(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "backtest",
      "Replay a history through policy and model: which triggers would have been right, how early");
  auto options = std::make_shared<BacktestCommandOptions>();
  BacktestOptions& backtest = options->backtest;
  AddLearningOptions(*command, backtest.learning);
  command->get_option("--catalogue")
      ->description(
          "Signal catalogue; names that it does not know are signals of weight 1, or left out "
          "with a --model that learnt without them (default: the built-in one, or none with a "
          "--model that was trained without)");
  command->add_option("--policy", backtest.policy, "Policy file (default: the built-in one)");
  CLI::Option* model = command->add_option(
      "--model", backtest.model,
      "Model file; accounts that started after its training are judged (default: learn one from "
      "the first accounts, judge the rest)");
  command->add_option("--split", backtest.split, "Share of the accounts, by start, to learn from")
      ->check(CLI::Range(0.01, 0.99))
      ->capture_default_str()
      ->excludes(model);
  command->add_option("--against", backtest.against,
                      "A second policy or a second model, which the file's content tells, to "
                      "compare with");
  command->add_flag("--all", backtest.all,
                    "Judge every account, those that the model has learnt from, too");
  command
      ->add_option("--per-week", backtest.per_week,
                   "Report the thresholds that would have given so many alerts, and so many false "
                   "alarms, per week (7 time units); repeatable (default: as many as the policy)")
      ->check(CLI::Range(1e-3, 1e9))
      ->delimiter(',');
  command->add_option("--html", options->html, "Write a report for people to this file");
  command->add_option("--triggers", options->triggers,
                      "Write every trigger revision to this file, a JSON line each, as on "
                      "<app>.triggers");
  command->callback([&chosen, options] {
    chosen = [options] {
      Result<void> done = RunCommand(*options);
      return done.ok() ? kExitFine : Fail(done.error());
    };
  });
}

}  // namespace hotiron
