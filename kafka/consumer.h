#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kafka/message.h"
#include "kafka/types.h"

namespace hotiron {

// What Consumer and Reader have in common: reading partitions, wherever they come from.
//
// Threads: one owner thread calls everything; CachedWatermarks may be called from any.
// Blocking: only Poll, Seek and what takes a timeout wait, and but for QueryWatermarks no longer
// than that.
// Limits: `queued.max.messages.kbytes` of fetched messages per partition (32 MiB for a Consumer, 64
// for a Reader) and one fetch more. Before librdkafka 2.2 a partition whose queue is full stalls
// for a second, so a queue should hold what is read from it in that time.
class PartitionReader {
 public:
  PartitionReader(PartitionReader&&) noexcept;
  PartitionReader& operator=(PartitionReader&&) noexcept;

  // The next message of any partition, waiting at most `timeout` for one. What librdkafka mends by
  // itself (a broker that is away) is logged and waited out. An error stays until the owner acts:
  //   kCorrupt      the log no longer has the offset to read next, or a record does not read
  //   kConflict     another member has taken over this one's group.instance.id
  //   kInvalid      unknown topic, or not allowed to read it
  //   kUnavailable  anything else that the broker answers
  Result<std::optional<Message>> Poll(Duration timeout);

  // Stops and restarts delivery; both take effect at once (what was fetched is dropped and fetched
  // again), positions stay. A partition that is not assigned is an error.
  Result<void> Pause(std::span<const TopicPartition> partitions);
  Result<void> Resume(std::span<const TopicPartition> partitions);

  // Reads on from these offsets; messages fetched before are not delivered any more.
  Result<void> Seek(std::span<const TopicPartitionOffset> offsets, Duration timeout);

  // As of the last fetch of this partition, without asking the broker; `low` may be missing a
  // little longer and is then 0.
  std::optional<Watermarks> CachedWatermarks(const TopicPartition& partition) const;

  // Where the broker hangs this may take as long as that: librdkafka waits for an answer, and asks
  // again, whatever `timeout` says.
  Result<Watermarks> QueryWatermarks(const TopicPartition& partition, Duration timeout) const;

  // For each partition the first offset that is there: one request per broker.
  Result<std::vector<int64_t>> Beginnings(std::span<const TopicPartition> partitions,
                                          Duration timeout) const;

  // For each partition the offset of its first record at or after `time`, kOffsetEnd where there
  // is none.
  Result<std::vector<int64_t>> OffsetsAt(std::span<const TopicPartition> partitions, EventTime time,
                                         Duration timeout) const;

 protected:
  struct State;
  explicit PartitionReader(std::unique_ptr<State> state);
  ~PartitionReader();

  std::unique_ptr<State> state_;
};

// Told by a Consumer what the group gives to it and takes away. Called on the owner thread, inside
// Poll and Close. Must not take longer than `max.poll.interval.ms`, and must not restore state:
// assigned partitions start paused for that (see Consumer).
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;

  // These partitions are new. Each `offset` comes as kOffsetCommitted and may be set to where to
  // start instead.
  virtual void OnAssigned(std::span<TopicPartitionOffset> partitions) = 0;

  // These go when this returns: finish and commit what was read from them.
  virtual void OnRevoked(std::span<const TopicPartition> partitions) = 0;

  // These are gone already and may be somebody else's: commit nothing, drop what is staged.
  virtual void OnLost(std::span<const TopicPartition> partitions) = 0;
};

// A member of a consumer group.
//
// Operation: Create, Subscribe, then Poll without long breaks (`max.poll.interval.ms`); the group
// hands out partitions through the listener. Every assigned partition starts *paused*: its owner
// resumes it when it is ready for its messages. Offsets are committed only by Commit or by a
// producer's transaction (Producer::SendOffsets).
// Reading is read_committed, so an offset of a transaction still open is waited for.
// Close leaves the group. Without Close the member just stops, as after a crash.
// Threads and limits: see PartitionReader.
class Consumer : public PartitionReader {
 public:
  struct Membership {
    std::string group;
    // Makes the member a static one: stable across restarts, unique within the group. Its
    // partitions wait for it for `session.timeout.ms`.
    std::optional<std::string> instance = {};
  };

  // `listener` must outlive the consumer.
  static Result<Consumer> Create(const KafkaOptions& options, const Membership& membership,
                                 RebalanceListener& listener);

  Result<void> Subscribe(std::span<const std::string> topics);

  // For each partition the offset that the group committed, if any. Waits for transactions in
  // doubt.
  Result<std::vector<std::optional<CommittedOffset>>> Committed(
      std::span<const TopicPartition> partitions, Duration timeout) const;

  // At-least-once mode only. kConflict: no longer a member, or not of this generation. After a
  // timeout the commit may still happen.
  Result<void> Commit(std::span<const TopicPartitionOffset> offsets, Duration timeout);

  // Leaves the group; the listener hears OnRevoked (or OnLost) for what is still assigned. After
  // an error (the bound passed) not even the destructor is sure to return: leave the process.
  Result<void> Close(Duration timeout);

 private:
  friend class Producer;  // SendOffsets needs the membership
  explicit Consumer(std::unique_ptr<State> state);
};

// Reads partitions that its owner picks, outside of any group: changelogs, the control topic,
// tests.
//
// Operation: Create, Add partitions with the offset to start from, Poll until IsEof or for ever.
// An offset that the log no longer has is an error of Poll (kCorrupt), never skipped; set
// `auto.offset.reset` to change that. librdkafka insists on a group id; nothing is ever committed
// under it, but with access control on it must be one that the user may describe: set `group.id`.
// Threads and limits: see PartitionReader.
class Reader : public PartitionReader {
 public:
  static Result<Reader> Create(const KafkaOptions& options);

  // Starts reading these too. A partition that is already there is an error.
  Result<void> Add(std::span<const TopicPartitionOffset> offsets);
  Result<void> Remove(std::span<const TopicPartition> partitions);

 private:
  explicit Reader(std::unique_ptr<State> state);
};

}  // namespace hotiron
