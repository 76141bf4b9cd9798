#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace hotiron {

// One field of a CRM record or one trait, as text ("true", "60", "Proposal/Price Quote").
struct Field {
  std::string name;
  std::string value;  // empty: set to nothing

  friend bool operator==(const Field&, const Field&) = default;
};

// What one input record says once its format is taken away. A decoder makes any number of them from
// a record; the signal catalogue says which are signals, routing says whose.
struct Observation {
  enum class Kind : uint8_t {
    kEvent,   // something somebody did: `name` is the event's name
    kPage,    // a page or screen seen: `name` is its name, `path` its path
    kTraits,  // what a source knows of a person or company: `fields`
    kChange,  // a CRM record was created, updated or deleted: `object`, `fields`
  };
  enum class Change : uint8_t {
    kNone,
    kCreated,
    kUpdated,
    kDeleted,
    kStale,  // changed, but the source could not say how: the object must be fetched again
  };

  Kind kind = Kind::kEvent;
  Change change = Change::kNone;
  std::string source;     // configured name of the input
  std::string id;         // the source's own de-duplication key, unique within the source
  EventTime time;         // when it happened
  uint64_t sequence = 0;  // order among events of the same time, where the source knows it
  bool history = false;   // marked by its source as history: changes journeys, never decisions

  // Whom it names, as the source writes it; empty = not named. Personal ids are still in clear here
  // and must leave this structure only as keyed hashes.
  std::string visitor;  // anonymous id of a browser or device
  std::string user;     // user id in the customer's own product
  std::string email;
  std::string contact;  // name in a history file, known inside its account only
  std::string domain;   // company web domain named outright (not the one inside `email`)
  std::string account;  // CRM account id

  // What.
  std::string name;           // event or page name; for kChange the CRM entity ("Opportunity")
  std::string path;           // for kPage
  std::string object;         // for kChange: record id of the entity
  std::string parent;         // for kChange: another record it belongs to, when no account is named
  std::vector<Field> fields;  // traits, or the fields that this change carries

  // Empty again, with the capacity of its strings kept.
  void Clear();

  friend bool operator==(const Observation&, const Observation&) = default;
};

inline void Observation::Clear() {
  kind = Kind::kEvent;
  change = Change::kNone;
  sequence = 0;
  history = false;
  time = EventTime{};
  for (std::string* text : {&source, &id, &visitor, &user, &email, &contact, &domain, &account,
                            &name, &path, &object, &parent}) {
    text->clear();
  }
  fields.clear();
}

}  // namespace hotiron
