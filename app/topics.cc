#include "app/topics.h"

#include <fmt/format.h>

#include <vector>

namespace hotiron {
namespace {

// What we insist on, because a wrong value loses data or breaks the meaning of time.
struct Wanted {
  TopicSpec spec;
  std::vector<std::string> checked;  // keys of spec.config that must be so
};

std::vector<Wanted> WantedTopics(const Config& config) {
  int replication = config.replication > 0 ? config.replication : -1;
  auto topic = [&](std::string_view kind, int partitions,
                   std::map<std::string, std::string> settings, std::vector<std::string> checked) {
    return Wanted{{config.Topic(kind), partitions, replication, std::move(settings)},
                  std::move(checked)};
  };
  std::string retention = fmt::format("{}", config.retention.count());
  std::map<std::string, std::string> events{{"cleanup.policy", "delete"}};
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
  const std::map<std::string, std::string> compact{{"cleanup.policy", "compact"},
                                                   {"delete.retention.ms", "86400000"}};
  const std::map<std::string, std::string> keep{{"cleanup.policy", "delete"},
                                                {"retention.ms", retention}};
  int partitions = config.partitions;
  return {
      topic(kEventsTopic, partitions, events, {"cleanup.policy", "message.timestamp.type"}),
      topic(kStateTopic, partitions, compact, {"cleanup.policy"}),
      topic(kTriggersTopic, partitions, compact, {"cleanup.policy"}),
      topic(kJourneysTopic, partitions, compact, {"cleanup.policy"}),
      topic(kRejectedTopic, 1, keep, {}),
      topic(kFeedbackTopic, 1, keep, {}),
      topic(kControlTopic, 1, compact, {"cleanup.policy"}),
  };
}

Result<void> CheckSettings(const Admin& admin, const Wanted& wanted) {
  const std::string& name = wanted.spec.name;
  TRY_ASSIGN(auto settings, admin.TopicConfig(name));
  for (const std::string& key : wanted.checked) {
    auto at = settings.find(key);
    const std::string& value = wanted.spec.config.at(key);
    if (at != settings.end() && at->second != value) {
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

Result<void> EnsureTopics(const Admin& admin, Config& config) {
  TRY_ASSIGN(auto topics, admin.Topics());
  for (const InputConfig& input : config.inputs) {
    if (topics.count(input.topic) == 0) {
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
  for (const Wanted& wanted : WantedTopics(config)) {
    TRY_ASSIGN(TopicShape found, admin.CreateTopic(wanted.spec));
    if (found.partitions != wanted.spec.partitions &&
        wanted.spec.name != config.Topic(kFeedbackTopic) &&
        wanted.spec.name != config.Topic(kRejectedTopic)) {
      return Invalid(fmt::format(
          "topic {} has {} partitions but must have {}: delete and let it be created again (its "
          "content is derived, except for .events and .control), or choose another `app`",
          wanted.spec.name, found.partitions, wanted.spec.partitions));
    }
    TRY(CheckSettings(admin, wanted));
  }
  return {};
}

Result<void> CreateTopics(EmbeddedBroker& broker, const Config& config, int input_partitions) {
  for (const InputConfig& input : config.inputs) {
    TRY(broker.CreateTopic(input.topic, input_partitions));
  }
  for (const Wanted& wanted : WantedTopics(config)) {
    TRY(broker.CreateTopic(wanted.spec.name, wanted.spec.partitions));
  }
  return {};
}

}  // namespace hotiron
