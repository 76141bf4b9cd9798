#include "app/market_payloads.h"

#include <fmt/format.h>

#include "base/json.h"

namespace hotiron {
namespace {

constexpr std::string_view kSite = "https://www.vendor.example";

void WriteValue(JsonWriter& json, const PayloadValue& value) {
  if (const PersonName* name = std::get_if<PersonName>(&value)) {
    json.BeginObject().Field("FirstName", name->first).Field("LastName", name->last).EndObject();
  } else if (const std::string_view* text = std::get_if<std::string_view>(&value)) {
    json.Value(*text);
  } else if (const double* number = std::get_if<double>(&value)) {
    json.Value(*number);
  } else if (const bool* truth = std::get_if<bool>(&value)) {
    json.Value(*truth);
  } else {
    json.Value(std::get<EventTime>(value));
  }
}

// What every call begins with; leaves the object open.
void BeginCall(JsonWriter& json, std::string_view type, const WebSender& sender,
               std::string_view message_id) {
  json.BeginObject().Field("type", type);
  if (!sender.visitor.empty()) {
    json.Field("anonymousId", sender.visitor);
  }
  json.Key("userId");
  if (sender.user.empty()) {
    json.Null();
  } else {
    json.Value(sender.user);
  }
  json.Field("messageId", message_id);
}

void WriteContext(JsonWriter& json, const WebSender& sender, const PageView* page,
                  std::string_view search) {
  json.Key("context").BeginObject();
  if (!sender.account.empty()) {
    json.Field("groupId", sender.account);
  }
  if (!sender.email.empty()) {
    json.Key("traits").BeginObject().Field("email", sender.email).EndObject();
  }
  json.Field("ip", sender.address);
  json.Key("library").BeginObject();
  json.Field("name", "analytics.js").Field("version", "2.11.1").EndObject();
  json.Field("locale", sender.locale).Field("timezone", sender.time_zone);
  json.Field("userAgent", "Mozilla/5.0 (X11; Linux x86_64)");
  if (page != nullptr) {
    json.Key("page").BeginObject().Field("path", page->path).Field("search", search);
    json.Field("title", page->title);
    json.Field("url", fmt::format("{}{}{}", kSite, page->path, search)).EndObject();
    if (page->campaign != nullptr) {
      json.Key("campaign").BeginObject().Field("name", page->campaign->name);
      json.Field("source", page->campaign->source).Field("medium", page->campaign->medium);
      json.EndObject();
    }
  }
  json.Key("consent").BeginObject().Key("categoryPreferences").BeginObject();
  json.Field("Advertising", sender.advertising).Field("Analytics", true).Field("Functional", true);
  json.Field("DataSharing", sender.advertising).EndObject().EndObject();
  json.EndObject();
}

// What every call ends with.
std::string EndCall(JsonWriter& json, const WebTimes& times) {
  json.Key("integrations").BeginObject().EndObject();
  json.Field("originalTimestamp", times.original).Field("sentAt", times.sent);
  json.Field("receivedAt", times.received).Field("timestamp", times.timestamp());
  json.Field("version", 2).EndObject();
  return std::string(json.text());
}

}  // namespace

std::string SegmentPage(const WebSender& sender, const WebTimes& times, std::string_view message_id,
                        const PageView& page) {
  JsonWriter json;
  BeginCall(json, "page", sender, message_id);
  std::string search;
  std::string referrer;
  if (page.campaign != nullptr) {
    search = fmt::format("?utm_source={}&utm_medium={}&utm_campaign={}", page.campaign->source,
                         page.campaign->medium, page.campaign->name);
    referrer = fmt::format("https://www.{}.example/", page.campaign->source);
  }
  json.Field("name", page.title).Field("channel", "browser");
  json.Key("properties").BeginObject().Field("title", page.title);
  json.Field("url", fmt::format("{}{}{}", kSite, page.path, search)).Field("path", page.path);
  json.Field("referrer", referrer).Field("search", search).EndObject();
  WriteContext(json, sender, &page, search);
  return EndCall(json, times);
}

std::string SegmentTrack(const WebSender& sender, const WebTimes& times,
                         std::string_view message_id, std::string_view event,
                         std::span<const PayloadField> properties) {
  JsonWriter json;
  BeginCall(json, "track", sender, message_id);
  json.Field("event", event);
  json.Key("properties").BeginObject();
  for (const PayloadField& property : properties) {
    json.Key(property.name);
    WriteValue(json, property.value);
  }
  json.EndObject();
  WriteContext(json, sender, nullptr, "");
  return EndCall(json, times);
}

std::string SegmentIdentify(const WebSender& sender, const WebTimes& times,
                            std::string_view message_id, const PersonName& name,
                            std::string_view title, const CompanyTraits& company) {
  JsonWriter json;
  BeginCall(json, "identify", sender, message_id);
  json.Key("traits").BeginObject();
  json.Field("name", fmt::format("{} {}", name.first, name.last)).Field("email", sender.email);
  json.Field("title", title);
  json.Key("company").BeginObject().Field("name", company.name);
  if (!sender.account.empty()) {
    json.Field("id", sender.account);
  }
  json.EndObject().EndObject();
  WriteContext(json, sender, nullptr, "");
  return EndCall(json, times);
}

std::string SegmentGroup(const WebSender& sender, const WebTimes& times,
                         std::string_view message_id, const CompanyTraits& company) {
  JsonWriter json;
  BeginCall(json, "group", sender, message_id);
  json.Field("groupId", sender.account);
  json.Key("traits").BeginObject().Field("name", company.name).Field("industry", company.industry);
  json.Field("employees", company.employees).Field("website", company.domain).EndObject();
  WriteContext(json, sender, nullptr, "");
  return EndCall(json, times);
}

std::string SalesforceChange(const CrmChange& change) {
  JsonWriter json;
  json.BeginObject().Key("data").BeginObject();
  json.Field("schema", "nTowGbw-ipH4sznrGpeohg");
  json.Key("payload").BeginObject();
  for (const PayloadField& field : change.fields) {
    json.Key(field.name);
    WriteValue(json, field.value);
  }
  json.Key("ChangeEventHeader").BeginObject();
  json.Field("entityName", change.entity);
  json.Key("recordIds").BeginArray().Value(change.id).EndArray();
  json.Field("changeType", change.change).Field("changeOrigin", "");
  json.Field("transactionKey",
             fmt::format("{:08x}-6ec4-1e25-33e2-a4ba094089e5", change.number & 0xffff'ffffU));
  json.Field("sequenceNumber", 1).Field("commitTimestamp", ToMillis(change.time));
  json.Field("commitNumber", 1'725'346'778'429'841'409U + change.number);
  json.Field("commitUser", change.by);
  json.Key("changedFields").BeginArray();
  if (change.change == "UPDATE") {
    for (const PayloadField& field : change.fields) {
      json.Value(field.name);
    }
  }
  json.EndArray().Key("nulledFields").BeginArray().EndArray();
  json.Key("diffFields").BeginArray().EndArray();
  json.EndObject().EndObject();
  json.Key("event").BeginObject().Field("replayId", 2'142'000U + change.number).EndObject();
  json.EndObject().Field("channel", fmt::format("/data/{}ChangeEvent", change.entity)).EndObject();
  return std::string(json.text());
}

std::string SalesforceId(std::string_view prefix, uint64_t number) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::string_view kChecks = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
  std::string id = fmt::format("{}Hr0000000000", prefix);
  for (size_t i = id.size(); number > 0; number /= kDigits.size()) {
    id[--i] = kDigits[number % kDigits.size()];
  }
  // Each character of the suffix says which of five are capitals.
  std::string suffix;
  for (size_t begin = 0; begin < id.size(); begin += 5) {
    size_t capitals = 0;
    for (size_t i = 0; i < 5; ++i) {
      char c = id[begin + i];
      capitals |= static_cast<size_t>(c >= 'A' && c <= 'Z') << i;
    }
    suffix += kChecks[capitals];
  }
  return id + suffix;
}

}  // namespace hotiron
