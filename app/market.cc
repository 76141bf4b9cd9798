#include "app/market.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "app/market_cast.h"
#include "app/market_payloads.h"
#include "base/result.h"

// The world is a queue of what people intend to do (Intent), by time. Each intent, when its time
// comes, emits the calls of one visit or one CRM change, changes minds, and plants further intents.
// Emitted events wait in a second queue until nothing earlier can still be emitted. A purchase has
// no state of its own that drives it: its phase is read off what its people think (PhaseOf), which
// is why journeys skip, stall and go back without any rule that says so.

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace market;  // its cast

// Shares and rates. Those of events are tuned to 150 to 300 events an hour of business with the
// default options; those of purchases to about one company in twenty with a purchase under way.
constexpr double kLateShare = 0.01;
constexpr double kDuplicateShare = 0.005;
constexpr double kBuyingAtStart = 0.06;
constexpr Duration kIncidentEvery = days{240};  // of a prospect, on average
constexpr Duration kBrowseEvery = hours{48};    // between visits without intent
constexpr Duration kTouchEvery = hours{280};    // between a seller's own attempts at an account
constexpr Duration kGapEvery = hours{20};       // between changes that the CRM fails to describe
constexpr Duration kStall = days{7};
constexpr int kStuckMax = 7;  // looks at a deal that finds nothing new
constexpr size_t kSellers = 14;

// Chance that gives the same on every machine (splitmix64), which the standard's distributions do
// not.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Bits() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  // [0, 1)
  double Unit() { return static_cast<double>(Bits() >> 11) * 0x1.0p-53; }

  bool Chance(double probability) { return Unit() < probability; }

  // 0 .. bound - 1
  size_t Below(size_t bound) { return Bits() % bound; }

  int Between(int low, int high) {
    return low + static_cast<int>(Below(static_cast<size_t>(int64_t{high} - low + 1)));
  }

  Duration Between(Duration low, Duration high) {
    return low + Duration{static_cast<int64_t>(Unit() * static_cast<double>((high - low).count()))};
  }

  // Around `mean`, between a fifth and three times of it: waiting times differ widely.
  Duration About(Duration mean) {
    double factor = std::min(3.0, 0.2 - 0.8 * std::log(1.0 - Unit()));
    return Duration{static_cast<int64_t>(factor * static_cast<double>(mean.count()))};
  }

  template <typename Container>
  const auto& Pick(const Container& container) {
    return container[Below(std::size(container))];
  }

 private:
  uint64_t state_;
};

// ---------------------------------------------------------------- who lives in it

enum class Mind : uint8_t {
  kAsleep,       // takes no part
  kResearching,  // has questions
  kFor,
  kAgainst,
};

struct Person {
  std::string_view first;
  std::string_view last;
  std::string_view title;
  JobRole role = JobRole::kUser;
  std::string email;
  std::string user;     // user id, used once `named`
  std::string visitor;  // anonymous id of the browser
  std::string contact;  // CRM id; empty = not there
  bool named = false;   // left a name on the web
  bool advertising = false;
  Mind mind = Mind::kAsleep;
  Questions questions{};
  bool visit_planned = false;
};

enum class Kind : uint8_t { kProspect, kCustomer, kPartner, kReader, kAcademia, kFreelancer };

struct Deal {
  std::string id;
  size_t stage = kQualification;
  int stuck = 0;
};

struct Seller {
  std::string id;  // of a user of the CRM
  std::string name;
  std::string_view team;
};

struct CompanyState {
  std::string name;
  std::string domain;
  std::string_view industry;
  const Seller* owner = nullptr;
  std::string account;  // CRM id; empty = the CRM does not know it
  const Segment* segment = nullptr;
  Kind kind = Kind::kProspect;
  int employees = 0;
  bool listed = false;      // in the CRM from the beginning
  bool recognised = false;  // its network is known, so even anonymous calls carry its account
  bool digital = false;     // buys without ever wanting a seller
  double fit = 0;           // how well the product suits it
  std::string_view time_zone;
  Duration offset{};  // of its clock from UTC
  std::vector<Person> people;

  // The purchase.
  bool buying = false;
  bool seller_called = false;
  bool rules = false;  // procurement must agree too
  bool still = false;  // nobody has a question, and kWake is planned
  uint32_t purchase = 0;
  std::optional<Deal> deal;
  CompanyTruth::Phase phase = CompanyTruth::Phase::kQuiet;
  EventTime began;
  EventTime bought;
  EventTime last_act;
  EventTime frozen_until;
};

std::string Slug(std::string_view name) {
  std::string slug;
  for (char c : name) {
    slug += c == ' ' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return slug;
}

// ---------------------------------------------------------------- what is going to happen

struct Intent {
  enum class Kind : uint8_t {
    kEnterCrm,  // the company and some of its people are put into the CRM
    kIncident,  // something gives the company a problem
    kVisit,     // a person follows up own questions
    kBrowse,    // somebody looks around without any
    kUse,       // a customer's person works with the product
    kMailOpen,  // a person follows a link in a seller's mail
    kShock,     // something happens to a purchase
    kWake,      // a purchase that lies still goes on, or ends
    kDeal,      // a seller looks at the deal
    kTouch,     // a seller tries on his own account
    kGap,       // the CRM says that something changed, not what
  };
  EventTime time;
  uint64_t sequence = 0;  // order among equal times
  Kind kind = Kind::kVisit;
  uint32_t company = 0;
  uint32_t person = 0;
  uint32_t purchase = 0;  // that it belongs to: void when the company is at another
};

// Orders a priority queue by time, earliest first.
struct Later {
  template <typename T>
  bool operator()(const T& a, const T& b) const {
    return std::pair(a.time, a.sequence) > std::pair(b.time, b.sequence);
  }
};

struct Waiting {
  EventTime time;
  uint64_t sequence = 0;
  size_t slot = 0;  // of the event itself, so that the heap moves little
};

}  // namespace

