#pragma once

#include <fstream>
#include <memory>
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

// A file that appears as a whole, in place of what was there, or not at all. It is written beside
// its place; links are followed. What is no regular file (a device, a pipe) is written directly.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // without Commit: as if it had never been

  std::ostream& stream() { return stream_; }

  Result<void> Commit();

 private:
  explicit OutputFile(const std::string& path);
  Error Failed() const;

  const std::string path_;  // as the user named it
  std::string target_;
  std::string beside_;  // "": written directly, or committed
  std::ofstream stream_;
};

// One text, as OutputFile does; "-" is standard output.
Result<void> WriteOutput(const std::string& path, std::string_view text);

}  // namespace hotiron
