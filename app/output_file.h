#pragma once

#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hotiron {

// What a command was told to write: an option and its value. "" is nothing, "-" standard output.
struct Output {
  std::string option;
  std::string path;
};

// Before long work: that every output can be written. kInvalid when two are one file, or one is a
// file that is read as well; kUnavailable when its place does not take it.
Result<void> CheckOutputs(const std::vector<Output>& outputs,
                          const std::vector<std::string>& inputs);

// A file that appears as a whole, in place of what was there and (as far as we may) with its owner
// and mode, or not at all. It is written beside its place; links are followed. What cannot be
// replaced is written directly: a device, a pipe, a file in a folder that takes no other. "-" is
// standard output.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // without Commit: as if it had never been

  std::ostream& stream();

  Result<void> Commit();

 private:
  explicit OutputFile(std::string path);
  Result<void> Open();
  Result<void> CreateBeside();
  void TakeAfterTarget();
  Result<void> Replace();

  const std::string path_;  // as the user named it
  const std::string target_;
  std::string beside_;  // "": written directly, or committed
  std::ofstream file_;
};

// One text, as OutputFile does.
Result<void> WriteOutput(const std::string& path, std::string_view text);

}  // namespace hotiron
