#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "delivery/access.h"
#include "delivery/api.h"
#include "delivery/event_hub.h"
#include "delivery/feedback_writer.h"
#include "delivery/http_server.h"
#include "delivery/view.h"
#include "delivery/view_feed.h"
#include "kafka/types.h"

namespace hotiron {

// The role `serve`: the strike list's page, API and event streams, from Kafka to the browser.
//
// Operation: Start listens at once; the list fills while the topics are read. Stop writes out the
//   feedback that was taken and closes all connections.
// Concurrency: three threads of its own (HTTP, feed, feedback). One thread starts and stops; the
//   rest may be asked from any.
class StrikeServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    int port = 8484;
    std::string token = {};  // empty: none, which `address` must be a loopback one for
    size_t streams_max = 1'000;
    View::Limits limits = {};
    bool event_time = false;  // the log's clock is that of its events, not of the wall
    KafkaOptions kafka = {};
    std::string group = {};  // that the user may describe; nothing is committed under it
    std::string triggers_topic = {};
    std::string journeys_topic = {};
    std::string feedback_topic = {};
    int partitions = 1;       // of the first two
    std::string notice = {};  // shown on top of the page; empty: none
    std::function<std::string(std::string_view name)> alias = {};  // called on the server's thread
    std::function<void(Route route, int status)> on_answer = {};
  };

  // For metrics.
  struct Numbers {
    Freshness freshness = {};
    size_t streams = 0;
    size_t accounts = 0;
    size_t live_triggers = 0;
    uint64_t failed_logins = 0;
    uint64_t unreadable = 0;
    uint64_t evicted = 0;
  };

  static Result<std::unique_ptr<StrikeServer>> Start(Options options);
  ~StrikeServer();

  int port() const { return server_->port(); }

  Numbers numbers() const;

  void Stop();

 private:
  explicit StrikeServer(Options options);
  Result<void> Build();
  EventTime Now() const;
  Freshness CurrentFreshness() const;
  void Take(size_t topic, std::string_view key, std::optional<std::string_view> value);
  void Tick();

  const Options options_;
  mutable SharedView view_;  // its mutex guards it
  Access access_;            // these three provide their own synchronisation
  EventHub hub_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<FeedbackWriter> writer_;

  // Set by the feed's thread once it has read everything; before that nobody is told of single
  // records.
  std::atomic<bool> complete_{false};
  // The feed's thread only.
  std::map<std::string, std::string, std::less<>> moved_;  // accounts with live triggers: now
  Freshness last_freshness_;
  std::chrono::steady_clock::time_point last_status_at_{};

  std::unique_ptr<ViewFeed> feed_;  // last: its thread uses all of the above
};

}  // namespace hotiron
