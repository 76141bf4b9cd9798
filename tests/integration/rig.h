#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/market.h"
#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "tests/kafka_broker/real_broker.h"
#include "tests/process.h"
#include "tests/temp_dir.h"

namespace hotiron {

// Nothing in these tests takes this long; what would is a failure.
inline constexpr Duration kRigPatience{60'000};

// A number that the environment may raise for longer runs.
int Knob(const char* name, int usual);

// The value of a Result that must be ok.
template <typename T>
T Need(Result<T> result) {
  if (!result.ok()) {
    CheckFailed("a test", 0, result.error().message.c_str());
  }
  return std::move(result).value();
}

inline void Need(const Result<void>& result) {
  if (!result.ok()) {
    CheckFailed("a test", 0, result.error().message.c_str());
  }
}

// The wall clock, as events state it.
EventTime Now();

// What a process answers to GET at its admin address, head and body (see tests/app/http_client.h);
// empty when nobody answers. Waits until it has said where that is.
std::string Get(Process& process, const std::string& path);

// From a scrape: the value of a metric, summed over its labels, or of one series when it is named
// with them.
double Metric(const std::string& scrape, const std::string& name);

// The text behind `"<name>":` in a JSON object, without quotes.
std::string JsonField(const std::string& json, const std::string& name);

// A record as a read_committed reader sees it.
struct LogEntry {
  int32_t partition = 0;
  int64_t offset = 0;
  EventTime timestamp;
  bool has_key = false;
  std::string key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A policy that opens and closes a lot, in the form of a policy file.
std::string LivelyPolicy(int version, std::string_view times = "cooldown: 1d\n    expires: 2d");

// One application in the hands of a test: its configuration, its topics on a broker, its processes.
// Processes are told apart by their instance, and each has a state directory of its own. One owner
// thread.
class Rig {
 public:
  // Topics, group and files are named after `app`, which must be unique in the program.
  explicit Rig(const std::string& app, const RealBroker& broker = SharedBroker());
  ~Rig();

  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // To be changed before Start.
  Config config;

  const KafkaOptions& kafka() const { return kafka_; }

  const std::filesystem::path& folder() const { return folder_.path(); }

  std::string WriteFile(const std::string& name, std::string_view content) const {
    return folder_.Write(name, content);
  }

  std::filesystem::path StateOf(const std::string& instance) const;

  void CreateTopic(const std::string& topic, int partitions,
                   std::map<std::string, std::string> settings = {}) const;
  // The inputs `web` (Segment) and `crm` (Salesforce) for SendMarket.
  void AddMarket(EventTime start);
  // The same in `clock: event`, from two months ago.
  void AddMarketInEventTime();
  void SendMarket(int events);
  void Send(const ProduceRecord& record);
  void Flush();

  std::string WriteConfig(const std::string& instance) const;
  // Starts `hotiron run`. `fault`: HOTIRON_FAULT. `under`: the words of a command that starts it.
  std::unique_ptr<Process> Start(const std::string& instance = "one", const std::string& fault = "",
                                 std::vector<std::string> under = {}) const;
  // SIGTERM; it must end well.
  static testing::AssertionResult Stop(Process& process);

  // Input records whose processing has been committed.
  int64_t TakenIn() const;
  // Input records there are.
  int64_t Sent() const;

  // Waits until all that was sent is in the log and the tasks have processed the log. With
  // processes given, it is a failure that one of them ends.
  testing::AssertionResult WaitUntilDone(const std::vector<Process*>& processes,
                                         Duration patience = kRigPatience);
  static bool WaitFor(const std::function<bool()>& condition, Duration patience = kRigPatience);

  // All records of a topic, partition by partition; a topic that does not exist has none.
  std::vector<std::vector<LogEntry>> Read(const std::string& topic) const;
  // The group's committed offsets, by partition.
  std::vector<std::optional<int64_t>> Committed(const std::string& topic) const;
  // One after the last record or marker, by partition; and the same for committed readers.
  std::vector<int64_t> Ends(const std::string& topic, bool committed) const;
  int Partitions(const std::string& topic) const;
  std::vector<std::string> InputTopics() const;  // with feedback

 private:
  class Tail;

  KafkaOptions kafka_;
  TempDir folder_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<RebalanceListener> listener_;
  std::unique_ptr<Consumer> bystander_;  // never joins: asks what was committed
  std::unique_ptr<Tail> tail_;
  std::unique_ptr<Market> market_;
  std::unique_ptr<Reader> everything_;  // read_uncommitted
  std::unique_ptr<Reader> committed_;
  mutable std::map<std::string, int> partitions_;
};

}  // namespace hotiron
