#include "tests/bench/child.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/result.h"

namespace hotiron {
namespace {

constexpr Duration kStopPatience{60'000};

std::string ReadAll(const std::string& name) {
  std::ifstream file(name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

double Child::CpuSeconds() const {
  std::string stat = ReadAll(fmt::format("/proc/{}/stat", process_.pid()));
  size_t after_name = stat.rfind(')');
  CHECK(after_name != std::string::npos);
  std::istringstream fields(stat.substr(after_name + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) {  // fields 3 to 13 of proc(5)
    fields >> skipped;
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Child::PeakMegabytes() const {
  std::string status = ReadAll(fmt::format("/proc/{}/status", process_.pid()));
  size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtod(status.c_str() + at + 6, nullptr) / 1024;
}

void Child::Stop() {
  process_.Signal(SIGTERM);
  if (process_.WaitForExit(kStopPatience) != 0) {
    fmt::print(stderr, "{}\n", process_.Log());
    CheckFailed(__FILE__, __LINE__, "the program ended well; what it said is above");
  }
}

}  // namespace hotiron
