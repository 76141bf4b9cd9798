// State on disk that is not as it was left, and state that another configuration has made.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/app/http_client.h"
#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

void RunToTheEnd(Rig& rig) {
  rig.SendMarket(1'500);
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
}

// Spoils a part of every file in which there are accounts, and returns how many files there were.
// What is read when a database is opened is before and behind it, so the damage is met later.
int DamageRows(const fs::path& state) {
  int files = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(state)) {
    if (entry.path().extension() == ".sst") {
      std::string spoilt(entry.file_size() / 5, '\x5a');
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(static_cast<std::streamoff>(spoilt.size()));
      file << spoilt;
      ++files;
    }
  }
  return files;
}

TEST(State, DamagedRowsAreSetAsideAndRestored) {
  Rig rig("damage");
  rig.AddMarketInEventTime();
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  ASSERT_GT(DamageRows(rig.StateOf("one")), 0);
  rig.SendMarket(1'500);
  std::unique_ptr<Process> process = rig.Start();
  EXPECT_TRUE(process->WaitForLine("state of a partition is closed and restored", kRigPatience))
      << process->Log();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig, {.local = {"one"}});
  EXPECT_TRUE(found.clean()) << found.Words();
}

// A small disk of a process's own, mounted where its state goes; it ends with the process.
constexpr int kDiskMegabytes = 192;

std::vector<std::string> OnSmallDisk(const fs::path& directory) {
  fs::create_directories(directory);
  return {
      "unshare",
      "--mount",
      "sh",
      "-c",
      "mount -t tmpfs -o size=" + std::to_string(kDiskMegabytes) + "m tmpfs \"$0\" && exec \"$@\"",
      directory.string()};
}

// Takes all that is left, as another program might.
void Fill(const fs::path& file) {
  std::ofstream stream(file, std::ios::binary);
  const std::string block(1 << 16, 'x');
  while (stream.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

TEST(State, AFullDiskIsWaitedOut) {
  Rig rig("full");
  std::vector<std::string> on_small_disk = OnSmallDisk(rig.StateOf("one"));
  std::vector<std::string> trial = on_small_disk;
  trial.emplace_back("true");
  if (Process({.arguments = trial, .log = rig.folder() / "mount.log"}).WaitForExit(kRigPatience) !=
      0) {
    GTEST_SKIP() << "mounting a small disk needs root";
  }
  rig.AddMarketInEventTime();
  rig.config.restore_patience = seconds{2};  // a disk may be full for longer
  rig.SendMarket(1'500);
  std::unique_ptr<Process> process = rig.Start("one", "", on_small_disk);
  auto metric = [&](const std::string& name) { return Metric(Get(*process, "/metrics"), name); };
  auto status = [&](const std::string& path) { return Status(Get(*process, path)); };
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  EXPECT_EQ(status("/readyz"), "200");
  EXPECT_EQ(metric("hotiron_stores_remade_total"), 0);

  const fs::path disk =
      "/proc/" + std::to_string(process->pid()) + "/root" + rig.StateOf("one").string();
  Fill(disk / "filler");
  rig.SendMarket(1'500);
  EXPECT_TRUE(process->WaitForLine("state of a partition is closed and restored", kRigPatience))
      << process->Log();
  // Every task waits, and intake goes on.
  EXPECT_TRUE(Rig::WaitFor([&] {
    return !process->running() ||
           metric("hotiron_tasks{state=\"restoring\"}") == rig.config.partitions;
  }));
  EXPECT_GE(metric("hotiron_stores_remade_total"), rig.config.partitions);
  EXPECT_TRUE(Rig::WaitFor([&] { return rig.TakenIn() == rig.Sent() || !process->running(); }));
  ASSERT_FALSE(process->WaitForExit(2 * rig.config.restore_patience)) << process->Log();
  EXPECT_EQ(status("/readyz"), "503");
  EXPECT_EQ(status("/livez"), "200");

  fs::remove(disk / "filler");
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  EXPECT_TRUE(Rig::WaitFor([&] { return status("/readyz") == "200"; })) << Get(*process, "/readyz");
  EXPECT_NE(process->Log().find("could be opened, going on: partition=full.events[0]"),
            std::string::npos)
      << process->Log();
  ASSERT_TRUE(Rig::Stop(*process));
  Findings found = Judge(rig);
  EXPECT_TRUE(found.clean()) << found.Words();
}

TEST(State, OfAnotherTimeUnitIsRefusedAndSaysWhatToDo) {
  Rig rig("unit");
  rig.AddMarketInEventTime();
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
  Duration before = rig.config.time_unit;
  rig.config.time_unit = std::chrono::hours{1};
  std::unique_ptr<Process> process = rig.Start();
  EXPECT_EQ(process->WaitForExit(kRigPatience), 2) << process->Log();
  EXPECT_NE(process->Log().find("journeys.time_unit is 1h, but this state was made with 1d"),
            std::string::npos)
      << process->Log();
  rig.config.time_unit = before;
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd(rig));
}

}  // namespace
}  // namespace hotiron
