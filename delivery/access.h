#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"
#include "delivery/http_server.h"

namespace hotiron {

// Who may ask. With a token: programs send it as `Authorization: Bearer`, the page logs in with it
// and gets a cookie. Without one everybody on this machine may, and nobody else.
//
// Operation: the cookie holds until when it is good, who it is, and a keyed hash (HMAC-SHA-256
//   under the token) of both: nothing is kept here, a restart logs nobody out, another token
//   everybody. Tokens and hashes are compared in constant time.
//   Requests that change something must come from our own page or from a program: see IsSameSite.
// Concurrency: any thread.
// Limits: kFailuresMax wrong tokens per address and kFailureTime, then 429; kPeersMax addresses are
//   told apart. Behind a proxy all come from one address.
class Access {
 public:
  static constexpr int kFailuresMax = 10;
  static constexpr std::chrono::minutes kFailureTime{1};
  static constexpr size_t kPeersMax = 1'024;
  static constexpr std::chrono::hours kSessionTime{12};
  static constexpr size_t kTokenBytesMin = 16;
  static constexpr size_t kNameBytesMax = 200;

  enum class Verdict : uint8_t {
    kAllowed,
    kUnknown,    // no token and no session, or a wrong one
    kTooMany,    // too many wrong tokens of late
    kWrongHost,  // no token is asked for, and the request is for another host than this machine
  };

  struct Visitor {
    Verdict verdict = Verdict::kUnknown;
    std::string name = {};  // what they logged in as
  };

  // `token`: empty = none is asked for.
  explicit Access(std::string token) : token_(std::move(token)) {}

  bool needs_token() const { return !token_.empty(); }

  Visitor Judge(const HttpRequest& request, EventTime now);

  // A log-in: on success the value of the header Set-Cookie.
  Verdict LogIn(const HttpRequest& request, std::string_view token, std::string_view name,
                EventTime now, std::string& cookie);

  // The header that ends a session.
  static std::string LogOut(const HttpRequest& request);

  // Whether a request that changes something comes from our own page or from a program, and not
  // from a page of others in the same browser.
  static bool IsSameSite(const HttpRequest& request);

  uint64_t failures() const { return failures_; }

 private:
  struct Peer {
    int failures = 0;
    EventTime since{};
  };

  bool IsToken(std::string_view token) const;
  std::string Sign(std::string_view text) const;
  std::optional<std::string> SessionName(std::string_view cookie, EventTime now) const;
  bool MayTry(const std::string& peer, EventTime now);
  void Failed(const std::string& peer, EventTime now);

  const std::string token_;  // constant after construction
  std::atomic<uint64_t> failures_{0};
  Mutex mutex_;
  std::map<std::string, Peer> peers_ HOTIRON_GUARDED_BY(mutex_);
};

}  // namespace hotiron
