#pragma once

#include <string>
#include <string_view>

namespace hotiron {

// True for one address: something, '@', and a domain name.
bool IsEmail(std::string_view text);

// "https://www.Initech.example:8080/about" -> "initech.example": in lower case, without scheme,
// "www.", port and path. Empty when it is no domain name of a company: an IP address, a single
// label, or characters that domain names do not have.
std::string DomainOf(std::string_view url_or_domain);

// The domain of an address, as DomainOf gives it; empty when it is no address.
std::string DomainOfEmail(std::string_view email);

// True for the domains of mail providers that anybody can have an address at.
bool IsFreeMail(std::string_view domain);

// "https://example.com/pricing?x=1" -> "/pricing"; empty when there is none.
std::string_view PathOfUrl(std::string_view url);

}  // namespace hotiron
