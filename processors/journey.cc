// A journey is a sum over its origins.
//
// Every entry is either in the log or has left it for the slice of its origin; what is published is
// computed from the sum of both. So it does not matter which entries have left, and folding can
// wait until it pays. What must never happen is that an entry counts twice: while it is in the log
// its id gives a duplicate away, and once it has left, its place does, since everything not after
// the frontier of its origin is late. An entry between the frontier and the oldest entry of the log
// is new, whatever its age, because entries leave in order.
//
// Tested by journey_test.cc (any order, any duplication, any limits; a brute-force model).

#include "processors/journey.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/identity.h"

namespace hotiron {
namespace {

constexpr std::string_view kOtherSignals = "(other)";
constexpr std::string_view kPool = "(pool)";  // the origin of slices that were pooled

// The person at the beginning of an origin's path, "" when it is a company or an object.
std::string_view PersonIn(const std::vector<std::string>& path) {
  if (path.empty() || path[0].size() < 2) {
    return {};
  }
  IdentityKind kind = KindOf(path[0]);
  bool person = kind == IdentityKind::kContact || kind == IdentityKind::kPerson ||
                kind == IdentityKind::kVisitor;
  return person ? std::string_view(path[0]) : std::string_view();
}

// Origins are told apart by their names, as their slices are; most paths are one step.
bool IsSameOrigin(const std::vector<std::string>& known,
                  const google::protobuf::RepeatedPtrField<std::string>& path) {
  if (known.size() == 1 && path.size() == 1) {
    return known[0] == path[0];
  }
  return OriginName(known) == OriginName({path.begin(), path.end()});
}

bool OpensSession(const TimeScale& scale, const std::optional<Place>& previous,
                  const Place& place) {
  return !previous || place.time - previous->time > scale.SessionGap();
}

}  // namespace

std::string_view Journey::PersonOf(const Entry& entry) const {
  return PersonIn(origins_[entry.origin].path);
}

// The index of the signal's origin, which is added when the log has no entry of it.
Result<uint32_t> Journey::FindOrigin(std::string_view account, const pb::Signal& signal,
                                     SliceTable& slices) {
  for (size_t i = 0; i < origins_.size(); ++i) {
    if (IsSameOrigin(origins_[i].path, signal.path())) {
      return static_cast<uint32_t>(i);
    }
  }
  Origin origin{{signal.path().begin(), signal.path().end()}, std::nullopt};
  if (total_.origins() > 0) {
    TRY_ASSIGN(const Slice* slice, slices.Find(account, OriginName(origin.path)));
    if (slice == nullptr) {
      TRY_ASSIGN(slice, slices.Find(account, kPool));  // it may have been pooled
    }
    if (slice != nullptr) {
      origin.frontier = slice->sums.frontier();
    }
  }
  origins_.push_back(std::move(origin));
  return static_cast<uint32_t>(origins_.size() - 1);
}

// How many different signals the journey has, in log and slices: the same whatever has folded.
size_t Journey::SignalNames() const {
  std::vector<bool> counted(names_.size(), false);
  size_t number = total_.signals().size();
  for (const Entry& entry : log_) {
    if (!counted[entry.signal]) {
      counted[entry.signal] = true;
      number += total_.Has(names_[entry.signal]) ? 0 : 1;
    }
  }
  return number;
}

uint32_t Journey::Name(std::string_view name) {
  auto at = std::find(names_.begin(), names_.end(), name);
  if (at == names_.end()) {
    at = names_.emplace(at, name);
  }
  return static_cast<uint32_t>(at - names_.begin());
}

uint32_t Journey::SignalName(std::string_view name, const JourneyLimits& limits,
                             FoldCounts& counts) {
  // Most journeys are far from the limit: names_ and slices may count a signal twice, never less.
  if (names_.size() + total_.signals().size() < limits.signals || total_.Has(name) ||
      std::any_of(log_.begin(), log_.end(),
                  [&](const Entry& entry) { return names_[entry.signal] == name; }) ||
      SignalNames() < limits.signals) {
    return Name(name);
  }
  ++counts.other_names;
  return Name(kOtherSignals);
}

// Forgets names and origins that no entry of the log refers to: a journey in memory holds just what
// its row holds, so that it makes no difference whether it was read back.
void Journey::Compact() {
  std::vector<std::string> names;
  std::vector<Origin> origins;
  std::vector<uint32_t> new_name(names_.size(), UINT32_MAX);
  std::vector<uint32_t> new_origin(origins_.size(), UINT32_MAX);
  auto keep = [](uint32_t& index, auto& from, auto& to, std::vector<uint32_t>& moved) {
    if (moved[index] == UINT32_MAX) {
      moved[index] = static_cast<uint32_t>(to.size());
      to.push_back(std::move(from[index]));
    }
    index = moved[index];
  };
  for (Entry& entry : log_) {
    keep(entry.signal, names_, names, new_name);
    keep(entry.source, names_, names, new_name);
    keep(entry.origin, origins_, origins, new_origin);
  }
  names_ = std::move(names);
  origins_ = std::move(origins);
}

Result<Verdict> Journey::Apply(std::string_view account, const pb::Signal& signal,
                               const TimeScale& scale, const JourneyLimits& limits,
                               SliceTable& slices, FoldCounts& counts) {
  for (const Entry& entry : log_) {
    if (entry.place.id == signal.id()) {
      return Verdict::kDuplicate;
    }
  }
  Place place{FromMillis(signal.time_ms()), signal.sequence(), signal.id()};
  size_t origins_before = origins_.size();
  TRY_ASSIGN(uint32_t origin, FindOrigin(account, signal, slices));
  if (origins_[origin].frontier && place <= *origins_[origin].frontier) {
    origins_.resize(origins_before);
    return Verdict::kLate;
  }
  Entry entry{place, SignalName(signal.signal(), limits, counts), Name(signal.source()), origin,
              signal.weight()};
  log_.insert(std::upper_bound(log_.begin(), log_.end(), place,
                               [](const Place& p, const Entry& e) { return p < e.place; }),
              entry);
  TRY(Fold(account, scale, limits, slices, counts));
  return Verdict::kApplied;
}

Result<void> Journey::Fold(std::string_view account, const TimeScale& scale,
                           const JourneyLimits& limits, SliceTable& slices, FoldCounts& counts) {
  EventTime newest = log_.back().place.time;
  size_t old = 0;
  if (newest - log_.front().place.time > limits.age + limits.age / 8) {
    while (newest - log_[old].place.time > limits.age) {
      ++old;
    }
  }
  size_t over = 0;
  if (log_.size() - old > limits.entries) {
    over = log_.size() - old - (limits.entries - limits.entries / 4);
  }
  if (old + over == 0) {
    return {};
  }
  counts.folded += old + over;
  counts.over_limit += over;
  TRY(FoldOldest(account, old + over, scale, slices));
  Compact();
  return PoolOldest(account, scale, limits, slices, counts);
}

Result<void> Journey::FoldOldest(std::string_view account, size_t number, const TimeScale& scale,
                                 SliceTable& slices) {
  std::map<uint32_t, Sums> leaving;  // by origin
  for (size_t i = 0; i < number; ++i) {
    const Entry& entry = log_[i];
    Origin& origin = origins_[entry.origin];
    leaving[entry.origin].AddEntry(scale, entry.place, names_[entry.signal], entry.weight,
                                   PersonIn(origin.path),
                                   OpensSession(scale, origin.frontier, entry.place));
    origin.frontier = entry.place;
  }
  log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(number));
  for (auto& [index, sums] : leaving) {
    const Origin& origin = origins_[index];
    std::string name = OriginName(origin.path);
    TRY_ASSIGN(const Slice* slice, slices.Find(account, name));
    Slice grown = slice == nullptr ? Slice{origin.path, {}} : *slice;
    sums.set_origins(slice == nullptr ? 1 : 0);
    grown.sums.Add(scale, sums);
    total_.Add(scale, sums);
    slices.Put(account, name, std::move(grown));
  }
  return {};
}

