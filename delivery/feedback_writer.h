#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kafka/producer.h"
#include "kafka/types.h"

namespace hotiron {

// What a rep did, as a record of <app>.feedback (docs/FORMATS.md).
struct FeedbackRecord {
  std::string account = {};  // the key
  std::string json = {};
  EventTime at = {};
};

// Writes feedback and says when it is safe in Kafka, or that it is not known to be.
//
// Operation: Write queues a record; `done` hears of each, on the writer's thread. A record whose
//   delivery was not confirmed in kDeliveryTime may still arrive: writing it again under the same
//   id does no harm.
// Concurrency: Write from any thread. The destructor writes out what is queued.
// Limits: kQueueMax records wait.
class FeedbackWriter {
 public:
  static constexpr size_t kQueueMax = 1'000;
  static constexpr Duration kDeliveryTime{5'000};

  struct Options {
    KafkaOptions kafka;
    std::string topic;
    std::function<void(uint64_t number, bool delivered)> done;
  };

  static Result<std::unique_ptr<FeedbackWriter>> Start(Options options);
  ~FeedbackWriter();

  // False: the queue is full.
  bool Write(uint64_t number, FeedbackRecord record);

  // May be called again.
  void Stop();

 private:
  struct Waiting {
    uint64_t number;
    FeedbackRecord record;
  };

  FeedbackWriter(Options options, Producer producer);
  void Run();
  void Send(const std::vector<Waiting>& batch);

  const Options options_;
  Producer producer_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> queue_;  // guarded by mutex_
  bool stopping_ = false;       // guarded by mutex_
  std::thread thread_;
};

}  // namespace hotiron
