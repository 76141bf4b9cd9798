#include "processors/facts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

#include "base/identity.h"
#include "processors/opportunity.h"

namespace hotiron {
namespace {

// Amounts as CRMs write them: "80000", "80000.0"; 0 (unknown) when it is not wholly a plain number,
// since half of "80,000" would be a wrong one.
double ToAmount(std::string_view text) {
  double amount = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && std::isfinite(amount) && amount > 0 ? amount : 0;
}

// What a record of an opportunity says of it: a pb::Fact, or a pb::Subject that facts made up.
template <typename Record>
auto FindField(const Record& record, std::string_view name) {
  auto at = std::find_if(record.fields().begin(), record.fields().end(),
                         [&](const auto& field) { return field.name() == name; });
  return at == record.fields().end() ? nullptr : &*at;
}

template <typename Record>
std::string_view FieldOf(const Record& record, std::string_view name) {
  const auto* field = FindField(record, name);
  return field == nullptr ? std::string_view() : std::string_view(field->value());
}

template <typename Record>
bool SaysClosed(const Record& record) {
  return SaysYes(FieldOf(record, "closed")) ||
         NormaliseId(FieldOf(record, "stage")).starts_with("closed");
}

// The CRM's own word counts: a stage called "Closed - Not Won" is none where that is there.
template <typename Record>
bool SaysWon(const Record& record) {
  const auto* won = FindField(record, "won");
  return won != nullptr ? SaysYes(won->value())
                        : SaysClosed(record) && NormaliseId(FieldOf(record, "stage")).find("won") !=
                                                    std::string::npos;
}

// When it was first said to be closed, and won, and last to be open. True when that is news; the
// order in which facts come does not matter.
bool KeepClosing(const pb::Fact& fact, pb::Subject& opportunity) {
  int64_t at = fact.time_ms();
  bool tells = FindField(fact, "closed") != nullptr || FindField(fact, "stage") != nullptr;
  bool closed = SaysClosed(fact);
  bool first_close = closed && (opportunity.closed_ms() == 0 || at < opportunity.closed_ms());
  bool first_win = SaysWon(fact) && (opportunity.won_ms() == 0 || at < opportunity.won_ms());
  bool last_open = tells && !closed && at > opportunity.open_ms();
  if (first_close) {
    opportunity.set_closed_ms(at);
  }
  if (first_win) {
    opportunity.set_won_ms(at);
  }
  if (last_open) {
    opportunity.set_open_ms(at);
  }
  return first_close || first_win || last_open;
}

// Of one that is closed, the first word of it: a source may say again what it has said. One that
// was opened again in between, or comes from an earlier program, is as old as the newest word.
int64_t SinceOf(const pb::Subject& opportunity, bool open, bool won) {
  int64_t first = open ? 0 : won ? opportunity.won_ms() : opportunity.closed_ms();
  if (first > opportunity.open_ms()) {
    return first;
  }
  int64_t newest = 0;
  for (std::string_view name : {"stage", "closed"}) {
    const pb::SubjectField* field = FindField(opportunity, name);
    newest =
        std::max(newest, field == nullptr || (open && name == "closed") ? 0 : field->time_ms());
  }
  return newest != 0 ? newest : opportunity.time_ms();
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

Verdict MergeFact(pb::Subject& subject, const pb::Fact& fact) {
  std::tuple stamp{fact.time_ms(), fact.sequence()};
  bool news = false;
  bool old = false;
  for (const pb::FactField& field : fact.fields()) {
    auto* fields = subject.mutable_fields();
    auto at = std::find_if(fields->begin(), fields->end(), [&](const pb::SubjectField& known) {
      return known.name() == field.name();
    });
    if (at == fields->end()) {
      if (static_cast<size_t>(fields->size()) >= kSubjectFieldsMax) {
        continue;
      }
      fields->Add();
      at = fields->end() - 1;
      at->set_name(field.name());
    } else {
      std::tuple known{at->time_ms(), at->sequence()};
      old = old || stamp < known;
      if (stamp < known || (stamp == known && field.value() <= at->value())) {
        continue;  // two values of one stamp: the greater, whichever came first
      }
    }
    at->set_value(field.value());
    at->set_time_ms(fact.time_ms());
    at->set_sequence(fact.sequence());
    news = true;
  }
  if (IsOpportunity(subject.subject())) {
    news = KeepClosing(fact, subject) || news;
  }
  // Whether the record exists is said by the newest word about it; whether all is known of it, by
  // the newest of "changes were lost" and "here is the whole of it". Of two at once, by the worse
  // news.
  std::tuple known{subject.time_ms(), subject.sequence()};
  if (stamp > known) {
    news = true;
    subject.set_time_ms(fact.time_ms());
    subject.set_sequence(fact.sequence());
    subject.set_deleted(fact.deleted());
  } else if (stamp == known) {
    news = news || (fact.deleted() && !subject.deleted());
    subject.set_deleted(subject.deleted() || fact.deleted());
  } else {
    old = true;
  }
  std::tuple checked{subject.completeness_ms(), subject.completeness_sequence()};
  bool on_completeness = fact.stale() || fact.whole() || fact.deleted();
  if (on_completeness && stamp > checked) {
    news = true;
    subject.set_completeness_ms(fact.time_ms());
    subject.set_completeness_sequence(fact.sequence());
    subject.set_stale(fact.stale());
  } else if (fact.stale() && stamp == checked && !subject.stale()) {
    news = true;
    subject.set_stale(true);
  }
  return news ? Verdict::kApplied : old ? Verdict::kLate : Verdict::kDuplicate;
}

Verdict Facts::Apply(const pb::Fact& fact) {
  auto at = std::lower_bound(
      subjects_.begin(), subjects_.end(), fact.subject(),
      [](const pb::Subject& s, const std::string& name) { return s.subject() < name; });
  if (at == subjects_.end() || at->subject() != fact.subject()) {
    at = subjects_.emplace(at);
    at->set_subject(fact.subject());
  }
  Verdict verdict = MergeFact(*at, fact);
  if (subjects_.size() > kSubjectsMax) {
    auto age = [](const pb::Subject& s) {  // opportunities outlast people, the account itself stays
      int rank = s.subject().empty() ? 2 : IsOpportunity(s.subject()) && !s.deleted() ? 1 : 0;
      return std::tuple{rank, s.time_ms(), s.sequence()};
    };
    subjects_.erase(std::min_element(
        subjects_.begin(), subjects_.end(),
        [&](const pb::Subject& a, const pb::Subject& b) { return age(a) < age(b); }));
  }
  return verdict;
}

const pb::Subject* Facts::Find(std::string_view subject) const {
  auto at = std::lower_bound(
      subjects_.begin(), subjects_.end(), subject,
      [](const pb::Subject& s, std::string_view name) { return s.subject() < name; });
  return at == subjects_.end() || at->subject() != subject ? nullptr : &*at;
}

std::string_view Facts::Get(std::string_view subject, std::string_view field) const {
  const pb::Subject* found = Find(subject);
  return found == nullptr ? std::string_view() : FieldOf(*found, field);
}

bool Facts::customer() const {
  std::string relationship = NormaliseId(Get("", "relationship"));
  for (std::string_view word : {"existing ", "current "}) {
    if (relationship.compare(0, word.size(), word) == 0) {
      relationship.erase(0, word.size());
    }
  }
  return relationship.compare(0, 8, "customer") == 0;  // "Customer - Direct", not "ex-customer"
}

bool Facts::disqualified() const {
  return NormaliseId(Get("", "status")).find("disqualified") != std::string::npos;
}

std::vector<Facts::Opportunity> Facts::Opportunities() const {
  std::vector<Opportunity> all;
  for (const pb::Subject& subject : subjects_) {
    if (!IsOpportunity(subject.subject()) || subject.deleted()) {
      continue;
    }
    bool open = !SaysClosed(subject);
    bool won = !open && SaysWon(subject);
    all.push_back({.id = std::string_view(subject.subject()).substr(kOpportunityPrefix.size()),
                   .stage = FieldOf(subject, "stage"),
                   .product = FieldOf(subject, "product"),
                   .amount = ToAmount(FieldOf(subject, "amount")),
                   .open = open,
                   .won = won,
                   .since = FromMillis(SinceOf(subject, open, won))});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Opportunity& a, const Opportunity& b) { return a.since > b.since; });
  return all;
}

std::vector<Facts::Opportunity> Facts::OpenOpportunities() const {
  std::vector<Opportunity> open = Opportunities();
  std::erase_if(open, [](const Opportunity& opportunity) { return !opportunity.open; });
  return open;
}

EventTime Facts::QuietUntil(Duration after_win, Duration after_loss) const {
  EventTime until{};
  for (const Opportunity& opportunity : Opportunities()) {
    if (opportunity.open) {
      return EventTime{};
    }
    until = std::max(until, opportunity.since + (opportunity.won ? after_win : after_loss));
  }
  return until;
}

bool Facts::Won(EventTime from, EventTime until) const {
  std::vector<Opportunity> all = Opportunities();
  return std::any_of(all.begin(), all.end(), [&](const Opportunity& opportunity) {
    return opportunity.won && from < opportunity.since && opportunity.since <= until;
  });
}

std::vector<Facts::Lost> Facts::LostChanges() const {
  std::vector<Lost> lost;
  for (const pb::Subject& subject : subjects_) {
    bool open = IsOpportunity(subject.subject()) && !subject.deleted() && !SaysClosed(subject);
    if (subject.stale() && (subject.subject().empty() || open)) {
      lost.push_back({subject.subject(), FromMillis(subject.completeness_ms())});
    }
  }
  return lost;
}

double Facts::ExpectedValue(const pb::Sale& sale) const {
  double amount = 0;
  for (const Opportunity& opportunity : OpenOpportunities()) {
    amount = std::max(amount, opportunity.amount);
  }
  if (amount > 0) {
    return amount;
  }
  amount = ToAmount(Get("", "amount"));
  if (amount > 0) {
    return amount;
  }
  for (const pb::SegmentAmount& segment : sale.segment_amounts()) {
    if (SameName(segment.segment(), Get("", "segment"))) {
      return segment.amount();
    }
  }
  return sale.default_amount();
}

std::string_view Facts::KindOfSale(const pb::Sale& sale) const {
  bool complex = ExpectedValue(sale) >= sale.complex_amount();
  for (const Opportunity& opportunity : OpenOpportunities()) {
    complex = complex || std::find(sale.complex_products().begin(), sale.complex_products().end(),
                                   opportunity.product) != sale.complex_products().end();
  }
  if (customer()) {
    return complex ? "consultancy" : "relationship";
  }
  return complex ? "solution" : "service";
}

}  // namespace hotiron
