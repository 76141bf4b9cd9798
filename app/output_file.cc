#include "app/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <utility>

namespace hotiron {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStandardOutput = "-";
constexpr int kLinksMax = 40;
constexpr int kNamesTried = 100;  // for the file beside

Error NotWritable(const std::string& path, int error) {
  return Unavailable(fmt::format("{}: cannot be written: {}", path,
                                 error == 0 ? "not all of it was taken" : std::strerror(error)));
}

// Where the links of `path` lead, be there anything or not.
fs::path TargetOf(const std::string& path) {
  std::error_code error;
  fs::path target = fs::absolute(path);
  for (int i = 0; i < kLinksMax && fs::is_symlink(target, error); ++i) {
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  fs::path canonical = fs::weakly_canonical(target, error);
  return error ? target : canonical;
}

bool MayWrite(const fs::path& path) {
  return access(path.c_str(), W_OK) == 0;
}

// Whether a file can be put in its place: there is none yet or a regular one, and its folder takes
// another.
bool CanReplace(const fs::path& target) {
  std::error_code error;
  fs::file_status status = fs::status(target, error);
  return (!fs::exists(status) || fs::is_regular_file(status)) && MayWrite(target.parent_path());
}

Result<void> CheckPlace(const std::string& path, const fs::path& target) {
  std::error_code error;
  if (fs::is_directory(target, error)) {
    return NotWritable(path, EISDIR);
  }
  if (!CanReplace(target) && !MayWrite(fs::exists(target, error) ? target : target.parent_path())) {
    return NotWritable(path, errno);
  }
  return {};
}

}  // namespace

Result<void> CheckOutputs(const std::vector<Output>& outputs,
                          const std::vector<std::string>& inputs) {
  std::vector<std::pair<std::string, fs::path>> taken;
  for (const std::string& input : inputs) {
    if (!input.empty()) {
      taken.emplace_back("is read by this command", TargetOf(input));
    }
  }
  for (const Output& output : outputs) {
    if (output.path.empty()) {
      continue;
    }
    bool standard = output.path == kStandardOutput;
    fs::path target = standard ? fs::path(output.path) : TargetOf(output.path);
    for (const auto& [use, file] : taken) {
      std::error_code error;
      if (file == target && (standard || !fs::is_other(target, error))) {
        return Invalid(fmt::format("{} {}: {}", output.option, output.path, use));
      }
    }
    if (!standard) {
      TRY(CheckPlace(output.path, target));
    }
    taken.emplace_back("is written by " + output.option, std::move(target));
  }
  return {};
}

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)),
      target_(path_ == kStandardOutput ? path_ : TargetOf(path_).string()) {}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  std::unique_ptr<OutputFile> file(new OutputFile(path));
  TRY(file->Open());
  return file;
}

Result<void> OutputFile::Open() {
  if (path_ == kStandardOutput) {
    return {};
  }
  TRY(CheckPlace(path_, target_));
  if (CanReplace(target_)) {
    TRY(CreateBeside());
  }
  file_.open(beside_.empty() ? target_ : beside_, std::ios::binary);
  return file_ ? Result<void>() : NotWritable(path_, errno);
}

// With the mode and, where we may give it away, the owner of what it is to replace.
Result<void> OutputFile::CreateBeside() {
  struct stat before {};

  bool replaces = stat(target_.c_str(), &before) == 0;
  for (int i = 0; i < kNamesTried; ++i) {
    std::string name = fmt::format("{}.{}-{}.new", target_, getpid(), i);
    int created = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                       replaces ? before.st_mode & 0777 : 0666);
    if (created >= 0) {
      beside_ = std::move(name);
      bool ours = !replaces || fchown(created, before.st_uid, before.st_gid) == 0;
      if (replaces && ours) {
        fchmod(created, before.st_mode & 0777);  // whatever the umask is
      }
      close(created);
      return {};
    }
    if (errno != EEXIST) {
      break;
    }
  }
  return NotWritable(path_, errno);
}

OutputFile::~OutputFile() {
  if (!beside_.empty()) {
    std::remove(beside_.c_str());
  }
}

std::ostream& OutputFile::stream() {
  return path_ == kStandardOutput ? std::cout : static_cast<std::ostream&>(file_);
}

Result<void> OutputFile::Commit() {
  errno = 0;
  if (!stream().flush()) {
    return NotWritable(path_, errno);
  }
  if (path_ == kStandardOutput) {
    return {};
  }
  file_.close();
  if (!file_) {
    return NotWritable(path_, errno);
  }
  return beside_.empty() ? Result<void>() : Replace();
}

Result<void> OutputFile::Replace() {
  if (std::rename(beside_.c_str(), target_.c_str()) == 0) {
    beside_.clear();
    return {};
  }
  if (errno != EBUSY) {
    return NotWritable(path_, errno);
  }
  // Something is mounted there, as a file of a container may be.
  std::error_code error;
  fs::copy_file(beside_, target_, fs::copy_options::overwrite_existing, error);
  return error ? Result<void>(NotWritable(path_, error.value())) : Result<void>();
}

Result<void> WriteOutput(const std::string& path, std::string_view text) {
  TRY_ASSIGN(std::unique_ptr<OutputFile> file, OutputFile::Create(path));
  file->stream() << text;
  return file->Commit();
}

}  // namespace hotiron
