#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotiron {

// The ladder of identities: a record goes to the highest one that its event names. A key is one
// letter, a colon and the id ("a:0011T00002J4kniQAB"); it is the key of <app>.events and of a row.
enum class IdentityKind : char {
  kContact =
      'c',  // a name in a history file, known inside its account only; never a key of its own
  kVisitor = 'v',  // anonymous browser or device
  kPerson = 'p',   // user id or e-mail address, as a keyed hash
  kDomain = 'd',   // company web domain
  kAccount = 'a',  // CRM account
  kObject = 'o',   // CRM object other than an account: leads to its account and has no journey
};

// Ids longer than this are junk (a metric, a log line and a row key must stay small).
inline constexpr size_t kIdBytesMax = 200;

std::string MakeKey(IdentityKind kind, std::string_view id);

// The kind of a key made by MakeKey.
constexpr IdentityKind KindOf(std::string_view key) {
  return static_cast<IdentityKind>(key[0]);
}

// The id of a key made by MakeKey.
constexpr std::string_view IdOf(std::string_view key) {
  return key.substr(2);
}

// True for keys that hold a company's journey (domains and CRM accounts).
constexpr bool IsCompany(std::string_view key) {
  return KindOf(key) == IdentityKind::kDomain || KindOf(key) == IdentityKind::kAccount;
}

// True for keys of somebody known by name to a system (not an anonymous visitor).
constexpr bool IsKnownPerson(std::string_view key) {
  return KindOf(key) == IdentityKind::kPerson || KindOf(key) == IdentityKind::kContact;
}

// Trimmed of white space, ASCII letters in lower case.
std::string NormaliseId(std::string_view id);

// True for what tracking libraries send when they know nobody: empty, only zeros and dashes, "-1",
// "null", "undefined", "anonymous" and the like, control characters, or more than kIdBytesMax
// bytes.
bool IsJunkId(std::string_view id);

}  // namespace hotiron
