#include "base/yaml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace hotiron {
namespace {

// Quoted scalars are text, whatever they look like: yaml-cpp marks them with the tag "!".
bool IsQuoted(const YAML::Node& node) {
  return node.Tag() == "!";
}

}  // namespace

// What one document shares: the name for messages and the first error.
struct YamlDocument {
  std::string file_name;
  std::optional<Error> error;
};

struct YamlMap::State {
  std::shared_ptr<YamlDocument> document;  // shared: nested maps live inside callbacks only
  YAML::Node node;
  std::string prefix;  // "policies[0]."
  std::set<std::string, std::less<>> asked;

  void Fail(const YAML::Node& at, std::string_view key, std::string_view problem) {
    if (document->error) {
      return;
    }
    std::string line = at.Mark().is_null() ? "" : fmt::format(":{}", at.Mark().line + 1);
    document->error =
        Invalid(fmt::format("{}{}: {}{}: {}", document->file_name, line, prefix, key, problem));
  }

  // The node under `key` when it is there and not null.
  std::optional<YAML::Node> Find(std::string_view key) {
    asked.emplace(key);
    YAML::Node child = std::as_const(node)[std::string(key)];
    if (document->error || !child.IsDefined() || child.IsNull()) {
      return std::nullopt;
    }
    return child;
  }

  std::optional<YAML::Node> FindScalar(std::string_view key, std::string_view wanted) {
    std::optional<YAML::Node> child = Find(key);
    if (child && !child->IsScalar()) {
      Fail(*child, key, fmt::format("must be {}", wanted));
      return std::nullopt;
    }
    return child;
  }

  void FailValue(const YAML::Node& at, std::string_view key, std::string_view wanted) {
    Fail(at, key, fmt::format("'{}' is not allowed; must be {}", at.Scalar(), wanted));
  }

  void CheckUnknown() {
    if (document->error) {
      return;
    }
    for (const auto& pair : node) {
      if (!pair.first.IsScalar() || asked.count(pair.first.Scalar()) == 0) {
        std::string name = pair.first.IsScalar() ? pair.first.Scalar() : "(not a word)";
        Fail(pair.first, name,
             fmt::format("unknown key; allowed here: {}", fmt::join(asked, ", ")));
        return;
      }
    }
  }

  void Nested(const YAML::Node& child, const std::string& name,
              const std::function<void(YamlMap&)>& read) {
    if (!child.IsMap()) {
      Fail(child, name, "must be a mapping (key: value)");
      return;
    }
    auto state = std::make_unique<State>(State{document, child, prefix + name + ".", {}});
    YamlMap map(std::move(state));
    read(map);
    map.state_->CheckUnknown();
  }
};

YamlMap::YamlMap(std::unique_ptr<State> state) : state_(std::move(state)) {}

YamlMap::YamlMap(YamlMap&&) noexcept = default;
YamlMap& YamlMap::operator=(YamlMap&&) noexcept = default;
YamlMap::~YamlMap() = default;

Result<YamlMap> YamlMap::Parse(const std::string& text, std::string file_name) {
  auto document = std::make_shared<YamlDocument>();
  document->file_name = std::move(file_name);
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& problem) {
    return Invalid(fmt::format("{}:{}: not valid YAML: {}", document->file_name,
                               problem.mark.line + 1, problem.msg));
  }
  if (root.IsNull()) {
    root = YAML::Node(YAML::NodeType::Map);
  }
  if (!root.IsMap()) {
    return Invalid(
        fmt::format("{}: must be a mapping (key: value) at the top", document->file_name));
  }
  std::set<std::string> seen;
  for (const auto& pair : root) {
    if (pair.first.IsScalar() && !seen.insert(pair.first.Scalar()).second) {
      return Invalid(fmt::format("{}:{}: {}: given twice", document->file_name,
                                 pair.first.Mark().line + 1, pair.first.Scalar()));
    }
  }
  return YamlMap(std::make_unique<State>(State{std::move(document), root, "", {}}));
}

bool YamlMap::Has(std::string_view key) const {
  return std::as_const(state_->node)[std::string(key)].IsDefined();
}

void YamlMap::Read(std::string_view key, std::string& target) {
  if (auto child = state_->FindScalar(key, "text")) {
    target = child->Scalar();
  }
}

void YamlMap::Read(std::string_view key, bool& target) {
  constexpr std::string_view kWanted = "true or false";
  if (auto child = state_->FindScalar(key, kWanted)) {
    if (IsQuoted(*child) || (child->Scalar() != "true" && child->Scalar() != "false")) {
      state_->FailValue(*child, key, kWanted);
      return;
    }
    target = child->Scalar() == "true";
  }
}