class Market::World {
 public:
  explicit World(const MarketOptions& options) : options_(options), dice_(options.seed) {
    CHECK(options.companies > 0 && options.pace > 0);
    for (size_t i = 0; i < kSellers; ++i) {
      sellers_.push_back({SalesforceId("005", NewNumber()),
                          fmt::format("{} {}", kFirstNames[i * 3 % kFirstNames.size()],
                                      kLastNames[i * 5 % kLastNames.size()]),
                          kTeams[i % kTeams.size()]});
    }
    for (uint32_t i = 0; i < static_cast<uint32_t>(options.companies); ++i) {
      companies_.push_back(MakeCompany(i));
    }
    for (uint32_t i = 0; i < companies_.size(); ++i) {
      Populate(i);
    }
    Plan(options.start + kGapEvery, Intent::Kind::kGap, 0);
  }

  EventTime PeekTime() {
    // An intent emits nothing that arrives before its own time.
    while (waiting_.empty() || (!intents_.empty() && intents_.top().time <= waiting_.top().time)) {
      Intent intent = intents_.top();
      intents_.pop();
      Carry(intent);
    }
    return waiting_.top().time;
  }

  MarketEvent Next() {
    PeekTime();
    size_t slot = waiting_.top().slot;
    waiting_.pop();
    free_slots_.push_back(slot);
    return std::move(slots_[slot]);
  }

  const MarketTruth& truth() const { return truth_; }

  const std::vector<CompanyState>& companies() const { return companies_; }

 private:
  // -------------------------------------------------------------- making the world

  uint64_t NewNumber() { return ++numbers_; }

  CompanyState MakeCompany(uint32_t index) {
    CompanyState company;
    double share = dice_.Unit();
    company.kind = share < 0.62   ? Kind::kProspect
                   : share < 0.74 ? Kind::kCustomer
                   : share < 0.78 ? Kind::kPartner
                   : share < 0.92 ? Kind::kReader
                   : share < 0.95 ? Kind::kAcademia
                                  : Kind::kFreelancer;
    // Unique for as many companies as one likes: a number goes in when the words run out.
    size_t word = index;
    std::string_view start = kNameStarts[word % kNameStarts.size()];
    word /= kNameStarts.size();
    std::string_view middle = kNameMiddles[word % kNameMiddles.size()];
    word /= kNameMiddles.size();
    std::string_view end = kNameEnds[(word + index) % kNameEnds.size()];
    bool repeated = word > 0 && (company.kind == Kind::kAcademia || word >= kNameEnds.size());
    company.name = company.kind == Kind::kAcademia ? fmt::format("{} {} University", start, middle)
                                                   : fmt::format("{} {} {}", start, middle, end);
    if (repeated) {
      company.name += fmt::format(" {}", word + 1);
    }
    company.domain = Slug(company.name) + ".example";
    company.industry = dice_.Pick(kIndustries);
    company.owner = &dice_.Pick(sellers_);
    size_t size = company.kind == Kind::kFreelancer ? 0 : dice_.Below(kSegments.size());
    company.segment = &kSegments[size];
    company.employees =
        dice_.Between(company.segment->employees_min, company.segment->employees_max);
    double known = company.kind == Kind::kCustomer || company.kind == Kind::kPartner ? 1.0
                   : company.kind == Kind::kProspect                                 ? 0.75
                   : company.kind == Kind::kReader                                   ? 0.3
                                                                                     : 0.0;
    company.listed = dice_.Chance(known);
    company.recognised = size > 0 && dice_.Chance(0.5);
    company.digital = size == 0 && dice_.Chance(0.15);
    company.fit = 0.3 + 0.5 * dice_.Unit();
    const TimeZone& zone = dice_.Pick(kTimeZones);
    company.time_zone = zone.name;
    company.offset = zone.offset;
    int people =
        company.kind == Kind::kFreelancer ? 1 : company.segment->people + dice_.Between(-1, 3);
    for (int i = 0; i < people; ++i) {
      company.people.push_back(MakePerson(company, static_cast<size_t>(i)));
    }
    return company;
  }

  Person MakePerson(const CompanyState& company, size_t index) {
    Person person;
    person.first = dice_.Pick(kFirstNames);
    person.last = dice_.Pick(kLastNames);
    // A manager first, then one of each, then whoever.
    constexpr std::array<JobRole, 6> kFirstRoles{JobRole::kManager,   JobRole::kUser,
                                                 JobRole::kExecutive, JobRole::kEngineer,
                                                 JobRole::kFinance,   JobRole::kSecurity};
    person.role = index < kFirstRoles.size() ? kFirstRoles[index]
                                             : static_cast<JobRole>(dice_.Below(kRoles.size()));
    person.title = dice_.Pick(kRoles[static_cast<size_t>(person.role)].titles);
    if (company.kind == Kind::kAcademia) {
      person.title = "Student";
    }
    std::string_view mail = company.kind == Kind::kFreelancer || dice_.Chance(0.03)
                                ? dice_.Pick(kMarketFreeMailDomains)
                                : std::string_view(company.domain);
    uint64_t number = NewNumber();
    person.email = fmt::format("{}.{}{}@{}", Slug(person.first), Slug(person.last), number, mail);
    person.user = fmt::format("u_{}", 90'000 + number);
    uint64_t high = dice_.Bits();
    uint64_t low = dice_.Bits();
    person.visitor =
        fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, (high >> 16) & 0xffffU,
                    high & 0xfffU, low >> 52, low & 0xffff'ffff'ffffU);
    person.advertising = dice_.Chance(0.4);
    person.named = company.kind == Kind::kCustomer && dice_.Chance(0.5);
    return person;
  }

