#include "app/fault.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

namespace hotiron {
namespace {

constexpr std::string_view kPlaces[] = {"begun", "produced", "offsets_sent", "committed",
                                        "written"};
constexpr int kFaultExit = 42;

std::string_view Wanted() {
  static const char* value = std::getenv("HOTIRON_FAULT");
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

bool FaultAt(FaultPlace place) {
  std::string_view wanted = Wanted();
  std::string_view name = kPlaces[static_cast<size_t>(place)];
  if (wanted.empty() || wanted.substr(0, name.size() + 1) != std::string(name) + ":") {
    return false;
  }
  wanted.remove_prefix(name.size() + 1);
  size_t colon = wanted.find(':');
  std::string_view action = wanted.substr(0, colon);
  int64_t number = 1;
  if (colon != std::string_view::npos) {
    std::from_chars(wanted.data() + colon + 1, wanted.data() + wanted.size(), number);
  }
  static std::atomic<int64_t> passed{0};
  if (++passed != number) {
    return false;
  }
  if (action == "exit") {
    _exit(kFaultExit);
  }
  return true;
}

bool FaultSwapsCommitOrder() {
  return Wanted() == "swap_commit_order";
}

}  // namespace hotiron
