#include "delivery/event_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace hotiron {

class EventHub::Stream : public HttpStream {
 public:
  Stream(EventHub& hub, uint64_t next, Text greeting)
      : next_(next), text_(std::move(greeting)), hub_(hub) {}

  ~Stream() override {
    MutexLock lock(hub_.mutex_);
    --hub_.streams_;
  }

  size_t Read(char* buffer, size_t size) override { return hub_.Read(*this, buffer, size); }

 private:
  friend class EventHub;
  uint64_t next_;    // number of the event to send next
  Text text_;        // of the one being sent
  size_t sent_ = 0;  // bytes of it
  EventHub& hub_;
};

EventHub::EventHub(std::string epoch, size_t streams_max)
    : epoch_(std::move(epoch)), streams_max_(streams_max) {}

void EventHub::Publish(std::string_view type, std::string_view data) {
  MutexLock lock(mutex_);
  ++last_;
  ring_.push_back({last_, std::make_shared<const std::string>(fmt::format(
                              "id: {}-{}\nevent: {}\ndata: {}\n\n", epoch_, last_, type, data))});
  bytes_ += ring_.back().text->size();
  while (ring_.size() > kEventsMax || bytes_ > kBytesMax) {
    bytes_ -= ring_.front().text->size();
    ring_.pop_front();
  }
}

std::unique_ptr<HttpStream> EventHub::Listen(std::string_view last_event_id) {
  MutexLock lock(mutex_);
  if (streams_ >= streams_max_) {
    return nullptr;
  }
  ++streams_;
  // A browser comes back by itself after `retry` milliseconds.
  auto greeting = std::make_shared<const std::string>("retry: 2000\n\n");
  uint64_t next = last_ + 1;
  if (!last_event_id.empty()) {
    size_t dash = last_event_id.rfind('-');
    uint64_t seen = 0;
    bool ours = dash != std::string_view::npos && last_event_id.substr(0, dash) == epoch_ &&
                std::from_chars(last_event_id.data() + dash + 1,
                                last_event_id.data() + last_event_id.size(), seen)
                        .ec == std::errc() &&
                seen <= last_;
    next = ours ? seen + 1 : 0;  // 0: not in the ring, so it will be told to reset
  }
  return std::make_unique<Stream>(*this, next, std::move(greeting));
}

size_t EventHub::streams() const {
  MutexLock lock(mutex_);
  return streams_;
}

size_t EventHub::Read(Stream& stream, char* buffer, size_t size) {
  MutexLock lock(mutex_);
  size_t written = 0;
  while (written < size) {
    if (stream.sent_ == stream.text_->size()) {
      uint64_t first = ring_.empty() ? last_ + 1 : ring_.front().number;
      if (stream.next_ > last_) {
        break;
      }
      if (stream.next_ < first) {
        stream.text_ = std::make_shared<const std::string>(
            fmt::format("id: {}-{}\nevent: reset\ndata: {{}}\n\n", epoch_, last_));
        stream.next_ = last_ + 1;
      } else {
        stream.text_ = ring_[stream.next_ - first].text;
        ++stream.next_;
      }
      stream.sent_ = 0;
    }
    size_t part = std::min(size - written, stream.text_->size() - stream.sent_);
    std::copy_n(stream.text_->data() + stream.sent_, part, buffer + written);
    stream.sent_ += part;
    written += part;
  }
  return written;
}

}  // namespace hotiron
