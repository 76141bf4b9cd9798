#include "delivery/view.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace hotiron {
namespace {

constexpr std::string_view kTriggerChances = "/chances";
constexpr std::string_view kSummaryChances = "/forecast/chances";
constexpr std::string_view kEver = "ever";  // a horizon that does not end
constexpr size_t kFacetValuesMax = 200;

std::string Text(const simdjson::dom::element& record, std::string_view name) {
  std::string_view text;
  return record[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

double Number(const simdjson::dom::element& record, std::string_view name) {
  double number = 0;
  return record[name].get(number) == simdjson::SUCCESS && std::isfinite(number) ? number : 0;
}

bool Truth(const simdjson::dom::element& record, std::string_view name) {
  bool truth = false;
  return record[name].get(truth) == simdjson::SUCCESS && truth;
}

int64_t Millis(const simdjson::dom::element& record, std::string_view name) {
  std::optional<EventTime> time = ParseTime(Text(record, name));
  return time ? ToMillis(*time) : 0;
}

// One object, or none.
std::optional<simdjson::dom::element> Parse(simdjson::dom::parser& parser, std::string_view text) {
  simdjson::dom::element record;
  if (parser.parse(text.data(), text.size()).get(record) != simdjson::SUCCESS ||
      !record.is_object()) {
    return std::nullopt;
  }
  return record;
}

bool IsLive(std::string_view state) {
  return state == "opened" || state == "raised" || state == "snoozed" || state == "accepted";
}

bool IsToAct(std::string_view state) {
  return state == "opened" || state == "raised";
}

// What a record says of the probability of buying; empty where there is no model.
std::vector<StatedChance> ChancesAt(std::string_view path, const simdjson::dom::element& record) {
  std::vector<StatedChance> stated;
  simdjson::dom::array chances;
  if (record.at_pointer(path).get(chances) == simdjson::SUCCESS) {
    for (simdjson::dom::element chance : chances) {
      stated.push_back(
          {Text(chance, "within"), Number(chance, "probability"), Truth(chance, "skill")});
    }
  }
  return stated;
}

// `chances_at`: where the record has them, as a JSON pointer.
StatedLevel ReadLevel(const simdjson::dom::element& record, std::string_view chances_at) {
  return {.as_of_ms = Millis(record, "as_of"),
          .stage = Text(record, "stage"),
          .progress = Number(record, "progress"),
          .points = Number(record, "points"),
          .chances = ChancesAt(chances_at, record)};
}

// The stage of the open opportunity that moved last; empty where none is open.
std::string OpenOpportunity(const simdjson::dom::element& summary) {
  simdjson::dom::array opportunities;
  if (summary["opportunities"].get(opportunities) == simdjson::SUCCESS) {
    for (simdjson::dom::element each : opportunities) {
      std::string stage = Text(each, "stage");
      if (Text(each, "state") == "open" && !stage.empty()) {
        return stage;
      }
    }
  }
  return {};
}

// Line ends are white space in JSON, and would end an event of a stream.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

// A trigger and what it is worth now.
using Ranked = std::pair<double, const LiveTrigger*>;

bool IsBefore(const Ranked& a, const Ranked& b) {
  return a.first != b.first ? a.first > b.first : a.second->id < b.second->id;
}

using Facet = std::map<std::string_view, size_t>;

void WriteFacet(std::string_view name, const Facet& facet, JsonWriter& json) {
  std::vector<std::pair<std::string_view, size_t>> values(facet.begin(), facet.end());
  std::stable_sort(values.begin(), values.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  values.resize(std::min(values.size(), kFacetValuesMax));
  json.Key(name).BeginArray();
  for (const auto& [value, count] : values) {
    json.BeginObject().Field("value", value).Field("count", static_cast<uint64_t>(count));
    json.EndObject();
  }
  json.EndArray();
}

void WritePast(const PastTrigger& past, JsonWriter& json) {
  json.BeginObject().Field("id", past.id).Field("state", past.state);
  json.Field("reason", past.reason).Field("policy", past.policy).Field("stage", past.stage);
  json.Field("progress", past.progress).Field("opened", FromMillis(past.opened_ms));
  json.Field("ended", FromMillis(past.ended_ms)).EndObject();
}

}  // namespace

struct View::Parser {
  simdjson::dom::parser json;
};

View::View(Limits limits) : limits_(limits), parser_(std::make_unique<Parser>()) {}

View::~View() = default;

// ---------------------------------------------------------------- taking records

KnownAccount& View::Touch(std::string_view key, std::string_view name) {
  auto at = accounts_.find(key);
  if (at != accounts_.end()) {
    Account& account = *at->second;
    recency_.splice(recency_.begin(), recency_, account.recency);
    if (!name.empty() && name != account.name) {
      account.name = name;
      names_.Remove(account.name_place);
      AddName(account);
    }
    return account;
  }
  std::unique_ptr<Account> made = std::make_unique<Account>();
  Account& account = *made;
  account.key = key;
  account.name = name;
  account.recency = recency_.insert(recency_.begin(), &account);
  accounts_.emplace(account.key, std::move(made));
  AddName(account);
  EvictAccounts();
  return account;
}

void View::AddName(Account& account) {
  if (names_.IsWasteful()) {
    names_.Clear();
    for (auto& [key, each] : accounts_) {
      each->name_place = names_.Add(each->name + ' ' + each->key, each.get());
    }
    return;
  }
  account.name_place = names_.Add(account.name + ' ' + account.key, &account);
}

// An account with a live trigger stays: it is what the list is for.
void View::EvictAccounts() {
  while (accounts_.size() > limits_.accounts) {
    auto oldest = std::find_if(recency_.rbegin(), std::prev(recency_.rend()),
                               [](const Account* account) { return account->live.empty(); });
    if (oldest == std::prev(recency_.rend())) {
      return;
    }
    Account* account = *oldest;
    for (const PastTrigger& past : account->past) {
      past_.erase(past.id);
    }
    recency_.erase(account->recency);
    names_.Remove(account->name_place);
    accounts_.erase(accounts_.find(std::string(account->key)));
    ++evicted_;
  }
}

void View::EvictTriggers(std::string_view newcomer) {
  if (live_.size() <= limits_.live_triggers) {
    return;
  }
  std::optional<Ranked> last;
  for (const auto& [id, trigger] : live_) {
    Ranked ranked(WorthNow(*trigger), trigger.get());
    if (id != newcomer && (!last || IsBefore(*last, ranked))) {
      last = ranked;
    }
  }
  if (last) {
    Forget(std::string(last->second->id));
    ++evicted_;
  }
}

// Out of live_ and its account's list.
void View::Forget(std::string_view id) {
  auto at = live_.find(id);
  if (at == live_.end()) {
    return;
  }
  auto account = accounts_.find(at->second->account);
  if (account != accounts_.end()) {
    std::vector<const LiveTrigger*>& list = account->second->live;
    list.erase(std::remove(list.begin(), list.end(), at->second.get()), list.end());
  }
  live_.erase(at);
}

View::Change View::TakeTrigger(std::string_view id, std::optional<std::string_view> value) {
  auto past = past_.find(id);
  if (!value) {
    Forget(id);
    if (past != past_.end()) {
      std::vector<PastTrigger>& list = past->second->past;
      std::erase_if(list, [&](const PastTrigger& each) { return each.id == id; });
      past_.erase(past);
    }
    return Change::kGone;
  }
  std::optional<simdjson::dom::element> parsed = Parse(parser_->json, *value);
  std::string account_key = parsed ? Text(*parsed, "account") : "";
  if (!parsed || account_key.empty() || Text(*parsed, "id") != id) {
    ++unreadable_;
    return Change::kNone;
  }
  const simdjson::dom::element& record = *parsed;
  auto revision = static_cast<uint64_t>(std::max(0.0, Number(record, "revision")));
  auto live = live_.find(id);
  uint64_t known = live == live_.end() ? 0 : live->second->revision;
  PastTrigger* ended = nullptr;
  if (past != past_.end()) {
    std::vector<PastTrigger>& list = past->second->past;
    ended = &*std::find_if(list.begin(), list.end(),
                           [&](const PastTrigger& each) { return each.id == id; });
    known = std::max(known, ended->revision);
  }
  if (revision <= known) {
    return Change::kNone;
  }
  int64_t as_of_ms = Millis(record, "as_of");
  newest_ = std::max(newest_, FromMillis(as_of_ms));
  std::string state = Text(record, "state");
  Forget(id);
  if (ended != nullptr) {  // it may have come back to life (an undo)
    std::vector<PastTrigger>& list = past->second->past;
    list.erase(list.begin() + (ended - list.data()));
    past_.erase(past);
  }
  Account& account = Touch(account_key, Text(record, "name"));
  bool tells_level = revision == 1 || state == "raised";  // others repeat that of one of these
  if (!IsLive(state)) {
    if (tells_level) {
      TakeLevel(account, ReadLevel(record, kTriggerChances));
    }
    PastTrigger entry{.id = std::string(id),
                      .revision = revision,
                      .state = std::move(state),
                      .reason = Text(record, "reason"),
                      .policy = Text(record, "policy"),
                      .stage = Text(record, "stage"),
                      .progress = Number(record, "progress"),
                      .opened_ms = Millis(record, "opened"),
                      .ended_ms = as_of_ms};
    auto newer = std::find_if(account.past.begin(), account.past.end(),
                              [&](const PastTrigger& p) { return p.ended_ms <= entry.ended_ms; });
    past_[entry.id] = &account;
    account.past.insert(newer, std::move(entry));
    if (account.past.size() > limits_.past_triggers) {
      past_.erase(account.past.back().id);
      account.past.pop_back();
    }
    return Change::kEnded;
  }
  std::unique_ptr<LiveTrigger> trigger =
      std::make_unique<LiveTrigger>(LiveTrigger{.id = std::string(id),
                                                .revision = revision,
                                                .state = std::move(state),
                                                .account = std::move(account_key),
                                                .owner = Text(record, "owner"),
                                                .team = Text(record, "team"),
                                                .segment = Text(record, "segment"),
                                                .sale = Text(record, "sale"),
                                                .expected_value = Number(record, "expected_value"),
                                                .priority = Number(record, "priority"),
                                                .within = Text(record, "within"),
                                                .json = OneLine(*value),
                                                .at = &account});
  account.live.push_back(trigger.get());  // from here on the account keeps the chances it hears of
  live_.emplace(std::string(id), std::move(trigger));
  bool told = tells_level && TakeLevel(account, ReadLevel(record, kTriggerChances));
  if (!told && account.chances.empty()) {
    account.chances = ReadChances(account);
  }
  EvictTriggers(id);
  return Change::kLive;
}

// Of a summary that came while nobody showed them.
std::vector<StatedChance> View::ReadChances(const Account& account) const {
  if (account.summary.empty()) {
    return {};
  }
  std::string text = packer_.Unpack(account.summary);
  std::optional<simdjson::dom::element> summary = Parse(parser_->json, text);
  return summary ? ChancesAt(kSummaryChances, *summary) : std::vector<StatedChance>();
}

bool View::TakeJourney(std::string_view key, std::optional<std::string_view> value) {
  if (!value) {
    auto at = accounts_.find(key);
    if (at == accounts_.end()) {
      return false;
    }
    Account& account = *at->second;
    account.summary.clear();
    account.chances.clear();
    account.customer = false;
    account.opportunity.clear();
    account.as_of_ms = 0;
    return !account.live.empty();
  }
  std::optional<simdjson::dom::element> parsed = Parse(parser_->json, *value);
  int64_t as_of_ms = parsed ? Millis(*parsed, "as_of") : 0;
  if (as_of_ms == 0) {
    ++unreadable_;
    return false;
  }
  Account& account = Touch(key, Text(*parsed, "name"));
  TakeLevel(account, ReadLevel(*parsed, kSummaryChances));
  account.customer = Truth(*parsed, "customer");
  account.opportunity = OpenOpportunity(*parsed);
  account.summary = packer_.Pack(OneLine(*value));
  newest_ = std::max(newest_, FromMillis(as_of_ms));
  return !account.live.empty();
}

// A summary may be behind the trigger of its account, by the interval between summaries.
bool View::TakeLevel(Account& account, StatedLevel stated) {
  if (stated.as_of_ms < account.as_of_ms) {
    return false;
  }
  account.as_of_ms = stated.as_of_ms;
  account.stage = std::move(stated.stage);
  account.progress = static_cast<float>(stated.progress);
  account.points = static_cast<float>(stated.points);
  account.chances = account.live.empty() ? std::vector<StatedChance>() : std::move(stated.chances);
  return true;
}

// ---------------------------------------------------------------- answering

bool View::Passes(const LiveTrigger& trigger, const TriggerFilter& filter) const {
  auto fits = [](const std::string& wanted, const std::string& is) {
    return wanted.empty() || wanted == is;
  };
  return fits(filter.owner, trigger.owner) && fits(filter.team, trigger.team) &&
         fits(filter.segment, trigger.segment) && fits(filter.sale, trigger.sale);
}

void View::WriteTriggers(const TriggerFilter& filter, size_t offset, size_t limit,
                         JsonWriter& json) const {
  std::vector<Ranked> passing;
  std::map<std::string_view, size_t> states{{"open", 0}, {"snoozed", 0}, {"accepted", 0}};
  Facet owners;
  Facet teams;
  Facet segments;
  Facet sales;
  for (const auto& [id, trigger] : live_) {
    std::string_view state = IsToAct(trigger->state) ? "open" : std::string_view(trigger->state);
    bool passes = Passes(*trigger, filter);
    states[state] += passes ? 1 : 0;
    if (filter.state != "all" && filter.state != state) {
      continue;
    }
    ++owners[trigger->owner];
    ++teams[trigger->team];
    ++segments[trigger->segment];
    ++sales[trigger->sale];
    if (passes) {
      passing.emplace_back(WorthNow(*trigger), trigger.get());
    }
  }
  size_t begin = std::min(offset, passing.size());
  size_t end = std::min(passing.size(), begin + limit);
  std::partial_sort(passing.begin(), passing.begin() + static_cast<ptrdiff_t>(end), passing.end(),
                    IsBefore);
  json.BeginObject().Field("total", static_cast<uint64_t>(passing.size()));
  json.Field("offset", static_cast<uint64_t>(offset));
  json.Field("limit", static_cast<uint64_t>(limit));
  json.Key("items").BeginArray();
  for (size_t i = begin; i < end; ++i) {
    WriteItem(*passing[i].second, json);
  }
  json.EndArray();
  json.Key("states").BeginObject();
  for (const auto& [state, count] : states) {
    json.Field(state, static_cast<uint64_t>(count));
  }
  json.EndObject();
  json.Key("facets").BeginObject();
  WriteFacet("owner", owners, json);
  WriteFacet("team", teams, json);
  WriteFacet("segment", segments, json);
  WriteFacet("sale", sales, json);
  json.EndObject().EndObject();
}

double View::WorthNow(const LiveTrigger& trigger) {
  const Account& account = *trigger.at;
  if (account.as_of_ms == 0) {
    return trigger.priority;
  }
  const StatedChance* asked = nullptr;
  for (const StatedChance& chance : account.chances) {
    if (trigger.within.empty() ? chance.within != kEver : chance.within == trigger.within) {
      asked = &chance;
    }
  }
  return trigger.expected_value * (asked != nullptr && asked->skill
                                       ? asked->probability
                                       : static_cast<double>(account.progress) / 100);
}

void View::WriteItem(const LiveTrigger& trigger, JsonWriter& json) const {
  json.BeginObject().Key("trigger").Raw(trigger.json).Key("now");
  WriteNow(trigger.account, json);
  json.EndObject();
}

void View::WriteNow(std::string_view key, JsonWriter& json) const {
  auto at = accounts_.find(key);
  if (at == accounts_.end() || at->second->as_of_ms == 0) {
    json.Null();
    return;
  }
  const Account& account = *at->second;
  json.BeginObject().Field("account", account.key).Field("as_of", FromMillis(account.as_of_ms));
  json.Field("stage", account.stage).Field("progress", static_cast<double>(account.progress));
  json.Field("points", static_cast<double>(account.points));
  if (!account.chances.empty()) {
    json.Key("chances").BeginArray();
    for (const StatedChance& chance : account.chances) {
      json.BeginObject().Field("within", chance.within);
      json.Field("probability", chance.probability).Field("skill", chance.skill).EndObject();
    }
    json.EndArray();
  }
  json.Field("customer", account.customer);
  if (!account.opportunity.empty()) {
    json.Field("opportunity", account.opportunity);
  }
  json.EndObject();
}

void View::WriteFound(std::string_view text, JsonWriter& json) const {
  std::vector<Account*> found = names_.Find(text);
  size_t shown = std::min(found.size(), kFoundMax);
  std::partial_sort(
      found.begin(), found.begin() + static_cast<std::ptrdiff_t>(shown), found.end(),
      [](const Account* a, const Account* b) {
        return std::tuple(a->live.empty(), std::string_view(a->name), std::string_view(a->key)) <
               std::tuple(b->live.empty(), std::string_view(b->name), std::string_view(b->key));
      });
  json.BeginObject().Key("accounts").BeginArray();
  for (size_t i = 0; i < shown; ++i) {
    const Account& account = *found[i];
    json.BeginObject().Field("account", account.key).Field("name", account.name);
    json.Field("stage", account.stage).Field("progress", static_cast<double>(account.progress));
    json.Field("live", static_cast<uint64_t>(account.live.size())).EndObject();
  }
  json.EndArray().EndObject();
}

const LiveTrigger* View::FindLive(std::string_view id) const {
  auto at = live_.find(id);
  return at == live_.end() ? nullptr : at->second.get();
}

std::string View::AccountOf(std::string_view id) const {
  if (const LiveTrigger* trigger = FindLive(id)) {
    return trigger->account;
  }
  auto at = past_.find(id);
  return at == past_.end() ? "" : at->second->key;
}

bool View::WriteTrigger(std::string_view id, JsonWriter& json) const {
  if (const LiveTrigger* trigger = FindLive(id)) {
    WriteItem(*trigger, json);
    return true;
  }
  auto at = past_.find(id);
  if (at == past_.end()) {
    return false;
  }
  for (const PastTrigger& past : at->second->past) {
    if (past.id == id) {
      json.BeginObject().Key("past");
      WritePast(past, json);
      json.EndObject();
    }
  }
  return true;
}

bool View::WriteAccount(std::string_view key, JsonWriter& json) const {
  auto at = accounts_.find(key);
  if (at == accounts_.end()) {
    return false;
  }
  const Account& account = *at->second;
  json.BeginObject().Field("account", account.key).Key("summary");
  if (account.summary.empty()) {
    json.Null();
  } else {
    json.Raw(packer_.Unpack(account.summary));
  }
  json.Key("live").BeginArray();
  std::vector<Ranked> live;
  for (const LiveTrigger* trigger : account.live) {
    live.emplace_back(WorthNow(*trigger), trigger);
  }
  std::sort(live.begin(), live.end(), IsBefore);
  for (const auto& [worth, trigger] : live) {
    WriteItem(*trigger, json);
  }
  json.EndArray().Key("past").BeginArray();
  for (const PastTrigger& past : account.past) {
    WritePast(past, json);
  }
  json.EndArray().EndObject();
  return true;
}

}  // namespace hotiron
