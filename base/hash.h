#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;  // NOLINT(readability-identifier-naming): OpenSSL's

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
// Concurrency: one thread; another takes a copy. (OpenSSL takes several times longer to find the
// algorithm and take in the key than to hash an address, so both are done once.)
class PersonHasher {
 public:
  explicit PersonHasher(const std::string& key);
  PersonHasher(const PersonHasher& other);
  PersonHasher(PersonHasher&&) noexcept = default;
  PersonHasher& operator=(const PersonHasher& other);
  PersonHasher& operator=(PersonHasher&&) noexcept = default;
  ~PersonHasher() = default;

  // The same person always gets the same 16 hexadecimal digits: the id is trimmed and lower-cased.
  std::string operator()(std::string_view person_id) const;

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };

  std::unique_ptr<evp_mac_ctx_st, Free> context_;  // holds the key
};

}  // namespace hotiron
