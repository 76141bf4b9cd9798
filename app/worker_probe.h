#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/intake.h"
#include "base/time.h"
#include "kafka/types.h"
#include "processors/task.h"
#include "state/rocksdb_store.h"

namespace prometheus {
class Registry;
}

namespace hotiron {

// What workers report, once per commit or event. Any thread.
class WorkerProbe {
 public:
  struct Totals {
    uint64_t input_records = 0;
    uint64_t rejected = 0;
    uint64_t triggers_opened = 0;
    uint64_t companies = 0;
    int64_t lag = 0;
  };

  WorkerProbe(const Config&, const pb::PolicySet&, const pb::Catalogue&, const StoreResources&,
              std::function<void(const pb::Trigger&)> on)
      : on_(on) {}

  std::shared_ptr<prometheus::Registry> registry() { return nullptr; }

  void Rebalanced() {}

  void Restored(uint64_t) {}

  void Ticked() {}

  void Aborted() {}

  void Lag(const TopicPartition&, int64_t) {}

  void Committed(const TaskOutputs& o, const std::map<std::string, IntakeCounts>& c, uint64_t,
                 std::chrono::steady_clock::duration, EventTime) {
    for (auto& [n, i] : c) {
      in_ += i.records;
      for (auto r : i.rejected)
        rej_ += r;
    }
    for (auto& t : o.triggers) {
      if (t.revision() == 1)
        ++trig_;
      if (on_)
        on_(t);
    }
    rej_ += o.rejects.size();
    for (auto& [k, v] : o.transitions)
      if (k.first.empty())
        comp_ += v;
  }

  Totals totals() const { return {in_, rej_, trig_, comp_, 0}; }

 private:
  std::function<void(const pb::Trigger&)> on_;
  std::atomic<uint64_t> in_{0}, rej_{0}, trig_{0}, comp_{0};
};

}  // namespace hotiron
