#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"
#include "delivery/access.h"
#include "delivery/event_hub.h"
#include "delivery/feedback_writer.h"
#include "delivery/http_server.h"
#include "delivery/view.h"
#include "delivery/view_feed.h"

namespace hotiron {

// What requests are counted by: a closed set, metric labels.
enum class Route : uint8_t {
  kPage,
  kSession,
  kStatus,
  kTriggers,
  kTrigger,
  kFeedback,
  kAccount,
  kEvents,
  kOther,
};
inline constexpr size_t kRoutes = 9;
std::string_view RouteName(Route route);

// A view that the feed's thread writes and the server's thread reads.
struct SharedView {
  Mutex mutex;
  View view HOTIRON_GUARDED_BY(mutex);
};

// The strike list over HTTP: the page's files, and JSON below /api/v1 as delivery/openapi.yaml
// says.
//
// Concurrency: Handle on the server's thread; Delivered on any.
class Api {
 public:
  static constexpr size_t kPageMax = 200;  // triggers in one answer
  static constexpr size_t kPageDefault = 50;

  struct Options {
    SharedView& view;
    Access& access;
    EventHub& hub;
    std::string notice = {};
    // The keyed hash that stands for a person in triggers; none: it is not known here.
    std::function<std::string(std::string_view name)> alias = {};
    std::function<Freshness()> freshness;
    std::function<EventTime()> now;  // on the log's clock
    // False: too many are waiting. Delivered must follow for `number`.
    std::function<bool(uint64_t number, FeedbackRecord record)> write_feedback;
    std::function<void(uint64_t number, HttpResponse response)> answer;
    std::function<void(Route route, int status)> on_answer;
  };

  explicit Api(Options options);

  std::optional<HttpResponse> Handle(const HttpRequest& request, uint64_t number);

  // What became of feedback that was handed to write_feedback.
  void Delivered(uint64_t number, bool delivered);

  // {"now": ..., ...}: how fresh the data is, also sent to all streams.
  std::string StatusJson() const;

 private:
  std::optional<HttpResponse> Dispatch(const HttpRequest& request, uint64_t number, Route& route);
  HttpResponse ServeAsset(const HttpRequest& request) const;
  HttpResponse Session(const HttpRequest& request);
  HttpResponse Triggers(const HttpRequest& request) const;
  HttpResponse Trigger(const HttpRequest& request, std::string_view id) const;
  HttpResponse Accounts(const HttpRequest& request) const;
  HttpResponse Account(const HttpRequest& request, std::string_view account) const;
  HttpResponse Events(const HttpRequest& request) const;
  std::optional<HttpResponse> Feedback(const HttpRequest& request, std::string_view id,
                                       const std::string& by, uint64_t number);

  const Options options_;
  std::map<std::string, std::string> etags_;  // of assets; constant after construction
  Mutex mutex_;
  std::map<uint64_t, std::string> waiting_ HOTIRON_GUARDED_BY(mutex_);  // feedback ids
};

}  // namespace hotiron
