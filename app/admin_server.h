#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace hotiron {

// Whether the process is well, check by check.
struct Health {
  struct Check {
    std::string name;
    bool ok = false;
    std::string text;  // in words, one line
  };

  std::vector<Check> checks;

  bool ok() const;
};

// Serves /metrics, /livez and /readyz on a listener of its own, so that nothing else the process
// serves can keep a scrape waiting.
//
// Operation: Start listens or says why it cannot; Stop, or the destructor, ends it at once. One
//   request per connection. /livez and /readyz answer 200 or 503 with one line per check.
// Concurrency: one thread of its own, which calls the functions of the options, one at a time and
//   never after Stop. They must not block.
// Limits: constants in admin_server.cc. Slow, silent and vanished clients keep nobody waiting and
//   are dropped after a few seconds.
class AdminServer {
 public:
  struct Options {
    std::string address;                   // admin.address
    int port = 0;                          // admin.port; 0 = any free one
    std::function<std::string()> metrics;  // in Prometheus' text format
    std::function<Health()> live;
    std::function<Health()> ready;
  };

  static Result<std::unique_ptr<AdminServer>> Start(Options options);

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  ~AdminServer();

  int port() const;

  // Closes all connections. May be called again.
  void Stop();

 private:
  struct Listener;

  explicit AdminServer(std::unique_ptr<Listener> listener);

  std::unique_ptr<Listener> listener_;  // provides its own synchronisation
};

}  // namespace hotiron
