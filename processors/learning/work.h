#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace hotiron {

// Work is cut into this many parts whatever the number of threads, and what the parts give is added
// up in their order: the same bits on every machine.
inline constexpr size_t kParts = 8;

// What long computations need of the outside: they own no thread and no clock.
struct Work {
  // Calls `part` with 0 .. kParts-1, in any order or at the same time, and returns when all are
  // done.
  std::function<void(const std::function<void(size_t)>& part)> parallel =
      [](const std::function<void(size_t)>& part) {
        for (size_t i = 0; i < kParts; ++i) {
          part(i);
        }
      };

  // Told how far a step has come; false asks to give up.
  std::function<bool(std::string_view step, size_t done, size_t total)> progress =
      [](std::string_view, size_t, size_t) { return true; };
};

// The bounds of one of kParts parts of `size` things: [PartBegin(i), PartBegin(i + 1)).
constexpr size_t PartBegin(size_t part, size_t size) {
  return size * part / kParts;
}

}  // namespace hotiron
