#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "kafka/types.h"

namespace hotiron {

struct TopicSpec {
  std::string name;
  int partitions = 1;
  int replication_factor = -1;  // -1: the brokers' default
  std::map<std::string, std::string> config =
      {};  // "cleanup.policy" ...; absent: the brokers' default
};

struct TopicShape {
  int partitions = 0;
  int replication_factor = 0;

  friend bool operator==(const TopicShape&, const TopicShape&) = default;
};

// Looks up and creates topics, and empties them. Every call waits at most the timeout given to
// Create; an error for brokers that do not answer names them. Threads: may be called from any
// thread.
class Admin {
 public:
  static constexpr Duration kTimeout{30'000};  // of each call, unless told otherwise

  static Result<Admin> Create(const KafkaOptions& options, Duration timeout = kTimeout);

  Admin(Admin&&) noexcept;
  Admin& operator=(Admin&&) noexcept;
  ~Admin();

  // All topics that the user may see, by name. Never creates one.
  Result<std::map<std::string, TopicShape>> Topics() const;

  // By topic, every setting in effect of it, the brokers' defaults included; one request for all.
  // EmbeddedBroker does not answer this.
  using Settings = std::map<std::string, std::string>;
  Result<std::map<std::string, Settings>> TopicConfigs(std::span<const std::string> topics) const;

  // Creates the topic unless it exists, waits until it can be used, and says how it really is: a
  // topic that was there already may differ from `spec`. EmbeddedBroker has a call of its own.
  Result<TopicShape> CreateTopic(const TopicSpec& spec) const;

  // Removes the records of a partition before `offset`, as retention does.
  Result<void> DeleteRecords(const TopicPartitionOffset& before) const;

 private:
  struct State;
  explicit Admin(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hotiron