// Beyond the limit of slices the oldest tenth is added up into one, and is no longer separable.
Result<void> Journey::PoolOldest(std::string_view account, const TimeScale& scale,
                                 const JourneyLimits& limits, SliceTable& slices,
                                 FoldCounts& counts) {
  if (total_.origins() <= limits.slices) {
    return {};
  }
  TRY_ASSIGN(std::vector<Slice> all, slices.All(account));
  std::sort(all.begin(), all.end(), [](const Slice& a, const Slice& b) {
    return std::tie(a.sums.frontier(), a.path) < std::tie(b.sums.frontier(), b.path);
  });
  TRY_ASSIGN(const Slice* found, slices.Find(account, kPool));
  Slice pool = found == nullptr ? Slice{{std::string(kPool)}, {}} : *found;
  size_t to_pool = total_.origins() - (limits.slices - limits.slices / 10);
  for (const Slice& slice : all) {
    std::string name = OriginName(slice.path);
    if (to_pool == 0 || name == kPool) {
      continue;
    }
    --to_pool;
    ++counts.pooled;
    pool.sums.Add(scale, slice.sums);
    slices.Put(account, name, std::nullopt);
  }
  pool.sums.set_origins(1);
  slices.Put(account, kPool, std::move(pool));
  uint32_t left = found == nullptr ? 1 : 0;
  total_.set_origins(static_cast<uint32_t>(limits.slices - limits.slices / 10) + left);
  return {};
}

