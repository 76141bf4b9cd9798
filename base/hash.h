#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotiron {

// 64 bits of XXH3. Stable across machines and versions: the results are persisted.
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// Hash for containers keyed by text that are asked with a view (with std::equal_to<>).
struct TextHash {
  using is_transparent = void;

  size_t operator()(std::string_view text) const { return Hash64(text); }
};

// 16 lower-case hexadecimal digits.
std::string Hex(uint64_t number);

// Makes the pseudonym of a person: HMAC-SHA-256 under a key of the installation, cut to 64 bits.
// A pseudonym is still personal data; the key keeps it from being reversed by trying addresses.
class PersonHasher {
 public:
  explicit PersonHasher(std::string key) : key_(std::move(key)) {}

  // The same person always gets the same 16 hexadecimal digits: the id is trimmed and lower-cased.
  std::string operator()(std::string_view person_id) const;

 private:
  std::string key_;
};

}  // namespace hotiron
