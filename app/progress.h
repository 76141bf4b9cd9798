#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/commands.h"

namespace hotiron {

// Shows how far long work has come: one line on standard error that is written over when that is a
// terminal, a line every ten seconds otherwise. Notices Ctrl-C. One thread.
class Progress {
 public:
  explicit Progress(std::string what);

  void Show(uint64_t done, uint64_t total, uint64_t records);
  // The same for work that has steps: which one, and how far it is (total 0: not known).
  void ShowStep(std::string_view step, uint64_t done, uint64_t total);
  void Finish();

  // SIGINT or SIGTERM has come since the start; noticed by Show, ShowStep and LookForStop.
  bool interrupted() const { return signals_.stopped(); }

  bool LookForStop() { return signals_.WaitForStop(0); }

 private:
  bool IsTime();
  void Print(const std::string& line);

  Signals signals_;
  const std::string what_;
  const bool terminal_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point shown_;
  std::string step_;
  uint64_t calls_ = 0;
  bool shown_any_ = false;
};

}  // namespace hotiron