  // What goes on at a company on the first day.
  void Populate(uint32_t index) {
    CompanyState& company = companies_[index];
    EventTime start = options_.start;
    if (company.listed) {
      Plan(start + dice_.Between(Duration{0}, minutes{10}), Intent::Kind::kEnterCrm, index);
      Plan(Work(company, start + dice_.About(kTouchEvery)), Intent::Kind::kTouch, index);
    }
    Plan(Work(company, start + Pace(dice_.About(BrowseEvery(company)))), Intent::Kind::kBrowse,
         index);
    if (company.kind == Kind::kCustomer) {
      for (uint32_t person = 0; person < 2 && person < company.people.size(); ++person) {
        company.people[person].named = true;
        Plan(Work(company, start + dice_.Between(Duration{0}, hours{24})), Intent::Kind::kUse,
             index, person);
      }
    }
    if (CanBuy(company)) {
      bool now = company.kind == Kind::kProspect && dice_.Chance(kBuyingAtStart);
      Duration until = now ? dice_.Between(minutes{15}, hours{8})
                           : Pace(dice_.Between(Duration{0}, 2 * IncidentEvery(company)));
      Plan(Work(company, start + until), Intent::Kind::kIncident, index);
    }
  }

  static bool CanBuy(const CompanyState& company) {
    return company.kind == Kind::kProspect || company.kind == Kind::kCustomer;
  }

  static Duration IncidentEvery(const CompanyState& company) {
    return company.kind == Kind::kCustomer ? 2 * kIncidentEvery : kIncidentEvery;
  }

  static Duration BrowseEvery(const CompanyState& company) {
    return company.kind == Kind::kReader || company.kind == Kind::kAcademia ? kBrowseEvery / 4
                                                                            : kBrowseEvery * 3;
  }

  Duration Pace(Duration duration) const {
    return Duration{static_cast<int64_t>(static_cast<double>(duration.count()) / options_.pace)};
  }

  // -------------------------------------------------------------- time

  // `time`, or when the company is next at work: weekdays from eight to six on its own clock.
  EventTime Work(const CompanyState& company, EventTime time) {
    EventTime local = time + company.offset;
    std::chrono::sys_days day = std::chrono::floor<days>(local);
    unsigned weekday = std::chrono::weekday(day).iso_encoding();
    Duration clock = local - day;
    if (weekday <= 5 && clock >= hours{8} && clock < hours{18}) {
      return time;
    }
    bool today = weekday <= 5 && clock < hours{8};
    if (!today) {
      day += weekday >= 5 ? days{8 - weekday} : days{1};
    }
    return day + dice_.Between(hours{8}, hours{18}) - company.offset;
  }

  void Plan(EventTime time, Intent::Kind kind, uint32_t company, uint32_t person = 0) {
    intents_.push({.time = time,
                   .sequence = ++sequence_,
                   .kind = kind,
                   .company = company,
                   .person = person,
                   .purchase = companies_.empty() ? 0 : companies_[company].purchase});
  }

  void Carry(const Intent& intent) {
    CompanyState& company = companies_[intent.company];
    now_ = intent.time;
    bool current = company.buying && intent.purchase == company.purchase;
    switch (intent.kind) {
      case Intent::Kind::kEnterCrm:
        EnterCrm(company, now_);
        break;
      case Intent::Kind::kIncident:
        BeginPurchase(intent.company);
        break;
      case Intent::Kind::kVisit:
        company.people[intent.person].visit_planned = false;
        if (current) {
          Visit(intent.company, intent.person);
        }
        break;
      case Intent::Kind::kBrowse:
        Browse(intent.company);
        break;
      case Intent::Kind::kUse:
        Use(intent.company, intent.person);
        break;
      case Intent::Kind::kMailOpen:
        OpenMail(intent.company, intent.person);
        break;
      case Intent::Kind::kShock:
        if (current) {
          Shock(intent.company);
        }
        break;
      case Intent::Kind::kWake:
        if (current) {
          WakeOrEnd(intent.company);
        }
        break;
      case Intent::Kind::kDeal:
        if (current) {
          LookAtDeal(intent.company);
        }
        break;
      case Intent::Kind::kTouch:
        Touch(intent.company);
        break;
      case Intent::Kind::kGap:
        Gap();
        break;
    }
    if (company.buying) {
      Settle(intent.company);
    }
  }

  // -------------------------------------------------------------- a purchase

  void BeginPurchase(uint32_t index) {
    CompanyState& company = companies_[index];
    CHECK(!company.buying);
    company.buying = true;
    ++company.purchase;
    ++truth_.purchases;
    company.began = company.last_act = now_;
    company.rules = company.segment->needed >= 5 ? dice_.Chance(0.5) : dice_.Chance(0.1);
    // Whoever is hurt by it starts, seldom alone; the others hear of it from them.
    Awaken(index, static_cast<uint32_t>(dice_.Below(company.people.size())), hours{2});
    if (dice_.Chance(0.7)) {
      Awaken(index, 0, hours{10});
    }
    Plan(now_ + dice_.About(days{9}), Intent::Kind::kShock, index);
  }

