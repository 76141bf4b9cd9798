// State on disk that is not as it was left, and state that another configuration has made.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/integration/oracle.h"
#include "tests/integration/rig.h"

namespace hotiron {
namespace {

namespace fs = std::filesystem;

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
