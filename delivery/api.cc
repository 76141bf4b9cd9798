#include "delivery/api.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <charconv>
#include <random>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "base/wall_clock.h"
#include "delivery/assets.h"

namespace hotiron {
namespace {

constexpr std::string_view kRoot = "/api/v1/";
constexpr size_t kTextBytesMax = 200;  // of a reason, an id, a name
constexpr size_t kSearchBytesMax = 100;
constexpr std::array<std::string_view, 5> kActions{"accept", "snooze", "dismiss", "outcome",
                                                   "undo"};
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

HttpResponse Problem(int status, std::string_view title, std::string_view detail = {}) {
  JsonWriter json;
  json.BeginObject().Field("type", "about:blank").Field("title", title).Field("status", status);
  if (!detail.empty()) {
    json.Field("detail", detail);
  }
  json.EndObject();
  return {.status = status,
          .type = "application/problem+json",
          .body = std::string(json.text()),
          .headers = {{"Cache-Control", "no-store"}}};
}

HttpResponse NotAllowed(std::string_view methods) {
  HttpResponse response = Problem(405, "Method not allowed", methods);
  response.headers.emplace_back("Allow", std::string(methods));
  return response;
}

HttpResponse NotFound(std::string_view what) {
  return Problem(404, "Not found", what);
}

std::string EtagOf(std::string_view body) {
  return fmt::format("\"{}\"", Hex(Hash64(body)));
}

bool HasEtag(const HttpRequest& request, std::string_view etag) {
  return request.Header("if-none-match").find(etag) != std::string_view::npos;
}

// JSON that a client may keep and ask about again.
HttpResponse Tagged(const HttpRequest& request, std::string_view body) {
  std::string etag = EtagOf(body);
  HttpResponse response{.headers = {{"ETag", etag}, {"Cache-Control", "private, no-cache"}}};
  if (HasEtag(request, etag)) {
    response.status = 304;
  } else {
    response.body = body;
  }
  return response;
}

bool IsGet(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// A whole number from the query; `value` stays when it is absent.
bool ReadNumber(const HttpRequest& request, std::string_view name, size_t max, size_t& value) {
  auto at = request.query.find(name);
  if (at == request.query.end()) {
    return true;
  }
  const std::string& text = at->second;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value <= max;
}

std::string FromQuery(const HttpRequest& request, std::string_view name) {
  auto at = request.query.find(name);
  return at == request.query.end() ? "" : at->second;
}

// The texts of a JSON object; anything else, and what is too long, is an error that says what.
using Texts = std::map<std::string, std::string, std::less<>>;

std::optional<Texts> ReadTexts(std::string_view body, std::string& problem) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  simdjson::padded_string padded(body);
  if (parser.parse(padded).get(object) != simdjson::SUCCESS) {
    problem = "the body must be one JSON object";
    return std::nullopt;
  }
  Texts texts;
  for (const simdjson::dom::key_value_pair& field : object) {
    std::string_view text;
    if (field.value.get(text) != simdjson::SUCCESS || text.size() > kTextBytesMax ||
        field.key.size() > kTextBytesMax) {
      problem = fmt::format("fields must be text of at most {} bytes", kTextBytesMax);
      return std::nullopt;
    }
    texts.insert_or_assign(std::string(field.key), std::string(text));
  }
  return texts;
}

std::string RandomId() {
  std::random_device random;
  return Hex(uint64_t{random()} << 32 | random());
}

// Answers what a rep's request for feedback lacks; empty when it is whole.
std::string FeedbackProblem(const Texts& texts) {
  auto has = [&](std::string_view name) {
    auto at = texts.find(name);
    return at != texts.end() && !at->second.empty();
  };
  for (const auto& [name, value] : texts) {
    if (name != "action" && name != "reason" && name != "until" && name != "id" && name != "by" &&
        name != "undoes") {
      return "unknown field; allowed: action, reason, until, undoes, id, by";
    }
  }
  auto action = texts.find("action");
  if (action == texts.end() ||
      std::find(kActions.begin(), kActions.end(), action->second) == kActions.end()) {
    return "action must be accept, snooze, dismiss, outcome or undo";
  }
  if ((action->second == "dismiss" || action->second == "outcome") && !has("reason")) {
    return "reason is missing: dismiss and outcome have one";
  }
  if (action->second == "snooze" && (!has("until") || !ParseTime(texts.find("until")->second))) {
    return "until is missing or no time: a snooze ends";
  }
  if (action->second == "undo" && !has("undoes")) {
    return "undoes is missing: the id of the feedback to take back";
  }
  return {};
}

}  // namespace

std::string_view RouteName(Route route) {
  switch (route) {
    case Route::kPage:
      return "page";
    case Route::kSession:
      return "session";
    case Route::kStatus:
      return "status";
    case Route::kTriggers:
      return "triggers";
    case Route::kTrigger:
      return "trigger";
    case Route::kFeedback:
      return "feedback";
    case Route::kAccount:
      return "account";
    case Route::kEvents:
      return "events";
    case Route::kOther:
      return "other";
  }
  return "other";
}

Api::Api(Options options) : options_(std::move(options)) {
  for (const Asset& asset : Assets()) {
    etags_[std::string(asset.path)] = EtagOf(asset.content);
  }
}

std::optional<HttpResponse> Api::Handle(const HttpRequest& request, uint64_t number) {
  Route route = Route::kOther;
  std::optional<HttpResponse> response = Dispatch(request, number, route);
  if (response) {
    response->headers.emplace_back("X-Content-Type-Options", "nosniff");
    options_.on_answer(route, response->status);
  }
  return response;
}

std::optional<HttpResponse> Api::Dispatch(const HttpRequest& request, uint64_t number,
                                          Route& route) {
  std::string_view path = request.path;
  if (path.compare(0, kRoot.size(), kRoot) != 0) {
    route = Route::kPage;
    return ServeAsset(request);
  }
  path.remove_prefix(kRoot.size());
  if (path == "openapi.yaml") {
    route = Route::kPage;
    return ServeAsset(request);
  }
  if (!IsGet(request) && !Access::IsSameSite(request)) {
    return Problem(403, "Forbidden", "the request comes from a page of another site");
  }
  if (path == "session") {
    route = Route::kSession;
    return Session(request);
  }
  Access::Visitor visitor = options_.access.Judge(request, WallNow());
  if (visitor.verdict == Access::Verdict::kWrongHost) {
    return Problem(403, "Forbidden", "without a token only this machine is served");
  }
  if (visitor.verdict == Access::Verdict::kTooMany) {
    HttpResponse response = Problem(429, "Too many wrong tokens");
    response.headers.emplace_back("Retry-After", "60");
    return response;
  }
  if (visitor.verdict != Access::Verdict::kAllowed) {
    HttpResponse response = Problem(401, "Log in first");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  size_t slash = path.find('/');
  std::string_view kind = path.substr(0, slash);
  std::string_view rest = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  if (kind == "triggers" && rest.size() > 9 && rest.substr(rest.size() - 9) == "/feedback") {
    route = Route::kFeedback;
    return request.method == "POST"
               ? Feedback(request, rest.substr(0, rest.size() - 9), visitor.name, number)
               : NotAllowed("POST");
  }
  if (!IsGet(request)) {
    return NotAllowed("GET, HEAD");
  }
  if (path == "status") {
    route = Route::kStatus;
    return HttpResponse{.body = StatusJson(), .headers = {{"Cache-Control", "no-store"}}};
  }
  if (path == "triggers") {
    route = Route::kTriggers;
    return Triggers(request);
  }
  if (kind == "triggers" && !rest.empty()) {
    route = Route::kTrigger;
    return Trigger(request, rest);
  }
  if (path == "accounts") {
    route = Route::kAccount;
    return Accounts(request);
  }
  if (kind == "accounts" && !rest.empty()) {
    route = Route::kAccount;
    return Account(request, rest);
  }
  if (path == "events") {
    route = Route::kEvents;
    return Events(request);
  }
  return NotFound("see /api/v1/openapi.yaml");
}

HttpResponse Api::ServeAsset(const HttpRequest& request) const {
  if (!IsGet(request)) {
    return NotAllowed("GET, HEAD");
  }
  std::string path = request.path == "/" ? "/index.html" : request.path;
  for (const Asset& asset : Assets()) {
    if (asset.path != path) {
      continue;
    }
    const std::string& etag = etags_.at(path);
    HttpResponse response{.type = std::string(asset.type),
                          .headers = {{"ETag", etag},
                                      {"Cache-Control", "no-cache"},
                                      {"Content-Security-Policy", std::string(kPolicy)},
                                      {"Referrer-Policy", "no-referrer"}}};
    if (HasEtag(request, etag)) {
      response.status = 304;
    } else {
      response.body = asset.content;
    }
    return response;
  }
  return NotFound("the page is at /");
}

HttpResponse Api::Session(const HttpRequest& request) {
  if (IsGet(request)) {
    Access::Visitor visitor = options_.access.Judge(request, WallNow());
    JsonWriter json;
    json.BeginObject().Field("needs_token", options_.access.needs_token());
    json.Field("logged_in", visitor.verdict == Access::Verdict::kAllowed);
    json.Field("name", visitor.name);
    json.Field("alias",
               options_.alias && !visitor.name.empty() ? options_.alias(visitor.name) : "");
    json.EndObject();
    return {.body = std::string(json.text()), .headers = {{"Cache-Control", "no-store"}}};
  }
  if (request.method == "DELETE") {
    return {.status = 204, .headers = {{"Set-Cookie", Access::LogOut(request)}}};
  }
  if (request.method != "POST") {
    return NotAllowed("GET, HEAD, POST, DELETE");
  }
  std::string problem;
  std::optional<Texts> texts = ReadTexts(request.body, problem);
  if (!texts) {
    return Problem(400, "Bad request", problem);
  }
  std::string cookie;
  switch (options_.access.LogIn(request, (*texts)["token"], (*texts)["name"], WallNow(), cookie)) {
    case Access::Verdict::kAllowed:
      break;
    case Access::Verdict::kTooMany: {
      HttpResponse response = Problem(429, "Too many wrong tokens", "try again in a minute");
      response.headers.emplace_back("Retry-After", "60");
      return response;
    }
    case Access::Verdict::kUnknown:
    case Access::Verdict::kWrongHost:
      return Problem(403, "Wrong token");
  }
  HttpResponse response{.status = 204};
  if (!cookie.empty()) {
    response.headers.emplace_back("Set-Cookie", cookie);
  }
  return response;
}

HttpResponse Api::Triggers(const HttpRequest& request) const {
  TriggerFilter filter{.owner = FromQuery(request, "owner"),
                       .team = FromQuery(request, "team"),
                       .segment = FromQuery(request, "segment"),
                       .sale = FromQuery(request, "sale")};
  std::string state = FromQuery(request, "state");
  if (!state.empty()) {
    filter.state = state;
  }
  if (filter.state != "open" && filter.state != "snoozed" && filter.state != "accepted" &&
      filter.state != "all") {
    return Problem(400, "Bad request", "state must be open, snoozed, accepted or all");
  }
  size_t offset = 0;
  size_t limit = kPageDefault;
  if (!ReadNumber(request, "offset", 1'000'000, offset) ||
      !ReadNumber(request, "limit", kPageMax, limit)) {
    return Problem(400, "Bad request",
                   fmt::format("offset and limit are whole numbers, limit at most {}", kPageMax));
  }
  JsonWriter json;
  {
    MutexLock lock(options_.view.mutex);
    options_.view.view.WriteTriggers(filter, offset, limit, json);
  }
  return Tagged(request, json.text());
}

HttpResponse Api::Trigger(const HttpRequest& request, std::string_view id) const {
  JsonWriter json;
  bool found = false;
  {
    MutexLock lock(options_.view.mutex);
    found = options_.view.view.WriteTrigger(id, json);
  }
  return found ? Tagged(request, json.text()) : NotFound("no such trigger");
}

HttpResponse Api::Accounts(const HttpRequest& request) const {
  std::string text = FromQuery(request, "q");
  if (text.empty() || text.size() > kSearchBytesMax) {
    return Problem(400, "Bad request",
                   fmt::format("q must be 1 to {} bytes of a name, id or domain", kSearchBytesMax));
  }
  JsonWriter json;
  {
    MutexLock lock(options_.view.mutex);
    options_.view.view.WriteFound(text, json);
  }
  return Tagged(request, json.text());
}

HttpResponse Api::Account(const HttpRequest& request, std::string_view account) const {
  JsonWriter json;
  bool found = false;
  {
    MutexLock lock(options_.view.mutex);
    found = options_.view.view.WriteAccount(account, json);
  }
  return found ? Tagged(request, json.text()) : NotFound("nothing is known of this account");
}

HttpResponse Api::Events(const HttpRequest& request) const {
  std::unique_ptr<HttpStream> stream = options_.hub.Listen(request.Header("last-event-id"));
  if (stream == nullptr) {
    HttpResponse response = Problem(503, "Too many event streams");
    response.headers.emplace_back("Retry-After", "10");
    return response;
  }
  return {.type = "text/event-stream",
          // Proxies are asked not to hold it back.
          .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
          .stream = std::move(stream)};
}

std::optional<HttpResponse> Api::Feedback(const HttpRequest& request, std::string_view id,
                                          const std::string& by, uint64_t number) {
  std::string problem;
  std::optional<Texts> texts = ReadTexts(request.body, problem);
  if (texts) {
    problem = FeedbackProblem(*texts);
  }
  if (!problem.empty()) {
    return Problem(400, "Bad request", problem);
  }
  std::string account;
  {
    MutexLock lock(options_.view.mutex);
    account = options_.view.view.AccountOf(id);
  }
  if (account.empty()) {
    return NotFound("no such trigger");
  }
  std::string feedback_id = texts->count("id") != 0 ? texts->at("id") : RandomId();
  EventTime now = options_.now();
  JsonWriter json;
  json.BeginObject().Field("id", feedback_id).Field("trigger", id).Field("account", account);
  json.Field("at", now);
  texts->erase("id");
  if (!by.empty()) {  // who has logged in, whatever the request says
    texts->insert_or_assign("by", by);
  }
  for (const auto& [name, value] : *texts) {
    json.Field(name, value);
  }
  json.EndObject();
  {
    MutexLock lock(mutex_);
    waiting_[number] = feedback_id;
  }
  if (options_.write_feedback(number,
                              {.account = account, .json = std::string(json.text()), .at = now})) {
    return std::nullopt;  // Delivered answers
  }
  MutexLock lock(mutex_);
  waiting_.erase(number);
  return Problem(503, "Too much feedback is waiting", "try again");
}

void Api::Delivered(uint64_t number, bool delivered) {
  std::string id;
  {
    MutexLock lock(mutex_);
    auto at = waiting_.find(number);
    if (at == waiting_.end()) {
      return;
    }
    id = std::move(at->second);
    waiting_.erase(at);
  }
  HttpResponse response;
  if (delivered) {
    JsonWriter json;
    json.BeginObject().Field("id", id).EndObject();
    response = {.status = 202, .body = std::string(json.text())};
  } else {
    response = Problem(503, "Not known to be saved",
                       "Kafka has not confirmed it: send it again with the same id");
  }
  options_.on_answer(Route::kFeedback, response.status);
  options_.answer(number, std::move(response));
}

std::string Api::StatusJson() const {
  Freshness freshness = options_.freshness();
  JsonWriter json;
  json.BeginObject().Field("now", options_.now());
  json.Field("connected", freshness.connected).Field("complete", freshness.complete);
  json.Field("behind_seconds", freshness.behind.count() / 1'000);
  if (!options_.notice.empty()) {
    json.Field("notice", options_.notice);
  }
  MutexLock lock(options_.view.mutex);
  json.Field("newest", options_.view.view.newest());
  json.Field("accounts", static_cast<uint64_t>(options_.view.view.accounts()));
  json.Field("live_triggers", static_cast<uint64_t>(options_.view.view.live_triggers()));
  json.EndObject();
  return std::string(json.text());
}

}  // namespace hotiron