// How many entries of the log had happened by `until`.
size_t Journey::LogSize(EventTime until) const {
  if (log_.empty() || log_.back().place.time <= until) {
    return log_.size();
  }
  auto end = std::upper_bound(log_.begin(), log_.end(), until,
                              [](EventTime t, const Entry& entry) { return t < entry.place.time; });
  return static_cast<size_t>(end - log_.begin());
}

std::optional<EventTime> Journey::Newest(EventTime until) const {
  std::optional<EventTime> newest;
  if (total_.frontier()) {
    newest = total_.frontier()->time;
  }
  if (size_t size = LogSize(until); size > 0) {
    EventTime last = log_[size - 1].place.time;
    newest = newest ? std::max(*newest, last) : last;
  }
  return newest;
}

std::optional<EventTime> Journey::Oldest() const {
  std::optional<EventTime> oldest;
  if (!log_.empty()) {
    oldest = log_.front().place.time;
  }
  if (!total_.spells().empty()) {
    EventTime first = total_.spells().front().first;
    oldest = oldest ? std::min(*oldest, first) : first;
  }
  return oldest;
}

std::optional<EventTime> Journey::Began(const TimeScale& scale, EventTime until) const {
  std::optional<EventTime> began = Newest(until);
  if (!began) {
    return began;
  }
  const std::vector<Spell>& spells = total_.spells();
  auto near = [&](EventTime time) { return *began - time <= scale.JourneyGap(); };
  size_t entries = LogSize(until);
  for (size_t spell = spells.size();;) {
    if (entries > 0 && near(log_[0].place.time)) {
      began = std::min(*began, log_[0].place.time);  // nearly always: a log is a fortnight
      entries = 0;
    } else if (entries > 0 && near(log_[entries - 1].place.time)) {
      began = std::min(*began, log_[--entries].place.time);
    } else if (spell > 0 && near(spells[spell - 1].last)) {
      began = std::min(*began, spells[--spell].first);
    } else {
      return began;
    }
  }
}

uint64_t Journey::events(EventTime since, EventTime until) const {
  uint64_t events = 0;
  for (const Spell& spell : total_.spells()) {
    events += spell.first >= since ? spell.events : 0;
  }
  for (size_t i = LogSize(until); i-- > 0 && log_[i].place.time >= since;) {
    ++events;
  }
  return events;
}

uint64_t Journey::sessions(const TimeScale& scale, EventTime since, EventTime until) const {
  uint64_t sessions = 0;
  for (const Spell& spell : total_.spells()) {
    sessions += spell.first >= since ? spell.sessions : 0;
  }
  std::vector<std::optional<Place>> previous;
  previous.reserve(origins_.size());
  for (const Origin& origin : origins_) {
    previous.push_back(origin.frontier);
  }
  for (size_t i = 0, size = LogSize(until); i < size; ++i) {
    const Entry& entry = log_[i];
    bool opens = OpensSession(scale, previous[entry.origin], entry.place);
    sessions += opens && entry.place.time >= since ? 1 : 0;
    previous[entry.origin] = entry.place;
  }
  return sessions;
}

std::vector<PersonSpan> Journey::People(EventTime until) const {
  std::vector<PersonSpan> people = total_.people();
  for (size_t i = 0, size = LogSize(until); i < size; ++i) {
    const Entry& entry = log_[i];
    std::string_view person = PersonOf(entry);
    if (!person.empty()) {
      AddPerson(people, person, entry.place.time, entry.place.time);
    }
  }
  return people;
}

size_t Journey::CountPeople(EventTime since, EventTime until) const {
  const std::vector<PersonSpan>& folded = total_.people();
  auto span_of = [&](std::string_view person) {
    auto at = std::lower_bound(
        folded.begin(), folded.end(), person,
        [](const PersonSpan& span, std::string_view key) { return span.key < key; });
    return at != folded.end() && at->key == person ? &*at : nullptr;
  };
  auto count = static_cast<size_t>(std::count_if(
      folded.begin(), folded.end(), [&](const PersonSpan& span) { return span.last >= since; }));
  std::vector<bool> looked_at(origins_.size(), false);
  std::vector<std::string_view> others;  // whom the slices do not count
  for (size_t i = LogSize(until); i-- > 0 && log_[i].place.time >= since;) {
    if (looked_at[log_[i].origin]) {
      continue;
    }
    looked_at[log_[i].origin] = true;
    std::string_view person = PersonOf(log_[i]);
    const PersonSpan* span = person.empty() ? nullptr : span_of(person);
    if (!person.empty() && (span == nullptr || span->last < since) &&
        std::find(others.begin(), others.end(), person) == others.end()) {
      others.push_back(person);
    }
  }
  return std::min(count + others.size(), kPeopleMax);
}

