// A process of its own for tests that kill it, or that must not share a mount or a lock with it.
//   store_writer write DIR SEED   writes batches from where the store stands, a line per batch
//   store_writer torn DIR SEED    writes one batch wrongly: its offset row ahead of its rows
//   store_writer hold DIR         opens the store, says so, and keeps it until its input ends
//   store_writer full DIR SEED    fills a small disk mounted on DIR, frees it and goes on; prints
//   what
//                                 went wrong and returns 1, or 77 where it may not mount
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "state/rocksdb_store.h"
#include "tests/state/writer_model.h"

namespace hotiron {
namespace {

constexpr int kMayNotMount = 77;  // what ctest and automake call skipped

std::unique_ptr<StoreResources> MakeResources(const std::string& directory) {
  // The smallest write buffers there are, so that many files are made.
  StoreOptions options{.directory = directory,
                       .disk_reserve_bytes = uint64_t{2} << 20,
                       .memory_bytes = size_t{8} << 20,
                       .write_share = 0.25,
                       .databases = 1};
  Result<std::unique_ptr<StoreResources>> resources = StoreResources::Create(options);
  CHECK(resources.ok());
  return std::move(resources).value();
}

std::unique_ptr<Store> OpenStore(StoreResources& resources) {
  Result<OpenedStore> opened = resources.Open("events", 0, EventTime(), nullptr);
  CHECK(opened.ok());
  return std::move(opened).value().store;
}

uint64_t LastBatch(const Store& store) {
  Result<std::optional<std::string>> offset = store.Get(kOffsetKey);
  CHECK(offset.ok());
  return offset.value().has_value() ? std::stoull(*offset.value()) : 0;
}

[[noreturn]] void WriteForEver(const std::string& directory, uint64_t seed) {
  std::unique_ptr<StoreResources> resources = MakeResources(directory);
  std::unique_ptr<Store> store = OpenStore(*resources);
  for (uint64_t number = LastBatch(*store) + 1;; ++number) {
    CHECK(store->Write(WriterBatch(seed, number)).ok());
    if (number % 64 == 0) {
      CHECK(store->Flush().ok());
    }
    std::cout << number << std::endl;
  }
}

int WriteTorn(const std::string& directory, uint64_t seed) {
  std::unique_ptr<StoreResources> resources = MakeResources(directory);
  std::unique_ptr<Store> store = OpenStore(*resources);
  std::vector<Row> batch = WriterBatch(seed, LastBatch(*store) + 1);
  CHECK(store->Write(std::span(batch).last(1)).ok());
  CHECK(store->Flush().ok());
  CHECK(store->Write(batch).ok());
  _exit(0);  // as a kill would: nothing is flushed
}

int Hold(const std::string& directory) {
  std::unique_ptr<StoreResources> resources = MakeResources(directory);
  std::unique_ptr<Store> store = OpenStore(*resources);
  std::cout << "open" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  return 0;
}

int Complain(const std::string& what) {
  std::cout << what << std::endl;
  return 1;
}

int FillDisk(const std::string& directory, uint64_t seed) {
  // In a mount namespace of its own: nobody else sees the disk, and it goes with the process.
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", directory.c_str(), "tmpfs", 0, "size=24m") != 0) {
    return kMayNotMount;
  }
  std::string ballast = directory + "/ballast";
  std::ofstream(ballast) << std::string(size_t{16} << 20, 'x');

  std::unique_ptr<StoreResources> resources = MakeResources(directory);
  std::unique_ptr<Store> store = OpenStore(*resources);
  constexpr uint64_t kMost = 100'000;  // rows of about 30 kB: far more than the disk holds
  uint64_t number = 0;
  Result<void> written;
  while (written.ok() && number < kMost) {
    // Rows under keys of their own, so that compaction frees nothing.
    std::vector<Row> batch = WriterBatch(seed, number + 1);
    for (Row& row : batch) {
      if (row.key != kOffsetKey) {
        row.key += "/" + std::to_string(number + 1);
      }
    }
    written = store->Write(batch);
    number += written.ok() ? 1 : 0;
  }
  if (written.ok()) {
    return Complain("the disk never filled");
  }
  if (written.error().code != Error::Code::kUnavailable ||
      written.error().message.find("takes no more writes") == std::string::npos) {
    return Complain("a full disk says: " + written.error().message);
  }
  if (LastBatch(*store) != number) {
    return Complain("the refused batch was written, or an accepted one lost");
  }
  if (Result<void> flushed = store->Flush(); !flushed.ok()) {
    return Complain("accepted more than fits: " + flushed.error().message);
  }
  if (store->Resume().ok()) {
    return Complain("resumed on a full disk");
  }
  std::filesystem::remove(ballast);
  Result<void> resumed = store->Resume();
  if (!resumed.ok()) {
    return Complain("did not resume: " + resumed.error().message);
  }
  std::vector<Row> last = {{.key = std::string(kOffsetKey), .value = std::to_string(number + 1)}};
  if (Result<void> again = store->Write(last); !again.ok()) {
    return Complain("resumed, but takes no writes: " + again.error().message);
  }
  if (Result<void> closed = store->Close(); !closed.ok()) {
    return Complain("did not close: " + closed.error().message);
  }
  store = OpenStore(*resources);
  uint64_t rows = 0;
  CHECK(store->Scan("a:", "", [&rows](std::string_view, std::string_view) { return ++rows > 0; })
            .ok());
  if (LastBatch(*store) != number + 1 || rows == 0) {
    return Complain("after the disk was full: " + std::to_string(rows) + " rows, batch " +
                    std::to_string(LastBatch(*store)) + " instead of " +
                    std::to_string(number + 1));
  }
  return 0;
}

int Run(const std::vector<std::string>& arguments) {
  CHECK(arguments.size() >= 3);
  const std::string& mode = arguments[1];
  const std::string& directory = arguments[2];
  uint64_t seed = arguments.size() > 3 ? std::stoull(arguments[3]) : 0;
  if (mode == "write") {
    WriteForEver(directory, seed);
  }
  if (mode == "torn") {
    return WriteTorn(directory, seed);
  }
  if (mode == "hold") {
    return Hold(directory);
  }
  CHECK(mode == "full");
  return FillDisk(directory, seed);
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  return hotiron::Run(std::vector<std::string>(argv, argv + argc));
}
