// What every Store promises, held against both.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "state/memory_store.h"
#include "state/rocksdb_store.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

enum class Kind { kMemory, kRocksDb };

class StoreTest : public testing::TestWithParam<Kind> {
 protected:
  StoreTest() {
    if (GetParam() == Kind::kRocksDb) {
      StoreOptions options;
      options.directory = directory_.path();
      resources_ = StoreResources::Create(options).value();
    }
    Open();
  }

  void Open() {
    if (GetParam() == Kind::kMemory) {
      if (store_ == nullptr) {
        store_ = std::make_unique<MemoryStore>();
      } else {
        static_cast<MemoryStore&>(*store_).Crash();  // closed, so all of it was flushed
      }
    } else {
      store_ = resources_->Open("events", 0, EventTime(), nullptr).value().store;
    }
  }

  void Put(const std::string& key, const std::string& value) {
    ASSERT_TRUE(store_->Write(std::vector<Row>{{.key = key, .value = value}}).ok());
  }

  void Delete(const std::string& key) {
    ASSERT_TRUE(store_->Write(std::vector<Row>{{.key = key, .value = std::nullopt}}).ok());
  }

  std::string Get(const std::string& key) {
    Result<std::optional<std::string>> value = store_->Get(key);
    return value.ok() ? value.value().value_or("(none)") : value.error().message;
  }

  std::string Scan(const std::string& prefix, const std::string& from_key = "", size_t most = 100) {
    std::string seen;
    Result<void> scanned =
        store_->Scan(prefix, from_key, [&](std::string_view key, std::string_view value) {
          seen += std::string(key) + "=" + std::string(value) + " ";
          return --most > 0;
        });
    return scanned.ok() ? seen : scanned.error().message;
  }

  TempDir directory_;
  std::unique_ptr<StoreResources> resources_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, testing::Values(Kind::kMemory, Kind::kRocksDb),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return kind.param == Kind::kMemory ? "Memory" : "RocksDb";
                         });

TEST_P(StoreTest, GivesBackWhatWasPut) {
  Put("a:1", "one");
  EXPECT_EQ(Get("a:1"), "one");
  EXPECT_EQ(Get("a:2"), "(none)");
}

TEST_P(StoreTest, KeepsAnyBytes) {
  const std::string key("a:\0\xff\n", 5);
  const std::string value("\0\x80\xff", 3);
  Put(key, value);
  Put("a:empty", "");
  EXPECT_EQ(Get(key), value);
  EXPECT_EQ(Get("a:empty"), "");
}

TEST_P(StoreTest, LaterRowsOfABatchWin) {
  ASSERT_TRUE(store_
                  ->Write(std::vector<Row>{{.key = "a:1", .value = "old"},
                                           {.key = "a:2", .value = "x"},
                                           {.key = "a:1", .value = "new"},
                                           {.key = "a:2", .value = std::nullopt}})
                  .ok());
  EXPECT_EQ(Scan(""), "a:1=new ");
}

TEST_P(StoreTest, AnEmptyBatchIsNothing) {
  EXPECT_TRUE(store_->Write({}).ok());
  EXPECT_EQ(Scan(""), "");
}

TEST_P(StoreTest, DeletedRowsAreGone) {
  Put("a:1", "one");
  Delete("a:1");
  Delete("a:never");
  EXPECT_EQ(Get("a:1"), "(none)");
  EXPECT_EQ(Scan(""), "");
}

TEST_P(StoreTest, ScansInKeyOrderWithinThePrefix) {
  for (const char* key : {"b:1", "a:2", "a:10", "!offset", "a;", "a:1", "a"}) {
    Put(key, "");
  }
  EXPECT_EQ(Scan("a:"), "a:1= a:10= a:2= ");
  EXPECT_EQ(Scan("a:", "a:10"), "a:10= a:2= ");
  EXPECT_EQ(Scan("a:", "a:11"), "a:2= ");
  EXPECT_EQ(Scan("a:", "!"), "a:1= a:10= a:2= ");
  EXPECT_EQ(Scan("a:", "b"), "");
  EXPECT_EQ(Scan("", "b"), "b:1= ");
}

TEST_P(StoreTest, ScansAPrefixThatEndsInTheLastByte) {
  Put("a\xff", "1");
  Put("a\xff\xff", "2");
  Put("b", "3");
  Put("\xff", "4");
  EXPECT_EQ(Scan("a\xff"), "a\xff=1 a\xff\xff=2 ");
  EXPECT_EQ(Scan("\xff"), "\xff=4 ");
}

TEST_P(StoreTest, AScanEndsWhenToldTo) {
  Put("a:1", "");
  Put("a:2", "");
  EXPECT_EQ(Scan("", "", 1), "a:1= ");
}

TEST_P(StoreTest, ReservedRowsSortBeforeIdentities) {
  Put("a:1", "");
  Put(std::string(kOffsetKey), "7");
  EXPECT_EQ(Scan(""), "!offset=7 a:1= ");
  EXPECT_EQ(Scan("", "a"), "a:1= ");
}

TEST_P(StoreTest, ReopensWithAllRows) {
  Put("a:1", "one");
  ASSERT_TRUE(store_->Flush().ok());
  Put("a:2", "two");
  ASSERT_TRUE(store_->Close().ok());
  Open();
  EXPECT_EQ(Scan(""), "a:1=one a:2=two ");
}

// ------------------------------------------------------------------ faults of the fake

TEST(MemoryStoreTest, FailsTheWriteItWasToldToAndLaterOnes) {
  MemoryStore store;
  store.FailWrite(2, Unavailable("disk is full"));
  EXPECT_TRUE(store.Write(std::vector<Row>{{.key = "a:1", .value = "1"}}).ok());
  EXPECT_EQ(store.Write(std::vector<Row>{{.key = "a:2", .value = "2"}}).error().message,
            "disk is full");
  EXPECT_FALSE(store.Write(std::vector<Row>{{.key = "a:3", .value = "3"}}).ok());
  ASSERT_TRUE(store.Resume().ok());
  EXPECT_TRUE(store.Write(std::vector<Row>{{.key = "a:4", .value = "4"}}).ok());
  EXPECT_EQ(store.writes(), 2u);
  EXPECT_EQ(store.Get("a:2").value(), std::nullopt);
  EXPECT_EQ(store.Get("a:4").value(), "4");
}

TEST(MemoryStoreTest, ACrashForgetsWhatWasNotFlushed) {
  MemoryStore store;
  ASSERT_TRUE(store.Write(std::vector<Row>{{.key = "a:1", .value = "1"}}).ok());
  ASSERT_TRUE(store.Flush().ok());
  ASSERT_TRUE(store
                  .Write(std::vector<Row>{{.key = "a:1", .value = std::nullopt},
                                          {.key = "a:2", .value = "2"}})
                  .ok());
  store.Crash();
  EXPECT_EQ(store.Get("a:1").value(), "1");
  EXPECT_EQ(store.Get("a:2").value(), std::nullopt);
}

}  // namespace
}  // namespace hotiron
