#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace hotiron {

// A child process under test, in a process group of its own: killed with this object, and with the
// thread that started it. Both its outputs are appended to one file. One owner thread.
class Process {
 public:
  struct Options {
    std::vector<std::string> arguments;                   // the program first, looked up in PATH
    std::map<std::string, std::string> environment = {};  // added to ours
    std::filesystem::path log;
  };

  explicit Process(const Options& options);
  ~Process();

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // It must not have been seen to end.
  void Signal(int number) const;

  // SIGKILL, if it still runs; returns when it is gone.
  void Kill();

  // The exit code, or minus the signal that ended it; nothing when it still runs after `patience`.
  std::optional<int> WaitForExit(Duration patience);

  bool running() { return !WaitForExit(Duration{0}).has_value(); }

  // The end of the first line of the log behind `text`, once there is one; nothing when the process
  // ends before, or the patience does.
  std::optional<std::string> WaitForLine(const std::string& text, Duration patience);

  // What this process has written.
  std::string Log() const;

 private:
  const std::filesystem::path log_;
  std::streamoff log_start_ = 0;
  pid_t pid_ = 0;
  std::optional<int> ended_;
};

}  // namespace hotiron
