#include "app/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <utility>

namespace hotiron {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStandardOutput = "-";
constexpr int kLinksMax = 40;
constexpr int kNamesTried = 100;  // for the file beside

Error NotWritable(const std::string& path, int error) {
  return Unavailable(fmt::format("{}: cannot be written: {}",
                                 path == kStandardOutput ? "standard output" : path,
                                 error == 0 ? "not all of it was taken" : std::strerror(error)));
}

// /dev/stdout and its like: what is open already is not to be replaced, whatever it is.
bool IsOpenAlready(const fs::path& target) {
  constexpr std::string_view kOpenHandles[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/"};
  std::string name = target.string();
  return std::any_of(std::begin(kOpenHandles), std::end(kOpenHandles),
                     [&](std::string_view place) { return name.rfind(place, 0) == 0; });
}

// Where the links of `path` lead, be there anything or not.
fs::path TargetOf(const std::string& path) {
  std::error_code error;
  fs::path target = fs::absolute(path);
  for (int i = 0; i < kLinksMax && fs::is_symlink(target, error) && !fs::exists(target, error);
       ++i) {
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  if (IsOpenAlready(target)) {
    return target;
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
  return !IsOpenAlready(target) && (!fs::exists(status) || fs::is_regular_file(status)) &&
         MayWrite(target.parent_path());
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
  file_.open(beside_.empty() ? target_ : beside_,
             IsOpenAlready(target_) ? std::ios::binary | std::ios::app : std::ios::binary);
  return file_ ? Result<void>() : NotWritable(path_, errno);
}

Result<void> OutputFile::CreateBeside() {
  bool replaces = access(target_.c_str(), F_OK) == 0;  // whose mode is not known to us yet
  for (int i = 0; i < kNamesTried; ++i) {
    std::string name = fmt::format("{}.{}-{}.new", target_, getpid(), i);
    int created =
        open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? 0600 : 0666);
    if (created >= 0) {
      close(created);
      beside_ = std::move(name);
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
  if (stream()) {
    errno = 0;  // else it says why the stream is bad
  }
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

// Gives it the owner, as far as we may, and the mode of what it replaces.
void OutputFile::TakeAfterTarget() {
  struct stat before {};

  if (stat(target_.c_str(), &before) == 0) {
    bool shared = chown(beside_.c_str(), before.st_uid, before.st_gid) == 0 ||
                  chown(beside_.c_str(), static_cast<uid_t>(-1), before.st_gid) == 0;
    chmod(beside_.c_str(), before.st_mode & (shared ? 0777 : 0707));
  }
}

Result<void> OutputFile::Replace() {
  TakeAfterTarget();
  if (std::rename(beside_.c_str(), target_.c_str()) == 0) {
    beside_.clear();
    return {};
  }
  if (errno != EBUSY && errno != EPERM && errno != EACCES) {
    return NotWritable(path_, errno);
  }
  // Something is mounted there, as a file of a container may be, or the folder is sticky.
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
