#include "delivery/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hotiron {
namespace {

constexpr std::string_view kCookie = "hotiron_session";
constexpr std::string_view kBearer = "Bearer ";

std::string HexOf(std::string_view bytes) {
  std::string text;
  for (char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

std::string FromHex(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned byte = 0;
    (void)std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

bool IsEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// The value of our cookie among those of the header.
std::string_view SessionCookie(std::string_view header) {
  while (!header.empty()) {
    std::string_view one = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), one.size() + 1));
    one.remove_prefix(std::min(one.size(), one.find_first_not_of(' ')));
    if (one.size() > kCookie.size() && one.compare(0, kCookie.size(), kCookie) == 0 &&
        one[kCookie.size()] == '=') {
      return one.substr(kCookie.size() + 1);
    }
  }
  return {};
}

// "example.org" of "example.org:8443" and "[::1]:80".
std::string_view HostOf(std::string_view host) {
  if (!host.empty() && host.front() == '[') {
    size_t end = host.find(']');
    return host.substr(0, end == std::string_view::npos ? end : end + 1);
  }
  return host.substr(0, host.find(':'));
}

// A proxy in front says by which scheme and for which host it was asked.
std::string_view PublicHost(const HttpRequest& request) {
  std::string_view forwarded = request.Header("x-forwarded-host");
  return forwarded.empty() ? request.Header("host") : forwarded;
}

std::string CookieHeader(const HttpRequest& request, std::string_view value, int64_t seconds) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", kCookie, value,
                     seconds, request.Header("x-forwarded-proto") == "https" ? "; Secure" : "");
}

}  // namespace

std::string Access::Sign(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  (void)HMAC(EVP_sha256(), token_.data(), static_cast<int>(token_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
             &size);
  return HexOf({reinterpret_cast<const char*>(digest.data()), size});
}

// By their hashes, which have one length: how long the token is does not show either.
bool Access::IsToken(std::string_view token) const {
  return IsEqual(Sign(token), Sign(token_));
}

std::optional<std::string> Access::SessionName(std::string_view cookie, EventTime now) const {
  size_t first = cookie.find('.');
  size_t last = cookie.rfind('.');
  if (first == std::string_view::npos || first == last) {
    return std::nullopt;
  }
  std::string_view text = cookie.substr(0, last);
  int64_t until_ms = 0;
  (void)std::from_chars(cookie.data(), cookie.data() + first, until_ms);
  if (!IsEqual(Sign(text), cookie.substr(last + 1)) || until_ms <= ToMillis(now)) {
    return std::nullopt;
  }
  return FromHex(text.substr(first + 1));
}

bool Access::MayTry(const std::string& peer, EventTime now) {
  MutexLock lock(mutex_);
  auto at = peers_.find(peer);
  return at == peers_.end() || now - at->second.since >= kFailureTime ||
         at->second.failures < kFailuresMax;
}

void Access::Failed(const std::string& peer, EventTime now) {
  ++failures_;
  MutexLock lock(mutex_);
  if (peers_.size() >= kPeersMax && peers_.count(peer) == 0) {
    std::erase_if(peers_,
                  [&](const auto& each) { return now - each.second.since >= kFailureTime; });
    if (peers_.size() >= kPeersMax) {
      peers_.clear();
    }
  }
  Peer& known = peers_[peer];
  if (now - known.since >= kFailureTime) {
    known = {.failures = 0, .since = now};
  }
  ++known.failures;
}

Access::Visitor Access::Judge(const HttpRequest& request, EventTime now) {
  if (token_.empty()) {
    // A page of others may have its own name point to this machine; the browser then sends that
    // name.
    return {.verdict = IsLoopback(HostOf(request.Header("host"))) ? Verdict::kAllowed
                                                                  : Verdict::kWrongHost};
  }
  std::string_view authorization = request.Header("authorization");
  if (authorization.compare(0, kBearer.size(), kBearer) == 0) {
    if (!MayTry(request.peer, now)) {
      return {.verdict = Verdict::kTooMany};
    }
    if (IsToken(authorization.substr(kBearer.size()))) {
      return {.verdict = Verdict::kAllowed};
    }
    Failed(request.peer, now);
    return {};
  }
  std::optional<std::string> name = SessionName(SessionCookie(request.Header("cookie")), now);
  return name ? Visitor{Verdict::kAllowed, std::move(*name)} : Visitor{};
}

Access::Verdict Access::LogIn(const HttpRequest& request, std::string_view token,
                              std::string_view name, EventTime now, std::string& cookie) {
  if (token_.empty()) {
    return Verdict::kAllowed;
  }
  if (!MayTry(request.peer, now)) {
    return Verdict::kTooMany;
  }
  if (!IsToken(token)) {
    Failed(request.peer, now);
    return Verdict::kUnknown;
  }
  std::string text = fmt::format("{}.{}", ToMillis(now + kSessionTime), HexOf(name));
  cookie = CookieHeader(request, fmt::format("{}.{}", text, Sign(text)),
                        std::chrono::seconds(kSessionTime).count());
  return Verdict::kAllowed;
}

std::string Access::LogOut(const HttpRequest& request) {
  return CookieHeader(request, "", 0);
}

bool Access::IsSameSite(const HttpRequest& request) {
  std::string_view site = request.Header("sec-fetch-site");
  if (!site.empty()) {
    return site == "same-origin" || site == "none";
  }
  std::string_view origin = request.Header("origin");
  if (origin.empty()) {
    return true;  // no browser: a browser names the origin of what changes something
  }
  size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == PublicHost(request);
}

}  // namespace hotiron
