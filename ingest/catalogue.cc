#include "ingest/catalogue.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>
#include <re2/stringpiece.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/limits.h"
#include "base/yaml.h"

namespace hotiron {
namespace {

using Change = Observation::Change;

constexpr std::array<std::pair<std::string_view, Change>, 3> kChanges{
    {{"created", Change::kCreated}, {"updated", Change::kUpdated}, {"deleted", Change::kDeleted}}};

constexpr std::string_view kNoStage = "none";

struct TextHash {
  using is_transparent = void;

  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

// What is wrong with a pattern; empty when nothing is.
std::string ProblemOf(const std::string& pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return fmt::format("a pattern has at most {} bytes", kPatternBytesMax);
  }
  RE2 compiled(pattern, PatternOptions());
  return compiled.ok() ? "" : fmt::format("'{}' is no RE2 pattern: {}", pattern, compiled.error());
}

// What is wrong with a match as a whole; empty when nothing is.
std::string_view ProblemOf(const pb::Match& match) {
  bool event = !match.event().empty() || !match.event_like().empty();
  bool page = !match.page().empty() || !match.path().empty();
  bool change = !match.entity().empty();
  if (static_cast<int>(event) + static_cast<int>(page) + static_cast<int>(change) != 1) {
    return "give one of: event, event_like, page and/or path, entity";
  }
  if (!match.event().empty() && !match.event_like().empty()) {
    return "give event or event_like, not both";
  }
  bool detail = !match.change().empty() || !match.field().empty() || !match.value().empty();
  if (!change && detail) {
    return "change, field and value go with entity";
  }
  if (change && match.change().empty() && match.field().empty()) {
    return "entity needs change or field";
  }
  if (!match.value().empty() && match.field().empty()) {
    return "value needs field";
  }
  return {};
}

void ReadMatch(YamlMap& entry, pb::Match& match) {
  entry.Read("event", *match.mutable_event());
  entry.Read("event_like", *match.mutable_event_like());
  entry.Read("page", *match.mutable_page());
  entry.Read("path", *match.mutable_path());
  entry.Read("entity", *match.mutable_entity());
  if (entry.Has("change")) {
    size_t change = 0;
    entry.ReadChoice("change", {kChanges[0].first, kChanges[1].first, kChanges[2].first}, change);
    match.set_change(std::string(kChanges[change].first));
  }
  entry.Read("field", *match.mutable_field());
  entry.Read("value", *match.mutable_value());
  for (const auto& [key, pattern] : {std::pair{"event_like", &match.event_like()},
                                     {"path", &match.path()},
                                     {"value", &match.value()}}) {
    if (std::string problem = ProblemOf(*pattern); !problem.empty()) {
      entry.Fail(key, problem);
    }
  }
  if (std::string_view problem = ProblemOf(match); !problem.empty()) {
    entry.Fail("when", problem);
  }
}

// Texts end up in every trigger and summary that they apply to.
void CheckLength(YamlMap& entry, std::string_view key, const std::string& text, size_t bytes) {
  if (text.size() > bytes) {
    entry.Fail(key, fmt::format("has {} bytes, at most {} are allowed", text.size(), bytes));
  }
}

void ReadSignal(YamlMap& entry, const std::vector<std::string_view>& stages,
                std::set<std::string>& names, pb::SignalDefinition& signal) {
  entry.Read("signal", *signal.mutable_signal());
  if (signal.signal().empty()) {
    entry.Fail("signal", "is missing");
  } else if (!names.insert(signal.signal()).second) {
    entry.Fail("signal", fmt::format("'{}' is defined twice", signal.signal()));
  }
  signal.set_label(signal.signal());
  entry.Read("label", *signal.mutable_label());
  entry.Read("topic", *signal.mutable_topic());
  CheckLength(entry, "signal", signal.signal(), kSignalNameBytesMax);
  CheckLength(entry, "label", signal.label(), kLabelBytesMax);
  CheckLength(entry, "topic", signal.topic(), kSignalNameBytesMax);
  size_t stage = stages.size() - 1;  // none
  entry.ReadChoice("stage", stages, stage);
  signal.set_anchor(stage + 1 == stages.size() ? -1 : static_cast<int>(stage));
  double weight = 1;
  entry.Read("weight", weight, 0, 100);
  signal.set_weight(weight);
  bool contact = false;
  entry.Read("contact", contact);
  signal.set_contact(contact);
  entry.ReadEach("when", [&](YamlMap& match) { ReadMatch(match, *signal.add_when()); });
  if (signal.when_size() == 0) {
    entry.Fail("when", "is missing: say what the signal is seen by");
  }
}

// Patterns that are tried together; each belongs to a definition.
class PatternSet {
 public:
  PatternSet() : set_(PatternOptions(), RE2::UNANCHORED) {}

