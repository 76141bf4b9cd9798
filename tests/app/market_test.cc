#include "app/market.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

std::vector<MarketEvent> Play(Market& market, size_t count) {
  std::vector<MarketEvent> events;
  for (size_t i = 0; i < count; ++i) {
    events.push_back(market.Next());
  }
  return events;
}

void PlayUntil(Market& market, EventTime end) {
  while (market.PeekTime() < end) {
    market.Next();
  }
}

// One JSON object, read as strictly as the pipeline reads it.
class Document {
 public:
  explicit Document(std::string_view text) : json_(text) {
    EXPECT_EQ(parser_.parse(json_).get(root_), simdjson::SUCCESS) << text;
  }

  // "" when the text at this JSON pointer is missing or null.
  std::string At(std::string_view pointer) const {
    std::string_view text;
    return root_.at_pointer(pointer).get(text) == simdjson::SUCCESS ? std::string(text) : "";
  }

  std::optional<EventTime> TimeAt(std::string_view pointer) const { return ParseTime(At(pointer)); }

  bool Has(std::string_view pointer) const {
    return root_.at_pointer(pointer).error() == simdjson::SUCCESS;
  }

 private:
  simdjson::padded_string json_;
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

TEST(Market, TheSameSeedGivesTheSameEvents) {
  Market one({.seed = 7});
  Market two({.seed = 7});
  Market other({.seed = 8});
  bool differs = false;
  for (int i = 0; i < 10'000; ++i) {
    MarketEvent a = one.Next();
    MarketEvent b = two.Next();
    ASSERT_EQ(a.payload, b.payload) << "event " << i;
    ASSERT_EQ(a.key, b.key);
    ASSERT_EQ(a.time, b.time);
    differs |= a.payload != other.Next().payload;
  }
  EXPECT_TRUE(differs);
}

TEST(Market, EventsLeaveInTheOrderOfArrivalAndNeverBeforeTheyHappened) {
  Market market({});
  EventTime last = MarketOptions{}.start;
  size_t late = 0;
  for (int i = 0; i < 20'000; ++i) {
    EventTime promised = market.PeekTime();
    MarketEvent event = market.Next();
    ASSERT_EQ(event.time, promised);
    ASSERT_GE(event.time, last);
    ASSERT_LE(event.happened, event.time);
    ASSERT_LE(event.time - event.happened, hours{6});
    late += event.time - event.happened > minutes{2} ? 1 : 0;
    last = event.time;
  }
  // About one in a hundred.
  EXPECT_GT(late, 100U);
  EXPECT_LT(late, 400U);
}

TEST(Market, WebCallsAreSegmentCallsWithConsistentTimes) {
  Market market({});
  std::map<std::string, int> types;
  for (const MarketEvent& event : Play(market, 20'000)) {
    if (event.feed != Feed::kWeb) {
      continue;
    }
    Document call(event.payload);
    ++types[call.At("/type")];
    EXPECT_FALSE(call.At("/messageId").empty());
    EXPECT_EQ(call.At("/anonymousId"), event.key);
    std::optional<EventTime> original = call.TimeAt("/originalTimestamp");
    std::optional<EventTime> sent = call.TimeAt("/sentAt");
    std::optional<EventTime> received = call.TimeAt("/receivedAt");
    ASSERT_TRUE(original && sent && received) << event.payload;
    EXPECT_LE(*original, *sent);
    EXPECT_LE(*sent, *received);
    EXPECT_EQ(call.TimeAt("/timestamp"), *received - (*sent - *original));
    EXPECT_EQ(call.TimeAt("/timestamp"), event.happened);
    // Whoever has a user id has left an address, and the other way round.
    EXPECT_EQ(call.At("/userId").empty(), call.At("/context/traits/email").empty());
    if (call.At("/type") == "page") {
      EXPECT_TRUE(call.At("/properties/path").starts_with("/")) << event.payload;
    }
  }
  for (const char* type : {"page", "track", "identify", "group"}) {
    EXPECT_GT(types[type], 20) << type;
  }
  EXPECT_EQ(types.size(), 4U);
}

TEST(Market, CrmChangesAreSalesforceChangesInTheOrderOfTheirCommits) {
  Market market({});
  std::map<std::string, int> changes;
  std::set<std::string> accounts;
  EventTime last;
  for (const MarketEvent& event : Play(market, 30'000)) {
    if (event.feed != Feed::kCrm) {
      continue;
    }
    Document change(event.payload);
    std::string entity = change.At("/data/payload/ChangeEventHeader/entityName");
    std::string type = change.At("/data/payload/ChangeEventHeader/changeType");
    ++changes[std::string(entity).append(" ").append(type)];
    EXPECT_EQ(change.At("/channel"), std::string("/data/").append(entity).append("ChangeEvent"));
    EXPECT_EQ(change.At("/data/payload/ChangeEventHeader/recordIds/0"), event.key);
    EXPECT_EQ(event.key.size(), 18U);
    if (entity == "Account" && type == "CREATE") {
      accounts.insert(event.key);
      for (const char* field : {"Name", "OwnerId", "Industry", "Type", "Segment__c"}) {
        EXPECT_FALSE(change.At(std::string("/data/payload/") + field).empty()) << field;
      }
    }
    std::string account = change.At("/data/payload/AccountId");
    EXPECT_TRUE(account.empty() || accounts.contains(account)) << "unknown account " << account;
    if (type == "UPDATE") {
      EXPECT_FALSE(change.Has("/data/payload/Name")) << "an update carries only what changed";
      EXPECT_TRUE(change.Has("/data/payload/ChangeEventHeader/changedFields/1"));
    }
    if (event.time - event.happened < minutes{1}) {  // not a duplicate sent later
      EXPECT_GE(event.happened, last - minutes{2});
      last = std::max(last, event.happened);
    }
  }
  for (const char* change :
       {"Account CREATE", "Contact CREATE", "Opportunity CREATE", "Opportunity UPDATE",
        "Opportunity GAP_UPDATE", "Task CREATE", "Event CREATE", "EmailMessage CREATE"}) {
    EXPECT_GT(changes[change], 0) << change;
  }
}

TEST(Market, UsesNamesThatTheCatalogueKnows) {
  Market market({});
  const std::set<std::string> known_events{"Demo Requested",
                                           "Trial Started",
                                           "Signed Up",
                                           "Invite Sent",
                                           "Pricing Calculator Used",
                                           "Whitepaper Downloaded",
                                           "Webinar Registered",
                                           "Contact Sales Submitted",
                                           "Email Link Clicked",
                                           "ROI Calculator Used",
                                           "Security Questionnaire Downloaded",
                                           "Feature Used"};
  const std::set<std::string> known_stages{
      "Prospecting",        "Qualification", "Needs Analysis", "Proposal/Price Quote",
      "Negotiation/Review", "Closed Won",    "Closed Lost"};
  std::set<std::string> events;
  std::set<std::string> stages;
  for (const MarketEvent& event : Play(market, 60'000)) {
    Document document(event.payload);
    if (document.At("/type") == "track") {
      events.insert(document.At("/event"));
    }
    if (document.Has("/data/payload/StageName")) {
      stages.insert(document.At("/data/payload/StageName"));
    }
  }
  EXPECT_EQ(events, known_events);
  EXPECT_EQ(stages, known_stages);
}

TEST(Market, NoAddressOutsideOfDotExample) {
  Market market({});
  for (const MarketEvent& event : Play(market, 20'000)) {
    std::string_view text = event.payload;
    for (std::string_view mark : {std::string_view("@"), std::string_view("://")}) {
      for (size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
        std::string_view host = text.substr(at + mark.size());
        host = host.substr(0, host.find_first_of("/\"?"));
        ASSERT_TRUE(host.ends_with(".example")) << event.payload;
      }
    }
    Document document(event.payload);
    for (const char* pointer : {"/traits/website", "/data/payload/Website"}) {
      ASSERT_TRUE(!document.Has(pointer) || document.At(pointer).ends_with(".example"));
    }
  }
}

TEST(Market, SomeEventsArriveTwice) {
  Market market({});
  std::set<std::string> payloads;
  size_t twice = 0;
  for (const MarketEvent& event : Play(market, 40'000)) {
    twice += payloads.insert(event.payload).second ? 0 : 1;
  }
  EXPECT_GT(twice, 100U);
  EXPECT_LT(twice, 350U);
  EXPECT_LE(twice, market.truth().duplicates);
}

TEST(Market, NamesAndDomainsOfCompaniesAreTheirOwn) {
  Market market({.companies = 5'000});
  std::set<std::string_view> domains;
  for (size_t i = 0; i < market.companies(); ++i) {
    EXPECT_TRUE(domains.insert(market.Company(i).domain).second) << market.Company(i).domain;
  }
}

TEST(Market, BusinessHoursAreBusy) {
  Market market({});
  EventTime tuesday = MarketOptions{}.start + days{1} - hours{8};
  PlayUntil(market, tuesday);
  std::array<int, 24> per_hour{};
  while (market.PeekTime() < tuesday + days{1}) {
    ++per_hour[static_cast<size_t>((market.Next().time - tuesday) / hours{1})];
  }
  for (size_t hour = 8; hour < 16; ++hour) {
    EXPECT_GE(per_hour[hour], 100) << hour;
    EXPECT_LE(per_hour[hour], 400) << hour;
  }
  EXPECT_LT(per_hour[1], 40);
}

TEST(Market, PaceMakesItBusier) {
  Market calm({});
  Market busy({.pace = 3});
  EventTime end = MarketOptions{}.start + days{5};
  size_t calm_events = 0;
  for (; calm.PeekTime() < end; ++calm_events) {
    calm.Next();
  }
  size_t busy_events = 0;
  for (; busy.PeekTime() < end; ++busy_events) {
    busy.Next();
  }
  EXPECT_GT(busy_events, calm_events * 3 / 2);
}

// What the estimator is up against: a quarter of a year.
TEST(Market, JourneysSkipStallAndGoBack) {
  Market market({});
  PlayUntil(market, MarketOptions{}.start + days{91});
  const MarketTruth& truth = market.truth();
  EXPECT_GT(truth.purchases, 80U);
  EXPECT_GT(truth.skips, truth.advances / 8);
  EXPECT_GT(truth.setbacks, truth.advances / 12);
  EXPECT_GT(truth.stalls, truth.purchases / 10);
  // Some end well, some badly, some without a word.
  EXPECT_GT(truth.won, 20U);
  EXPECT_GT(truth.lost, 8U);
  EXPECT_GT(truth.abandoned, 3U);
  // A buying group, not a lead.
  uint64_t ended = truth.won + truth.lost + truth.abandoned;
  EXPECT_GT(truth.buyers, 3 * ended);
  EXPECT_LT(truth.buyers, 12 * ended);

  size_t buying = 0;
  size_t bought = 0;
  std::set<CompanyTruth::Phase> phases;
  for (size_t i = 0; i < market.companies(); ++i) {
    CompanyTruth company = market.Company(i);
    buying += company.phase != CompanyTruth::Phase::kQuiet ? 1 : 0;
    bought += company.bought > EventTime{} ? 1 : 0;
    phases.insert(company.phase);
    if (company.bought > EventTime{}) {
      EXPECT_FALSE(company.account.empty()) << "bought, and not in the CRM";
      EXPECT_GT(company.bought, MarketOptions{}.start);
    }
  }
  EXPECT_EQ(truth.purchases - ended, buying);
  EXPECT_LE(bought, truth.won);
  EXPECT_EQ(phases.size(), 5U);
  EXPECT_LT(buying, market.companies() / 8) << "most companies buy nothing at any moment";
}

TEST(Market, OneCompanyIsEnough) {
  Market market({.companies = 1});
  EventTime last;
  for (const MarketEvent& event : Play(market, 500)) {
    EXPECT_GE(event.time, last);
    last = event.time;
  }
}

}  // namespace
}  // namespace hotiron
