#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// Reads a YAML mapping strictly: a key that nobody asked for is an error, and so is a value of the
// wrong type or out of range. Ask for each key, then call Finish; the first error wins and names
// file, line, key, value and what is allowed. A key that is absent leaves the target as it was, so
// defaults are the targets' initial values.
//
//   TRY_ASSIGN(YamlMap file, YamlMap::Parse(text, "policy.yaml"));
//   file.Read("version", policy.version);
//   file.ReadEach("policies", [&](YamlMap& entry) { ... entry.Read("name", name); ... });
//   TRY(file.Finish());
//
// Threads: none of its own; one thread at a time. Nested maps share the error of their root and are
// checked for unknown keys when their callback returns.
class YamlMap {
 public:
  // An empty document is an empty map.
  static Result<YamlMap> Parse(const std::string& text, std::string file_name);

  YamlMap(YamlMap&&) noexcept;
  YamlMap& operator=(YamlMap&&) noexcept;
  ~YamlMap();

  bool Has(std::string_view key) const;

  void Read(std::string_view key, std::string& target);
  void Read(std::string_view key, bool& target);
  void Read(std::string_view key, double& target, double min, double max);
  void Read(std::string_view key, int& target, int min, int max);
  void Read(std::string_view key, Duration& target);
  void Read(std::string_view key, std::vector<std::string>& target);
  void Read(std::string_view key, std::vector<double>& target);  // finite numbers
  // One of `allowed`; `target` is its index.
  void ReadChoice(std::string_view key, const std::vector<std::string_view>& allowed,
                  size_t& target);
  void ReadMap(std::string_view key, const std::function<void(YamlMap&)>& read);
  void ReadEach(std::string_view key, const std::function<void(YamlMap&)>& read);
  // Calls `read` with each key of this map, for maps whose keys are the user's own.
  void ReadAll(const std::function<void(const std::string& key)>& read);

  // Records an error of the caller's own check at `key`: "<file>:<line>: <key>: <problem>".
  void Fail(std::string_view key, std::string_view problem);

  // The first error, or an error about a key that was never asked for.
  Result<void> Finish();

 private:
  struct State;
  explicit YamlMap(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hotiron
