#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/config.h"
#include "app/exit_codes.h"
#include "base/result.h"

namespace hotiron {

// Each adds its subcommand, with complete help, and what to do when it was chosen: `chosen` is set
// to a function that works and returns the exit code.
using Command = std::function<int()>;
void AddRun(CLI::App& app, Command& chosen);
void AddDemo(CLI::App& app, Command& chosen);
void AddReplay(CLI::App& app, Command& chosen);
void AddJourneys(CLI::App& app, Command& chosen);
void AddTrain(CLI::App& app, Command& chosen);
void AddEvaluate(CLI::App& app, Command& chosen);
void AddModel(CLI::App& app, Command& chosen);
void AddBacktest(CLI::App& app, Command& chosen);
void AddCheckConfig(CLI::App& app, Command& chosen);

// The option --roles and what it was given; ReadRoles reads them.
using RoleNames = std::shared_ptr<std::vector<std::string>>;
RoleNames AddRoles(CLI::App& command, const std::string& what);
Result<Roles> ReadRoles(const std::vector<std::string>& names);

// Prints an error in one line and returns the exit code that fits it: usage for what the user must
// correct, failed for the rest.
int Fail(const Error& error);

// Writes `json` to a file and a line end; "-" is standard output.
Result<void> WriteJsonFile(const std::string& path, std::string_view json);

// SIGINT, SIGTERM and SIGHUP, asked for instead of interrupting. Block before any thread starts;
// one asks to stop, a second ends the process at once. SIGHUP asks to reload where that means
// something.
class Signals {
 public:
  enum class Hangup : uint8_t { kStops, kReloads };

  explicit Signals(Hangup hangup = Hangup::kStops);

  // Waits at most `milliseconds`; true once a signal to stop has come.
  bool WaitForStop(int milliseconds);

  bool stopped() const { return stopped_; }

  // True once after a SIGHUP that asks for it.
  bool TakeReload() { return std::exchange(reload_, false); }

 private:
  const Hangup hangup_;
  bool stopped_ = false;
  bool reload_ = false;
};

}  // namespace hotiron
