#include "base/identity.h"

#include <algorithm>
#include <array>

namespace hotiron {
namespace {

constexpr std::array<std::string_view, 12> kJunkWords{
    "-1",        "null",  "nil", "none", "undefined", "unknown",
    "anonymous", "guest", "n/a", "na",   "nan",       "[object object]"};

}  // namespace

std::string MakeKey(IdentityKind kind, std::string_view id) {
  std::string key;
  key.reserve(id.size() + 2);
  key += static_cast<char>(kind);
  key += ':';
  key += id;
  return key;
}

std::string NormaliseId(std::string_view id) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = id.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  id = id.substr(first, id.find_last_not_of(kSpace) - first + 1);
  std::string normal(id);
  std::transform(normal.begin(), normal.end(), normal.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return normal;
}

bool IsJunkId(std::string_view id) {
  if (id.size() > kIdBytesMax || id.find_first_not_of("0-") == std::string_view::npos) {
    return true;
  }
  if (std::any_of(id.begin(), id.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return true;
  }
  if (id.size() > 15) {  // longer than any junk word
    return id.find_first_not_of(' ') == std::string_view::npos;
  }
  std::string normal = NormaliseId(id);
  return normal.empty() ||
         std::find(kJunkWords.begin(), kJunkWords.end(), normal) != kJunkWords.end();
}

}  // namespace hotiron