  Result<void> Add(const std::string& pattern, int definition, std::string page) {
    std::string problem;
    if (set_.Add(pattern, &problem) < 0) {
      return Invalid(fmt::format("catalogue: '{}' is no RE2 pattern: {}", pattern, problem));
    }
    owners_.push_back({definition, std::move(page)});
    return {};
  }

  Result<void> Compile() {
    if (!owners_.empty() && !set_.Compile()) {
      return Invalid("catalogue: the patterns are too large together");
    }
    return {};
  }

  // The first definition of which a pattern is found in `text`, or nullopt.
  std::optional<int> Find(std::string_view text, std::string_view page) const {
    std::vector<int> found;
    if (owners_.empty() || !set_.Match(re2::StringPiece(text.data(), text.size()), &found)) {
      return std::nullopt;
    }
    std::optional<int> first;
    for (int index : found) {
      const Owner& owner = owners_[static_cast<size_t>(index)];
      if ((owner.page.empty() || owner.page == page) && (!first || owner.definition < *first)) {
        first = owner.definition;
      }
    }
    return first;
  }

 private:
  struct Owner {
    int definition;
    std::string page;  // the exact name that the page must have too; "" = any
  };

  RE2::Set set_;
  std::vector<Owner> owners_;
};

struct ChangeRule {
  int definition = 0;
  Change change = Change::kNone;  // none: created or updated
  std::string field;
  std::unique_ptr<RE2> value;
};

bool Matches(const ChangeRule& rule, const Observation& observation) {
  bool changed = rule.change == Change::kNone ? observation.change == Change::kCreated ||
                                                    observation.change == Change::kUpdated
                                              : observation.change == rule.change;
  if (!changed || rule.field.empty()) {
    return changed;
  }
  return std::any_of(observation.fields.begin(), observation.fields.end(), [&](const Field& field) {
    std::string_view value = std::string_view(field.value).substr(0, Classifier::kMatchedBytesMax);
    return field.name == rule.field &&
           (rule.value == nullptr ||
            RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *rule.value));
  });
}

}  // namespace

