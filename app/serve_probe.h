#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <string>

#include "app/labelled.h"
#include "delivery/api.h"
#include "delivery/strike_server.h"

namespace hotiron {

// What /metrics shows of the strike list. Thread-safe.
class ServeProbe {
 public:
  ServeProbe();

  void Answered(Route route, int status);

  // In Prometheus' text format.
  std::string Text(const StrikeServer::Numbers& numbers) const;

 private:
  prometheus::Registry registry_;
  Labelled<prometheus::Counter> requests_;
};

// What the process uses, for a process without workers.
std::string ProcessText(uint64_t memory_budget_bytes);

}  // namespace hotiron
