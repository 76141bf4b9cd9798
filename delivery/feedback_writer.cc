#include "delivery/feedback_writer.h"

#include <utility>

namespace hotiron {

FeedbackWriter::FeedbackWriter(Options options, Producer producer)
    : options_(std::move(options)), producer_(std::move(producer)) {}

Result<std::unique_ptr<FeedbackWriter>> FeedbackWriter::Start(Options options) {
  TRY_ASSIGN(Producer producer, Producer::Create(options.kafka, std::nullopt));
  std::unique_ptr<FeedbackWriter> writer(
      new FeedbackWriter(std::move(options), std::move(producer)));
  writer->thread_ = std::thread([raw = writer.get()] { raw->Run(); });
  return writer;
}

FeedbackWriter::~FeedbackWriter() {
  Stop();
}

void FeedbackWriter::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool FeedbackWriter::Write(uint64_t number, FeedbackRecord record) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || queue_.size() >= kQueueMax) {
    return false;
  }
  queue_.push_back({number, std::move(record)});
  changed_.notify_all();
  return true;
}

void FeedbackWriter::Run() {
  while (true) {
    std::vector<Waiting> batch;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      batch = std::exchange(queue_, {});
    }
    Send(batch);
  }
}

void FeedbackWriter::Send(const std::vector<Waiting>& batch) {
  std::vector<bool> queued;
  queued.reserve(batch.size());
  for (const Waiting& each : batch) {
    queued.push_back(producer_
                         .Produce({.topic = options_.topic,
                                   .key = each.record.account,
                                   .value = each.record.json,
                                   .timestamp = each.record.at})
                         .ok());
  }
  bool flushed = producer_.Flush(kDeliveryTime).ok();
  for (size_t i = 0; i < batch.size(); ++i) {
    options_.done(batch[i].number, queued[i] && flushed);
  }
}

}  // namespace hotiron
