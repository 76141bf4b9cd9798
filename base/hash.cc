#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
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

void PersonHasher::Free::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);
}

PersonHasher::PersonHasher(const std::string& key) {
  EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  CHECK(algorithm != nullptr);
  context_.reset(EVP_MAC_CTX_new(algorithm));
  EVP_MAC_free(algorithm);  // the context keeps it
  std::string digest = "SHA256";
  std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  CHECK(context_ != nullptr &&
        EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.c_str()),
                     key.size(), parameters.data()) == 1);
}

PersonHasher::PersonHasher(const PersonHasher& other)
    : context_(EVP_MAC_CTX_dup(other.context_.get())) {
  CHECK(context_ != nullptr);
}

PersonHasher& PersonHasher::operator=(const PersonHasher& other) {
  return *this = PersonHasher(other);
}

std::string PersonHasher::operator()(std::string_view person_id) const {
  std::string normal = NormaliseId(person_id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  size_t size = 0;
  const unsigned char* text = reinterpret_cast<const unsigned char*>(normal.data());
  // Begun anew with the key that it has.
  CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
        EVP_MAC_update(context_.get(), text, normal.size()) == 1 &&
        EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1 && size >= 8);
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number = number << 8 | digest[i];
  }
  return Hex(number);
}

}  // namespace hotiron
