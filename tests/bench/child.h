#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace hotiron {

// A program run beside the benchmark, and what it costs. Its output goes to a file. It dies with
// the thread that started it.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::string& log_file);

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // SIGKILL, if it still runs

  // User and system time so far, in seconds (the kernel counts in hundredths).
  double CpuSeconds() const;

  // The most memory it has had in RAM, in MiB.
  double PeakMegabytes() const;

  bool Running();

  // SIGTERM, then waits. Dies if that takes longer than a minute or ends badly.
  void Stop();

  pid_t pid() const { return pid_; }

 private:
  const std::string log_file_;
  pid_t pid_ = 0;
  bool ended_ = false;
};

}  // namespace hotiron
