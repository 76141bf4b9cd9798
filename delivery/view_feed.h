#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"
#include "kafka/consumer.h"
#include "kafka/types.h"

namespace hotiron {

// How far what is shown is behind what has been written.
struct Freshness {
  bool connected = false;  // the brokers have answered lately
  bool complete = false;   // every partition has been read to its end once
  Duration behind{0};      // of the partition that is furthest behind; 0 at the end of all
};

// Reads topics from their beginning and then follows them, on a thread of its own.
//
// Operation: Open, Start; `take` gets each record, on the feed's thread; `tick` is called about
// every
//   kTickInterval, between records. A reader that has failed is made anew and reads everything
//   again, so `take` must not mind what it has seen before.
// Concurrency: freshness may be asked from any thread. The destructor joins.
// Limits: kQueueKb per partition.
class ViewFeed {
 public:
  static constexpr Duration kTickInterval{500};
  static constexpr int kQueueKb = 4'096;  // fetched and not yet taken, per partition

  struct Options {
    KafkaOptions kafka;
    std::vector<std::string> topics;
    int partitions = 1;  // of each
    std::function<void(size_t topic, std::string_view key, std::optional<std::string_view> value)>
        take;
    std::function<void()> tick;
  };

  static Result<std::unique_ptr<ViewFeed>> Open(Options options);
  ~ViewFeed();

  void Start();

  Freshness freshness() const;

  // Ends the thread: nothing is called any more. May be called again.
  void Stop();

 private:
  struct Place {
    TopicPartition at;
    bool was_at_end = false;
    bool at_end = false;
    EventTime last{};  // the broker's time of the last record
  };

  explicit ViewFeed(Options options);
  Result<Reader> OpenReader();
  void Run(const std::stop_token& stop);
  void Take(const Message& message);
  void CheckConnection(const Reader& reader);

  const Options options_;
  std::optional<Reader> reader_;  // the thread's own, after Start
  size_t next_check_ = 0;         // the thread's own
  mutable Mutex mutex_;
  std::vector<Place> places_ HOTIRON_GUARDED_BY(mutex_);
  EventTime last_contact_ HOTIRON_GUARDED_BY(mutex_){};
  std::jthread thread_;
};

}  // namespace hotiron
