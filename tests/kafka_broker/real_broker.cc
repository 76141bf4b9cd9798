#include "tests/kafka_broker/real_broker.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
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
constexpr size_t kLogTailBytes = 2'000;
// A free port may be taken by somebody else before the broker has it.
constexpr int kStartAttempts = 3;
constexpr const char* kClusterId = "HotironTestsCluster00A";  // 16 bytes in base64

// Of a port that nobody listens on now.
std::string FreeAddress() {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  sockaddr* generic = reinterpret_cast<sockaddr*>(&address);
  CHECK(bind(listener, generic, size) == 0);
  CHECK(getsockname(listener, generic, &size) == 0);
  close(listener);
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
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

std::string LogTail(const Process& process) {
  std::string log = process.Log();
  return log.substr(log.size() - std::min(log.size(), kLogTailBytes));
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
    std::unique_ptr<RealBroker> broker(new RealBroker);
    broker->jars_ = jars;
    broker->jvm_flags_ = options.jvm_flags;
    broker->bootstrap_ = FreeAddress();
    const std::string controller = FreeAddress();
    std::string listeners =
        fmt::format("PLAINTEXT://{},CONTROLLER://{}", broker->bootstrap_, controller);
    std::string protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
    for (const auto& [name, protocol] : options.listeners) {
      std::string& address = broker->listeners_[name] = FreeAddress();
      listeners += fmt::format(",{}://{}", name, address);
      protocols += fmt::format(",{}:{}", name, protocol);
    }

    std::map<std::string, std::string> properties = {
        {"process.roles", "broker,controller"},
        {"node.id", "1"},
        {"controller.quorum.voters", "1@" + controller},
        {"listeners", listeners},
        {"listener.security.protocol.map", protocols},
        {"controller.listener.names", "CONTROLLER"},
        {"log.dirs", (broker->directory() / "data").string()},
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
    std::string text;
    for (const auto& [name, value] : properties) {
      text += name + "=" + value + "\n";
    }
    broker->directory_.Write("server.properties", text);

    TRY(broker->Format(options.format_arguments));
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
}

std::unique_ptr<Process> RealBroker::Java(const std::vector<std::string>& flags,
                                          const std::vector<std::string>& rest) const {
  std::vector<std::string> arguments = {"java"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"-cp", jars_ + "/*"});
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return std::make_unique<Process>(
      Process::Options{.arguments = arguments, .log = directory() / "broker.log"});
}

Result<void> RealBroker::Format(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"kafka.tools.StorageTool",
                                      "format",
                                      "-t",
                                      kClusterId,
                                      "-c",
                                      (directory() / "server.properties").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::unique_ptr<Process> tool =
      Java({"-Xmx256m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}, command);
  if (tool->WaitForExit(kStartTimeout) != 0) {
    return Unavailable(
        fmt::format("cannot format Kafka's storage (is Java 17 installed?): {}", LogTail(*tool)));
  }
  return {};
}

Result<void> RealBroker::Restart() {
  CHECK(process_ == nullptr);
  std::vector<std::string> flags = jvm_flags_;
  flags.emplace_back("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
  process_ = Java(flags, {"kafka.Kafka", (directory() / "server.properties").string()});
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
    bool ended = !process_->running();
    if (ended || Clock::now() >= deadline) {
      std::string log = LogTail(*process_);
      Kill();
      return Unavailable(ended ? fmt::format("Kafka ended while it started: {}", log)
                               : fmt::format("Kafka does not answer: {}; its log ends: {}",
                                             answer.error().message, log));
    }
    std::this_thread::sleep_for(kWaitInterval);
  }
}

void RealBroker::Stop() {
  if (process_ != nullptr && process_->running()) {
    process_->Signal(SIGTERM);
    (void)process_->WaitForExit(kStopTimeout);
  }
  Kill();
}

void RealBroker::Kill() {
  process_.reset();
}

void RealBroker::Freeze() {
  CHECK(process_ != nullptr);
  process_->Signal(SIGSTOP);
}

void RealBroker::Thaw() {
  CHECK(process_ != nullptr);
  process_->Signal(SIGCONT);
}

}  // namespace hotiron
