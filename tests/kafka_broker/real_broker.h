#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/process.h"
#include "tests/temp_dir.h"

namespace hotiron {

// A real Apache Kafka (KRaft, one node) in a Java process of its own: on free loopback ports, with
// its data in a temporary directory that goes with this object. Start takes a few seconds, so one
// broker serves a whole test program (SharedBroker); tests keep apart by topic, group and
// transactional id.
//
// The jars come from tests/kafka_broker/fetch; HOTIRON_KAFKA_JARS may name another directory.
// The process is stopped by its own pid and dies with the thread that started it (the main one).
// Threads: one owner thread.
class RealBroker {
 public:
  struct Options {
    // Small and quick to start. A benchmark gives the compiler more room.
    std::vector<std::string> jvm_flags = {"-Xmx768m", "-Xshare:auto", "-XX:+UseSerialGC",
                                          "-XX:TieredStopAtLevel=1"};
    // Added to server.properties, or in place of ours.
    std::map<std::string, std::string> properties = {};
    // Listeners beside the plain one: by name, upper case, the protocol ("SASL_SSL").
    std::map<std::string, std::string> listeners = {};
    // For the tool that formats the storage, such as users ("--add-scram", ...).
    std::vector<std::string> format_arguments = {};
  };

  // Returns when the broker answers.
  static Result<std::unique_ptr<RealBroker>> Start(const Options& options);

  static Result<std::unique_ptr<RealBroker>> Start() { return Start(Options()); }

  RealBroker(const RealBroker&) = delete;
  RealBroker& operator=(const RealBroker&) = delete;
  ~RealBroker();

  // The value for `bootstrap.servers`.
  const std::string& bootstrap() const { return bootstrap_; }

  // The same for one of Options::listeners.
  const std::string& bootstrap(const std::string& listener) const {
    return listeners_.at(listener);
  }

  const std::filesystem::path& directory() const { return directory_.path(); }

  // Orderly (SIGTERM, with SIGKILL after a bound), or at once.
  void Stop();
  void Kill();

  // Again, on the same ports and data; returns when the broker answers.
  Result<void> Restart();

  // The process stands still (SIGSTOP) and goes on (SIGCONT).
  void Freeze();
  void Thaw();

 private:
  RealBroker() = default;

  // `java FLAGS -cp JARS REST`, its output appended to broker.log.
  std::unique_ptr<Process> Java(const std::vector<std::string>& flags,
                                const std::vector<std::string>& rest) const;
  Result<void> Format(const std::vector<std::string>& arguments);
  Result<void> WaitUntilReady();

  TempDir directory_;
  std::string jars_;
  std::vector<std::string> jvm_flags_;
  std::string bootstrap_;
  std::map<std::string, std::string> listeners_;
  std::unique_ptr<Process> process_;  // null: not running
};

// The broker of this test program, started at the first call and stopped at its end.
RealBroker& SharedBroker();

}  // namespace hotiron
