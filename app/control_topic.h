#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace hotiron {

// The kind of a lever, which is the key of its records: "policy", "catalogue", "models" or
// "thresholds".
std::string_view KindOf(const pb::Levers& levers);
uint32_t VersionOf(const pb::Levers& levers);

// A record of <app>.control.
pb::Control MakeControl(pb::Levers levers);

// The newest version of each lever. Of two records of one version the first counts.
class LeversInForce {
 public:
  // False: it is no newer than what is in force.
  bool Take(const pb::Control& control);

  const pb::PolicySet& policy() const { return Of("policy").policy(); }

  const pb::Catalogue& catalogue() const { return Of("catalogue").catalogue(); }

  const pb::ModelSet& models() const { return Of("models").models(); }

  const pb::Thresholds& thresholds() const { return Of("thresholds").thresholds(); }

  // Version 0 and no hash where there is none of this kind.
  const pb::Control& Held(std::string_view kind) const;

 private:
  const pb::Levers& Of(std::string_view kind) const { return Held(kind).levers(); }

  std::map<std::string, pb::Control, std::less<>> held_;
};

// <app>.control, read and written.
//
// Operation: Open reads it to its end; Poll takes what comes after. Publish sends a lever of a
// version that is higher than the one in force and reads it back; where somebody else has published
// another content of that version at the same moment, the first record counts: whoever comes second
// repeats it, because compaction keeps the last, and gets kInvalid.
// Concurrency: one thread at a time.
class ControlTopic {
 public:
  static Result<ControlTopic> Open(const KafkaOptions& kafka, const Config& config);

  // True when a lever was taken.
  Result<bool> Poll(Duration wait);

  const LeversInForce& in_force() const { return in_force_; }

  const TopicPartition& partition() const { return control_; }

  // The offset after the last record read.
  int64_t next_offset() const { return next_offset_; }

  // True: it is in force now. False: it was already, or a higher version is (which is logged).
  // An equal version with other content is kInvalid.
  Result<bool> Publish(const pb::Levers& levers);

 private:
  ControlTopic(KafkaOptions kafka, TopicPartition control, Reader reader);

  void Take(const Message& message);
  Result<void> ReadToEnd();
  Result<void> ReadBack(std::optional<int64_t> published);
  Result<void> Send(Producer& producer, const pb::Control& control) const;

  KafkaOptions kafka_;
  TopicPartition control_;
  Reader reader_;
  LeversInForce in_force_;
  int64_t next_offset_ = 0;
};

}  // namespace hotiron