Result<pb::Catalogue> ParseCatalogue(const std::string& text, std::string file_name) {
  TRY_ASSIGN(YamlMap file, YamlMap::Parse(text, std::move(file_name)));
  pb::Catalogue catalogue;
  int version = 0;
  file.Read("version", version, 1, 1'000'000'000);
  if (version == 0) {
    file.Fail("version", "is missing: a whole number that grows with each change");
  }
  catalogue.set_version(static_cast<uint32_t>(version));
  std::vector<std::string> stages{"unaware", "aware", "exploring", "comparing", "deciding"};
  file.Read("stages", stages);
  if (stages.size() < 2 || stages.size() > 20 ||
      std::set<std::string>(stages.begin(), stages.end()).size() != stages.size() ||
      std::count(stages.begin(), stages.end(), kNoStage) != 0) {
    file.Fail("stages", "must be 2 to 20 different names, none of them 'none'");
  }
  for (const std::string& stage : stages) {
    CheckLength(file, "stages", stage, kSignalNameBytesMax);
  }
  catalogue.mutable_stages()->Assign(stages.begin(), stages.end());
  std::vector<std::string_view> choices(stages.begin(), stages.end());
  choices.push_back(kNoStage);

  std::set<std::string> names;
  std::set<std::string> topics{""};
  file.ReadEach("signals", [&](YamlMap& entry) {
    pb::SignalDefinition* signal = catalogue.add_signals();
    ReadSignal(entry, choices, names, *signal);
    topics.insert(signal->topic());
  });
  if (catalogue.signals_size() > kCatalogueSignalsMax) {
    file.Fail("signals", fmt::format("has more than {} entries", kCatalogueSignalsMax));
  }
  file.ReadEach("questions", [&](YamlMap& entry) {
    pb::Question* question = catalogue.add_questions();
    if (entry.Has("stage")) {
      size_t stage = 0;
      entry.ReadChoice("stage", {choices.begin(), choices.end() - 1}, stage);
      question->set_stage(stages[std::min(stage, stages.size() - 1)]);
    }
    entry.Read("topic", *question->mutable_topic());
    if (topics.count(question->topic()) == 0) {
      entry.Fail("topic", fmt::format("'{}' is no signal's topic", question->topic()));
    }
    entry.Read("ask", *question->mutable_ask());
    if (question->ask().empty()) {
      entry.Fail("ask", "is missing");
    }
    CheckLength(entry, "ask", question->ask(), kQuestionBytesMax);
  });
  TRY(file.Finish());
  return catalogue;
}

struct Classifier::State {
  pb::Catalogue catalogue;
  TextMap<int> events;
  TextMap<int> pages;
  PatternSet event_patterns;
  PatternSet paths;
  TextMap<std::vector<ChangeRule>> changes;  // by entity

  Result<void> Add(const pb::Match& match, int definition);

  const pb::SignalDefinition* Definition(int index) const { return &catalogue.signals(index); }
};

Result<void> Classifier::State::Add(const pb::Match& match, int definition) {
  if (std::string_view problem = ProblemOf(match); !problem.empty()) {
    return Invalid(
        fmt::format("catalogue: signal '{}': {}", Definition(definition)->signal(), problem));
  }
  if (!match.event().empty()) {
    events.emplace(match.event(), definition);
  } else if (!match.event_like().empty()) {
    TRY(event_patterns.Add(match.event_like(), definition, ""));
  } else if (!match.path().empty()) {
    TRY(paths.Add(match.path(), definition, match.page()));
  } else if (!match.page().empty()) {
    pages.emplace(match.page(), definition);
  } else {
    ChangeRule rule;
    rule.definition = definition;
    rule.field = match.field();
    for (const auto& [name, change] : kChanges) {
      if (match.change() == name) {
        rule.change = change;
      }
    }
    if (!match.value().empty()) {
      if (std::string problem = ProblemOf(match.value()); !problem.empty()) {
        return Invalid(fmt::format("catalogue: {}", problem));
      }
      rule.value = std::make_unique<RE2>(match.value(), PatternOptions());
    }
    changes[match.entity()].push_back(std::move(rule));
  }
  return {};
}

Result<Classifier> Classifier::Make(pb::Catalogue catalogue) {
  auto state = std::make_unique<State>();
  state->catalogue = std::move(catalogue);
  for (int i = 0; i < state->catalogue.signals_size(); ++i) {
    for (const pb::Match& match : state->catalogue.signals(i).when()) {
      TRY(state->Add(match, i));
    }
  }
  // What was named by an earlier classification, in a history file say, keeps its name.
  for (int i = 0; i < state->catalogue.signals_size(); ++i) {
    state->events.emplace(state->catalogue.signals(i).signal(), i);
  }
  TRY(state->event_patterns.Compile());
  TRY(state->paths.Compile());
  return Classifier(std::move(state));
}

Classifier::Classifier(std::unique_ptr<State> state) : state_(std::move(state)) {}

Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

const pb::Catalogue& Classifier::catalogue() const {
  return state_->catalogue;
}

void Classifier::Classify(const Observation& observation,
                          std::vector<const pb::SignalDefinition*>& matches) const {
  matches.clear();
  std::string_view name = std::string_view(observation.name).substr(0, kMatchedBytesMax);
  switch (observation.kind) {
    case Observation::Kind::kEvent: {
      auto exact = state_->events.find(name);
      std::optional<int> found = exact != state_->events.end()
                                     ? std::optional<int>(exact->second)
                                     : state_->event_patterns.Find(name, {});
      if (found) {
        matches.push_back(state_->Definition(*found));
      }
      return;
    }
    case Observation::Kind::kPage: {
      auto exact = state_->pages.find(name);
      std::string_view path = std::string_view(observation.path).substr(0, kMatchedBytesMax);
      std::optional<int> found = exact != state_->pages.end() ? std::optional<int>(exact->second)
                                                              : state_->paths.Find(path, name);
      if (found) {
        matches.push_back(state_->Definition(*found));
      }
      return;
    }
    case Observation::Kind::kTraits:
      return;
    case Observation::Kind::kChange:
      break;
  }
  auto rules = state_->changes.find(observation.name);
  if (rules == state_->changes.end() || observation.change == Change::kStale) {
    return;
  }
  std::vector<std::string_view> said;  // fields that are a signal already; "" = the change itself
  for (const ChangeRule& rule : rules->second) {
    if (std::find(said.begin(), said.end(), rule.field) == said.end() &&
        Matches(rule, observation)) {
      said.push_back(rule.field);
      const pb::SignalDefinition* definition = state_->Definition(rule.definition);
      if (std::find(matches.begin(), matches.end(), definition) == matches.end()) {
        matches.push_back(definition);
      }
    }
  }
}

}  // namespace hotiron
