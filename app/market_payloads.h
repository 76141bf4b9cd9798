#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"

namespace hotiron {

// Who makes a web call, as the tracking library on the page knows it. Empty = not known.
struct WebSender {
  std::string_view visitor;  // anonymousId
  std::string_view user;     // userId
  std::string_view email;
  std::string_view account;  // CRM id of the company, as context.groupId
  std::string_view time_zone;
  std::string_view locale;
  std::string_view address;  // IP address
  bool advertising = false;  // what the visitor agreed to, besides being counted
};

// The moments of one call. When it is sent late (offline, a closed lid), `sent` says so.
struct WebTimes {
  EventTime original;
  EventTime sent;
  EventTime received;

  // When it happened by the receiver's clock, as Segment defines it.
  EventTime timestamp() const { return received - (sent - original); }
};

struct Campaign {
  std::string_view name;
  std::string_view source;
  std::string_view medium;
};

struct PageView {
  std::string_view path;
  std::string_view title;
  const Campaign* campaign = nullptr;  // that brought the visitor here
};

// A number is written without quotes, a name as Salesforce's compound field.
struct PersonName {
  std::string_view first;
  std::string_view last;
};

using PayloadValue = std::variant<std::string_view, double, bool, PersonName, EventTime>;

struct PayloadField {
  std::string_view name;
  PayloadValue value;
};

struct CompanyTraits {
  std::string_view name;
  std::string_view domain;
  std::string_view industry;
  int employees = 0;
};

// One change as Salesforce Change Data Capture tells it.
struct CrmChange {
  std::string_view entity;  // "Account"
  std::string_view id;
  std::string_view change;  // "CREATE", "UPDATE", "GAP_UPDATE"
  std::string_view by;      // user id
  EventTime time;
  uint64_t number = 0;                   // commit number and replay id count with it
  std::span<const PayloadField> fields;  // for an update only those that changed
};

// The calls of the Segment spec, as its libraries send them: one JSON object each.
std::string SegmentPage(const WebSender& sender, const WebTimes& times, std::string_view message_id,
                        const PageView& page);
std::string SegmentTrack(const WebSender& sender, const WebTimes& times,
                         std::string_view message_id, std::string_view event,
                         std::span<const PayloadField> properties);
std::string SegmentIdentify(const WebSender& sender, const WebTimes& times,
                            std::string_view message_id, const PersonName& name,
                            std::string_view title, const CompanyTraits& company);
std::string SegmentGroup(const WebSender& sender, const WebTimes& times,
                         std::string_view message_id, const CompanyTraits& company);

std::string SalesforceChange(const CrmChange& change);

// The 18 characters of a Salesforce record id: type prefix ("001" = Account), number, checksum.
std::string SalesforceId(std::string_view prefix, uint64_t number);

}  // namespace hotiron
