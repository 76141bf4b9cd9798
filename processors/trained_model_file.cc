#include "processors/trained_model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/hash.h"
#include "base/json.h"
#include "base/yaml.h"

namespace hotiron {
namespace {

constexpr std::string_view kHashLine = "\nhash: ";
constexpr double kAnyNumber = 1e300;
constexpr double kCountMax = 9e15;  // whole numbers that a double holds exactly

// A text as YAML reads it back, whatever it holds.
std::string Quote(std::string_view text) {
  JsonWriter writer;
  writer.Value(text);
  return std::string(writer.text());
}

std::string QuoteAll(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  quoted.reserve(texts.size());
  for (const std::string& text : texts) {
    quoted.push_back(Quote(text));
  }
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string ColumnName(size_t column, const Vocabulary& vocabulary) {
  static constexpr std::array<std::string_view, kGeneralColumns> kGeneral{"total at half-life 1",
                                                                          "total at half-life 7",
                                                                          "total at half-life 30",
                                                                          "silence",
                                                                          "silence beyond 0.1",
                                                                          "silence beyond 0.5",
                                                                          "silence beyond 1",
                                                                          "silence beyond 3.5",
                                                                          "silence beyond 7",
                                                                          "silence beyond 14",
                                                                          "age",
                                                                          "age beyond 1",
                                                                          "age beyond 3",
                                                                          "age beyond 7",
                                                                          "age beyond 14",
                                                                          "age beyond 30",
                                                                          "age beyond 45",
                                                                          "sessions",
                                                                          "events",
                                                                          "people"};
  static constexpr std::array<std::string_view, kSignalColumns> kSignal{
      "at half-life 1", "at half-life 7", "at half-life 30", "seen",
      "seen, by age",   "last",           "last but one",    "last, by silence"};
  if (column < kGeneralColumns) {
    return std::string(kGeneral[column]);
  }
  size_t signal = (column - kGeneralColumns) / kSignalColumns;
  return fmt::format("{}: {}", vocabulary.names()[signal],
                     kSignal[(column - kGeneralColumns) % kSignalColumns]);
}

std::string WriteFacts(const TrainingFacts& facts) {
  return fmt::format(
      "training:\n"
      "  from: {}\n"
      "  until: {}\n"
      "  events: {}\n"
      "  accounts: {}\n"
      "  bought: {}\n"
      "  lost: {}\n"
      "  open: {}\n"
      "  rows: {}\n"
      "  maturity: {}  # by this age 95 % of the outcomes that come have come\n"
      "  catalogue: {}  # version of the signal catalogue; 0: none, every signal weighs 1\n"
      "  won: {}\n"
      "  masks: {}\n"
      "  seed: {}\n"
      "  data_hash: {}  # of the events and outcomes\n",
      Quote(FormatTime(facts.from)), Quote(FormatTime(facts.until)), facts.events, facts.accounts,
      facts.bought, facts.lost, facts.open, facts.rows, FormatDuration(facts.maturity),
      facts.catalogue, QuoteAll(facts.won), QuoteAll(facts.masks), facts.seed,
      Quote(facts.data_hash));
}

std::string WriteHead(const Head& head) {
  return fmt::format(
      "  - horizon: {}\n"
      "    rows: {}\n"
      "    accounts: {}\n"
      "    buyers: {}\n"
      "    positive: {}\n"
      "    cold_start: {}\n"
      "    gate: {{open: {}, slope: {}, error: {}}}\n"
      "{}"
      "    age_model: {{bias: {}, weights: [{}], age_max: {}}}\n"
      "    bias: {}\n",
      SayHorizon(head.horizon), head.rows, head.accounts, head.buyers, head.positive,
      head.cold_start, head.gate.open, head.gate.slope, head.gate.error,
      head.auc ? fmt::format("    auc: {}\n", *head.auc) : "", head.age_model.bias,
      fmt::join(head.age_model.weights, ", "), head.age_model.age_max, head.bias);
}

std::string WriteStage(const StageHead& head) {
  return fmt::format(
      "stage:  # which stage an account is in: softmax of bias + weights of the columns\n"
      "  stages: {}\n"
      "  rows: {}\n"
      "  accounts: {}\n"
      "  gate: {{open: {}, reference: {}, gain: {}, error: {}, accuracy: {}, "
      "reference_accuracy: {}}}\n"
      "  bias: [{}]\n",
      QuoteAll(head.stages), head.rows, head.accounts, head.gate.open, head.gate.reference,
      head.gate.gain, head.gate.error, head.gate.accuracy, head.gate.reference_accuracy,
      fmt::join(head.bias, ", "));
}

void ReadCount(YamlMap& map, std::string_view key, uint64_t& target) {
  double number = static_cast<double>(target);
  map.Read(key, number, 0, kCountMax);
  target = static_cast<uint64_t>(number);
}

void ReadTime(YamlMap& map, std::string_view key, EventTime& target) {
  std::string text;
  map.Read(key, text);
  if (std::optional<EventTime> time = ParseTime(text)) {
    target = *time;
  } else {
    map.Fail(key, "must be a time such as 2026-03-01T00:00:00Z");
  }
}

void ReadFacts(YamlMap& map, TrainingFacts& facts) {
  ReadTime(map, "from", facts.from);
  ReadTime(map, "until", facts.until);
  ReadCount(map, "events", facts.events);
  ReadCount(map, "accounts", facts.accounts);
  ReadCount(map, "bought", facts.bought);
  ReadCount(map, "lost", facts.lost);
  ReadCount(map, "open", facts.open);
  ReadCount(map, "rows", facts.rows);
  map.Read("maturity", facts.maturity);
  ReadCount(map, "catalogue", facts.catalogue);
  map.Read("won", facts.won);
  map.Read("masks", facts.masks);
  ReadCount(map, "seed", facts.seed);
  map.Read("data_hash", facts.data_hash);
}

void ReadHead(YamlMap& map, Head& head) {
  std::string horizon;
  map.Read("horizon", horizon);
  Result<std::optional<Duration>> parsed = ParseHorizon(horizon);
  if (parsed.ok()) {
    head.horizon = parsed.value();
  } else {
    map.Fail("horizon", parsed.error().message);
  }
  ReadCount(map, "rows", head.rows);
  ReadCount(map, "accounts", head.accounts);
  ReadCount(map, "buyers", head.buyers);
  map.Read("positive", head.positive, 0, 1);
  map.Read("cold_start", head.cold_start);
  map.ReadMap("gate", [&](YamlMap& gate) {
    gate.Read("open", head.gate.open);
    gate.Read("slope", head.gate.slope, -kAnyNumber, kAnyNumber);
    gate.Read("error", head.gate.error, 0, kAnyNumber);
  });
  if (map.Has("auc")) {
    double auc = 0;
    map.Read("auc", auc, 0, 1);
    head.auc = auc;
  }
  map.ReadMap("age_model", [&](YamlMap& age) {
    age.Read("bias", head.age_model.bias, -kAnyNumber, kAnyNumber);
    std::vector<double> weights;
    if (age.Has("log_age")) {  // format 1
      weights.resize(kAgeBends);
      age.Read("log_age", weights[0], -kAnyNumber, kAnyNumber);
      age.Read("age", weights[kAgeColumns], -kAnyNumber, kAnyNumber);
    } else {
      age.Read("weights", weights);
    }
    if (weights.size() == kAgeBends) {
      std::copy(weights.begin(), weights.end(), head.age_model.weights.begin());
    } else {
      age.Fail("weights", fmt::format("must be {} numbers", kAgeBends));
    }
    age.Read("age_max", head.age_model.age_max, 0, kAnyNumber);
  });
  map.Read("bias", head.bias, -kAnyNumber, kAnyNumber);
}

void ReadStage(YamlMap& map, StageHead& head) {
  map.Read("stages", head.stages);
  ReadCount(map, "rows", head.rows);
  ReadCount(map, "accounts", head.accounts);
  map.ReadMap("gate", [&](YamlMap& gate) {
    gate.Read("open", head.gate.open);
    size_t reference = 0;
    gate.ReadChoice("reference", {kEvidenceReference, kBaseRateReference}, reference);
    head.gate.reference = reference == 0 ? kEvidenceReference : kBaseRateReference;
    gate.Read("gain", head.gate.gain, -kAnyNumber, kAnyNumber);
    gate.Read("error", head.gate.error, 0, kAnyNumber);
    gate.Read("accuracy", head.gate.accuracy, 0, 1);
    gate.Read("reference_accuracy", head.gate.reference_accuracy, 0, 1);
  });
  map.Read("bias", head.bias);
  if (head.stages.size() < 2 || head.bias.size() != head.stages.size()) {
    map.Fail("bias", "must be one number for each of at least two stages");
  }
  head.weights.resize(head.stages.size());
}

// One line of `columns`; how many have been read is the size of the model's means.
void ReadColumn(YamlMap& map, TrainedModel& model) {
  size_t column = model.standard.mean.size();
  std::string name;
  map.Read("name", name);
  if (column >= ColumnsOf(model.vocabulary.size()) ||
      name != ColumnName(column, model.vocabulary)) {
    map.Fail("name", "the columns must be those of the signals, in their order");
    return;
  }
  double mean = 0;
  double scale = 0;
  map.Read("mean", mean, -kAnyNumber, kAnyNumber);
  map.Read("scale", scale, 1e-12, kAnyNumber);
  model.standard.mean.push_back(mean);
  model.standard.scale.push_back(scale);
  std::vector<double> weights;
  map.Read("weights", weights);
  if (weights.size() != model.heads.size()) {
    map.Fail("weights", "must be as many as there are heads");
    return;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    model.heads[i].weights.push_back(weights[i]);
  }
  if (model.stage) {
    std::vector<double> of_stages;
    map.Read("stages", of_stages);
    if (of_stages.size() != model.stage->weights.size()) {
      map.Fail("stages", "must be as many as there are stages");
      return;
    }
    for (size_t i = 0; i < of_stages.size(); ++i) {
      model.stage->weights[i].push_back(of_stages[i]);
    }
  }
  std::vector<double> typical;
  map.Read("typical", typical);
  if (typical.size() != model.ages.size()) {
    map.Fail("typical", "must be as many as there are ages");
    return;
  }
  for (size_t i = 0; i < typical.size(); ++i) {
    model.typical[i].push_back(typical[i]);
  }
}

void CheckModel(YamlMap& file, const TrainedModel& model) {
  for (size_t i = 0; i + 1 < model.heads.size(); ++i) {
    const std::optional<Duration>& next = model.heads[i + 1].horizon;
    if (!model.heads[i].horizon || (next && *next <= *model.heads[i].horizon)) {
      file.Fail("heads", "must be in order of their horizon, ever last");
    }
  }
  for (size_t i = 0; i + 1 < model.ages.size(); ++i) {
    if (!(model.ages[i] < model.ages[i + 1])) {
      file.Fail("ages", "must rise");
    }
  }
  if (model.heads.empty() || model.ages.empty()) {
    file.Fail(model.heads.empty() ? "heads" : "ages", "must not be empty");
  }
  if (model.standard.mean.size() != ColumnsOf(model.vocabulary.size())) {
    file.Fail("columns", fmt::format("must be {} for {} signals",
                                     ColumnsOf(model.vocabulary.size()), model.vocabulary.size()));
  }
}

}  // namespace

std::string SayHorizon(std::optional<Duration> horizon) {
  return horizon ? FormatDuration(*horizon) : "ever";
}

Result<std::optional<Duration>> ParseHorizon(std::string_view text) {
  if (text == "ever") {
    return std::optional<Duration>();
  }
  std::optional<Duration> horizon = ParseDuration(text);
  if (!horizon || *horizon <= Duration{0}) {
    return Invalid(fmt::format("'{}' is not a horizon; allowed: a time such as 7d, or ever", text));
  }
  return horizon;
}

std::string WriteModel(const TrainedModel& model) {
  std::string body = fmt::format("time_unit: {}\n", FormatDuration(model.scale.unit));
  body += WriteFacts(model.facts);
  body += fmt::format("signals: {}\n", QuoteAll(model.vocabulary.names()));
  body += "heads:\n";
  for (const Head& head : model.heads) {
    body += WriteHead(head);
  }
  if (model.stage) {
    body += WriteStage(*model.stage);
  }
  body += fmt::format("ages: [{}]  # of `typical`, in units\n", fmt::join(model.ages, ", "));
  body += "columns:  # z = (x - mean) / scale within -8 .. 8; weights are of z, one per head\n";
  for (size_t c = 0; c < model.standard.mean.size(); ++c) {
    std::vector<double> weights;
    for (const Head& head : model.heads) {
      weights.push_back(head.weights[c]);
    }
    std::vector<double> typical;
    for (const std::vector<double>& at_age : model.typical) {
      typical.push_back(at_age[c]);
    }
    std::string stages;
    if (model.stage) {
      std::vector<double> of_stages;
      for (const std::vector<double>& of_stage : model.stage->weights) {
        of_stages.push_back(of_stage[c]);
      }
      stages = fmt::format("stages: [{}], ", fmt::join(of_stages, ", "));
    }
    body += fmt::format("  - {{name: {}, mean: {}, scale: {}, weights: [{}], {}typical: [{}]}}\n",
                        Quote(ColumnName(c, model.vocabulary)), model.standard.mean[c],
                        model.standard.scale[c], fmt::join(weights, ", "), stages,
                        fmt::join(typical, ", "));
  }
  return fmt::format(
      "# A model of buying, learnt by `hotiron train`; docs/MODEL.md says what it means.\n"
      "hotiron_model: {}{}{}\n{}",
      kModelFormat, kHashLine, Quote(Hex(Hash64(body))), body);
}

Result<TrainedModel> ReadModel(const std::string& text, const std::string& file_name) {
  TRY_ASSIGN(YamlMap file, YamlMap::Parse(text, file_name));
  if (!file.Has("hotiron_model")) {
    return Invalid(fmt::format("{}: is no model file: it has no `hotiron_model`", file_name));
  }
  int format = 0;
  file.Read("hotiron_model", format, 0, 1'000'000);
  if (format < 1 || format > kModelFormat) {
    return Invalid(
        fmt::format("{}: hotiron_model: {}; this program reads model files of formats 1 to {}",
                    file_name, format, kModelFormat));
  }
  TrainedModel model;
  file.Read("hash", model.hash);
  size_t hash_line = text.find(kHashLine);
  size_t body = hash_line == std::string::npos ? hash_line : text.find('\n', hash_line + 1);
  if (body == std::string::npos ||
      model.hash != Hex(Hash64(std::string_view(text).substr(body + 1)))) {
    return Invalid(fmt::format(
        "{}: hash: does not fit the content: the file was changed or cut after it was written",
        file_name));
  }
  file.Read("time_unit", model.scale.unit);
  if (model.scale.unit <= Duration{0}) {
    file.Fail("time_unit", "must be a time such as 1d");
  }
  file.ReadMap("training", [&](YamlMap& map) { ReadFacts(map, model.facts); });
  std::vector<std::string> signals;
  file.Read("signals", signals);
  model.vocabulary = Vocabulary(std::move(signals));
  file.ReadEach("heads", [&](YamlMap& map) { ReadHead(map, model.heads.emplace_back()); });
  if (file.Has("stage")) {
    file.ReadMap("stage", [&](YamlMap& map) { ReadStage(map, model.stage.emplace()); });
  }
  file.Read("ages", model.ages);
  model.typical.resize(model.ages.size());
  file.ReadEach("columns", [&](YamlMap& map) { ReadColumn(map, model); });
  CheckModel(file, model);
  TRY(file.Finish());
  return model;
}

}  // namespace hotiron