std::vector<LastSignal> Journey::Last(EventTime since, EventTime until) const {
  std::vector<LastSignal> last = total_.last();
  size_t size = LogSize(until);
  for (size_t i = size; i-- > 0 && size - i <= 2;) {
    last.push_back({log_[i].place, names_[log_[i].signal]});
  }
  std::sort(last.begin(), last.end(),
            [](const LastSignal& a, const LastSignal& b) { return a.place > b.place; });
  last.resize(std::min<size_t>(last.size(), 2));
  while (!last.empty() && last.back().place.time < since) {
    last.pop_back();
  }
  return last;
}

void Journey::WriteTo(pb::AccountRow& row) const {
  for (const std::string& name : names_) {
    row.add_names(name);
  }
  for (const Origin& origin : origins_) {
    pb::Origin* record = row.add_origins();
    for (const std::string& step : origin.path) {
      record->add_path(step);
    }
    if (origin.frontier) {
      *record->mutable_frontier() = ToRecord(*origin.frontier);
    }
  }
  int entries = static_cast<int>(log_.size());
  row.mutable_entry_time_delta_ms()->Reserve(entries);
  row.mutable_entry_sequence()->Reserve(entries);
  row.mutable_entry_id()->Reserve(entries);
  row.mutable_entry_kind()->Reserve(entries);
  row.mutable_entry_origin()->Reserve(entries);
  int64_t previous_ms = 0;
  for (const Entry& entry : log_) {
    auto kind = std::find_if(row.kinds().begin(), row.kinds().end(), [&](const pb::EntryKind& k) {
      return k.signal() == entry.signal && k.source() == entry.source && k.weight() == entry.weight;
    });
    row.add_entry_kind(static_cast<uint32_t>(kind - row.kinds().begin()));
    if (kind == row.kinds().end()) {
      pb::EntryKind* record = row.add_kinds();
      record->set_signal(entry.signal);
      record->set_source(entry.source);
      record->set_weight(entry.weight);
    }
    row.add_entry_time_delta_ms(ToMillis(entry.place.time) - previous_ms);
    previous_ms = ToMillis(entry.place.time);
    row.add_entry_sequence(entry.place.sequence);
    row.add_entry_id(entry.place.id);
    row.add_entry_origin(entry.origin);
  }
  if (!total_.empty()) {
    *row.mutable_total() = total_.ToRecord();
  }
}

Result<Journey> Journey::ReadFrom(const pb::AccountRow& row) {
  Journey journey;
  journey.names_.assign(row.names().begin(), row.names().end());
  journey.origins_.reserve(static_cast<size_t>(row.origins_size()));
  journey.log_.reserve(static_cast<size_t>(row.entry_time_delta_ms_size()));
  for (const pb::Origin& record : row.origins()) {
    Origin origin;
    origin.path.assign(record.path().begin(), record.path().end());
    if (record.has_frontier()) {
      origin.frontier = FromRecord(record.frontier());
    }
    journey.origins_.push_back(std::move(origin));
  }
  int size = row.entry_time_delta_ms_size();
  if (row.entry_sequence_size() != size || row.entry_id_size() != size ||
      row.entry_kind_size() != size || row.entry_origin_size() != size) {
    return Corrupt("account row: the columns of its log differ in length");
  }
  int64_t time_ms = 0;
  for (int i = 0; i < size; ++i) {
    time_ms += row.entry_time_delta_ms(i);
    uint32_t kind = row.entry_kind(i);
    if (kind >= static_cast<uint32_t>(row.kinds_size()) ||
        row.entry_origin(i) >= journey.origins_.size() ||
        row.kinds(static_cast<int>(kind)).signal() >= journey.names_.size() ||
        row.kinds(static_cast<int>(kind)).source() >= journey.names_.size()) {
      return Corrupt("account row: an entry of its log refers to what is not there");
    }
    const pb::EntryKind& like = row.kinds(static_cast<int>(kind));
    journey.log_.push_back({{FromMillis(time_ms), row.entry_sequence(i), row.entry_id(i)},
                            like.signal(),
                            like.source(),
                            row.entry_origin(i),
                            like.weight()});
  }
  if (row.has_total()) {
    journey.total_ = Sums::FromRecord(row.total());
  }
  return journey;
}

}  // namespace hotiron
