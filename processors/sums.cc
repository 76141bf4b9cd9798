#include "processors/sums.h"

#include <algorithm>
#include <cmath>

namespace hotiron {
namespace {

// How many half-lives lie between two times.
double HalfLivesBetween(EventTime from, EventTime to, Duration half_life) {
  return static_cast<double>((to - from).count()) / static_cast<double>(half_life.count());
}

void KeepNewestTwo(std::vector<LastSignal>& last) {
  std::sort(last.begin(), last.end(),
            [](const LastSignal& a, const LastSignal& b) { return a.place > b.place; });
  if (last.size() > 2) {
    last.resize(2);
  }
}

void Widen(Spell& spell, const Spell& by) {
  spell.first = std::min(spell.first, by.first);
  spell.last = std::max(spell.last, by.last);
  spell.events += by.events;
  spell.sessions += by.sessions;
}

}  // namespace

pb::Place ToRecord(const Place& place) {
  pb::Place record;
  record.set_time_ms(ToMillis(place.time));
  record.set_sequence(place.sequence);
  record.set_id(place.id);
  return record;
}

Place FromRecord(const pb::Place& record) {
  return {FromMillis(record.time_ms()), record.sequence(), record.id()};
}

int32_t TimeScale::EpochOf(EventTime time) const {
  auto grid = static_cast<double>((unit * kGridUnits).count());
  return static_cast<int32_t>(std::floor(static_cast<double>(ToMillis(time)) / grid));
}

EventTime TimeScale::ReferenceOf(int32_t epoch) const {
  return EventTime{unit * kGridUnits * int64_t{epoch}};
}

void AddPerson(std::vector<PersonSpan>& people, std::string_view key, EventTime first,
               EventTime last) {
  auto at = std::lower_bound(people.begin(), people.end(), key,
                             [](const PersonSpan& p, std::string_view k) { return p.key < k; });
  if (at != people.end() && at->key == key) {
    at->first = std::min(at->first, first);
    at->last = std::max(at->last, last);
    return;
  }
  people.insert(at, {std::string(key), first, last});
  if (people.size() > kPeopleMax) {
    people.erase(std::min_element(people.begin(), people.end(),
                                  [](const PersonSpan& a, const PersonSpan& b) {
                                    return std::tie(a.last, a.key) < std::tie(b.last, b.key);
                                  }));
  }
}

// Times are read against `epoch` from now on. The grid makes every factor a power of two: exact.
void Sums::MoveTo(int32_t epoch) {
  int steps = epoch - epoch_;
  epoch_ = epoch;
  if (steps == 0) {
    return;
  }
  for (NamedSums& signal : signals_) {
    for (size_t i = 0; i < kHalfLives; ++i) {
      signal.sums.decayed[i] = std::ldexp(signal.sums.decayed[i],
                                          -steps * (TimeScale::kGridUnits / TimeScale::kUnits[i]));
    }
  }
}

bool Sums::Has(std::string_view signal) const {
  auto at = std::lower_bound(signals_.begin(), signals_.end(), signal,
                             [](const NamedSums& s, std::string_view n) { return s.signal < n; });
  return at != signals_.end() && at->signal == signal;
}

SignalSums& Sums::Signal(std::string_view name) {
  auto at = std::lower_bound(signals_.begin(), signals_.end(), name,
                             [](const NamedSums& s, std::string_view n) { return s.signal < n; });
  if (at == signals_.end() || at->signal != name) {
    at = signals_.insert(at, {std::string(name), {}});
  }
  return at->sums;
}

// Joins it with those that it comes near: it may close the silence between two.
void Sums::AddSpell(const TimeScale& scale, Spell spell) {
  Duration gap = scale.JourneyGap();
  auto near = std::lower_bound(
      spells_.begin(), spells_.end(), spell,
      [&](const Spell& known, const Spell& added) { return added.first - known.last > gap; });
  auto beyond = near;
  for (; beyond != spells_.end() && beyond->first - spell.last <= gap; ++beyond) {
    Widen(spell, *beyond);
  }
  spells_.insert(spells_.erase(near, beyond), spell);
  if (spells_.size() > kSpellsMax) {
    Widen(spells_[1], spells_[0]);
    spells_.erase(spells_.begin());
  }
}

void Sums::AddEntry(const TimeScale& scale, const Place& place, std::string_view signal,
                    double weight, std::string_view person, bool opens_session) {
  int32_t epoch = scale.EpochOf(place.time);
  if (signals_.empty() || epoch > epoch_) {
    MoveTo(epoch);
  }
  SignalSums& sums = Signal(signal);
  EventTime reference = scale.ReferenceOf(epoch_);
  for (size_t i = 0; i < kHalfLives; ++i) {
    sums.decayed[i] +=
        weight * std::exp2(HalfLivesBetween(reference, place.time, scale.HalfLife(i)));
  }
  sums.first = sums.count == 0 ? place.time : std::min(sums.first, place.time);
  sums.last = sums.count == 0 ? place.time : std::max(sums.last, place.time);
  ++sums.count;
  AddSpell(scale, {place.time, place.time, 1, opens_session ? 1U : 0U});
  frontier_ = frontier_ ? std::max(*frontier_, place) : place;
  if (last_.size() < 2 || place > last_.back().place) {
    last_.push_back({place, std::string(signal)});
    KeepNewestTwo(last_);
  }
  if (!person.empty()) {
    AddPerson(people_, person, place.time, place.time);
  }
}

void Sums::Add(const TimeScale& scale, const Sums& other) {
  Sums moved = other;
  if (signals_.empty() || (other.epoch_ > epoch_ && !other.signals_.empty())) {
    MoveTo(other.epoch_);
  }
  moved.MoveTo(epoch_);
  for (const NamedSums& theirs : moved.signals_) {
    SignalSums& ours = Signal(theirs.signal);
    for (size_t i = 0; i < kHalfLives; ++i) {
      ours.decayed[i] += theirs.sums.decayed[i];
    }
    ours.first = ours.count == 0 ? theirs.sums.first : std::min(ours.first, theirs.sums.first);
    ours.last = ours.count == 0 ? theirs.sums.last : std::max(ours.last, theirs.sums.last);
    ours.count += theirs.sums.count;
  }
  for (const Spell& spell : other.spells_) {
    AddSpell(scale, spell);
  }
  if (other.frontier_) {
    frontier_ = frontier_ ? std::max(*frontier_, *other.frontier_) : *other.frontier_;
  }
  last_.insert(last_.end(), other.last_.begin(), other.last_.end());
  KeepNewestTwo(last_);
  for (const PersonSpan& person : other.people_) {
    AddPerson(people_, person.key, person.first, person.last);
  }
  origins_ += other.origins_;
}

double Sums::DecayedAt(const TimeScale& scale, const SignalSums& sums, size_t index,
                       EventTime as_of) const {
  // The sum is large where the factor is small: apply the exponents together.
  double half_lives = HalfLivesBetween(scale.ReferenceOf(epoch_), as_of, scale.HalfLife(index));
  double whole = std::floor(half_lives);
  return std::ldexp(sums.decayed[index] * std::exp2(whole - half_lives), -static_cast<int>(whole));
}

pb::Slice Sums::ToRecord() const {
  pb::Slice record;
  record.set_version(kSliceVersion);
  record.set_epoch(epoch_);
  for (const NamedSums& signal : signals_) {
    pb::SignalSums* sums = record.add_sums();
    sums->set_signal(signal.signal);
    for (double decayed : signal.sums.decayed) {
      sums->add_decayed(decayed);
    }
    sums->set_count(signal.sums.count);
    sums->set_first_ms(ToMillis(signal.sums.first));
    sums->set_last_ms(ToMillis(signal.sums.last));
  }
  uint64_t sessions = 0;
  for (const Spell& spell : spells_) {
    sessions += spell.sessions;
    if (spells_.size() > 1) {
      pb::Spell* told = record.add_spells();
      told->set_first_ms(ToMillis(spell.first));
      told->set_last_ms(ToMillis(spell.last));
      told->set_events(spell.events);
      told->set_sessions(spell.sessions);
    }
  }
  record.set_sessions(sessions);
  if (frontier_) {
    *record.mutable_frontier() = hotiron::ToRecord(*frontier_);
  }
  for (const LastSignal& last : last_) {
    pb::LastSignal* signal = record.add_last();
    *signal->mutable_place() = hotiron::ToRecord(last.place);
    signal->set_signal(last.signal);
  }
  for (const PersonSpan& person : people_) {
    pb::PersonSpan* span = record.add_people();
    span->set_key(person.key);
    span->set_first_ms(ToMillis(person.first));
    span->set_last_ms(ToMillis(person.last));
  }
  record.set_origins(origins_);
  return record;
}

// The only one is what all signals span.
void Sums::ReadSpells(const pb::Slice& record) {
  for (const pb::Spell& spell : record.spells()) {
    spells_.push_back({FromMillis(spell.first_ms()), FromMillis(spell.last_ms()), spell.events(),
                       spell.sessions()});
  }
  if (spells_.empty() && !signals_.empty()) {
    Spell& spell = spells_.emplace_back(
        Spell{signals_[0].sums.first, signals_[0].sums.last, 0, record.sessions()});
    for (const NamedSums& signal : signals_) {
      Widen(spell, {signal.sums.first, signal.sums.last, signal.sums.count, 0});
    }
  }
}

Sums Sums::FromRecord(const pb::Slice& record) {
  Sums sums;
  sums.epoch_ = record.epoch();
  for (const pb::SignalSums& signal : record.sums()) {
    SignalSums values;
    for (int i = 0; i < std::min<int>(kHalfLives, signal.decayed_size()); ++i) {
      values.decayed[static_cast<size_t>(i)] = signal.decayed(i);
    }
    values.count = signal.count();
    values.first = FromMillis(signal.first_ms());
    values.last = FromMillis(signal.last_ms());
    sums.signals_.push_back({signal.signal(), values});
  }
  sums.ReadSpells(record);
  if (record.has_frontier()) {
    sums.frontier_ = hotiron::FromRecord(record.frontier());
  }
  for (const pb::LastSignal& last : record.last()) {
    sums.last_.push_back({hotiron::FromRecord(last.place()), last.signal()});
  }
  for (const pb::PersonSpan& person : record.people()) {
    sums.people_.push_back(
        {person.key(), FromMillis(person.first_ms()), FromMillis(person.last_ms())});
  }
  sums.origins_ = record.origins();
  return sums;
}

}  // namespace hotiron
