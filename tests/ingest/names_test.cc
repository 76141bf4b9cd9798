#include "ingest/names.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

TEST(NamesTest, DomainOf) {
  EXPECT_EQ(DomainOf("https://www.Initech.example:8080/about?x=1"), "initech.example");
  EXPECT_EQ(DomainOf(" initech.example. "), "initech.example");
  EXPECT_EQ(DomainOf("b\xC3\xBCro.example"), "b\xC3\xBCro.example");
  for (const char* junk : {"", "localhost", "192.168.0.1", "a b.example", "..", ".com", "null",
                           "http://", "x_y.example", "a..example"}) {
    EXPECT_EQ(DomainOf(junk), "") << junk;
  }
  EXPECT_EQ(DomainOf(std::string(300, 'a') + ".example"), "");
}

TEST(NamesTest, Email) {
  EXPECT_TRUE(IsEmail("pat@initech.example"));
  EXPECT_TRUE(IsEmail(" Pat.Gibbons+x@mail.initech.example "));
  for (const char* no : {"", "pat", "@initech.example", "pat@", "pat@localhost", "a@b@c.example",
                         "https://x.example/@pat", "pat gibbons@initech.example", "pat@10.0.0.1"}) {
    EXPECT_FALSE(IsEmail(no)) << no;
  }
  EXPECT_EQ(DomainOfEmail("Pat@Initech.example"), "initech.example");
}

TEST(NamesTest, FreeMail) {
  for (const char* domain : {"126.com", "gmail.com", "ziggo.nl", "yahoo.co.uk", "hotmail.com"}) {
    EXPECT_TRUE(IsFreeMail(domain)) << domain;
  }
  EXPECT_FALSE(IsFreeMail("initech.example"));
  EXPECT_FALSE(IsFreeMail(""));
}

TEST(NamesTest, PathOfUrl) {
  EXPECT_EQ(PathOfUrl("https://x.example/a/b?c=1#d"), "/a/b");
  EXPECT_EQ(PathOfUrl("https://x.example"), "/");
  EXPECT_EQ(PathOfUrl("no url"), "");
}

}  // namespace
}  // namespace hotiron
