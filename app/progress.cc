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
  if (++calls_ % kCallsBetweenLooks != 0 || !IsTime()) {
    return;
  }
  double seconds = std::chrono::duration<double>(shown_ - started_).count();
  double share = total == 0 ? 0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  Print(fmt::format("{:.0f} %, {} events, {:.0f} events/s", share, records,
                    static_cast<double>(records) / seconds));
}

void Progress::ShowStep(std::string_view step, uint64_t done, uint64_t total) {
  if (total > 0) {
    step_ = fmt::format("{}, {} of {}", step, done + 1, total);
  }
  if (IsTime()) {
    double seconds = std::chrono::duration<double>(shown_ - started_).count();
    Print(fmt::format("{}, {:.0f} s", step_.empty() ? std::string(step) : step_, seconds));
  }
}

// Enough time has passed for another line. Looks for signals, too.
bool Progress::IsTime() {
  signals_.WaitForStop(0);
  steady_clock::time_point now = steady_clock::now();
  if (now - shown_ < (terminal_ ? steady_clock::duration(kTerminalInterval) : kFileInterval)) {
    return false;
  }
  shown_ = now;
  return true;
}

void Progress::Print(const std::string& line) {
  shown_any_ = true;
  fmt::print(stderr, "{}{}: {}{}", terminal_ ? "\r" : "", what_, line, terminal_ ? "    " : "\n");
  std::fflush(stderr);
}

void Progress::Finish() {
  if (terminal_ && shown_any_) {
    fmt::print(stderr, "\n");
  }
}

}  // namespace hotiron
