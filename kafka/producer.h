#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "kafka/types.h"

namespace hotiron {

class Consumer;

struct RecordHeader {
  std::string name;
  std::string_view value;
};

// What to produce. The producer copies it.
struct ProduceRecord {
  std::string_view topic;
  std::optional<int32_t> partition = {};  // none: by the key, as Java producers do
  std::optional<std::string_view> key = {};
  std::optional<std::string_view> value = {};  // none: a tombstone
  std::optional<EventTime> timestamp = {};     // none: now
  std::span<const RecordHeader> headers = {};
};

// How a transactional call went, and what its caller does next.
struct [[nodiscard]] TransactionResult {
  enum class Next : uint8_t {
    kContinue,     // it worked
    kAbort,        // call Abort, drop what is staged, rewind to the committed offsets
    kNewProducer,  // the outcome is unknown or the producer unusable: destroy it, create one with
                   // the same id, re-read committed offsets; the log decides what happened
  };
  Next next = Next::kContinue;
  // Set unless kContinue. kConflict: fenced. Another producer with this transactional.id took over,
  // or the broker gave up a transaction that lasted too long. Two processes with the same id fence
  // each other for ever, so its second time in a row is better an exit than another producer.
  Error error;

  bool ok() const { return next == Next::kContinue; }
};

// Writes records: in transactions when created with a transactional id, else at least once.
//
// Operation, transactional: Create, InitTransactions, then again and again Begin, Produce...,
// SendOffsets, Commit (or Abort). Plain: Create, then Produce... and Flush before the offsets of
// what was produced from are committed. Both are idempotent producers: a retry inside librdkafka
// neither doubles nor reorders.
// Errors that librdkafka calls retriable are retried inside, at most kTransactionRetryTime long.
// Threads: one owner thread.
// Blocking: SendOffsets, Commit and Abort may block for ever while brokers are away (librdkafka
// ignores the timeout of the first, and finite ones would confuse it in the others). The owner of
// the process keeps a watchdog and aborts a process that is stuck: a crash is safe by design.
// Produce waits at most kQueueFullWait. The destructor drops what is not delivered.
// Limits: `queue.buffering.max.kbytes` (64 MiB by default) of records not delivered yet; records of
// at most `message.max.bytes`.
class Producer {
 public:
  static constexpr Duration kTransactionRetryTime{30'000};
  static constexpr Duration kQueueFullWait{30'000};

  // `transactional_id` must be stable per worker: under a random one a crash leaves a transaction
  // open, which holds up readers until it times out (`transaction.timeout.ms`, 10 s by default).
  static Result<Producer> Create(const KafkaOptions& options,
                                 std::optional<std::string> transactional_id);

  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  ~Producer();

  // Once, before the first Begin. Fences older producers with this id and ends their transaction.
  // The first on a fresh broker may take some seconds.
  TransactionResult InitTransactions(Duration timeout);
  TransactionResult Begin();

  // Adds the group's offsets (next to read) to the transaction, as the member that `consumer` is.
  TransactionResult SendOffsets(std::span<const TopicPartitionOffset> offsets,
                                const Consumer& consumer);

  // When these return kContinue every record has been delivered or dropped, respectively.
  TransactionResult Commit();
  TransactionResult Abort();

  // Hands a record to the sending queue; delivery fails later, in Commit or Flush.
  //   kInvalid   this record can never be produced (too large, no such topic or partition)
  //   else       the queue stayed full, or the transaction or producer has failed: Abort tells
  Result<void> Produce(const ProduceRecord& record);

  // Sends what is queued and waits for the answers. An error if any record since the last Flush
  // was not delivered, or not yet: those may still arrive.
  Result<void> Flush(Duration timeout);

  // The same for callers that look at other things meanwhile: how many are not answered yet.
  Result<size_t> FlushSome(Duration timeout);

  // One after the highest offset that this producer is known to have delivered to the partition,
  // if any; after Commit or Flush it covers all that they delivered. Never ahead of the log; behind
  // it when a broker confirmed a retried batch without its offset.
  std::optional<int64_t> NextDelivered(const TopicPartition& partition) const;

 private:
  struct State;
  explicit Producer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hotiron
