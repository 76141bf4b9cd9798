#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hotiron {

using Duration = std::chrono::milliseconds;

// A moment in UTC, to the millisecond (what Kafka timestamps carry).
using EventTime = std::chrono::sys_time<Duration>;

// What an event may claim: outside of this a timestamp is a mistake, not a moment.
inline constexpr EventTime kEarliestTime{Duration{946'684'800'000}};  // 2000-01-01
inline constexpr EventTime kLatestTime{Duration{4'102'444'800'000}};  // 2100-01-01

constexpr int64_t ToMillis(EventTime time) {
  return time.time_since_epoch().count();
}

constexpr EventTime FromMillis(int64_t millis) {
  return EventTime{Duration{millis}};
}

// Reads ISO 8601 as the event formats write it: date and time divided by 'T' or a space, seconds
// with any number of decimals (cut to milliseconds), then 'Z', an offset, or nothing (UTC).
std::optional<EventTime> ParseTime(std::string_view text);

// "2026-03-03T10:05:01.249Z"
std::string FormatTime(EventTime time);
void AppendTime(EventTime time, std::string& text);

// "250ms", "90s", "15m", "36h", "14d": a whole number and a unit.
std::optional<Duration> ParseDuration(std::string_view text);

// The shortest form ParseDuration reads back to the same: "14d", "90s".
std::string FormatDuration(Duration duration);

// How a person says it: "just now", "4 min", "3 h", "2 days".
std::string SayDuration(Duration duration);

}  // namespace hotiron
