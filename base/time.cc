#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hotiron {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Reads exactly `digits` decimal digits at the front of `text` and removes them.
std::optional<int> TakeDigits(std::string_view& text, size_t digits) {
  if (text.size() < digits) {
    return std::nullopt;
  }
  int number = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool Take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// ".1234" -> 123 ms. The digits beyond milliseconds are read and cut.
std::optional<int> TakeFraction(std::string_view& text) {
  if (!Take(text, '.')) {
    return 0;
  }
  int millis = 0;
  int scale = 100;
  size_t used = 0;
  for (; used < text.size() && text[used] >= '0' && text[used] <= '9'; ++used) {
    millis += (text[used] - '0') * scale;
    scale /= 10;
  }
  if (used == 0) {
    return std::nullopt;
  }
  text.remove_prefix(used);
  return millis;
}

// "Z", "+02:00", "-0530", "+02" or nothing -> minutes east of UTC.
std::optional<minutes> TakeOffset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") {
    return minutes{0};
  }
  int sign = text.front() == '+' ? 1 : -1;
  if (text.front() != '+' && text.front() != '-') {
    return std::nullopt;
  }
  text.remove_prefix(1);
  std::optional<int> hour = TakeDigits(text, 2);
  Take(text, ':');
  std::optional<int> minute = text.empty() ? 0 : TakeDigits(text, 2);
  if (!hour || !minute || !text.empty() || *hour > 23 || *minute > 59) {
    return std::nullopt;
  }
  return sign * (hours{*hour} + minutes{*minute});
}

constexpr std::array<std::pair<std::string_view, Duration>, 5> kUnits{
    {{"d", days{1}}, {"h", hours{1}}, {"m", minutes{1}}, {"s", seconds{1}}, {"ms", Duration{1}}}};

}  // namespace

std::optional<EventTime> ParseTime(std::string_view text) {
  std::optional<int> year = TakeDigits(text, 4);
  if (!year || !Take(text, '-')) {
    return std::nullopt;
  }
  std::optional<int> month = TakeDigits(text, 2);
  if (!month || !Take(text, '-')) {
    return std::nullopt;
  }
  std::optional<int> day = TakeDigits(text, 2);
  if (!day) {
    return std::nullopt;
  }
  std::chrono::year_month_day date{std::chrono::year{*year},
                                   std::chrono::month{static_cast<unsigned>(*month)},
                                   std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) {
    return std::nullopt;
  }
  EventTime midnight = std::chrono::sys_days{date};
  if (text.empty()) {
    return midnight;
  }
  if (!Take(text, 'T') && !Take(text, ' ')) {
    return std::nullopt;
  }
  std::optional<int> hour = TakeDigits(text, 2);
  if (!hour || *hour > 23 || !Take(text, ':')) {
    return std::nullopt;
  }
  std::optional<int> minute = TakeDigits(text, 2);
  if (!minute || *minute > 59) {
    return std::nullopt;
  }
  std::optional<int> second = 0;
  if (Take(text, ':')) {
    second = TakeDigits(text, 2);
  }
  if (!second || *second > 60) {
    return std::nullopt;
  }
  std::optional<int> millis = TakeFraction(text);
  std::optional<minutes> offset = TakeOffset(text);
  if (!millis || !offset) {
    return std::nullopt;
  }
  return midnight + hours{*hour} + minutes{*minute} + seconds{*second} + Duration{*millis} -
         *offset;
}

// By hand: a summary has some thirty of these, and fmt takes four times as long.
void AppendTime(EventTime time, std::string& text) {
  auto midnight = std::chrono::floor<days>(time);
  std::chrono::year_month_day date{midnight};
  int64_t millis = (time - midnight).count();
  size_t begin = text.size();
  text += "0000-00-00T00:00:00.000Z";
  auto put = [&text, begin](size_t last, size_t digits, int64_t number) {
    for (size_t at = begin + last; digits > 0; --digits, number /= 10) {
      text[at--] = static_cast<char>('0' + number % 10);
    }
  };
  put(3, 4, std::clamp(static_cast<int>(date.year()), 0, 9'999));
  put(6, 2, static_cast<unsigned>(date.month()));
  put(9, 2, static_cast<unsigned>(date.day()));
  put(12, 2, millis / 3'600'000);
  put(15, 2, millis / 60'000 % 60);
  put(18, 2, millis / 1'000 % 60);
  put(22, 3, millis % 1'000);
}

std::string FormatTime(EventTime time) {
  std::string text;
  AppendTime(time, text);
  return text;
}

std::optional<Duration> ParseDuration(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  for (const auto& [name, unit] : kUnits) {
    if (text == name && number <= Duration::max().count() / unit.count()) {
      return number * unit;
    }
  }
  return std::nullopt;
}

std::string FormatDuration(Duration duration) {
  for (const auto& [name, unit] : kUnits) {
    if (duration.count() != 0 && duration % unit == Duration{0}) {
      return fmt::format("{}{}", duration / unit, name);
    }
  }
  return "0s";
}

std::string SayDuration(Duration duration) {
  if (duration < minutes{1}) {
    return "just now";
  }
  if (duration < hours{1}) {
    return fmt::format("{} min", duration / minutes{1});
  }
  if (duration < hours{48}) {
    return fmt::format("{} h", duration / hours{1});
  }
  return fmt::format("{} days", duration / days{1});
}

}  // namespace hotiron
