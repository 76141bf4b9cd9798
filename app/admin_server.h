#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace prometheus {
class Registry;
}

namespace hotiron {
struct Health {
  struct Check {
    std::string name;
    bool ok;
    std::string text;
  };

  std::vector<Check> checks;
};

class AdminServer {
 public:
  struct Options {
    std::string address;
    int port;
    std::shared_ptr<prometheus::Registry> registry;
    std::function<Health()> live;
    std::function<Health()> ready;
  };

  static Result<std::unique_ptr<AdminServer>> Start(Options o) {
    auto s = std::make_unique<AdminServer>();
    s->port_ = o.port;
    return s;
  }

  int port() const { return port_; }

 private:
  int port_ = 0;
};
}  // namespace hotiron
