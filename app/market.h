#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hotiron {

// Mail providers of the market: an address there says nothing about a company.
inline constexpr std::array<std::string_view, 2> kMarketFreeMailDomains{"freemail.example",
                                                                        "postbox.example"};

struct MarketOptions {
  uint64_t seed = 1;
  int companies = 1'200;                            // at least 1
  EventTime start = FromMillis(1'772'438'400'000);  // a Monday, 2026-03-02 08:00 UTC
  double pace = 1.0;  // of browsing and of buying; 2 = twice the events
};

enum class Feed : uint8_t {
  kWeb,  // Segment calls
  kCrm,  // Salesforce Change Data Capture
};

struct MarketEvent {
  EventTime time;      // when it reaches its topic; Next() goes by this
  EventTime happened;  // what the payload says: never later than `time`, hours earlier when late
  Feed feed = Feed::kWeb;
  std::string key;
  std::string payload;
};

// What is true of a company, whatever its traces say.
struct CompanyTruth {
  enum class Phase : uint8_t {
    kQuiet,       // no purchase under way
    kExploring,   // somebody looks into a problem
    kComparing,   // several do, and ask what it costs, who else offers it, whether it is safe
    kEvaluating,  // somebody wants us, or a seller is talking to them
    kDeciding,    // a proposal is on the table
  };
  std::string_view name;
  std::string_view domain;
  std::string_view account;  // Salesforce id; empty while the CRM does not know the company
  Phase phase = Phase::kQuiet;
  uint32_t people = 0;  // who work there
  EventTime began;      // of the purchase under way, or the last one; the epoch = never
  EventTime bought;     // last time; the epoch = never
};

// Counted since the start.
struct MarketTruth {
  uint64_t purchases = 0;  // begun
  uint64_t won = 0;
  uint64_t lost = 0;        // with a seller
  uint64_t abandoned = 0;   // without ever talking to one
  uint64_t advances = 0;    // a purchase moved on by one phase
  uint64_t skips = 0;       // by two phases or more at once
  uint64_t setbacks = 0;    // moved back
  uint64_t stalls = 0;      // went on after at least a week in which nobody did anything
  uint64_t buyers = 0;      // people who took part in the purchases that have ended
  uint64_t duplicates = 0;  // events sent twice
  uint64_t late = 0;        // events held up for minutes or hours
};

// The demo's world: companies whose people browse, research, persuade each other and now and then
// buy, seen through the web tracking and the CRM of a vendor. Invented throughout: every address
// ends in .example.
//
// Operation: an agent-based model, on purpose unlike the estimator, which knows only decayed sums.
//   An incident (an outage, an audit) gives somebody at a company a problem. Each person awake
//   carries questions by topic, asks them in no fixed order, and finds answers or more questions on
//   the web; he tells colleagues, who wake with questions of their own. Whoever runs out of
//   questions is for or against it. A manager who is for it calls a seller; the deal moves as far
//   as those who must agree have come, backwards too. Shocks strike in between: a frozen budget, a
//   champion who leaves, a rival's offer, procurement rules, an order from above. Around them are
//   readers who never buy, students, partners, users of the product and people with free mail.
//   Events leave in the order of their arrival. About 1 % of web calls arrive minutes to hours
//   after they happened, about 0.5 % of all events twice; CRM changes arrive in their order.
// Limits: the same options give the same events on every machine. It goes on for ever, in memory
//   that depends on the number of companies only. One thread at a time.
class Market {
 public:
  explicit Market(const MarketOptions& options);
  ~Market();

  Market(const Market&) = delete;
  Market& operator=(const Market&) = delete;

  // Arrival of the event that Next gives next.
  EventTime PeekTime();

  MarketEvent Next();

  // The truth by the time of the next event.
  const MarketTruth& truth() const;
  size_t companies() const;
  CompanyTruth Company(size_t index) const;

 private:
  class World;
  std::unique_ptr<World> world_;
};

}  // namespace hotiron
