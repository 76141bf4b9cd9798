#pragma once

#include <string>
#include <vector>

#include "tests/process.h"

namespace hotiron {

// A program run beside the benchmark, and what it costs. Killed with this object.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::string& log_file)
      : process_({.arguments = arguments, .log = log_file}) {}

  // User and system time so far, in seconds (the kernel counts in hundredths).
  double CpuSeconds() const;

  // The most memory it has had in RAM, in MiB.
  double PeakMegabytes() const;

  bool Running() { return process_.running(); }

  // SIGTERM, then waits. Dies if that takes longer than a minute or ends badly.
  void Stop();

 private:
  Process process_;
};

}  // namespace hotiron
