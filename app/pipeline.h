#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/admin_server.h"
#include "app/config.h"
#include "app/lever_files.h"
#include "app/levers.h"
#include "app/serve_probe.h"
#include "app/worker.h"
#include "app/worker_probe.h"
#include "base/mutex.h"
#include "base/result.h"
#include "delivery/strike_server.h"
#include "state/rocksdb_store.h"

namespace hotiron {

// Everything a `hotiron run` consists of, built in order and taken down in reverse.
//
// Operation: Start brings it up or says why not; then it works by itself until Stop, which drains
// and reports the first failure of a worker, if any. A worker that is stuck for
// processing.stuck_after aborts the process: a crash is safe by design, and a transactional call
// may block for ever while its broker is away. /livez says so for a second before.
// Concurrency: one thread starts and stops; the rest may be asked from any.
class Pipeline {
 public:
  // `topics_exist`: skip creating and checking topics (the embedded broker has no admin requests).
  // `on_trigger` is called for every revision that was committed, from the workers' threads.
  struct Options {
    Config config;
    Roles roles = {};
    bool topics_exist = false;
    std::function<void(const pb::Trigger&)> on_trigger = {};
  };

  static Result<std::unique_ptr<Pipeline>> Start(Options options);
  ~Pipeline();

  // Reads policy, catalogue and model again and publishes what is new; an error leaves all as it
  // is.
  Result<void> Reload();

  // Drains, commits, leaves the group. The first failure of a worker, or nothing.
  Result<void> Stop();

  // A worker has given up: Stop says why.
  bool failed() const { return failed_; }

  // Every worker has joined the group and restored what it was given.
  bool ready() const;

  // What has been committed by this process so far.
  WorkerProbe::Totals totals() const;

  int admin_port() const { return admin_->port(); }

  // Of the strike list; 0 without that role.
  int serve_port() const { return strike_ ? strike_->port() : 0; }

  const Config& config() const { return config_; }

 private:
  explicit Pipeline(Options options);
  Result<void> Build();
  Result<void> BuildStores(const LeverFiles& levers);
  Result<void> BuildStrikeList();
  std::string Metrics() const;
  void RunWorker(Worker& worker, const std::stop_token& stop);
  void Watch(const std::stop_token& stop);
  Health Live() const;
  Health Ready() const;

  const Options options_;
  Config config_;
  std::string person_key_;
  KafkaOptions kafka_;

  std::unique_ptr<ServeProbe> serve_probe_;  // these two: with the role `serve` only
  std::unique_ptr<StrikeServer> strike_;
  std::unique_ptr<WorkerProbe> probe_;  // from here to the workers: with the role `process` only
  std::unique_ptr<StoreResources> stores_;
  std::unique_ptr<LeverBoard> levers_;
  std::unique_ptr<WorkerContext> context_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<AdminServer> admin_;

  std::atomic<bool> started_{false};
  std::atomic<bool> failed_{false};
  std::atomic<std::chrono::steady_clock::time_point> drain_until_{
      std::chrono::steady_clock::time_point::max()};
  Mutex mutex_;
  Result<void> failure_ HOTIRON_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
  std::jthread watchdog_;
};

// Sends librdkafka's log lines to ours; the same line at most once a second.
LogSink KafkaLog();

}  // namespace hotiron
