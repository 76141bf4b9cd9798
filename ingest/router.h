#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/limits.h"
#include "base/observation.h"
#include "base/records.pb.h"
#include "base/time.h"
#include "ingest/catalogue.h"
#include "ingest/decoder.h"
#include "ingest/fields.h"
#include "ingest/input.h"
#include "ingest/rejection.h"

namespace hotiron {

// How far ahead of the ingest clock an event time may be: in `clock: wall`, and in `clock: event`.
inline constexpr Duration kAheadMaxWall = std::chrono::minutes{5};
inline constexpr Duration kAheadMaxEvent = std::chrono::days{366};

// What an input does with events and pages that the catalogue does not know.
enum class UnknownNames : uint8_t {
  kKeep,    // a neutral signal of the name observed, weight 1
  kIgnore,  // ignored(unknown_name)
};

// Native (and history) keeps, Segment and Salesforce ignore.
UnknownNames DefaultUnknownNames(Format format);

// A record for <app>.events.
struct RoutedRecord {
  std::string key;
  pb::TaskRecord record;
};

struct Outcome {
  enum class Kind : uint8_t { kRouted, kIgnored, kRejected };
  Kind kind = Kind::kRouted;
  bool unknown_kept = false;                          // of kRouted
  IgnoreReason ignored = IgnoreReason::kNothingUsed;  // of kIgnored
  Rejection rejection;                                // of kRejected

  static Outcome Ignored(IgnoreReason reason);
  static Outcome Rejected(RejectReason reason, std::string detail);
};

struct RouterOptions {
  const Classifier* classifier = nullptr;  // borrowed, never null
  PersonHasher hasher{""};
  FieldMapping fields = FieldMapping::Default();
  std::vector<std::string> free_mail;  // more domains that are nobody's company
  Duration ahead_max = kAheadMaxWall;
};

// Says what an observation is and whose: the records for <app>.events that it becomes.
//
// Operation. Events, pages and traits go to the highest identity that they name:
//
//     account "a:"  >  domain "d:"  >  person "p:"  >  visitor "v:"
//
// where the domain is one named outright or that of the e-mail address, unless it is a mail
// provider's, and the person is the keyed hash of the address, or else of the user id. Junk ids
// name nobody; an observation that names nobody is rejected. A signal's origin (path[0]) is the
// personal identity it names: contact "c:" (a keyed hash), else person, else visitor; without one,
// the key it goes to. So the share that a person has in an account's journey can be found again.
//
// A CRM change becomes facts and signals:
//   entity       facts                                          signals
//   Account      to a:<id>, subject ""                          to a:<id>
//   Contact      to o:<id>, subject "p:<hash of the address>",  to a:<account>, else o:<id>
//                or "contact:<id>" when the change names none
//   Opportunity  to o:<id>, subject "opportunity:<id>"          to a:<account>, else o:<id>
//   others       none                                           to a:<account>, else o:<parent>,
//                                                               else ignored(no_account)
// Facts of objects always pass through the object's row ("o:<id>"), with Fact.parent
// "a:<account>" when the change names the account: the row remembers it and forwards. A typical
// update names none. For a contact the row must also remember the subject "p:..." of an earlier
// fact, and use it for a later "contact:<id>". The links between identities come later; nothing
// here depends on them.
//
// Ids: Signal.id and Fact.id are the hash of source and the source's own id, with the signal's name
// when one observation is several signals.
//
// Concurrency: one thread at a time (it remembers hashes of persons). Never reads a clock.
// Limits: kHashesMax remembered hashes; texts from outside are cut (kSignalNameBytesMax,
// kFactValueBytesMax).
class Router {
 public:
  static constexpr size_t kHashesMax = 4'096;

  explicit Router(RouterOptions options);
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // From now on another version of the catalogue; borrowed.
  void UseClassifier(const Classifier& classifier);

  // Appends to `out` what the observation becomes; nothing unless the outcome is kRouted. `now` is
  // the ingest clock.
  Outcome Route(const Observation& observation, UnknownNames unknown, const InputRecord& input,
                EventTime now, std::vector<RoutedRecord>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Where a record of <app>.events came from.
void SetCause(const InputRecord& input, pb::TaskRecord& record);

}  // namespace hotiron
