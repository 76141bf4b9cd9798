#include "base/hash.h"

#include <openssl/hmac.h>
#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <array>

#include "base/identity.h"
#include "base/result.h"

namespace hotiron {

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string Hex(uint64_t number) {
  return fmt::format("{:016x}", number);
}

std::string PersonHasher::operator()(std::string_view person_id) const {
  std::string normal = NormaliseId(person_id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const unsigned char* text = reinterpret_cast<const unsigned char*>(normal.data());
  unsigned char* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), text,
                             normal.size(), digest.data(), &size);
  CHECK(made != nullptr && size >= 8);
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number = number << 8 | digest[i];
  }
  return Hex(number);
}

}  // namespace hotiron
