#include "delivery/view_feed.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/wall_clock.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr Duration kPollTime{100};
constexpr Duration kAskTime{1'000};  // for the brokers to answer
constexpr auto kAskInterval = std::chrono::seconds{3};
constexpr Duration kSilenceMax{6'000};  // of brokers, before they count as away
constexpr auto kRetryInterval = std::chrono::seconds{1};

}  // namespace

ViewFeed::ViewFeed(Options options) : options_(std::move(options)) {
  MutexLock lock(mutex_);
  last_contact_ = WallNow();
  for (const std::string& topic : options_.topics) {
    for (int partition = 0; partition < options_.partitions; ++partition) {
      places_.push_back({.at = {topic, partition}});
    }
  }
}

Result<std::unique_ptr<ViewFeed>> ViewFeed::Open(Options options) {
  // Compaction takes what is old: a place that is gone is no loss.
  options.kafka.properties["auto.offset.reset"] = "earliest";
  options.kafka.properties["queued.max.messages.kbytes"] = std::to_string(kQueueKb);
  std::unique_ptr<ViewFeed> feed(new ViewFeed(std::move(options)));
  TRY_ASSIGN(feed->reader_, feed->OpenReader());
  return feed;
}

void ViewFeed::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

ViewFeed::~ViewFeed() {
  Stop();
}

void ViewFeed::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

Result<Reader> ViewFeed::OpenReader() {
  TRY_ASSIGN(Reader reader, Reader::Create(options_.kafka));
  std::vector<TopicPartitionOffset> from;
  MutexLock lock(mutex_);
  for (Place& place : places_) {
    place = {.at = place.at};
    from.push_back({place.at, kOffsetBeginning});
  }
  TRY(reader.Add(from));
  return reader;
}

void ViewFeed::Run(const std::stop_token& stop) {
  steady_clock::time_point next_tick = steady_clock::now();
  steady_clock::time_point next_ask = next_tick;
  while (!stop.stop_requested()) {
    if (reader_) {
      Result<std::optional<Message>> message = reader_->Poll(kPollTime);
      if (!message.ok()) {
        if (options_.kafka.log) {
          options_.kafka.log(LogLevel::kWarning,
                             "the strike list begins to read anew: " + message.error().message);
        }
        reader_.reset();
        std::this_thread::sleep_for(kRetryInterval);
      } else if (message.value()) {
        Take(*message.value());
      }
    } else {
      Result<Reader> reader = OpenReader();
      if (reader.ok()) {
        reader_ = std::move(reader).value();
      } else {
        std::this_thread::sleep_for(kRetryInterval);
      }
    }
    steady_clock::time_point now = steady_clock::now();
    if (now >= next_ask && reader_) {
      CheckConnection(*reader_);
      next_ask = steady_clock::now() + kAskInterval;
    }
    if (now >= next_tick) {
      options_.tick();
      next_tick = now + kTickInterval;
    }
  }
}

void ViewFeed::Take(const Message& message) {
  size_t topic = static_cast<size_t>(
      std::find(options_.topics.begin(), options_.topics.end(), message.topic()) -
      options_.topics.begin());
  if (!message.IsEof()) {
    options_.take(topic, message.key(),
                  message.has_value() ? std::optional(message.value()) : std::nullopt);
  }
  MutexLock lock(mutex_);
  Place& place = places_[topic * static_cast<size_t>(options_.partitions) +
                         static_cast<size_t>(message.partition())];
  place.at_end = message.IsEof();
  place.was_at_end = place.was_at_end || place.at_end;
  place.last = message.timestamp().value_or(place.last);
}

// A reader waits for brokers that are away without a word, so they are asked. Not for watermarks:
// that question waits for as long as a broker hangs, and with it those who are told how fresh all
// this is.
void ViewFeed::CheckConnection(const Reader& reader) {
  TopicPartition at;
  {
    MutexLock lock(mutex_);
    at = places_[next_check_++ % places_.size()].at;
  }
  bool answered = reader.OffsetsAt(std::span(&at, 1), WallNow(), kAskTime).ok();
  if (answered) {
    MutexLock lock(mutex_);
    last_contact_ = WallNow();
  }
}

Freshness ViewFeed::freshness() const {
  MutexLock lock(mutex_);
  EventTime now = WallNow();
  Freshness freshness{.connected = now - last_contact_ <= kSilenceMax, .complete = true};
  if (!freshness.connected) {
    freshness.behind = now - last_contact_;
  }
  for (const Place& place : places_) {
    freshness.complete = freshness.complete && place.was_at_end;
    if (!place.at_end && place.last != EventTime{}) {
      freshness.behind = std::max(freshness.behind, now - place.last);
    }
  }
  return freshness;
}

}  // namespace hotiron
