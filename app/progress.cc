#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr auto kTerminalInterval = std::chrono::milliseconds{200};
constexpr auto kFileInterval = std::chrono::seconds{10};
constexpr uint64_t kCallsBetweenLooks = 256;

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) == 1),
      started_(steady_clock::now()),
      shown_(started_) {}

void Progress::Show(uint64_t done, uint64_t total, uint64_t records) {
  if (++calls_ % kCallsBetweenLooks != 0) {
    return;
  }
  signals_.WaitForStop(0);
  steady_clock::time_point now = steady_clock::now();
  if (now - shown_ < (terminal_ ? steady_clock::duration(kTerminalInterval) : kFileInterval)) {
    return;
  }
  shown_ = now;
  shown_any_ = true;
  double seconds = std::chrono::duration<double>(now - started_).count();
  double share = total == 0 ? 0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  fmt::print(stderr, "{}{}: {:.0f} %, {} events, {:.0f} events/s{}", terminal_ ? "\r" : "", what_,
             share, records, static_cast<double>(records) / seconds, terminal_ ? "  " : "\n");
  std::fflush(stderr);
}

void Progress::Finish() {
  if (terminal_ && shown_any_) {
    fmt::print(stderr, "\n");
  }
}

}  // namespace hotiron
