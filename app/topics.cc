#include "app/topics.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/limits.h"

namespace hotiron {
namespace {

constexpr const char* kRecordBytes = "max.message.bytes";
constexpr const char* kTombstoneAge = "delete.retention.ms";

// What we insist on, because a wrong value loses data, breaks the meaning of time, or has the
// broker refuse a record for ever.
struct WantedTopic {
  TopicSpec spec;
  std::vector<std::string> checked;  // keys of spec.config that must be so
};

std::vector<WantedTopic> WantedTopics(const Config& config) {
  int replication = config.replication > 0 ? config.replication : -1;
  auto topic = [&](std::string_view kind, int partitions,
                   std::map<std::string, std::string> settings, std::vector<std::string> checked) {
    return WantedTopic{{config.Topic(kind), partitions, replication, std::move(settings)},
                       std::move(checked)};
  };
  std::string retention = fmt::format("{}", config.retention.count());
  const std::string bytes = fmt::format("{}", kRecordBytesMax);
  std::map<std::string, std::string> events{{"cleanup.policy", "delete"}, {kRecordBytes, bytes}};
  if (config.clock == Config::Clock::kWall) {
    events["message.timestamp.type"] = "LogAppendTime";
    events["retention.ms"] = retention;
  } else {
    // Event times may be years old or ahead: neither retention nor the broker may judge them.
    events["message.timestamp.type"] = "CreateTime";
    events["message.timestamp.after.max.ms"] = "9223372036854775807";
    events["retention.ms"] = "-1";
  }
  // Tombstones stay for a day: a local copy younger than that cannot miss a deletion
  // (StoreOptions).
  const std::map<std::string, std::string> compact{
      {"cleanup.policy", "compact"}, {kTombstoneAge, "86400000"}, {kRecordBytes, bytes}};
  const std::map<std::string, std::string> keep{
      {"cleanup.policy", "delete"}, {"retention.ms", retention}, {kRecordBytes, bytes}};
  int partitions = config.partitions;
  return {
      topic(kEventsTopic, partitions, events,
            {"cleanup.policy", "message.timestamp.type", kRecordBytes}),
      topic(kStateTopic, partitions, compact, {"cleanup.policy", kTombstoneAge, kRecordBytes}),
      topic(kTriggersTopic, partitions, compact, {"cleanup.policy", kRecordBytes}),
      topic(kJourneysTopic, partitions, compact, {"cleanup.policy", kRecordBytes}),
      topic(kRejectedTopic, 1, keep, {"cleanup.policy"}),
      topic(kFeedbackTopic, 1, keep, {"cleanup.policy"}),
      topic(kControlTopic, 1, compact, {"cleanup.policy", kRecordBytes}),
  };
}

// Room for larger records than ours is as good, and so is a longer life of tombstones.
bool IsMore(std::string_view key, const std::string& found, const std::string& wanted) {
  int64_t found_number = 0;
  int64_t wanted_number = 0;
  std::from_chars(found.data(), found.data() + found.size(), found_number);
  std::from_chars(wanted.data(), wanted.data() + wanted.size(), wanted_number);
  return (key == kRecordBytes || key == kTombstoneAge) && found_number > wanted_number;
}

Result<void> CheckSettings(const WantedTopic& wanted, const Admin::Settings& settings) {
  const std::string& name = wanted.spec.name;
  for (const std::string& key : wanted.checked) {
    auto at = settings.find(key);
    const std::string& value = wanted.spec.config.at(key);
    if (at != settings.end() && at->second != value && !IsMore(key, at->second, value)) {
      return Invalid(fmt::format(
          "topic {}: {} is '{}' but must be '{}': change it with kafka-configs --alter "
          "--entity-type "
          "topics --entity-name {} --add-config {}={}, or choose another `app` or `clock`",
          name, key, at->second, value, name, key, value));
    }
  }
  return {};
}

}  // namespace

Result<void> EnsureTopics(const Admin& admin, Config& config, Roles roles) {
  TRY_ASSIGN(auto topics, admin.Topics());
  for (const InputConfig& input : config.inputs) {
    if (roles.process && topics.count(input.topic) == 0) {
      return Invalid(fmt::format(
          "inputs: topic '{}' does not exist (or may not be read): create it, or correct the name",
          input.topic));
    }
  }
  auto events = topics.find(config.Topic(kEventsTopic));
  if (events != topics.end() && events->second.partitions != config.partitions) {
    return Invalid(fmt::format(
        "topic {} has {} partitions, topics.partitions says {}: the count is fixed "
        "when the topic is "
        "created. Set topics.partitions: {}, or choose another `app`",
        events->first, events->second.partitions, config.partitions, events->second.partitions));
  }
  // A start is mostly a restart: nothing is asked of the broker topic by topic but to create one.
  std::vector<WantedTopic> wanted_topics = WantedTopics(config);
  std::vector<std::string> names;
  for (const WantedTopic& wanted : wanted_topics) {
    names.push_back(wanted.spec.name);
    auto known = topics.find(wanted.spec.name);
    TopicShape found;
    if (known != topics.end()) {
      found = known->second;
    } else {
      TRY_ASSIGN(found, admin.CreateTopic(wanted.spec));
    }
    if (found.partitions != wanted.spec.partitions &&
        wanted.spec.name != config.Topic(kFeedbackTopic) &&
        wanted.spec.name != config.Topic(kRejectedTopic)) {
      return Invalid(fmt::format(
          "topic {} has {} partitions but must have {}: stop all processes, delete it and the "
          "state "
          "directory of each process ({}), and let it be created again (its content is derived, "
          "except for .events and .control), or choose another `app`",
          wanted.spec.name, found.partitions, wanted.spec.partitions, config.state_directory));
    }
  }
  TRY_ASSIGN(auto settings, admin.TopicConfigs(names));
  for (const WantedTopic& wanted : wanted_topics) {
    TRY(CheckSettings(wanted, settings.at(wanted.spec.name)));
  }
  return {};
}

Result<void> CreateTopics(EmbeddedBroker& broker, const Config& config, int input_partitions) {
  for (const InputConfig& input : config.inputs) {
    TRY(broker.CreateTopic(input.topic, input_partitions));
  }
  for (const WantedTopic& wanted : WantedTopics(config)) {
    TRY(broker.CreateTopic(wanted.spec.name, wanted.spec.partitions));
  }
  return {};
}

}  // namespace hotiron
