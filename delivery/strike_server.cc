#include "delivery/strike_server.h"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "base/hash.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr size_t kTriggers = 0;             // indexes of the feed's topics
constexpr size_t kConnectionsBeside = 256;  // besides those that streams take
// Every stream is written to at least this often: that is how vanished readers are noticed.
constexpr auto kHeartbeat = std::chrono::seconds{10};
constexpr auto kEventTimeBeat = std::chrono::seconds{1};  // an event clock may run fast
constexpr Duration kWorthSaying{5'000};                   // behind by less is as good as live

std::string Epoch() {
  std::random_device random;
  return Hex(uint64_t{random()} << 32 | random());
}

}  // namespace

StrikeServer::StrikeServer(Options options)
    : options_(std::move(options)),
      view_{{}, View(options_.limits)},
      access_(options_.token),
      hub_(Epoch(), options_.streams_max) {}

Result<std::unique_ptr<StrikeServer>> StrikeServer::Start(Options options) {
  if (options.token.empty() && !IsLoopback(options.address)) {
    return Invalid(
        fmt::format("serve.address: {} can be reached from other machines, so serve.token_file is "
                    "needed: a file with a secret of at least {} characters",
                    options.address, Access::kTokenBytesMin));
  }
  if (!options.token.empty() && options.token.size() < Access::kTokenBytesMin) {
    return Invalid(fmt::format("serve.token_file: a token of at least {} characters is wanted",
                               Access::kTokenBytesMin));
  }
  std::unique_ptr<StrikeServer> server(new StrikeServer(std::move(options)));
  TRY(server->Build());
  return server;
}

Result<void> StrikeServer::Build() {
  api_ = std::make_unique<Api>(Api::Options{
      .view = view_,
      .access = access_,
      .hub = hub_,
      .notice = options_.notice,
      .alias = options_.alias,
      .freshness = [this] { return CurrentFreshness(); },
      .now = [this] { return Now(); },
      .write_feedback =
          [this](uint64_t number, FeedbackRecord record) {
            return writer_->Write(number, std::move(record));
          },
      .answer = [this](uint64_t number,
                       HttpResponse response) { server_->Answer(number, std::move(response)); },
      .on_answer =
          [this](Route route, int status) {
            if (options_.on_answer) {
              options_.on_answer(route, status);
            }
          }});
  TRY_ASSIGN(writer_, FeedbackWriter::Start({.kafka = options_.kafka,
                                             .topic = options_.feedback_topic,
                                             .done = [this](uint64_t number, bool delivered) {
                                               api_->Delivered(number, delivered);
                                             }}));
  KafkaOptions reading = options_.kafka;
  if (!options_.group.empty()) {
    reading.properties["group.id"] = options_.group;
  }
  TRY_ASSIGN(
      feed_,
      ViewFeed::Open({.kafka = std::move(reading),
                      .topics = {options_.triggers_topic, options_.journeys_topic},
                      .partitions = options_.partitions,
                      .take = [this](auto topic, auto key, auto value) { Take(topic, key, value); },
                      .tick = [this] { Tick(); }}));
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::Start({.address = options_.address,
                         .port = options_.port,
                         .connections_max = options_.streams_max + kConnectionsBeside,
                         .handler = [this](const HttpRequest& request, uint64_t number) {
                           return api_->Handle(request, number);
                         }});
  if (!server.ok()) {
    return Error{
        server.error().code,
        fmt::format("the strike list cannot be served on {} port {}: {}. Set serve.port to "
                    "a free port (0 = any), or serve.address to an address of this machine",
                    options_.address, options_.port, server.error().message)};
  }
  server_ = std::move(server).value();
  feed_->Start();
  return {};
}

StrikeServer::~StrikeServer() {
  Stop();
}

StrikeServer::Numbers StrikeServer::numbers() const {
  Numbers numbers{.freshness = CurrentFreshness(),
                  .streams = hub_.streams(),
                  .failed_logins = access_.failures()};
  MutexLock lock(view_.mutex);
  numbers.accounts = view_.view.accounts();
  numbers.live_triggers = view_.view.live_triggers();
  numbers.unreadable = view_.view.unreadable();
  numbers.evicted = view_.view.evicted();
  return numbers;
}

void StrikeServer::Stop() {
  if (feed_) {
    feed_->Stop();
  }
  if (writer_) {
    writer_->Stop();
  }
  if (server_) {
    server_->Stop();
  }
}

Freshness StrikeServer::CurrentFreshness() const {
  Freshness freshness = feed_->freshness();
  freshness.complete = complete_;
  return freshness;
}

EventTime StrikeServer::Now() const {
  if (!options_.event_time) {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
  }
  MutexLock lock(view_.mutex);
  return view_.view.newest();
}

void StrikeServer::Take(size_t topic, std::string_view key, std::optional<std::string_view> value) {
  JsonWriter json;
  if (topic == kTriggers) {
    {
      MutexLock lock(view_.mutex);
      View::Change change = view_.view.TakeTrigger(key, value);
      if (change == View::Change::kNone || !complete_) {
        return;
      }
      if (change == View::Change::kGone) {
        json.BeginObject().Field("gone", key).EndObject();
      } else {
        (void)view_.view.WriteTrigger(key, json);
      }
    }
    hub_.Publish("trigger", json.text());
    server_->WakeStreams();
    return;
  }
  MutexLock lock(view_.mutex);
  if (view_.view.TakeJourney(key, value) && complete_) {
    view_.view.WriteNow(key, json);
    moved_[std::string(key)] = json.text();
  }
}

void StrikeServer::Tick() {
  steady_clock::time_point now = steady_clock::now();
  Freshness freshness = feed_->freshness();
  if (freshness.complete && !complete_) {
    complete_ = true;
    hub_.Publish("reset", "{}");  // who has come while the list was filling fetches it again
  }
  if (!moved_.empty()) {
    std::string levels;
    for (const auto& [account, json] : moved_) {
      levels += (levels.empty() ? "[" : ",") + json;
    }
    hub_.Publish("progress", levels + "]");
    moved_.clear();
  }
  bool changed = freshness.connected != last_freshness_.connected ||
                 freshness.complete != last_freshness_.complete ||
                 (freshness.behind >= kWorthSaying) != (last_freshness_.behind >= kWorthSaying);
  if (changed || now - last_status_at_ >= (options_.event_time ? kEventTimeBeat : kHeartbeat)) {
    last_freshness_ = freshness;
    last_status_at_ = now;
    hub_.Publish("status", api_->StatusJson());
  }
  server_->WakeStreams();
}

}  // namespace hotiron
