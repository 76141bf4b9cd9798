#pragma once

namespace hotiron {

// Exit codes of the program.
inline constexpr int kExitFine = 0;
inline constexpr int kExitUsage = 2;   // bad usage or configuration
inline constexpr int kExitFailed = 3;  // failed at run time

}  // namespace hotiron
