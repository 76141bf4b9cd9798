#include "app/output_file.h"

#include <fmt/format.h>
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

Error NotWritable(const std::string& path, int error) {
  return Unavailable(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
}

// Where the links of `path` lead; it need not exist.
fs::path TargetOf(const std::string& path) {
  std::error_code error;
  fs::path target = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::absolute(path) : target;
}

// A device or a pipe: nothing can be put in its place.
bool IsSpecial(const fs::path& target) {
  std::error_code error;
  fs::file_status status = fs::status(target, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

Result<void> CheckPlace(const std::string& path) {
  fs::path target = TargetOf(path);
  std::error_code error;
  if (fs::is_directory(target, error)) {
    return NotWritable(path, EISDIR);
  }
  std::string place = IsSpecial(target) ? target.string() : target.parent_path().string();
  if (access(place.c_str(), W_OK) != 0) {
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
    fs::path target = output.path == "-" ? fs::path("-") : TargetOf(output.path);
    for (const auto& [use, file] : taken) {
      if (file == target && !IsSpecial(target)) {
        return Invalid(fmt::format("{} {}: {}", output.option, output.path, use));
      }
    }
    if (output.path != "-") {
      TRY(CheckPlace(output.path));
    }
    taken.emplace_back("is written by " + output.option, std::move(target));
  }
  return {};
}

OutputFile::OutputFile(const std::string& path)
    : path_(path),
      target_(TargetOf(path).string()),
      beside_(IsSpecial(target_) ? "" : fmt::format("{}.{}.new", target_, getpid())),
      stream_(beside_.empty() ? target_ : beside_, std::ios::binary) {}

Error OutputFile::Failed() const {
  return NotWritable(path_, errno);
}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  TRY(CheckPlace(path));
  std::unique_ptr<OutputFile> file(new OutputFile(path));
  if (!file->stream_) {
    return file->Failed();
  }
  return file;
}

OutputFile::~OutputFile() {
  if (!beside_.empty()) {
    std::remove(beside_.c_str());
  }
}

Result<void> OutputFile::Commit() {
  stream_.close();
  if (!stream_) {
    return Failed();
  }
  if (!beside_.empty()) {
    std::error_code error;
    fs::file_status before = fs::status(target_, error);
    if (fs::exists(before)) {
      fs::permissions(beside_, before.permissions(), error);
    }
    if (std::rename(beside_.c_str(), target_.c_str()) != 0) {
      return Failed();
    }
    beside_.clear();
  }
  return {};
}

Result<void> WriteOutput(const std::string& path, std::string_view text) {
  if (path == "-") {
    std::cout << text << std::flush;
    return std::cout ? Result<void>() : Unavailable("the output could not be written in full");
  }
  TRY_ASSIGN(std::unique_ptr<OutputFile> file, OutputFile::Create(path));
  file->stream() << text;
  return file->Commit();
}

}  // namespace hotiron
