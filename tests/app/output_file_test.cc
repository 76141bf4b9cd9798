#include "app/output_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/temp_dir.h"

namespace hotiron {
namespace {

namespace fs = std::filesystem;

class OutputFiles : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::string Make(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  static std::string Text(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  size_t Files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  TempDir folder_;
};

TEST_F(OutputFiles, AppearAsAWholeOrNotAtAll) {
  std::string path = Make("report", "before");
  {
    std::unique_ptr<OutputFile> file = OutputFile::Create(path).value();
    file->stream() << "half";
  }
  EXPECT_EQ(Text(path), "before");
  EXPECT_EQ(Files(), 1U);
  std::unique_ptr<OutputFile> file = OutputFile::Create(path).value();
  file->stream() << "whole";
  EXPECT_EQ(Text(path), "before");
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Text(path), "whole");
  EXPECT_EQ(Files(), 1U);
}

TEST_F(OutputFiles, LinksAreFollowedAndModesKept) {
  std::string path = Make("model-7", "before");
  chmod(path.c_str(), 0640);
  fs::create_symlink("model-7", Path("model"));
  ASSERT_TRUE(WriteOutput(Path("model"), "after").ok());
  EXPECT_TRUE(fs::is_symlink(Path("model")));
  EXPECT_EQ(Text(path), "after");
  EXPECT_EQ(static_cast<int>(fs::status(path).permissions()), 0640);
}

TEST_F(OutputFiles, ALinkToNothingYetIsFollowed) {
  fs::create_symlink("model-8", Path("model"));
  ASSERT_TRUE(WriteOutput(Path("model"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(Path("model")));
  EXPECT_EQ(Text(Path("model-8")), "new");
}

TEST_F(OutputFiles, APipeIsWrittenToAndStays) {
  std::string path = Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::fstream reader(path, std::ios::in | std::ios::out);
  ASSERT_TRUE(CheckOutputs({{"--out", path}}, {}).ok());
  ASSERT_TRUE(WriteOutput(path, "a line\n").ok());
  std::string line;
  std::getline(reader, line);
  EXPECT_EQ(line, "a line");
  EXPECT_EQ(fs::status(path).type(), fs::file_type::fifo);
}

TEST_F(OutputFiles, AnOpenPipeHasNoName) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::string path = fmt::format("/dev/fd/{}", ends[1]);
  ASSERT_TRUE(CheckOutputs({{"--json", path}}, {}).ok());
  ASSERT_TRUE(WriteOutput(path, "text").ok());
  char read_back[4];
  EXPECT_EQ(read(ends[0], read_back, 4), 4);
  EXPECT_EQ(std::string(read_back, 4), "text");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(OutputFiles, WhatMayOnlyBeReadIsReplacedAndStaysSo) {
  std::string path = Make("report", "before");
  chmod(path.c_str(), 0444);
  ASSERT_TRUE(WriteOutput(path, "after").ok());
  EXPECT_EQ(Text(path), "after");
  EXPECT_EQ(static_cast<int>(fs::status(path).permissions()), 0444);
}

TEST_F(OutputFiles, AFullDeviceIsSaid) {
  Result<void> written = WriteOutput("/dev/full", std::string(100'000, 'x'));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().message, "/dev/full: cannot be written: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(OutputFiles, AreCheckedBeforeTheWork) {
  std::string events = Make("events.csv", "");
  fs::create_symlink("events.csv", Path("link"));
  auto problem = [](const std::vector<Output>& outputs, const std::vector<std::string>& inputs) {
    Result<void> checked = CheckOutputs(outputs, inputs);
    return checked.ok() ? "" : checked.error().message;
  };
  EXPECT_EQ(problem({{"--out", Path("new")}, {"--json", "-"}, {"--html", ""}}, {events, ""}), "");
  EXPECT_EQ(problem({{"--out", Path("link")}}, {events}),
            fmt::format("--out {}: is read by this command", Path("link")));
  EXPECT_EQ(problem({{"--out", Path("a")}, {"--json", Path("./a")}}, {}),
            fmt::format("--json {}: is written by --out", Path("./a")));
  EXPECT_EQ(problem({{"--out", "a-new-file-here"}}, {}), "");
  EXPECT_EQ(problem({{"--out", "-"}, {"--json", "-"}}, {}), "--json -: is written by --out");
  EXPECT_EQ(problem({{"--out", folder_.path().string()}}, {}),
            fmt::format("{}: cannot be written: Is a directory", folder_.path().string()));
  EXPECT_EQ(problem({{"--out", Path("nowhere/a")}}, {}),
            fmt::format("{}: cannot be written: No such file or directory", Path("nowhere/a")));
}

}  // namespace
}  // namespace hotiron
