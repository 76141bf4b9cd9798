#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "kafka/types.h"

namespace hotiron {

// A Kafka in this process, for the demo and for tests of error paths: librdkafka's mock cluster.
// It listens on loopback TCP, so other processes can use it; it lives in memory and ends with this
// object.
//
// Limits: 5 MiB or 100,000 batches per partition, older ones are dropped without a word. Unknown
// topics are created with 4 partitions when a client asks for them. No admin requests, no
// compaction, no topic settings. Transactions work for the client but isolate nothing: aborted
// records are read, offsets sent in them are not kept, and a second producer is not fenced. The
// first member of a group waits 3 s, a later rebalance `session.timeout.ms` less 1 s (set 6000).
// An empty fetch waits the whole `fetch.wait.max.ms`.
// Threads: may be called from any thread.
class EmbeddedBroker {
 public:
  // Protocol requests that can be made to fail, by their number in the protocol.
  enum class Request : int16_t {
    kProduce = 0,
    kFetch = 1,
    kOffsetCommit = 8,
    kFindCoordinator = 10,
    kInitProducerId = 22,
    kAddPartitionsToTransaction = 24,
    kAddOffsetsToTransaction = 25,
    kEndTransaction = 26,
    kTransactionOffsetCommit = 28,
  };

  // `log` receives what the brokers log.
  static Result<EmbeddedBroker> Start(int brokers = 1, LogSink log = {});

  EmbeddedBroker(EmbeddedBroker&&) noexcept;
  EmbeddedBroker& operator=(EmbeddedBroker&&) noexcept;
  ~EmbeddedBroker();

  // The value for `bootstrap.servers`.
  std::string bootstrap() const;

  Result<void> CreateTopic(const std::string& name, int partitions);

  // The next requests of this kind fail with these errors of the Kafka protocol, one each.
  void PushErrors(Request request, std::span<const int16_t> codes);

  // Cuts all connections and refuses new ones, or takes them again.
  void SetReachable(bool reachable);

 private:
  struct State;
  explicit EmbeddedBroker(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hotiron
