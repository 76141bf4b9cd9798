#include "tests/bench/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "base/result.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kStopPatience{60};
constexpr std::chrono::milliseconds kStopInterval{20};

std::string ReadAll(const std::string& name) {
  std::ifstream file(name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, const std::string& log_file)
    : log_file_(log_file) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  int output = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(output >= 0);
  pid_t parent = getpid();
  pid_ = fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) {  // only async-signal-safe calls from here on
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      _exit(127);
    }
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(output);
}

Child::~Child() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

double Child::CpuSeconds() const {
  std::string stat = ReadAll(fmt::format("/proc/{}/stat", pid_));
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
  std::string status = ReadAll(fmt::format("/proc/{}/status", pid_));
  size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtod(status.c_str() + at + 6, nullptr) / 1024;
}

bool Child::Running() {
  ended_ = ended_ || waitpid(pid_, nullptr, WNOHANG) == pid_;
  return !ended_;
}

void Child::Stop() {
  kill(pid_, SIGTERM);
  const steady_clock::time_point deadline = steady_clock::now() + kStopPatience;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    CHECK(steady_clock::now() < deadline);
    std::this_thread::sleep_for(kStopInterval);
  }
  ended_ = true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fmt::print(stderr, "{}\n", ReadAll(log_file_));
    CheckFailed(__FILE__, __LINE__, "the program ended well; what it said is above");
  }
}

}  // namespace hotiron
