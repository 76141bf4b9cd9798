#include "delivery/access.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

using Verdict = Access::Verdict;

constexpr EventTime kNow{std::chrono::hours{500'000}};
constexpr const char* kToken = "a token that nobody guesses";

HttpRequest With(std::string name, std::string value) {
  HttpRequest request;
  request.peer = "10.0.0.1";
  request.headers[std::move(name)] = std::move(value);
  return request;
}

// "hotiron_session=..." of a log-in.
std::string Cookie(Access& access, std::string_view name = "rep") {
  std::string cookie;
  EXPECT_EQ(access.LogIn({}, kToken, name, kNow, cookie), Verdict::kAllowed);
  return cookie.substr(0, cookie.find(';'));
}

TEST(Access, ProgramsSendTheToken) {
  Access access(kToken);
  EXPECT_EQ(access.Judge(With("authorization", std::string("Bearer ") + kToken), kNow).verdict,
            Verdict::kAllowed);
  EXPECT_EQ(access.Judge(With("authorization", "Bearer a token that nobody guesseS"), kNow).verdict,
            Verdict::kUnknown);
  EXPECT_EQ(access.Judge(With("authorization", kToken), kNow).verdict, Verdict::kUnknown);
  EXPECT_EQ(access.Judge({}, kNow).verdict, Verdict::kUnknown);
  EXPECT_EQ(access.failures(), 1U);
}

TEST(Access, ASessionHoldsAndKnowsWhoItIs) {
  Access access(kToken);
  std::string cookie = Cookie(access, "Ana Íñigo; rep");
  Access::Visitor visitor = access.Judge(With("cookie", "other=1; " + cookie), kNow);
  EXPECT_EQ(visitor.verdict, Verdict::kAllowed);
  EXPECT_EQ(visitor.name, "Ana Íñigo; rep");
  Access restarted(kToken);
  EXPECT_EQ(restarted.Judge(With("cookie", cookie), kNow).verdict, Verdict::kAllowed);
}

TEST(Access, ASessionEnds) {
  Access access(kToken);
  std::string cookie = Cookie(access);
  EXPECT_EQ(access.Judge(With("cookie", cookie), kNow + Access::kSessionTime).verdict,
            Verdict::kUnknown);
  Access other("another token, made later");
  EXPECT_EQ(other.Judge(With("cookie", cookie), kNow).verdict, Verdict::kUnknown);
}

TEST(Access, AForgedSessionIsNone) {
  Access access(kToken);
  std::string cookie = Cookie(access);
  for (size_t at = std::string("hotiron_session=").size(); at < cookie.size(); at += 3) {
    std::string forged = cookie;
    forged[at] = forged[at] == '1' ? '2' : '1';
    EXPECT_EQ(access.Judge(With("cookie", forged), kNow).verdict, Verdict::kUnknown) << forged;
  }
  for (const char* nonsense : {"hotiron_session=", "hotiron_session=..", "hotiron_session=9.9.9"}) {
    EXPECT_EQ(access.Judge(With("cookie", nonsense), kNow).verdict, Verdict::kUnknown);
  }
}

TEST(Access, TheCookieIsForThePageOnly) {
  Access access(kToken);
  std::string cookie;
  (void)access.LogIn(With("x-forwarded-proto", "https"), kToken, "", kNow, cookie);
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos);
  EXPECT_NE(cookie.find("; Secure"), std::string::npos);
}

TEST(Access, WhoGuessesHasToWait) {
  Access access(kToken);
  std::string cookie;
  HttpRequest guesser = With("", "");
  for (int i = 0; i < Access::kFailuresMax; ++i) {
    EXPECT_EQ(access.LogIn(guesser, "guess", "", kNow, cookie), Verdict::kUnknown);
  }
  EXPECT_EQ(access.LogIn(guesser, kToken, "", kNow, cookie), Verdict::kTooMany);
  EXPECT_EQ(access.Judge(With("authorization", std::string("Bearer ") + kToken), kNow).verdict,
            Verdict::kTooMany);
  HttpRequest other;
  other.peer = "10.0.0.2";
  EXPECT_EQ(access.LogIn(other, kToken, "", kNow, cookie), Verdict::kAllowed);
  EXPECT_EQ(access.LogIn(guesser, kToken, "", kNow + Access::kFailureTime, cookie),
            Verdict::kAllowed);
  EXPECT_EQ(access.failures(), static_cast<uint64_t>(Access::kFailuresMax));
}

TEST(Access, ManyGuessersTakeNoMoreMemory) {
  Access access(kToken);
  std::string cookie;
  for (size_t i = 0; i < 3 * Access::kPeersMax; ++i) {
    HttpRequest request;
    request.peer = std::to_string(i);
    (void)access.LogIn(request, "guess", "", kNow, cookie);
  }
  EXPECT_EQ(access.failures(), 3 * Access::kPeersMax);
}

TEST(Access, WithoutATokenOnlyThisMachineIsServed) {
  Access access("");
  for (const char* host : {"127.0.0.1:8484", "localhost", "[::1]:8484", "127.1.2.3"}) {
    EXPECT_EQ(access.Judge(With("host", host), kNow).verdict, Verdict::kAllowed) << host;
  }
  for (const char* host : {"evil.example:8484", "", "127.0.0.1.evil.example", "localhost.evil"}) {
    EXPECT_EQ(access.Judge(With("host", host), kNow).verdict, Verdict::kWrongHost) << host;
  }
}

TEST(Access, OtherSitesChangeNothing) {
  EXPECT_TRUE(Access::IsSameSite({}));
  EXPECT_TRUE(Access::IsSameSite(With("sec-fetch-site", "same-origin")));
  EXPECT_FALSE(Access::IsSameSite(With("sec-fetch-site", "cross-site")));
  EXPECT_FALSE(Access::IsSameSite(With("sec-fetch-site", "same-site")));
  HttpRequest request = With("origin", "https://list.example:8443");
  request.headers["host"] = "list.example:8443";
  EXPECT_TRUE(Access::IsSameSite(request));
  request.headers["origin"] = "https://evil.example";
  EXPECT_FALSE(Access::IsSameSite(request));
  request.headers["origin"] = "null";
  EXPECT_FALSE(Access::IsSameSite(request));
  request = With("origin", "https://list.example");
  request.headers["host"] = "10.1.1.1:8484";
  request.headers["x-forwarded-host"] = "list.example";
  EXPECT_TRUE(Access::IsSameSite(request));
}

}  // namespace
}  // namespace hotiron
