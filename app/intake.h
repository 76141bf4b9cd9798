#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/hash.h"
#include "base/records.pb.h"
#include "base/result.h"
#include "base/time.h"
#include "ingest/catalogue.h"
#include "ingest/decoder.h"
#include "ingest/feedback.h"
#include "ingest/rejection.h"
#include "ingest/router.h"

namespace hotiron {

// What an input topic's records came to, for the counters. Taken in = routed + rejected + ignored.
struct IntakeCounts {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t routed = 0;
  uint64_t unknown_kept = 0;
  uint64_t lost_changes = 0;
  std::array<uint64_t, kRejectReasons> rejected{};
  std::array<uint64_t, kIgnoreReasons> ignored{};
  std::vector<int64_t> delays_ms;  // from event to ingest
  EventTime newest{};              // of the routed ones; the epoch when there is none

  uint64_t taken_in() const;
};

// Turns records of input topics into records of <app>.events: decode, classify, route, reject.
// One per worker; one thread.
class Intake {
 public:
  // A record for <app>.events or <app>.rejected.
  struct Output {
    std::vector<RoutedRecord> routed;
    std::vector<EventTime> times;  // of each routed record's observation
    std::vector<RejectedRecord> rejected;

    void Clear();
  };

  static Result<Intake> Make(const Config& config, const std::string& person_key,
                             const pb::Catalogue& catalogue);

  // From now on another version. An error leaves the old one in use.
  Result<void> UseCatalogue(const pb::Catalogue& catalogue);

  uint32_t catalogue_version() const { return classifier_->catalogue().version(); }

  // Appends what the record of an input topic becomes. `now` is the ingest clock.
  void Take(const InputRecord& record, EventTime now, Output& output);

  // The same for a record of <app>.feedback.
  void TakeFeedback(const InputRecord& record, Output& output);

  // Routes one observation that was decoded elsewhere (a history file).
  Outcome Route(const Observation& observation, const InputRecord& record, EventTime now,
                Output& output, UnknownNames unknown = UnknownNames::kKeep);

  // Counts since the last call, by source. The feedback topic is the source "feedback".
  std::map<std::string, IntakeCounts> TakeCounts();

 private:
  struct Source {
    InputConfig config;
    UnknownNames unknown = UnknownNames::kKeep;
    std::unique_ptr<Decoder> decoder;
  };

  Intake(const Config& config, Classifier classifier, RouterOptions options);
  void Reject(const InputRecord& record, const Rejection& rejection, const std::string& source,
              Output& output);

  std::map<std::string, Source, std::less<>> sources_;  // by topic
  std::unique_ptr<Classifier> classifier_;              // borrowed by router_
  std::unique_ptr<Router> router_;
  FeedbackDecoder feedback_;
  Decoded decoded_;
  std::map<std::string, IntakeCounts> counts_;
};

}  // namespace hotiron
