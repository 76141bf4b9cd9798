#include "ingest/router.h"

#include <algorithm>
#include <unordered_set>

#include "base/identity.h"
#include "base/result.h"
#include "base/versions.h"
#include "ingest/names.h"

namespace hotiron {
namespace {

using Change = Observation::Change;
using Kind = Observation::Kind;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The id without white space around it, or nothing when it is junk.
std::string_view UsableId(std::string_view id) {
  return IsJunkId(id) ? std::string_view{} : Trim(id);
}

// "Contact:003..." is not a key; it is what a fact is about.
std::string Subject(std::string_view kind, std::string_view id) {
  std::string subject(kind);
  subject += ':';
  subject += id;
  return subject;
}

// Names from outside become parts of lines and keys.
std::string CleanName(std::string_view name) {
  std::string clean(CutText(name, kSignalNameBytesMax));
  std::replace_if(
      clean.begin(), clean.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return clean;
}

}  // namespace

UnknownNames DefaultUnknownNames(Format format) {
  switch (format) {
    case Format::kNative:
      return UnknownNames::kKeep;
    case Format::kSegment:
    case Format::kSalesforce:
      return UnknownNames::kIgnore;
  }
  CHECK(false);
}

Outcome Outcome::Ignored(IgnoreReason reason) {
  Outcome outcome;
  outcome.kind = Kind::kIgnored;
  outcome.ignored = reason;
  return outcome;
}

Outcome Outcome::Rejected(RejectReason reason, std::string detail) {
  Outcome outcome;
  outcome.kind = Kind::kRejected;
  outcome.rejection = {reason, std::move(detail)};
  return outcome;
}

void SetCause(const InputRecord& input, pb::TaskRecord& record) {
  record.set_version(kTaskRecordVersion);
  pb::Cause* cause = record.mutable_cause();
  cause->set_topic(input.topic.data(), input.topic.size());
  cause->set_partition(input.partition);
  cause->set_offset(input.offset);
  cause->set_timestamp_ms(ToMillis(input.timestamp));
}

struct Router::State {
  // A hash costs more than the rest of routing, and the same people come again and again.
  struct Hashed {
    std::string id;
    std::string hash;
  };

  // One call of Route.
  struct Call {
    const Observation& observation;
    const InputRecord& input;
    UnknownNames unknown;
    std::vector<RoutedRecord>& out;
    uint64_t id;
  };

  RouterOptions options;
  std::unordered_set<std::string> free_mail;
  std::vector<Hashed> hashes{kHashesMax};
  std::vector<const pb::SignalDefinition*> matches;
  std::string scratch;  // during a call: source, a zero byte, id

  const std::string& Hash(std::string_view id);
  bool IsCompanyDomain(const std::string& domain) const;
  bool IsNoAccount(std::string_view id) const;
  std::string CompanyKey(const Observation& observation) const;
  std::string PersonKey(const Observation& observation);
  std::string TargetKey(const Observation& observation, const std::string& person) const;
  std::string OriginKey(const Observation& observation, const std::string& person);
  uint64_t IdOf(const Observation& observation);