  void Awaken(uint32_t index, uint32_t person_index, Duration within) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    if (person.mind != Mind::kAsleep) {
      return;
    }
    person.mind = Mind::kResearching;
    person.questions = kRoles[static_cast<size_t>(person.role)].questions;
    for (uint8_t& count : person.questions) {
      count = static_cast<uint8_t>(count + (dice_.Chance(0.15) ? 1 : 0));
    }
    PlanVisit(index, person_index, within);
  }

  void PlanVisit(uint32_t index, uint32_t person_index, Duration within) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    if (!person.visit_planned) {
      person.visit_planned = true;
      EventTime time = now_ + Pace(dice_.Between(minutes{10}, within));
      Plan(Work(company, std::max(time, company.frozen_until)), Intent::Kind::kVisit, index,
           person_index);
    }
  }

  void Ask(uint32_t index, uint32_t person_index, Topic topic, int count) {
    Person& person = companies_[index].people[person_index];
    person.mind = Mind::kResearching;
    uint8_t& open = person.questions[static_cast<size_t>(topic)];
    open = static_cast<uint8_t>(std::min(9, open + count));
    PlanVisit(index, person_index, hours{30});
  }

  // Somebody follows up what he wants to know: usually one topic, now and then two.
  void Visit(uint32_t index, uint32_t person_index) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    if (person.mind != Mind::kResearching) {
      return;
    }
    if (now_ < company.frozen_until) {
      PlanVisit(index, person_index, hours{40});
      return;
    }
    NoteAct(company);
    EventTime time = now_;
    bool first = !person.named && dice_.Chance(0.5);
    const Campaign* campaign = first && dice_.Chance(0.5) ? &dice_.Pick(kCampaigns) : nullptr;
    for (int topics = dice_.Chance(0.35) ? 2 : 1; topics > 0; --topics) {
      std::optional<Topic> topic = PickQuestion(person);
      if (!topic) {
        break;
      }
      time = Research(index, person, *topic, time, std::exchange(campaign, nullptr));
      if (dice_.Chance(0.35)) {
        Tell(index, person_index, *topic);
      }
    }
    if (PickQuestion(person)) {
      PlanVisit(index, person_index, hours{26});
    } else {
      MakeUpMind(index, person_index, time);
    }
  }

  // One of the person's open questions, each as likely as any other.
  std::optional<Topic> PickQuestion(const Person& person) {
    size_t open = 0;
    for (uint8_t count : person.questions) {
      open += count;
    }
    if (open == 0) {
      return std::nullopt;
    }
    size_t chosen = dice_.Below(open);
    size_t topic = 0;
    while (chosen >= person.questions[topic]) {
      chosen -= person.questions[topic++];
    }
    return static_cast<Topic>(topic);
  }

  // The pages of one topic; returns when the person is done with them.
  EventTime Research(uint32_t index, Person& person, Topic topic, EventTime time,
                     const Campaign* campaign) {
    CompanyState& company = companies_[index];
    const TopicPages& offers = kTopicPages[static_cast<size_t>(topic)];
    uint8_t& open = person.questions[static_cast<size_t>(topic)];
    for (int pages = dice_.Between(1, 3); pages > 0; --pages) {
      const Page& page = dice_.Pick(offers.pages);
      EmitPage(company, person, time, page, std::exchange(campaign, nullptr));
      time += dice_.Between(seconds{12}, seconds{180});
      if (open > 0 && dice_.Chance(0.6)) {
        --open;
      }
    }
    if (!offers.act.empty() && dice_.Chance(offers.act_share)) {
      if (offers.named) {
        time = LeaveName(company, person, time);
      }
      EmitTrack(company, person, time, offers.act, {{"page", offers.pages[0].path}});
      time += dice_.Between(seconds{20}, seconds{90});
      if (topic == Topic::kHandsOn) {
        time = TryOut(index, person, time);
      }
    }
    // An answer may raise the next question: what it costs, whether it is safe, who else has it.
    if (dice_.Chance(0.14)) {
      constexpr std::array<Topic, kTopics> kLeadsTo{
          Topic::kProduct,   Topic::kProof,   Topic::kIntegration,
          Topic::kSecurity,  Topic::kPricing, Topic::kRivals,
          Topic::kTechnical, Topic::kProof,   Topic::kPricing};
      ++person.questions[static_cast<size_t>(kLeadsTo[static_cast<size_t>(topic)])];
    }
    return time;
  }

  EventTime TryOut(uint32_t index, Person& person, EventTime time) {
    CompanyState& company = companies_[index];
    EmitTrack(company, person, time, "Signed Up", {{"plan", "trial"}});
    for (int uses = dice_.Between(1, 4); uses > 0; --uses) {
      time += dice_.Between(seconds{40}, minutes{6});
      EmitTrack(company, person, time, "Feature Used", {{"feature", dice_.Pick(kFeatures)}});
    }
    if (dice_.Chance(0.4)) {
      time += dice_.Between(seconds{20}, minutes{2});
      EmitTrack(company, person, time, "Invite Sent", {{"seats", 1.0}});
      Awaken(index, static_cast<uint32_t>(dice_.Below(company.people.size())), hours{12});
    }
    return time + dice_.Between(seconds{20}, seconds{90});
  }

  // A colleague hears of it: whoever knows about the topic, or anybody.
  void Tell(uint32_t index, uint32_t teller, Topic topic) {
    CompanyState& company = companies_[index];
    JobRole expert = kExpert[static_cast<size_t>(topic)];
    uint32_t heard = static_cast<uint32_t>(dice_.Below(company.people.size()));
    for (uint32_t i = 0; i < company.people.size(); ++i) {
      if (company.people[i].role == expert && dice_.Chance(0.6)) {
        heard = i;
      }
    }
    if (heard == teller) {
      return;
    }
    switch (company.people[heard].mind) {
      case Mind::kAsleep:
        if (dice_.Chance(0.55)) {
          Awaken(index, heard, hours{36});
        }
        break;
      case Mind::kResearching:
        break;
      case Mind::kFor:  // a doubt is sown
        if (dice_.Chance(0.1)) {
          Ask(index, heard, Topic::kRivals, 2);
        }
        break;
      case Mind::kAgainst:  // and may be taken away
        if (dice_.Chance(0.3)) {
          Ask(index, heard, topic, 1);
        }
        break;
    }
  }

  void MakeUpMind(uint32_t index, uint32_t person_index, EventTime time) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    person.mind = dice_.Chance(company.fit) ? Mind::kFor : Mind::kAgainst;
    bool decides = person.role == JobRole::kManager || person.role == JobRole::kExecutive ||
                   company.people.size() == 1;
    if (person.mind == Mind::kFor && !company.seller_called && (decides || dice_.Chance(0.2))) {
      CallSeller(index, person, time);
    }
  }

  void CallSeller(uint32_t index, Person& person, EventTime time) {
    CompanyState& company = companies_[index];
    company.seller_called = true;
    if (company.kind == Kind::kCustomer && dice_.Chance(0.4)) {
      // Rings up whom he knows; the web never sees it.
    } else if (company.digital) {
      time = LeaveName(company, person, time);
      EmitTrack(company, person, time, "Trial Started", {{"plan", "team"}});
    } else {
      EmitPage(company, person, time, {"/contact-sales", "Contact sales"}, nullptr);
      time = LeaveName(company, person, time + dice_.Between(seconds{30}, minutes{2}));
      bool demo = dice_.Chance(0.6);
      EmitTrack(company, person, time, demo ? "Demo Requested" : "Contact Sales Submitted",
                {{"form_id", demo ? "demo" : "contact"}});
    }
    Plan(Work(company, time + dice_.Between(minutes{30}, hours{20})), Intent::Kind::kDeal, index);
  }

  // -------------------------------------------------------------- shocks

  void Shock(uint32_t index) {
    CompanyState& company = companies_[index];
    switch (dice_.Below(7)) {
      case 0:  // the budget is frozen: nobody does anything, and some never take it up again
        company.frozen_until = now_ + dice_.Between(days{8}, days{35});
        Plan(Work(company, company.frozen_until), Intent::Kind::kWake, index);
        break;
      case 1:  // the champion leaves, and somebody else knows nothing of it
        for (uint32_t i = 0; i < company.people.size(); ++i) {
          if (company.people[i].mind == Mind::kFor) {
            bool visit_planned = company.people[i].visit_planned;
            company.people[i] = MakePerson(company, i);
            company.people[i].visit_planned = visit_planned;
            if (dice_.Chance(0.5)) {
              Awaken(index, i, days{12});
            }
            break;
          }
        }
        break;
      case 2:  // a rival makes an offer: who was for it compares again
        for (uint32_t i = 0; i < company.people.size(); ++i) {
          if (company.people[i].mind == Mind::kFor && dice_.Chance(0.6)) {
            Ask(index, i, Topic::kRivals, 2);
            Ask(index, i, Topic::kPricing, 1);
          }
        }
        break;
      case 3:  // procurement wants a say
        company.rules = true;
        WakeRole(index, JobRole::kProcurement);
        WakeRole(index, JobRole::kSecurity);
        break;
      case 4:  // an order from above: it skips what others would go through
        for (Person& person : company.people) {
          if (person.role == JobRole::kExecutive && !company.seller_called) {
            person.mind = Mind::kFor;
            CallSeller(index, person, Work(company, now_));
            break;
          }
        }
        break;
      default:  // nothing, this time
        break;
    }
    Plan(now_ + dice_.About(days{14}), Intent::Kind::kShock, index);
  }

  void WakeRole(uint32_t index, JobRole role) {
    for (uint32_t i = 0; i < companies_[index].people.size(); ++i) {
      if (companies_[index].people[i].role == role) {
        Awaken(index, i, hours{20});
      }
    }
  }

  // Nobody has had anything to ask for a while.
  void WakeOrEnd(uint32_t index) {
    CompanyState& company = companies_[index];
    company.still = false;
    if (Count(company, Mind::kResearching) > 0 || company.seller_called) {
      return;
    }
    if (dice_.Chance(0.5)) {
      EndPurchase(index, truth_.abandoned);
      return;
    }
    uint32_t again = static_cast<uint32_t>(dice_.Below(company.people.size()));
    Ask(index, again, Topic::kProblem, 1);
    Ask(index, again, Topic::kProof, 1);
  }

  // After each change: where the purchase stands, and whether it stands still.
  void Settle(uint32_t index) {
    CompanyState& company = companies_[index];
    CompanyTruth::Phase phase = PhaseOf(company);
    int step = static_cast<int>(phase) - static_cast<int>(company.phase);
    truth_.advances += step == 1 ? 1 : 0;
    truth_.skips += step > 1 ? 1 : 0;
    truth_.setbacks += step < 0 ? 1 : 0;
    company.phase = phase;
    if (!company.still && !company.seller_called && Count(company, Mind::kResearching) == 0) {
      company.still = true;
      Plan(Work(company, now_ + dice_.Between(days{2}, days{16})), Intent::Kind::kWake, index);
    }
  }

  static size_t Count(const CompanyState& company, Mind mind) {
    return static_cast<size_t>(
        std::count_if(company.people.begin(), company.people.end(),
                      [&](const Person& person) { return person.mind == mind; }));
  }

  static CompanyTruth::Phase PhaseOf(const CompanyState& company) {
    if (company.deal && company.deal->stage >= kProposal) {
      return CompanyTruth::Phase::kDeciding;
    }
    if (company.deal || Count(company, Mind::kFor) > 0) {
      return CompanyTruth::Phase::kEvaluating;
    }
    bool weighs = false;
    for (const Person& person : company.people) {
      for (Topic topic : {Topic::kPricing, Topic::kRivals, Topic::kSecurity}) {
        weighs |= person.questions[static_cast<size_t>(topic)] > 0;
      }
    }
    return weighs && Count(company, Mind::kResearching) >= 2 ? CompanyTruth::Phase::kComparing
                                                             : CompanyTruth::Phase::kExploring;
  }

  void NoteAct(CompanyState& company) {
    truth_.stalls += now_ - company.last_act >= kStall ? 1 : 0;
    company.last_act = now_;
  }

  void EndPurchase(uint32_t index, uint64_t& counter) {
    CompanyState& company = companies_[index];
    ++counter;
    truth_.buyers += company.people.size() - Count(company, Mind::kAsleep);
    for (Person& person : company.people) {
      person.mind = Mind::kAsleep;
      person.questions = {};
    }
    company.buying = company.seller_called = company.rules = company.still = false;
    company.deal.reset();
    company.phase = CompanyTruth::Phase::kQuiet;
    company.frozen_until = EventTime{};
    ++company.purchase;  // voids what was planned for it
    Plan(Work(company, now_ + days{30} + Pace(dice_.About(IncidentEvery(company)))),
         Intent::Kind::kIncident, index);
  }

  // -------------------------------------------------------------- the seller's side

  void LookAtDeal(uint32_t index) {
    CompanyState& company = companies_[index];
    NoteAct(company);
    if (!company.deal) {
      OpenDeal(index);
    } else if (MoveDeal(index)) {
      return;  // it is over
    }
    uint32_t person = static_cast<uint32_t>(dice_.Below(company.people.size()));
    if (!company.digital && dice_.Chance(0.7)) {
      Contact(index, person);
    }
    EventTime next = now_ + Pace(dice_.Between(hours{20}, hours{90}));
    Plan(Work(company, std::max(next, company.frozen_until)), Intent::Kind::kDeal, index);
  }

  void OpenDeal(uint32_t index) {
    CompanyState& company = companies_[index];
    EnterCrm(company, now_);
    for (Person& person : company.people) {
      if (person.mind != Mind::kAsleep && person.named && person.contact.empty()) {
        EmitContact(company, person, now_ + seconds{20});
      }
    }
    bool mandate = Count(company, Mind::kResearching) + Count(company, Mind::kFor) <= 1;
    company.deal = Deal{.id = SalesforceId("006", NewNumber()),
                        .stage = mandate ? kNeedsAnalysis : dice_.Below(2)};
    double amount = std::round(company.segment->amount * (0.5 + dice_.Unit()) / 500) * 500;
    std::string name = company.name + " - rollout";
    std::string_view type = company.kind == Kind::kCustomer ? "Existing Business" : "New Business";
    EmitCrm("Opportunity", company.deal->id, "CREATE", company.owner->id, now_ + minutes{1},
            {{"Name", name},
             {"AccountId", company.account},
             {"OwnerId", company.owner->id},
             {"StageName", kStages[company.deal->stage]},
             {"Probability", kStageProbability[company.deal->stage]},
             {"Amount", amount},
             {"Type", type},
             {"IsClosed", false},
             {"IsWon", false},
             {"CreatedDate", now_}});
  }

  // How far those who must agree have come; true when the deal is over.
  bool MoveDeal(uint32_t index) {
    CompanyState& company = companies_[index];
    Deal& deal = *company.deal;
    size_t in_favour = Count(company, Mind::kFor);
    size_t against = Count(company, Mind::kAgainst);
    size_t open = Count(company, Mind::kResearching);
    size_t needed = std::min(company.segment->needed, company.people.size());
    size_t target = company.digital              ? kClosedWon
                    : in_favour * 3 < needed     ? kQualification
                    : in_favour * 3 < 2 * needed ? kNeedsAnalysis
                    : in_favour < needed         ? kProposal
                                                 : kNegotiation;
    if (target == kNegotiation && company.rules && open > 0) {
      target = kProposal;  // procurement and security have not answered
    }
    if (deal.stage == kNegotiation && target == kNegotiation && dice_.Chance(0.5)) {
      target = kClosedWon;
    }
    if (target != deal.stage) {
      deal.stuck = 0;
    } else {
      ++deal.stuck;
      if (in_favour < needed && dice_.Chance(0.6)) {
        WinSomebody(index);
      }
    }
    if ((against > in_favour && open == 0) || deal.stuck > kStuckMax) {
      target = kClosedLost;
    }
    if (target != deal.stage) {
      deal.stage = target;
      EmitStage(company);
    } else if (dice_.Chance(0.3)) {
      EmitCrm("Opportunity", deal.id, "UPDATE", company.owner->id, now_,
              {{"LastModifiedDate", now_}, {"NextStep", "Call again"}});
    }
    if (target == kClosedLost) {
      EndPurchase(index, truth_.lost);
      return true;
    }
    if (target == kClosedWon) {
      Win(index);
      return true;
    }
    return false;
  }

  // The seller asks for a colleague who has not been heard yet.
  void WinSomebody(uint32_t index) {
    CompanyState& company = companies_[index];
    uint32_t person = static_cast<uint32_t>(dice_.Below(company.people.size()));
    if (company.people[person].mind == Mind::kAgainst) {
      Ask(index, person, Topic::kProof, 1);
    } else {
      Awaken(index, person, hours{24});
    }
  }

  void Win(uint32_t index) {
    CompanyState& company = companies_[index];
    company.bought = now_;
    if (company.kind != Kind::kCustomer) {
      company.kind = Kind::kCustomer;
      EmitCrm("Account", company.account, "UPDATE", company.owner->id, now_ + minutes{3},
              {{"LastModifiedDate", now_ + minutes{3}}, {"Type", "Customer"}});
      for (uint32_t i = 0; i < 2 && i < company.people.size(); ++i) {
        company.people[i].named = true;
        Plan(Work(company, now_ + days{3}), Intent::Kind::kUse, index, i);
      }
    }
    EndPurchase(index, truth_.won);
  }

  // A call, a meeting or a mail about the deal.
  void Contact(uint32_t index, uint32_t person_index) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    EventTime time = Work(company, now_) + dice_.Between(minutes{5}, minutes{90});
    std::string_view who = person.contact;
    switch (dice_.Below(3)) {
      case 0:
        EmitActivity("Task", "00T", company, who, time, "Call", "Completed");
        break;
      case 1:
        EmitActivity("Event", "00U", company, who, time, "Meeting", "");
        if (person.mind == Mind::kAgainst && dice_.Chance(0.4)) {
          Ask(index, person_index, Topic::kProof, 1);
        }
        break;
      default:
        EmitActivity("EmailMessage", "02s", company, who, time, "Following up", "3");
        if (person.named && dice_.Chance(0.5)) {
          Plan(Work(company, time + dice_.Between(minutes{10}, hours{20})), Intent::Kind::kMailOpen,
               index, person_index);
        }
    }
  }

  // A seller tries an account of his list that is not in a purchase he knows of.
  void Touch(uint32_t index) {
    CompanyState& company = companies_[index];
    if (!company.deal) {
      uint32_t person = static_cast<uint32_t>(dice_.Below(company.people.size()));
      Contact(index, person);
    }
    Plan(Work(company, now_ + dice_.About(kTouchEvery)), Intent::Kind::kTouch, index);
  }

  void OpenMail(uint32_t index, uint32_t person_index) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    const Page& page = dice_.Pick(dice_.Pick(kTopicPages).pages);
    EmitTrack(company, person, now_, "Email Link Clicked",
              {{"link_path", page.path}, {"email_subject", "Following up"}});
    EmitPage(company, person, now_ + seconds{2}, page, &kCampaigns[2]);
  }

  void Gap() {
    size_t begin = dice_.Below(companies_.size());
    for (size_t i = 0; i < companies_.size(); ++i) {
      const CompanyState& company = companies_[(begin + i) % companies_.size()];
      if (company.deal) {
        EmitCrm("Opportunity", company.deal->id, "GAP_UPDATE", company.owner->id, now_, {});
        break;
      }
    }
    Plan(now_ + dice_.About(kGapEvery), Intent::Kind::kGap, 0);
  }

  // -------------------------------------------------------------- everybody else on the web

  // A visit without a purchase behind it.
  void Browse(uint32_t index) {
    CompanyState& company = companies_[index];
    Person& person = company.people[dice_.Below(company.people.size())];
    EventTime time = now_;
    const Campaign* campaign = dice_.Chance(0.25) ? &dice_.Pick(kCampaigns) : nullptr;
    for (int pages = dice_.Between(1, 4); pages > 0; --pages) {
      bool student = company.kind == Kind::kAcademia && dice_.Chance(0.6);
      bool partner = company.kind == Kind::kPartner && dice_.Chance(0.5);
      size_t integration = static_cast<size_t>(Topic::kIntegration);
      const Page& page = student   ? dice_.Pick(kStudentPages)
                         : partner ? dice_.Pick(kTopicPages[integration].pages)
                                   : dice_.Pick(kIdlePages);
      EmitPage(company, person, time, page, std::exchange(campaign, nullptr));
      time += dice_.Between(seconds{10}, minutes{4});
    }
    bool reader = company.kind == Kind::kReader || company.kind == Kind::kAcademia;
    if (dice_.Chance(reader ? 0.12 : 0.04)) {
      time = LeaveName(company, person, time);
      std::string_view what = dice_.Chance(0.6) ? "Whitepaper Downloaded" : "Webinar Registered";
      EmitTrack(company, person, time, what, {{"title", "What downtime costs"}});
    }
    Plan(Work(company, now_ + Pace(dice_.About(BrowseEvery(company)))), Intent::Kind::kBrowse,
         index);
  }

  // A customer's working day with the product.
  void Use(uint32_t index, uint32_t person_index) {
    CompanyState& company = companies_[index];
    Person& person = company.people[person_index];
    person.named = true;
    EventTime time = now_;
    for (int uses = dice_.Between(1, 3); uses > 0; --uses) {
      EmitTrack(company, person, time, "Feature Used", {{"feature", dice_.Pick(kFeatures)}});
      time += dice_.Between(seconds{30}, minutes{20});
    }
    if (dice_.Chance(0.2)) {
      EmitPage(company, person, time, dice_.Pick(kUserPages), nullptr);
    }
    Plan(Work(company, now_ + Pace(dice_.About(hours{60}))), Intent::Kind::kUse, index,
         person_index);
  }

  // -------------------------------------------------------------- what the feeds see of it

  WebSender Sender(const CompanyState& company, const Person& person) {
    return {.visitor = person.visitor,
            .user = person.named ? std::string_view(person.user) : "",
            .email = person.named ? std::string_view(person.email) : "",
            .account = person.named || company.recognised ? std::string_view(company.account) : "",
            .time_zone = company.time_zone,
            .locale = "en-GB",
            .address = "203.0.113.7",
            .advertising = person.advertising};
  }

  CompanyTraits Traits(const CompanyState& company) {
    return {.name = company.name,
            .domain = company.domain,
            .industry = company.industry,
            .employees = company.employees};
  }

  // Everybody is asked for a name once.
  EventTime LeaveName(CompanyState& company, Person& person, EventTime time) {
    if (person.named) {
      return time;
    }
    person.named = true;
    WebSender sender = Sender(company, person);
    WebTimes times = Moments(time);
    EmitWeb(person, times,
            SegmentIdentify(sender, times, MessageId(), {person.first, person.last}, person.title,
                            Traits(company)));
    if (!company.account.empty()) {
      times = Moments(time + seconds{1});
      EmitWeb(person, times, SegmentGroup(sender, times, MessageId(), Traits(company)));
    }
    return time + seconds{3};
  }

  void EmitPage(const CompanyState& company, const Person& person, EventTime time, const Page& page,
                const Campaign* campaign) {
    WebTimes times = Moments(time);
    EmitWeb(person, times,
            SegmentPage(Sender(company, person), times, MessageId(),
                        {.path = page.path, .title = page.title, .campaign = campaign}));
  }

  using FieldList = std::initializer_list<PayloadField>;

  void EmitTrack(const CompanyState& company, const Person& person, EventTime time,
                 std::string_view event, FieldList properties) {
    WebTimes times = Moments(time);
    EmitWeb(person, times,
            SegmentTrack(Sender(company, person), times, MessageId(), event, properties));
  }

  std::string MessageId() { return fmt::format("ajs-{:016x}", dice_.Bits()); }

  // A call leaves at once and travels for a moment, or waits until its device is online again.
  WebTimes Moments(EventTime time) {
    WebTimes times{
        .original = time, .sent = time + dice_.Between(Duration{4}, Duration{60}), .received = {}};
    if (dice_.Chance(kLateShare)) {
      ++truth_.late;
      times.sent += dice_.Between(minutes{3}, hours{5});
    }
    times.received = times.sent + dice_.Between(Duration{20}, Duration{400});
    return times;
  }

  void EmitWeb(const Person& person, const WebTimes& times, std::string payload) {
    Emit({.time = times.received + dice_.Between(Duration{20}, Duration{300}),
          .happened = times.timestamp(),
          .feed = Feed::kWeb,
          .key = person.visitor,
          .payload = std::move(payload)});
  }

  void EnterCrm(CompanyState& company, EventTime time) {
    if (!company.account.empty()) {
      return;
    }
    company.account = SalesforceId("001", NewNumber());
    std::string_view type = company.kind == Kind::kCustomer  ? "Customer"
                            : company.kind == Kind::kPartner ? "Partner"
                                                             : "Prospect";
    double revenue = 120'000.0 * company.employees;
    EmitCrm("Account", company.account, "CREATE", company.owner->id, time,
            {{"Name", company.name},
             {"OwnerId", company.owner->id},
             {"Owner_Name__c", company.owner->name},
             {"Team__c", company.owner->team},
             {"Website", company.domain},
             {"Industry", company.industry},
             {"NumberOfEmployees", static_cast<double>(company.employees)},
             {"AnnualRevenue", revenue},
             {"Type", type},
             {"Segment__c", company.segment->name},
             {"CreatedDate", time}});
    for (size_t i = 0; i < company.people.size() && i < 3; ++i) {
      if (dice_.Chance(0.6)) {
        EmitContact(company, company.people[i], time + seconds{5 + static_cast<int64_t>(i)});
      }
    }
  }

  void EmitContact(const CompanyState& company, Person& person, EventTime time) {
    person.contact = SalesforceId("003", NewNumber());
    EmitCrm("Contact", person.contact, "CREATE", company.owner->id, time,
            {{"AccountId", company.account},
             {"Email", person.email},
             {"Title", person.title},
             {"Name", PersonName{person.first, person.last}},
             {"OwnerId", company.owner->id},
             {"CreatedDate", time}});
  }

  void EmitStage(const CompanyState& company) {
    const Deal& deal = *company.deal;
    std::array<PayloadField, 5> fields{{{"LastModifiedDate", now_},
                                        {"StageName", kStages[deal.stage]},
                                        {"Probability", kStageProbability[deal.stage]},
                                        {"IsClosed", true},
                                        {"IsWon", deal.stage == kClosedWon}}};
    size_t count = deal.stage >= kClosedWon ? (deal.stage == kClosedWon ? 5 : 4) : 3;
    EmitCrmFields("Opportunity", deal.id, "UPDATE", company.owner->id, now_,
                  std::span(fields).first(count));
  }

  void EmitActivity(std::string_view entity, std::string_view prefix, const CompanyState& company,
                    std::string_view who, EventTime time, std::string_view subject,
                    std::string_view status) {
    if (company.account.empty()) {
      return;  // the CRM has nowhere to put it
    }
    std::vector<PayloadField> fields{{"Subject", subject}, {"OwnerId", company.owner->id}};
    if (!status.empty()) {
      fields.push_back({"Status", status});
    }
    bool mail = entity == "EmailMessage";
    if (!who.empty() && !mail) {
      fields.push_back({"WhoId", who});
    }
    fields.push_back({mail ? "RelatedToId" : "AccountId", company.account});
    if (!mail) {
      fields.push_back({"WhatId", company.deal ? company.deal->id : company.account});
    }
    fields.push_back({"CreatedDate", time});
    EmitCrmFields(entity, SalesforceId(prefix, NewNumber()), "CREATE", company.owner->id, time,
                  fields);
  }

  void EmitCrm(std::string_view entity, std::string_view id, std::string_view change,
               std::string_view by, EventTime time, FieldList fields) {
    EmitCrmFields(entity, id, change, by, time, fields);
  }

  void EmitCrmFields(std::string_view entity, std::string_view id, std::string_view change,
                     std::string_view by, EventTime time, std::span<const PayloadField> fields) {
    // Half a second for all, so that no change overtakes another.
    Emit({.time = time + Duration{500},
          .happened = time,
          .feed = Feed::kCrm,
          .key = std::string(id),
          .payload = SalesforceChange({.entity = entity,
                                       .id = id,
                                       .change = change,
                                       .by = by,
                                       .time = time,
                                       .number = ++changes_,
                                       .fields = fields})});
  }

  void Emit(MarketEvent event) {
    if (dice_.Chance(kDuplicateShare)) {
      ++truth_.duplicates;
      MarketEvent again = event;
      again.time += dice_.Between(seconds{1}, seconds{90});
      Wait(std::move(again));
    }
    Wait(std::move(event));
  }

  void Wait(MarketEvent event) {
    size_t slot = slots_.size();
    if (free_slots_.empty()) {
      slots_.emplace_back();
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    waiting_.push({.time = event.time, .sequence = ++sequence_, .slot = slot});
    slots_[slot] = std::move(event);
  }

  const MarketOptions options_;
  Dice dice_;
  MarketTruth truth_;
  EventTime now_;             // of the intent being carried out
  uint64_t numbers_ = 1'000;  // record and person numbers given
  uint64_t sequence_ = 0;
  uint64_t changes_ = 0;  // CRM changes made
  std::vector<Seller> sellers_;
  std::vector<CompanyState> companies_;
  std::priority_queue<Intent, std::vector<Intent>, Later> intents_;
  std::priority_queue<Waiting, std::vector<Waiting>, Later> waiting_;
  std::vector<MarketEvent> slots_;
  std::vector<size_t> free_slots_;
};

Market::Market(const MarketOptions& options) : world_(std::make_unique<World>(options)) {}

Market::~Market() = default;

EventTime Market::PeekTime() {
  return world_->PeekTime();
}

MarketEvent Market::Next() {
  return world_->Next();
}

const MarketTruth& Market::truth() const {
  return world_->truth();
}

size_t Market::companies() const {
  return world_->companies().size();
}

CompanyTruth Market::Company(size_t index) const {
  const CompanyState& company = world_->companies()[index];
  return {.name = company.name,
          .domain = company.domain,
          .account = company.account,
          .phase = company.phase,
          .people = static_cast<uint32_t>(company.people.size()),
          .began = company.began,
          .bought = company.bought};
}

}  // namespace hotiron
