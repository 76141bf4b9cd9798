#include "app/commands.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

#include "app/output_file.h"
#include "base/json.h"

namespace hotiron {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

RoleNames AddRoles(CLI::App& command, const std::string& what) {
  auto names =
      std::make_shared<std::vector<std::string>>(std::vector<std::string>{"process", "serve"});
  command
      .add_option("--roles", *names,
                  what + ": process (events to triggers), serve (the strike list); default both")
      ->delimiter(',');
  return names;
}

Result<Roles> ReadRoles(const std::vector<std::string>& names) {
  Roles roles{.process = false, .serve = false};
  for (const std::string& name : names) {
    if (name != "process" && name != "serve") {
      return Invalid(fmt::format("--roles: '{}' is none; allowed: process, serve", name));
    }
    (name == "process" ? roles.process : roles.serve) = true;
  }
  return roles;
}

int Fail(const Error& error) {
  // Bytes of a file that is no text are not for a terminal.
  fmt::print(stderr, "hotiron: {}\n", CleanUtf8(error.message));
  return error.code == Error::Code::kInvalid ? kExitUsage : kExitFailed;
}

Result<void> WriteJsonFile(const std::string& path, std::string_view json) {
  return WriteOutput(path, std::string(json) + "\n");
}

Signals::Signals(Hangup hangup) : hangup_(hangup) {
  sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool Signals::WaitForStop(int milliseconds) {
  sigset_t set = StopSignals();
  timespec wait{milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  int signal = sigtimedwait(&set, nullptr, &wait);
  if (signal == SIGHUP && hangup_ == Hangup::kReloads) {
    reload_ = true;
  } else if (signal > 0) {
    if (stopped_) {
      _exit(kExitFailed);
    }
    stopped_ = true;
  }
  return stopped_;
}

}  // namespace hotiron