  Outcome RouteSignals(Call& call);
  Outcome RouteTraits(Call& call);
  Outcome RouteChange(Call& call);
  pb::Fact& AddFact(Call& call, std::string key);
  void AddSignal(Call& call, std::string key, const std::string& origin, std::string_view name,
                 double weight, uint64_t id);
  void AddMatches(Call& call, const std::string& key, const std::string& origin);
  bool ChangeFacts(Call& call, const std::string& account, std::string_view object,
                   const std::string& person);
};

const std::string& Router::State::Hash(std::string_view id) {
  Hashed& slot = hashes[Hash64(id) % kHashesMax];
  if (slot.id != id) {
    slot.id = id;
    slot.hash = options.hasher(id);
  }
  return slot.hash;
}

bool Router::State::IsCompanyDomain(const std::string& domain) const {
  return !domain.empty() && !IsFreeMail(domain) && free_mail.count(domain) == 0;
}

// Some platforms let an address or a mail provider stand for an account; neither is one.
bool Router::State::IsNoAccount(std::string_view id) const {
  if (id.find('.') == std::string_view::npos) {
    return false;
  }
  std::string domain = DomainOf(id);
  return IsEmail(id) || (!domain.empty() && !IsCompanyDomain(domain));
}

// "a:..." or "d:...", or nothing.
std::string Router::State::CompanyKey(const Observation& observation) const {
  if (std::string_view account = UsableId(observation.account);
      !account.empty() && !IsNoAccount(account)) {
    return MakeKey(IdentityKind::kAccount, account);
  }
  std::string domain = DomainOf(observation.domain);
  if (!IsCompanyDomain(domain)) {
    domain = DomainOfEmail(observation.email);
  }
  return IsCompanyDomain(domain) ? MakeKey(IdentityKind::kDomain, domain) : std::string{};
}

std::string Router::State::PersonKey(const Observation& observation) {
  if (!IsJunkId(observation.email) && IsEmail(observation.email)) {
    return MakeKey(IdentityKind::kPerson, Hash(observation.email));
  }
  if (std::string_view user = UsableId(observation.user); !user.empty()) {
    return MakeKey(IdentityKind::kPerson, Hash(user));
  }
  // An address never travels in clear, not as the name of a browser either.
  if (std::string_view visitor = UsableId(observation.visitor); IsEmail(visitor)) {
    return MakeKey(IdentityKind::kPerson, Hash(visitor));
  }
  return {};
}

std::string Router::State::TargetKey(const Observation& observation,
                                     const std::string& person) const {
  if (std::string company = CompanyKey(observation); !company.empty()) {
    return company;
  }
  if (!person.empty()) {
    return person;
  }
  std::string_view visitor = UsableId(observation.visitor);
  return visitor.empty() ? std::string{} : MakeKey(IdentityKind::kVisitor, visitor);
}

std::string Router::State::OriginKey(const Observation& observation, const std::string& person) {
  if (std::string_view contact = UsableId(observation.contact); !contact.empty()) {
    return MakeKey(IdentityKind::kContact, Hash(contact));
  }
  if (!person.empty()) {
    return person;
  }
  std::string_view visitor = UsableId(observation.visitor);
  return visitor.empty() ? std::string{} : MakeKey(IdentityKind::kVisitor, visitor);
}

uint64_t Router::State::IdOf(const Observation& observation) {
  scratch = observation.source;
  scratch += '\0';
  scratch += observation.id;
  return Hash64(scratch);
}

pb::Fact& Router::State::AddFact(Call& call, std::string key) {
  RoutedRecord& routed = call.out.emplace_back();
  routed.key = std::move(key);
  SetCause(call.input, routed.record);
  pb::Fact* fact = routed.record.mutable_fact();
  fact->set_time_ms(ToMillis(call.observation.time));
  fact->set_sequence(call.observation.sequence);
  fact->set_history(call.observation.history);
  fact->set_id(call.id);
  return *fact;
}

void Router::State::AddSignal(Call& call, std::string key, const std::string& origin,
                              std::string_view name, double weight, uint64_t id) {
  RoutedRecord& routed = call.out.emplace_back();
  SetCause(call.input, routed.record);
  pb::Signal* signal = routed.record.mutable_signal();
  signal->set_id(id);
  signal->set_time_ms(ToMillis(call.observation.time));
  signal->set_sequence(call.observation.sequence);
  signal->set_signal(name.data(), name.size());
  signal->set_weight(weight);
  signal->add_path(origin.empty() ? key : origin);
  signal->set_source(std::string(CutText(call.observation.source, kSignalNameBytesMax)));
  signal->set_history(call.observation.history);
  routed.key = std::move(key);
}

void Router::State::AddMatches(Call& call, const std::string& key, const std::string& origin) {
  for (const pb::SignalDefinition* match : matches) {
    uint64_t id = call.id;
    if (matches.size() > 1) {
      scratch.resize(call.observation.source.size() + 1 + call.observation.id.size());
      scratch += '\0';
      scratch += match->signal();
      id = Hash64(scratch);
    }
    AddSignal(call, key, origin, match->signal(), match->weight(), id);
  }
}

Outcome Router::State::RouteSignals(Call& call) {
  const Observation& observation = call.observation;
  std::string person = PersonKey(observation);
  std::string key = TargetKey(observation, person);
  if (key.empty()) {
    return Outcome::Rejected(RejectReason::kNoIdentity, "names nobody that can be recognised");
  }
  std::string origin = OriginKey(observation, person);
  if (!matches.empty()) {
    AddMatches(call, key, origin);
    return {};
  }
  std::string name = CleanName(observation.name);
  if (call.unknown == UnknownNames::kIgnore || name.empty()) {
    return Outcome::Ignored(IgnoreReason::kUnknownName);
  }
  AddSignal(call, std::move(key), origin, name, 1, call.id);
  Outcome outcome;
  outcome.unknown_kept = true;
  return outcome;
}

Outcome Router::State::RouteTraits(Call& call) {
  const Observation& observation = call.observation;
  std::string person = PersonKey(observation);
  std::string key = TargetKey(observation, person);
  if (key.empty()) {
    return Outcome::Rejected(RejectReason::kNoIdentity, "names nobody that can be recognised");
  }
  bool about_account = observation.name == "account";
  if (about_account ? !IsCompany(key) : person.empty()) {
    return Outcome::Ignored(IgnoreReason::kNothingUsed);
  }
  pb::Fact& fact = AddFact(call, std::move(key));
  options.fields.Apply(about_account ? FactSubject::kAccount : FactSubject::kPerson,
                       observation.fields, fact);
  if (fact.fields().empty()) {
    call.out.pop_back();
    return Outcome::Ignored(IgnoreReason::kNothingUsed);
  }
  if (!about_account) {
    fact.set_subject(std::move(person));
  }
  return {};
}

// Adds the fact that a change is, if it is one.
bool Router::State::ChangeFacts(Call& call, const std::string& account, std::string_view object,
                                const std::string& person) {
  const Observation& observation = call.observation;
  bool gone = observation.change == Change::kDeleted || observation.change == Change::kStale;
  bool of_account = observation.name == "Account";
  bool of_contact = observation.name == "Contact";
  if (object.empty() || (!of_account && !of_contact && observation.name != "Opportunity")) {
    return false;
  }
  pb::Fact& fact =
      AddFact(call, MakeKey(of_account ? IdentityKind::kAccount : IdentityKind::kObject, object));
  fact.set_deleted(observation.change == Change::kDeleted);
  fact.set_stale(observation.change == Change::kStale);
  fact.set_whole(observation.change == Change::kCreated);
  if (of_account) {
    options.fields.Apply(FactSubject::kAccount, observation.fields, fact);
  } else if (of_contact) {
    options.fields.Apply(FactSubject::kPerson, observation.fields, fact);
    fact.set_subject(person.empty() ? Subject("contact", object) : person);
  } else {
    options.fields.Apply(FactSubject::kOpportunity, observation.fields, fact);
    fact.set_subject(Subject("opportunity", object));
  }
  if (!of_account && !account.empty()) {
    fact.set_parent(account);
  }
  if (fact.fields().empty() && fact.parent().empty() && !gone && !fact.whole() && person.empty()) {
    call.out.pop_back();
    return false;
  }
  if (of_contact && !gone) {
    pb::FactField* crm_id = fact.add_fields();
    crm_id->set_name("crm_id");
    crm_id->set_value(std::string(object));
  }
  return true;
}

Outcome Router::State::RouteChange(Call& call) {
  const Observation& observation = call.observation;
  auto of_record = [this](std::string_view id) {
    id = UsableId(id);
    return IsNoAccount(id) ? std::string_view{} : id;
  };
  std::string_view object = of_record(observation.object);
  std::string_view parent = of_record(observation.parent);
  std::string_view account_id = of_record(observation.account);
  if (observation.name == "Account") {
    account_id = object;
  }
  std::string account =
      account_id.empty() ? std::string{} : MakeKey(IdentityKind::kAccount, account_id);
  if (object.empty() && parent.empty() && account.empty()) {
    return Outcome::Rejected(RejectReason::kNoIdentity, "names no CRM record");
  }
  // The people of a change are those it is about; who made it is not our concern.
  std::string person = PersonKey(observation);
  bool routed = ChangeFacts(call, account, object, person);
  if (matches.empty()) {
    bool lost = observation.change == Observation::Change::kStale;
    return routed
               ? Outcome{}
               : Outcome::Ignored(lost ? IgnoreReason::kLostChanges : IgnoreReason::kNothingUsed);
  }
  bool has_row = observation.name == "Contact" || observation.name == "Opportunity";
  std::string_view through = !parent.empty() ? parent : has_row ? object : std::string_view{};
  if (account.empty() && through.empty()) {
    return routed ? Outcome{} : Outcome::Ignored(IgnoreReason::kNoAccount);
  }
  AddMatches(call, account.empty() ? MakeKey(IdentityKind::kObject, through) : account, person);
  return {};
}

Router::Router(RouterOptions options) : state_(std::make_unique<State>()) {
  CHECK(options.classifier != nullptr);
  for (const std::string& domain : options.free_mail) {
    state_->free_mail.insert(DomainOf(domain));
  }
  state_->options = std::move(options);
}

Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::UseClassifier(const Classifier& classifier) {
  state_->options.classifier = &classifier;
}

Outcome Router::Route(const Observation& observation, UnknownNames unknown,
                      const InputRecord& input, EventTime now, std::vector<RoutedRecord>& out) {
  if (observation.time < kEarliestTime || observation.time > kLatestTime) {
    return Outcome::Rejected(RejectReason::kTimeOutOfRange, "not between 2000 and 2100");
  }
  if (observation.time > now + state_->options.ahead_max) {
    return Outcome::Rejected(
        RejectReason::kTimeOutOfRange,
        "further ahead of the ingest clock than " + FormatDuration(state_->options.ahead_max));
  }
  State::Call call{observation, input, unknown, out, state_->IdOf(observation)};
  state_->options.classifier->Classify(observation, state_->matches);
  switch (observation.kind) {
    case Kind::kEvent:
    case Kind::kPage:
      return state_->RouteSignals(call);
    case Kind::kTraits:
      return state_->RouteTraits(call);
    case Kind::kChange:
      return state_->RouteChange(call);
  }
  CHECK(false);
}

}  // namespace hotiron
