#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "delivery/http_server.h"

namespace hotiron {

// News for everybody who listens, as server-sent events.
//
// Operation: Publish appends to one ring of the latest events; a stream is a place in it, so a slow
//   reader costs no memory but the one event that it is in the middle of. A stream that asks for
//   what the ring no longer holds, or comes with the Last-Event-ID of another process, is told
//   `reset`: fetch everything anew, then listen on.
//   Whoever publishes calls HttpServer::WakeStreams afterwards.
// Concurrency: any thread. Outlives its streams.
// Limits: kEventsMax events of kBytesMax together; `streams_max` streams.
class EventHub {
 public:
  static constexpr size_t kEventsMax = 4'096;
  static constexpr size_t kBytesMax = size_t{16} << 20;

  // `epoch` tells this process from others: event ids are "<epoch>-<number>".
  EventHub(std::string epoch, size_t streams_max);

  // `data` is one line.
  void Publish(std::string_view type, std::string_view data);

  // None when there are too many already.
  std::unique_ptr<HttpStream> Listen(std::string_view last_event_id);

  size_t streams() const;

 private:
  using Text = std::shared_ptr<const std::string>;  // one for all who are sent it

  struct Event {
    uint64_t number = 0;
    Text text;
  };
  class Stream;

  size_t Read(Stream& stream, char* buffer, size_t size);

  const std::string epoch_;  // constant after construction
  const size_t streams_max_;
  mutable Mutex mutex_;
  std::deque<Event> ring_ HOTIRON_GUARDED_BY(mutex_);
  size_t bytes_ HOTIRON_GUARDED_BY(mutex_) = 0;
  uint64_t last_ HOTIRON_GUARDED_BY(mutex_) = 0;  // number of the newest event
  size_t streams_ HOTIRON_GUARDED_BY(mutex_) = 0;
};

}  // namespace hotiron