void YamlMap::Read(std::string_view key, double& target, double min, double max) {
  std::string wanted = fmt::format("a number from {} to {}", min, max);
  if (auto child = state_->FindScalar(key, wanted)) {
    double number = 0;
    if (IsQuoted(*child) || !YAML::convert<double>::decode(*child, number) ||
        !(number >= min && number <= max)) {
      state_->FailValue(*child, key, wanted);
      return;
    }
    target = number;
  }
}

void YamlMap::Read(std::string_view key, int& target, int min, int max) {
  std::string wanted = fmt::format("a whole number from {} to {}", min, max);
  if (auto child = state_->FindScalar(key, wanted)) {
    int number = 0;
    if (IsQuoted(*child) || !YAML::convert<int>::decode(*child, number) || number < min ||
        number > max) {
      state_->FailValue(*child, key, wanted);
      return;
    }
    target = number;
  }
}

void YamlMap::Read(std::string_view key, Duration& target) {
  constexpr std::string_view kWanted = "a duration such as 250ms, 90s, 15m, 36h or 14d";
  if (auto child = state_->FindScalar(key, kWanted)) {
    std::optional<Duration> duration = ParseDuration(child->Scalar());
    if (!duration) {
      state_->FailValue(*child, key, kWanted);
      return;
    }
    target = *duration;
  }
}

void YamlMap::Read(std::string_view key, std::vector<std::string>& target) {
  std::optional<YAML::Node> child = state_->Find(key);
  if (!child) {
    return;
  }
  std::vector<std::string> list;
  if (!child->IsSequence()) {
    state_->Fail(*child, key, "must be a list");
    return;
  }
  for (const auto& item : *child) {
    if (!item.IsScalar()) {
      state_->Fail(item, key, "must be a list of words");
      return;
    }
    list.push_back(item.Scalar());
  }
  target = std::move(list);
}

void YamlMap::Read(std::string_view key, std::vector<double>& target) {
  std::optional<YAML::Node> child = state_->Find(key);
  if (!child) {
    return;
  }
  if (!child->IsSequence()) {
    state_->Fail(*child, key, "must be a list of numbers");
    return;
  }
  std::vector<double> list;
  for (const auto& item : *child) {
    double number = 0;
    if (!item.IsScalar() || IsQuoted(item) || !YAML::convert<double>::decode(item, number) ||
        !std::isfinite(number)) {
      state_->Fail(item, key, "must be a list of numbers");
      return;
    }
    list.push_back(number);
  }
  target = std::move(list);
}

void YamlMap::ReadChoice(std::string_view key, const std::vector<std::string_view>& allowed,
                         size_t& target) {
  std::string wanted = fmt::format("one of {}", fmt::join(allowed, ", "));
  if (auto child = state_->FindScalar(key, wanted)) {
    for (size_t i = 0; i < allowed.size(); ++i) {
      if (child->Scalar() == allowed[i]) {
        target = i;
        return;
      }
    }
    state_->FailValue(*child, key, wanted);
  }
}

void YamlMap::ReadMap(std::string_view key, const std::function<void(YamlMap&)>& read) {
  if (auto child = state_->Find(key)) {
    state_->Nested(*child, std::string(key), read);
  }
}

void YamlMap::ReadEach(std::string_view key, const std::function<void(YamlMap&)>& read) {
  std::optional<YAML::Node> child = state_->Find(key);
  if (!child) {
    return;
  }
  if (!child->IsSequence()) {
    state_->Fail(*child, key, "must be a list");
    return;
  }
  for (size_t i = 0; i < child->size(); ++i) {
    state_->Nested((*child)[i], fmt::format("{}[{}]", key, i), read);
  }
}

void YamlMap::ReadAll(const std::function<void(const std::string& key)>& read) {
  for (const auto& pair : state_->node) {
    if (pair.first.IsScalar()) {
      read(pair.first.Scalar());
    }
  }
}

void YamlMap::Fail(std::string_view key, std::string_view problem) {
  YAML::Node child = std::as_const(state_->node)[std::string(key)];
  state_->Fail(child.IsDefined() ? child : state_->node, key, problem);
}

Result<void> YamlMap::Finish() {
  state_->CheckUnknown();
  if (state_->document->error) {
    return *state_->document->error;
  }
  return {};
}

}  // namespace hotiron
