#pragma once

#include <string>

#include "app/config.h"
#include "base/result.h"
#include "kafka/admin.h"
#include "kafka/embedded_broker.h"

namespace hotiron {

// The topics of our own, by what comes after "<app>.".
inline constexpr std::string_view kEventsTopic = "events";
inline constexpr std::string_view kStateTopic = "state";
inline constexpr std::string_view kTriggersTopic = "triggers";
inline constexpr std::string_view kJourneysTopic = "journeys";
inline constexpr std::string_view kRejectedTopic = "rejected";
inline constexpr std::string_view kFeedbackTopic = "feedback";
inline constexpr std::string_view kControlTopic = "control";

// Creates our topics where they are missing and checks them where they are not: partition counts,
// clean-up policy, timestamps. Input topics must exist. A mismatch is an error that says what to
// do (inputs concern only who processes). On success `config.partitions` is the partition count of
// <app>.events as it is.
Result<void> EnsureTopics(const Admin& admin, Config& config, Roles roles);

// The same topics, and the inputs, on the embedded broker (which has no settings to check).
Result<void> CreateTopics(EmbeddedBroker& broker, const Config& config, int input_partitions);

}  // namespace hotiron
