#include "tests/kafka_broker/real_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

#include "base/time.h"
#include "kafka/admin.h"

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

// Under sanitizers, on a busy machine.
constexpr Duration kStartTimeout{60'000};
constexpr Duration kStopTimeout{20'000};
constexpr Duration kProbeTimeout{1'000};
constexpr Duration kWaitInterval{50};
constexpr std::streamoff kLogTailBytes = 2'000;
// A free port may be taken by somebody else before the broker has it.
constexpr int kStartAttempts = 3;
constexpr const char* kClusterId = "HotironTestsCluster00A";  // 16 bytes in base64

// A port that nobody listens on now.
int FreePort() {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  sockaddr* generic = reinterpret_cast<sockaddr*>(&address);
  CHECK(bind(listener, generic, size) == 0);
  CHECK(getsockname(listener, generic, &size) == 0);
  close(listener);
  return ntohs(address.sin_port);
}

// Starts `arguments` as a process group of its own, its output appended to `log`.
pid_t Spawn(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(output >= 0);
  pid_t parent = getpid();
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {  // only async-signal-safe calls from here on: the parent has threads
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      _exit(127);  // it died before it could be watched
    }
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(output);
  return pid;
}

// True when the process has ended, within the bound.
bool WaitForExit(pid_t pid, Duration timeout, int* status) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (waitpid(pid, status, WNOHANG) == 0) {
    if (Clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(kWaitInterval);
  }
  return true;
}

Result<std::string> FindJars() {
  const char* named = std::getenv("HOTIRON_KAFKA_JARS");
  std::string jars = named != nullptr ? named : HOTIRON_KAFKA_JARS_DIR;
  std::error_code ignored;
  if (!std::filesystem::exists(jars + "/kafka_2.13-4.1.1.jar", ignored)) {
    return Unavailable(
        fmt::format("Apache Kafka is not in {}: run tests/kafka_broker/fetch", jars));
  }
  return jars;
}

// Owns the shared broker; stopped by gtest after the last test.
class SharedBrokerEnvironment : public testing::Environment {
 public:
  void TearDown() override { broker.reset(); }

  std::unique_ptr<RealBroker> broker;
};

SharedBrokerEnvironment& Shared() {
  static SharedBrokerEnvironment* const kEnvironment = [] {
    SharedBrokerEnvironment* made = new SharedBrokerEnvironment;
    testing::AddGlobalTestEnvironment(made);  // gtest's now
    return made;
  }();
  return *kEnvironment;
}

}  // namespace

RealBroker& SharedBroker() {
  std::unique_ptr<RealBroker>& broker = Shared().broker;
  if (broker == nullptr) {
    Result<std::unique_ptr<RealBroker>> started = RealBroker::Start();
    if (!started.ok()) {
      fmt::print(stderr, "{}\n", started.error().message);
      std::exit(1);
    }
    broker = std::move(started).value();
  }
  return *broker;
}

Result<std::unique_ptr<RealBroker>> RealBroker::Start(const Options& options) {
  TRY_ASSIGN(std::string jars, FindJars());
  for (int attempt = 1;; ++attempt) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "hotiron-kafka-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    std::unique_ptr<RealBroker> broker(new RealBroker(pattern));
    broker->jars_ = jars;
    broker->jvm_flags_ = options.jvm_flags;
    int port = FreePort();
    int controller_port = FreePort();
    broker->bootstrap_ = fmt::format("127.0.0.1:{}", port);

    std::map<std::string, std::string> properties = {
        {"process.roles", "broker,controller"},
        {"node.id", "1"},
        {"controller.quorum.voters", fmt::format("1@127.0.0.1:{}", controller_port)},
        {"listeners",
         fmt::format("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{}", port, controller_port)},
        {"controller.listener.names", "CONTROLLER"},
        {"log.dirs", (broker->directory_ / "data").string()},
        {"offsets.topic.num.partitions", "4"},
        {"offsets.topic.replication.factor", "1"},
        {"transaction.state.log.num.partitions", "4"},
        {"transaction.state.log.replication.factor", "1"},
        {"transaction.state.log.min.isr", "1"},
        {"share.coordinator.state.topic.num.partitions", "1"},
        {"share.coordinator.state.topic.replication.factor", "1"},
        {"share.coordinator.state.topic.min.isr", "1"},
        {"group.initial.rebalance.delay.ms", "0"},
        {"group.min.session.timeout.ms", "1000"},
        {"transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"},
        {"auto.create.topics.enable", "false"},
        {"num.network.threads", "2"},
        {"num.io.threads", "2"},
        {"log.cleaner.dedupe.buffer.size", "16777216"},
        // Without preallocation a topic costs next to nothing.
        {"log.index.size.max.bytes", "1048576"},
    };
    for (const auto& [name, value] : options.properties) {
      properties[name] = value;
    }
    std::ofstream file(broker->directory_ / "server.properties");
    for (const auto& [name, value] : properties) {
      file << name << '=' << value << '\n';
    }
    file.close();

    TRY(broker->Format());
    Result<void> ready = broker->Restart();
    if (ready.ok()) {
      return broker;
    }
    if (attempt == kStartAttempts) {
      return ready.error();
    }
  }
}

RealBroker::~RealBroker() {
  Kill();  // nobody wants the data any more
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Result<void> RealBroker::Format() {
  pid_t pid = Spawn({"java", "-Xmx256m", "-Xshare:auto", "-XX:+UseSerialGC",
                     "-XX:TieredStopAtLevel=1", "-cp", jars_ + "/*", "kafka.tools.StorageTool",
                     "format", "-t", kClusterId, "-c", (directory_ / "server.properties").string()},
                    directory_ / "broker.log");
  int status = 0;
  bool ended = WaitForExit(pid, kStartTimeout, &status);
  if (!ended) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Unavailable(
        fmt::format("cannot format Kafka's storage (is Java 17 installed?): {}", LogTail()));
  }
  return {};
}

Result<void> RealBroker::Restart() {
  CHECK(pid_ == 0);
  std::vector<std::string> arguments = {"java"};
  arguments.insert(arguments.end(), jvm_flags_.begin(), jvm_flags_.end());
  for (const char* argument : {"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"}) {
    arguments.emplace_back(argument);
  }
  arguments.push_back(jars_ + "/*");
  arguments.emplace_back("kafka.Kafka");
  arguments.push_back((directory_ / "server.properties").string());
  pid_ = Spawn(arguments, directory_ / "broker.log");
  return WaitUntilReady();
}

Result<void> RealBroker::WaitUntilReady() {
  const Clock::time_point deadline = Clock::now() + kStartTimeout;
  TRY_ASSIGN(Admin admin, Admin::Create({.properties = {{"bootstrap.servers", bootstrap_},
                                                        {"reconnect.backoff.max.ms", "100"}}},
                                        kProbeTimeout));
  for (;;) {
    Result<std::map<std::string, TopicShape>> answer = admin.Topics();
    if (answer.ok()) {
      return {};
    }
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != 0) {
      pid_ = 0;
      return Unavailable(fmt::format("Kafka ended while it started: {}", LogTail()));
    }
    if (Clock::now() >= deadline) {
      Kill();
      return Unavailable(fmt::format("Kafka does not answer: {}; its log ends: {}",
                                     answer.error().message, LogTail()));
    }
    std::this_thread::sleep_for(kWaitInterval);
  }
}

void RealBroker::Stop() {
  if (pid_ == 0) {
    return;
  }
  kill(pid_, SIGTERM);
  int status = 0;
  if (WaitForExit(pid_, kStopTimeout, &status)) {
    pid_ = 0;
  } else {
    Kill();
  }
}

void RealBroker::Kill() {
  if (pid_ == 0) {
    return;
  }
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
}

void RealBroker::Freeze() {
  CHECK(pid_ != 0);
  kill(pid_, SIGSTOP);
}

void RealBroker::Thaw() {
  CHECK(pid_ != 0);
  kill(pid_, SIGCONT);
}

std::string RealBroker::LogTail() const {
  std::ifstream log(directory_ / "broker.log", std::ios::ate);
  log.seekg(std::max<std::streamoff>(0, static_cast<std::streamoff>(log.tellg()) - kLogTailBytes));
  return {std::istreambuf_iterator<char>(log), {}};
}

}  // namespace hotiron
