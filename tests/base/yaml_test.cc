#include "base/yaml.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

// Reads a file with the keys name, workers, commit and nested.on; returns the error, or "".
std::string ErrorOf(const std::string& text) {
  Result<YamlMap> map = YamlMap::Parse(text, "file.yaml");
  if (!map.ok()) {
    return map.error().message;
  }
  std::string name;
  int workers = 1;
  Duration commit{};
  bool on = false;
  map.value().Read("name", name);
  map.value().Read("workers", workers, 1, 64);
  map.value().Read("commit", commit);
  map.value().ReadMap("nested", [&](YamlMap& nested) { nested.Read("on", on); });
  Result<void> end = map.value().Finish();
  return end.ok() ? "" : end.error().message;
}

TEST(YamlTest, TakesWhatIsAllowed) {
  EXPECT_EQ(ErrorOf(""), "");
  EXPECT_EQ(ErrorOf("name: x\nworkers: 4\ncommit: 100ms\nnested: {on: true}\n"), "");
}

TEST(YamlTest, NamesLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("name: x\nworkers: 0\n"),
            "file.yaml:2: workers: '0' is not allowed; must be a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf("name: x\nworker: 2\n"),
            "file.yaml:2: worker: unknown key; allowed here: commit, name, nested, workers");
  EXPECT_EQ(ErrorOf("nested:\n  off: true\n"),
            "file.yaml:2: nested.off: unknown key; allowed here: on");
  EXPECT_EQ(ErrorOf("nested: {on: yes}\n"),
            "file.yaml:1: nested.on: 'yes' is not allowed; must be true or false");
  EXPECT_EQ(ErrorOf("workers: \"4\"\n"),
            "file.yaml:1: workers: '4' is not allowed; must be a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf("name: [\n").substr(0, 29), "file.yaml:2: not valid YAML: ");
  EXPECT_EQ(ErrorOf("- x\n"), "file.yaml: must be a mapping (key: value) at the top");
  EXPECT_EQ(ErrorOf("name: x\nname: y\n"), "file.yaml:2: name: given twice");
}

}  // namespace
}  // namespace hotiron
