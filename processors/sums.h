#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/records.pb.h"
#include "base/time.h"

namespace hotiron {

inline constexpr uint32_t kSliceVersion = 1;  // of pb::Slice
inline constexpr size_t kHalfLives = 3;
inline constexpr size_t kPeopleMax = 64;  // spans kept per account, the most recent ones
inline constexpr size_t kSpellsMax = 8;   // told apart; the oldest beyond are one

// One time unit scales the whole estimator (half-lives 1, 7 and 30 units, sessions 1/48 unit).
struct TimeScale {
  Duration unit = std::chrono::days{1};

  double UnitsIn(Duration duration) const {
    return static_cast<double>(duration.count()) / static_cast<double>(unit.count());
  }

  Duration HalfLife(size_t index) const { return unit * kUnits[index]; }

  Duration SessionGap() const { return unit / 48; }

  // Who comes back after a longer silence than this begins a new journey: 90 units, but no less
  // than 90 days, for who shops by the minute may still return the next day.
  Duration JourneyGap() const { return std::max<Duration>(unit * 90, std::chrono::days{90}); }

  // Reference times of forward decay lie on a grid of 210 units, the least common multiple of the
  // half-lives: moving sums to another reference then multiplies by exact powers of two.
  static constexpr int kGridUnits = 210;
  static constexpr std::array<int, kHalfLives> kUnits{1, 7, 30};

  int32_t EpochOf(EventTime time) const;
  EventTime ReferenceOf(int32_t epoch) const;
};

// Position in the order of an account's entries.
struct Place {
  EventTime time;
  uint64_t sequence = 0;
  uint64_t id = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};

pb::Place ToRecord(const Place& place);
Place FromRecord(const pb::Place& record);

// What a set of entries of one signal adds up to. The decayed sums are forward sums: an entry of
// weight w at time t adds w * 2^((t - reference) / half-life).
struct SignalSums {
  std::array<double, kHalfLives> decayed{};
  uint64_t count = 0;
  EventTime first;
  EventTime last;
};

struct PersonSpan {
  std::string key;
  EventTime first;
  EventTime last;
};

// Entries with no silence of more than TimeScale::JourneyGap between them; of more than kSpellsMax
// the oldest are taken for one.
struct Spell {
  EventTime first;
  EventTime last;
  uint64_t events = 0;
  uint64_t sessions = 0;
};

struct LastSignal {
  Place place;
  std::string signal;
};

// The sums of entries that have left a journey's log, of one origin or of several: sums, minima and
// maxima only, so that adding is commutative and associative (doubles: up to rounding) and the
// order in which entries left does not matter. (Cormode et al., "Forward decay", ICDE 2009.)
class Sums {
 public:
  // Adds one entry. `opens_session`: it comes more than a session gap after its origin's previous.
  void AddEntry(const TimeScale& scale, const Place& place, std::string_view signal, double weight,
                std::string_view person, bool opens_session);

  // Adds all that `other` holds.
  void Add(const TimeScale& scale, const Sums& other);

  // The decayed sum of `sums` (one of signals()) at `as_of`, for half-life `index`.
  double DecayedAt(const TimeScale& scale, const SignalSums& sums, size_t index,
                   EventTime as_of) const;

  struct NamedSums {
    std::string signal;
    SignalSums sums;
  };

  // In order of signal name.
  const std::vector<NamedSums>& signals() const { return signals_; }

  bool Has(std::string_view signal) const;

  bool empty() const { return signals_.empty(); }

  // Oldest first.
  const std::vector<Spell>& spells() const { return spells_; }

  const std::optional<Place>& frontier() const { return frontier_; }

  // Newest first, at most two.
  const std::vector<LastSignal>& last() const { return last_; }

  // In order of key, at most kPeopleMax.
  const std::vector<PersonSpan>& people() const { return people_; }

  uint32_t origins() const { return origins_; }

  void set_origins(uint32_t origins) { origins_ = origins; }

  pb::Slice ToRecord() const;
  static Sums FromRecord(const pb::Slice& record);

 private:
  void MoveTo(int32_t epoch);
  SignalSums& Signal(std::string_view name);
  void AddSpell(const TimeScale& scale, Spell spell);
  void ReadSpells(const pb::Slice& record);

  int32_t epoch_ = 0;
  std::vector<NamedSums> signals_;
  std::vector<Spell> spells_;
  std::optional<Place> frontier_;
  std::vector<LastSignal> last_;
  std::vector<PersonSpan> people_;
  uint32_t origins_ = 0;
};

// Widens the span of `key` in `people` (ordered by key) to hold [first, last]; beyond kPeopleMax
// the person longest unseen leaves (and if seen again later, counts from then).
void AddPerson(std::vector<PersonSpan>& people, std::string_view key, EventTime first,
               EventTime last);

}  // namespace hotiron
