#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "delivery/name_index.h"
#include "delivery/pack.h"

namespace hotiron {

struct KnownAccount;

// A trigger that a rep may still act on: opened, raised, snoozed or accepted.
struct LiveTrigger {
  std::string id = {};
  uint64_t revision = 0;
  std::string state = {};
  std::string account = {};
  std::string owner = {};
  std::string team = {};
  std::string segment = {};
  std::string sale = {};
  double expected_value = 0;
  double priority = 0;      // what it was worth when it was revised
  std::string within = {};  // the horizon it goes by; empty: the longest that ends
  std::string json = {};    // the record as it came, on one line
  const KnownAccount* at = nullptr;
};

// What is left of a trigger that has ended.
struct PastTrigger {
  std::string id = {};
  uint64_t revision = 0;
  std::string state = {};
  std::string reason = {};
  std::string policy = {};
  std::string stage = {};
  double progress = 0;
  int64_t opened_ms = 0;
  int64_t ended_ms = 0;
};

// How likely a purchase is within a horizon, as a model says that is in force.
struct StatedChance {
  std::string within = {};
  double probability = 0;
  bool skill = false;
};

// How far an account was at a moment, as a summary or a trigger states it.
struct StatedLevel {
  int64_t as_of_ms = 0;
  std::string stage = {};
  double progress = 0;
  double points = 0;
  std::vector<StatedChance> chances = {};
};

// What is known of an account with a summary or a trigger.
struct KnownAccount {
  std::string key;
  std::string name = {};
  std::string stage = {};
  int64_t as_of_ms = 0;  // of the level; 0: no record has stated one
  float progress = 0;
  float points = 0;
  std::string summary;                         // packed
  std::vector<StatedChance> chances;           // of the level; while a live trigger shows them
  bool customer = false;                       // says its summary
  std::string opportunity = {};                // stage of the open one that moved last, if any
  std::vector<PastTrigger> past;               // newest first
  std::vector<const LiveTrigger*> live;        // owned by live_
  std::list<KnownAccount*>::iterator recency;  // its place in recency_
  size_t name_place = 0;                       // in names_
};

struct TriggerFilter {
  std::string owner = {};  // empty: any
  std::string team = {};
  std::string segment = {};
  std::string sale = {};
  std::string state = "open";  // open (opened or raised), snoozed, accepted, all
};

// The strike list's memory: every live trigger, and of every account its latest summary and its
// latest triggers that have ended. Built from the records of <app>.triggers and <app>.journeys, in
// any order of the two; the highest revision of a trigger wins, and of the levels that both state
// (stage, progress, points, chances) the newest. Triggers are ranked by what they are worth now:
// the value expected of the sale, times its chance within the trigger's horizon where a model has
// shown skill, else times progress.
//
// Concurrency: none of its own; one thread at a time.
// Limits: those below. Beyond them the account that has been silent for longest goes (it comes back
// with its next summary), and of live triggers the one that is worth least.
class View {
 public:
  struct Limits {
    size_t accounts = 200'000;
    size_t live_triggers = 20'000;
    size_t past_triggers = 8;  // per account
  };

  static constexpr size_t kFoundMax = 20;

  // What a record of <app>.triggers did.
  enum class Change : uint8_t {
    kNone,  // an old revision, or nothing that can be read
    kLive,  // a live trigger is there or has changed
    kEnded,
    kGone,  // erased
  };

  View() : View(Limits()) {}

  explicit View(Limits limits);
  ~View();

  // `value`: none for a tombstone.
  Change TakeTrigger(std::string_view id, std::optional<std::string_view> value);

  // The account, when a live trigger of it shows what has changed.
  bool TakeJourney(std::string_view account, std::optional<std::string_view> value);

  // ---- what is asked for: each appends one JSON value (docs: delivery/openapi.yaml)

  // The triggers that pass, by rank, from `offset` on; with the number of all that pass and of
  // what one could filter by.
  void WriteTriggers(const TriggerFilter& filter, size_t offset, size_t limit,
                     JsonWriter& json) const;

  // False: no such trigger is live or among the latest of its account.
  bool WriteTrigger(std::string_view id, JsonWriter& json) const;

  // False: nothing is known of it.
  bool WriteAccount(std::string_view account, JsonWriter& json) const;

  // Accounts whose name or key has `text` in it, whatever its case (ASCII); with live triggers
  // first, then by name; at most kFoundMax.
  void WriteFound(std::string_view text, JsonWriter& json) const;

  // Progress, chances and standing in the CRM now, of an account.
  void WriteNow(std::string_view account, JsonWriter& json) const;

  // The account of a trigger that is live or among the latest of its account; else empty.
  std::string AccountOf(std::string_view id) const;

  // The newest moment that any record states: the log's clock.
  EventTime newest() const { return newest_; }

  size_t accounts() const { return accounts_.size(); }

  size_t live_triggers() const { return live_.size(); }

  uint64_t unreadable() const { return unreadable_; }

  uint64_t evicted() const { return evicted_; }

 private:
  using Account = KnownAccount;

  struct Parser;

  // The account, made if need be. Without a name the one that is known stays.
  Account& Touch(std::string_view key, std::string_view name);
  void AddName(Account& account);

  // True when it is the newest.
  static bool TakeLevel(Account& account, StatedLevel stated);
  std::vector<StatedChance> ReadChances(const Account& account) const;
  void Forget(std::string_view id);
  void EvictAccounts();
  void EvictTriggers(std::string_view newcomer);
  static double WorthNow(const LiveTrigger& trigger);
  void WriteItem(const LiveTrigger& trigger, JsonWriter& json) const;
  const LiveTrigger* FindLive(std::string_view id) const;
  bool Passes(const LiveTrigger& trigger, const TriggerFilter& filter) const;

  template <typename T>
  using ById = std::unordered_map<std::string, std::unique_ptr<T>, TextHash, std::equal_to<>>;

  const Limits limits_;
  Packer packer_;
  std::unique_ptr<Parser> parser_;
  ById<LiveTrigger> live_;
  ById<Account> accounts_;
  std::list<Account*> recency_;  // of accounts, the one changed last first
  NameIndex<Account> names_;     // name and key of each
  // Which account an ended trigger belongs to, as long as the account still lists it.
  std::unordered_map<std::string, Account*, TextHash, std::equal_to<>> past_;
  EventTime newest_{};
  uint64_t unreadable_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace hotiron
