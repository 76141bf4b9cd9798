#include "base/identity.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace hotiron {
namespace {

TEST(IdentityTest, JunkIsWhatLibrariesSendForNobody) {
  for (const char* id : {"", "0", "0000-0000", "-", "-1", "null", "NULL", " anonymous ",
                         "undefined", "   ", "                    ", "a\nb"}) {
    EXPECT_TRUE(IsJunkId(id)) << '"' << id << '"';
  }
  EXPECT_TRUE(IsJunkId(std::string(kIdBytesMax + 1, 'x')));
  for (const char* id : {"u_1", "10", "nullable inc", "23adfd82-aa0f-45a7-a756-24f2a7a4c895"}) {
    EXPECT_FALSE(IsJunkId(id)) << id;
  }
}

TEST(IdentityTest, KeyCarriesKindAndId) {
  std::string key = MakeKey(IdentityKind::kAccount, "acct:1");
  EXPECT_EQ(key, "a:acct:1");
  EXPECT_EQ(KindOf(key), IdentityKind::kAccount);
  EXPECT_EQ(IdOf(key), "acct:1");
}

TEST(PersonHasherTest, IsStableAndKeyed) {
  PersonHasher hasher("key");
  EXPECT_EQ(hasher(" Pat@Initech.example"), hasher("pat@initech.example"));
  EXPECT_NE(hasher("pat@initech.example"), PersonHasher("other")("pat@initech.example"));
  EXPECT_EQ(hasher("x"), "4fc3b7eaf34d7e59");  // persisted: must never change
  EXPECT_EQ(hasher("x"), "4fc3b7eaf34d7e59");  // whatever it was asked before
  PersonHasher copy = hasher;
  copy = PersonHasher(copy);
  EXPECT_EQ(copy("x"), hasher("x"));
  EXPECT_EQ(PersonHasher("")("x"), "4cbc96099a6467ce");
}

}  // namespace
}  // namespace hotiron
