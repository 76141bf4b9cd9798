#pragma once

// Shared by the decoders' .cc files only, as json_walk.h is.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/observation.h"
#include "ingest/json_walk.h"

namespace hotiron::json {

// Reads one item of the native format: native.cc.
class NativeReader {
 public:
  void Clear();
  error_code Field(std::string_view name, ondemand::value value);
  void Finish(Walk& walk, size_t begin);

 private:
  error_code Change(ondemand::value value);
  error_code Fields(std::string_view name, ondemand::value value);
  // The item is a `kind`; it must not be two.
  void Is(Observation::Kind kind, std::string_view name);

  Observation now_;
  Problem problem_;
  std::optional<EventTime> time_;
  bool has_kind_ = false;
};

// Reads one call of the Segment specification: segment.cc.
class SegmentReader {
 public:
  void Clear();
  error_code Field(std::string_view name, ondemand::value value);
  void Finish(Walk& walk, size_t begin);

 private:
  error_code Context(ondemand::value value);
  error_code ContextTraits(ondemand::value value);
  error_code Traits(ondemand::value value);
  error_code Place(ondemand::value value);
  bool SetTime();

  Observation now_;
  Problem problem_;
  std::string type_;
  std::string event_;
  std::string group_;          // groupId of a group call
  std::string context_group_;  // context.groupId
  std::string email_;          // context.traits.email
  std::string company_;        // context.traits.company.id
  std::string url_;
  std::string scratch_;
  std::optional<EventTime> timestamp_;
  std::optional<EventTime> original_;
  std::optional<EventTime> sent_;
  std::optional<EventTime> received_;
};

// Reads one change event of Salesforce Change Data Capture: salesforce.cc.
class SalesforceReader {
 public:
  error_code Read(Walk& walk, ondemand::object root);

 private:
  error_code Payload(ondemand::object object, int depth);
  error_code PayloadField(std::string_view name, ondemand::value value);
  error_code Header(ondemand::value value);
  error_code Names(ondemand::value value, std::vector<std::string>& names);
  void Finish(Walk& walk);
  void DropUnchanged();
  void Identify();
  std::string_view ValueOf(std::string_view field) const;

  Observation now_;
  Observation copy_;
  Problem problem_;
  bool has_header_ = false;
  bool too_many_ = false;
  std::string change_type_;
  std::string change_origin_;
  std::string transaction_;
  uint64_t sequence_number_ = 0;
  uint64_t commit_number_ = 0;
  std::optional<EventTime> commit_time_;
  std::vector<std::string> record_ids_;
  std::vector<std::string> changed_;
  std::vector<std::string> nulled_;
  std::vector<std::string> null_fields_;  // fields of the payload that are null
};

}  // namespace hotiron::json
