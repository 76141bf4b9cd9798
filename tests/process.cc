#include "tests/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/result.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kLookInterval{5};

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process::Process(const Options& options) : log_(options.log) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  for (const auto& [name, value] : options.environment) {
    environment.push_back(name + "=" + value);
  }
  std::vector<char*> argv = Pointers(arguments);
  std::vector<char*> envp = Pointers(environment);
  int output = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(output >= 0);
  log_start_ = lseek(output, 0, SEEK_END);
  pid_t parent = getpid();
  pid_ = fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) {  // only async-signal-safe calls from here on: the parent has threads
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      _exit(127);  // it died before it could be watched
    }
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(output);
}

Process::~Process() {
  Kill();
}

void Process::Kill() {
  if (!ended_) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
    ended_ = -SIGKILL;
  }
}

void Process::Signal(int number) const {
  CHECK(!ended_);
  kill(pid_, number);
}

std::optional<int> Process::WaitForExit(Duration patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (!ended_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    } else if (Clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(kLookInterval);
    }
  }
  return ended_;
}

std::optional<std::string> Process::WaitForLine(const std::string& text, Duration patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    bool over = !running() || Clock::now() >= deadline;
    std::string log = Log();
    size_t at = log.find(text);
    size_t end = at == std::string::npos ? at : log.find('\n', at);
    if (end != std::string::npos) {
      return log.substr(at + text.size(), end - at - text.size());
    }
    if (over) {
      return std::nullopt;
    }
    std::this_thread::sleep_for(kLookInterval);
  }
}

std::string Process::Log() const {
  std::ifstream file(log_);
  file.seekg(log_start_);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace hotiron
