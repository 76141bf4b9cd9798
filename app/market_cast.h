#pragma once

// The words and figures of the demo's market: what there is to ask and to see on the vendor's site,
// who asks, and what everything is called. The default catalogue knows these paths and events.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/market_payloads.h"
#include "base/time.h"

namespace hotiron::market {

enum class Topic : uint8_t {
  kProblem,
  kProduct,
  kTechnical,
  kIntegration,
  kHandsOn,
  kProof,
  kSecurity,
  kPricing,
  kRivals,
};
inline constexpr size_t kTopics = 9;
using Questions = std::array<uint8_t, kTopics>;

struct Page {
  std::string_view path;
  std::string_view title;
};

struct TopicPages {
  std::array<Page, 4> pages;
  std::string_view act;  // an event that goes with the topic, besides pages
  double act_share;      // of visits on the topic
  bool named;            // one has to leave a name to do it
};

inline constexpr std::array<TopicPages, kTopics> kTopicPages{{
    {{{{"/blog/cost-of-downtime", "What downtime costs"},
       {"/blog/planning-in-uncertain-times", "Planning in uncertain times"},
       {"/webinars/state-of-operations", "State of operations"},
       {"/blog/ten-signs-of-a-broken-process", "Ten signs of a broken process"}}},
     "Whitepaper Downloaded",
     0.3,
     true},
    {{{{"/product", "Product"},
       {"/product/automation", "Automation"},
       {"/product/reporting", "Reporting"},
       {"/product/workflows", "Workflows"}}},
     "Webinar Registered",
     0.15,
     true},
    {{{{"/docs/getting-started", "Getting started"},
       {"/docs/api", "API reference"},
       {"/docs/architecture", "Architecture"},
       {"/docs/limits", "Limits"}}},
     "",
     0,
     false},
    {{{{"/integrations", "Integrations"},
       {"/integrations/erp", "ERP integration"},
       {"/integrations/crm", "CRM integration"},
       {"/integrations/warehouse", "Warehouse integration"}}},
     "",
     0,
     false},
    {{{{"/trial", "Free trial"},
       {"/product/tour", "Product tour"},
       {"/docs/quickstart", "Quick start"},
       {"/docs/tutorial", "Tutorial"}}},
     "Trial Started",
     0.5,
     true},
    {{{{"/customers", "Customers"},
       {"/customers/manufacturing", "Case study: manufacturing"},
       {"/customers/logistics", "Case study: logistics"},
       {"/customers/retail", "Case study: retail"}}},
     "ROI Calculator Used",
     0.25,
     false},
    {{{{"/security", "Security"},
       {"/security/certificates", "Certificates"},
       {"/security/data-residency", "Data residency"},
       {"/docs/single-sign-on", "Single sign-on"}}},
     "Security Questionnaire Downloaded",
     0.35,
     true},
    {{{{"/pricing", "Pricing"},
       {"/pricing/enterprise", "Enterprise pricing"},
       {"/pricing/faq", "Pricing questions"},
       {"/pricing", "Pricing"}}},
     "Pricing Calculator Used",
     0.35,
     false},
    {{{{"/compare", "Compare"},
       {"/compare/spreadsheets", "Compared with spreadsheets"},
       {"/compare/legacy-suites", "Compared with legacy suites"},
       {"/compare/point-tools", "Compared with point tools"}}},
     "",
     0,
     false},
}};

inline constexpr std::array<Page, 8> kIdlePages{{{"/", "Home"},
                                                 {"/blog", "Blog"},
                                                 {"/blog/release-notes", "Release notes"},
                                                 {"/blog/cost-of-downtime", "What downtime costs"},
                                                 {"/webinars", "Webinars"},
                                                 {"/product", "Product"},
                                                 {"/customers", "Customers"},
                                                 {"/careers", "Careers"}}};
inline constexpr std::array<Page, 4> kUserPages{{{"/support", "Support"},
                                                 {"/support/tickets", "Tickets"},
                                                 {"/docs/api", "API reference"},
                                                 {"/docs/troubleshooting", "Troubleshooting"}}};
inline constexpr std::array<Page, 4> kStudentPages{
    {{"/blog/cost-of-downtime", "What downtime costs"},
     {"/docs/architecture", "Architecture"},
     {"/careers", "Careers"},
     {"/careers/internships", "Internships"}}};
inline constexpr std::array<std::string_view, 6> kFeatures{"workflow", "report", "import",
                                                           "alert",    "export", "dashboard"};
inline constexpr std::array<Campaign, 4> kCampaigns{{{"spring-operations", "social", "paid"},
                                                     {"downtime-guide", "search", "cpc"},
                                                     {"monthly-letter", "letter", "email"},
                                                     {"partner-week", "partners", "referral"}}};

enum class JobRole : uint8_t {
  kUser,
  kManager,
  kEngineer,
  kSecurity,
  kFinance,
  kProcurement,
  kExecutive,
};

struct RoleFacts {
  std::array<std::string_view, 3> titles;
  Questions questions;  // that such a person begins with, in the order of Topic
};

inline constexpr std::array<RoleFacts, 7> kRoles{{
    {{"Planner", "Operations Analyst", "Shift Lead"}, {1, 2, 1, 0, 1, 0, 0, 0, 0}},
    {{"Head of Operations", "VP Operations", "Plant Manager"}, {2, 2, 0, 1, 0, 1, 0, 1, 1}},
    {{"Systems Engineer", "IT Architect", "Integration Lead"}, {0, 1, 3, 2, 1, 0, 1, 0, 0}},
    {{"Security Officer", "Data Protection Lead", "IT Risk Manager"}, {0, 0, 1, 0, 0, 0, 3, 0, 0}},
    {{"Finance Director", "Controller", "FP&A Manager"}, {0, 0, 0, 0, 0, 1, 0, 3, 0}},
    {{"Category Buyer", "Head of Procurement", "Legal Counsel"}, {0, 0, 0, 0, 0, 0, 1, 2, 1}},
    {{"Chief Operating Officer", "Managing Director", "Chief Information Officer"},
     {1, 0, 0, 0, 0, 2, 0, 1, 0}},
}};

// Whom one asks when a question is not one's own.
inline constexpr std::array<JobRole, kTopics> kExpert{
    JobRole::kManager, JobRole::kUser,     JobRole::kEngineer, JobRole::kEngineer,   JobRole::kUser,
    JobRole::kManager, JobRole::kSecurity, JobRole::kFinance,  JobRole::kProcurement};

struct Segment {
  std::string_view name;
  int employees_min;
  int employees_max;
  int people;     // who may ever take part
  size_t needed;  // who must be for it
  double amount;  // of a typical deal
};

inline constexpr std::array<Segment, 3> kSegments{{{"small", 8, 90, 4, 2, 9'000},
                                                   {"mid-market", 100, 900, 7, 3, 42'000},
                                                   {"enterprise", 1'000, 24'000, 11, 5, 160'000}}};

inline constexpr std::array<std::string_view, 7> kStages{
    "Prospecting",        "Qualification", "Needs Analysis", "Proposal/Price Quote",
    "Negotiation/Review", "Closed Won",    "Closed Lost"};
inline constexpr std::array<double, 7> kStageProbability{10, 20, 40, 60, 80, 100, 0};
inline constexpr size_t kQualification = 1;
inline constexpr size_t kNeedsAnalysis = 2;
inline constexpr size_t kProposal = 3;
inline constexpr size_t kNegotiation = 4;
inline constexpr size_t kClosedWon = 5;
inline constexpr size_t kClosedLost = 6;

inline constexpr std::array<std::string_view, 36> kNameStarts{
    "Alvor",  "Bretta", "Cindra", "Dorvane", "Elmar",  "Fennick", "Garrow", "Helio",   "Istra",
    "Jorvik", "Kestra", "Lumen",  "Marlow",  "Nordal", "Ostara",  "Pellam", "Quarry",  "Rovan",
    "Sella",  "Tarn",   "Umbra",  "Velta",   "Wexley", "Yarrow",  "Zephra", "Aspen",   "Birch",
    "Corvid", "Delphi", "Ember",  "Falcon",  "Granit", "Harbor",  "Indigo", "Juniper", "Krona"};
inline constexpr std::array<std::string_view, 14> kNameMiddles{
    "Machine", "Freight", "Foods",  "Energy", "Medical", "Paper",  "Retail",
    "Tools",   "Textile", "Marine", "Glass",  "Cement",  "Optics", "Rail"};
inline constexpr std::array<std::string_view, 6> kNameEnds{"Group", "Works",   "Partners",
                                                           "Lines", "Systems", "Holding"};
inline constexpr std::array<std::string_view, 6> kIndustries{
    "Manufacturing", "Logistics", "Retail", "Energy", "Health", "Technology"};
inline constexpr std::array<std::string_view, 4> kTeams{"North", "South", "West", "Key accounts"};
inline constexpr std::array<std::string_view, 20> kFirstNames{
    "Alma", "Bram", "Cleo", "Dario", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas",
    "Kira", "Leo",  "Mira", "Nils",  "Olga", "Pia",  "Ruben", "Sana", "Tove", "Yara"};
inline constexpr std::array<std::string_view, 24> kLastNames{
    "Ambrell", "Bostrand", "Calvora", "Dunmere", "Estvik",   "Farlund",  "Gavrik",   "Holmera",
    "Ivandel", "Jastrow",  "Keldon",  "Lindmar", "Morvath",  "Nerwood",  "Oskvarn",  "Pellgrin",
    "Quillon", "Rasvik",   "Sondrel", "Tavares", "Ulverton", "Vandrell", "Wesbrook", "Zorander"};

struct TimeZone {
  std::string_view name;
  Duration offset;
};

inline constexpr std::array<TimeZone, 3> kTimeZones{{{"Europe/London", std::chrono::hours{0}},
                                                     {"Europe/Amsterdam", std::chrono::hours{1}},
                                                     {"Europe/Helsinki", std::chrono::hours{2}}}};

}  // namespace hotiron::market
