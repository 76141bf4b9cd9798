#include "ingest/names.h"

#include <algorithm>
#include <array>

#include "base/identity.h"

namespace hotiron {
namespace {

constexpr size_t kDomainBytesMax = 253;

// Sorted, so that it can be searched by halves (a test checks).
constexpr std::array<std::string_view, 118> kFreeMail{
    "126.com",       "139.com",        "163.com",        "189.cn",         "21cn.com",
    "abv.bg",        "aim.com",        "alice.it",       "aliyun.com",     "aol.com",
    "arcor.de",      "att.net",        "bellsouth.net",  "bigpond.com",    "bk.ru",
    "bluewin.ch",    "bol.com.br",     "btinternet.com", "charter.net",    "comcast.net",
    "cox.net",       "daum.net",       "duck.com",       "earthlink.net",  "email.com",
    "email.cz",      "fastmail.com",   "fastmail.fm",    "foxmail.com",    "free.fr",
    "freemail.hu",   "freenet.de",     "frontier.com",   "gmail.com",      "gmx.at",
    "gmx.ch",        "gmx.com",        "gmx.de",         "gmx.net",        "googlemail.com",
    "hanmail.net",   "hey.com",        "home.nl",        "hotmail.ca",     "hotmail.co.uk",
    "hotmail.com",   "hotmail.com.br", "hotmail.de",     "hotmail.es",     "hotmail.fr",
    "hotmail.it",    "hotmail.nl",     "hushmail.com",   "icloud.com",     "inbox.lv",
    "inbox.ru",      "interia.pl",     "juno.com",       "kpnmail.nl",     "laposte.net",
    "libero.it",     "list.ru",        "live.ca",        "live.co.uk",     "live.com",
    "live.fr",       "live.nl",        "mac.com",        "mail.com",       "mail.ru",
    "mailbox.org",   "me.com",         "msn.com",        "nate.com",       "naver.com",
    "netzero.net",   "ntlworld.com",   "o2.pl",          "onet.pl",        "orange.fr",
    "outlook.com",   "outlook.de",     "outlook.fr",     "pm.me",          "posteo.de",
    "proton.me",     "protonmail.com", "qq.com",         "rediffmail.com", "rocketmail.com",
    "sbcglobal.net", "seznam.cz",      "sfr.fr",         "shaw.ca",        "sina.com",
    "sky.com",       "sohu.com",       "t-online.de",    "telenet.be",     "terra.com.br",
    "tiscali.it",    "tuta.com",       "tutanota.com",   "uol.com.br",     "verizon.net",
    "virgilio.it",   "wanadoo.fr",     "web.de",         "wp.pl",          "yahoo.co.in",
    "yahoo.co.jp",   "yahoo.co.uk",    "yahoo.com",      "yahoo.com.br",   "yahoo.de",
    "yahoo.fr",      "yandex.ru",      "ziggo.nl",
};

bool IsDomainByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         static_cast<unsigned char>(c) >= 0x80;  // names in other scripts
}

}  // namespace

bool IsEmail(std::string_view text) {
  return !DomainOfEmail(text).empty();
}

std::string DomainOf(std::string_view url_or_domain) {
  std::string domain = NormaliseId(url_or_domain);
  if (size_t scheme = domain.find("://"); scheme != std::string::npos) {
    domain.erase(0, scheme + 3);
  }
  domain.resize(std::min(domain.size(), domain.find_first_of("/?#:")));
  if (domain.starts_with("www.")) {
    domain.erase(0, 4);
  }
  if (domain.ends_with('.')) {
    domain.pop_back();
  }
  size_t dot = domain.rfind('.');
  if (domain.size() > kDomainBytesMax || dot == std::string::npos || dot == 0 ||
      domain.find("..") != std::string::npos ||
      !std::all_of(domain.begin(), domain.end(), IsDomainByte)) {
    return {};
  }
  std::string_view top = std::string_view(domain).substr(dot + 1);
  bool digits = std::all_of(top.begin(), top.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits || top.size() < 2 ? std::string{} : domain;
}

std::string DomainOfEmail(std::string_view email) {
  size_t begin = std::min(email.find_first_not_of(' '), email.size());
  email = email.substr(begin, email.find_last_not_of(' ') + 1 - begin);
  size_t at = email.find('@');
  if (at == std::string_view::npos || at == 0 ||
      email.find_first_of(" /:?#@", at + 1) != email.npos ||
      email.substr(0, at).find_first_of(" /:?#<>,;") != email.npos) {
    return {};
  }
  return DomainOf(email.substr(at + 1));
}

bool IsFreeMail(std::string_view domain) {
  return std::binary_search(kFreeMail.begin(), kFreeMail.end(), domain);
}

std::string_view PathOfUrl(std::string_view url) {
  size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    return {};
  }
  size_t path = url.find('/', scheme + 3);
  if (path == std::string_view::npos) {
    return "/";
  }
  return url.substr(path, url.find_first_of("?#", path) - path);
}

}  // namespace hotiron
