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

// The n of `<...>:<n>` at the end of `wanted`; 1 when there is none.
int64_t Number(std::string_view wanted) {
  int64_t number = 1;
  size_t colon = wanted.rfind(':');
  if (colon != std::string_view::npos) {
    std::from_chars(wanted.data() + colon + 1, wanted.data() + wanted.size(), number);
  }
  return number;
}

}  // namespace

bool FaultAt(FaultPlace place) {
  std::string_view wanted = Wanted();
  std::string_view name = kPlaces[static_cast<size_t>(place)];
  if (wanted.empty() || wanted.substr(0, name.size() + 1) != std::string(name) + ":") {
    return false;
  }
  wanted.remove_prefix(name.size() + 1);
  static std::atomic<int64_t> passed{0};
  if (++passed != Number(wanted)) {
    return false;
  }
  std::string_view action = wanted.substr(0, wanted.find(':'));
  if (action == "exit") {
    FaultExit();
  }
  while (action == "hang") {
    pause();
  }
  return true;
}

bool FaultSwapsCommitOrder() {
  constexpr std::string_view kName = "swap_commit_order:";
  static std::atomic<int64_t> passed{0};
  return Wanted().substr(0, kName.size()) == kName && ++passed == Number(Wanted());
}

void FaultExit() {
  _exit(kFaultExit);
}

}  // namespace hotiron
