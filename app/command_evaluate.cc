#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "app/commands.h"
#include "app/learning_input.h"
#include "app/output_file.h"
#include "base/json.h"
#include "processors/learning/evaluation.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr size_t kLandmarkEventsMax = 1'000'000;
constexpr std::string_view kEveryEvent = "every";
constexpr std::string_view kAtEveryEvent = "every event";  // names of landmarks
constexpr std::string_view kWeekly = "weekly";
constexpr double kWorse = 0.01;          // of Brier skill below the base rate: worth a word
constexpr size_t kJudgedMin = 200;       // of so many looks,
constexpr double kJudgedOfEachMin = 20;  // of so many that bought, and that did not

struct EvaluateOptions {
  LearningOptions learning;
  double split = 0.6;
  std::vector<std::string> landmarks;
  std::vector<std::string> landmark_events;
  std::vector<std::string> horizons;
  bool weekly = false;
  double top = 0.05;
  size_t train_accounts = 0;
};

Result<std::vector<Landmark>> LandmarksOf(const EvaluateOptions& options, const TimeScale& scale) {
  std::vector<Landmark> landmarks;
  for (const std::string& text : options.landmarks) {
    std::optional<Duration> age = ParseDuration(text);
    if (!age) {
      return Invalid(fmt::format("--landmarks '{}': must be a time such as 7d", text));
    }
    landmarks.push_back({.by = Landmark::By::kAge, .age = *age, .events = 0, .name = text});
  }
  for (const std::string& text : options.landmark_events) {
    if (text == kEveryEvent) {
      landmarks.push_back({.by = Landmark::By::kEveryEvent,
                           .age = {},
                           .events = 0,
                           .name = std::string(kAtEveryEvent)});
      continue;
    }
    size_t events = 0;
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), events);
    if (problem != std::errc() || end != text.data() + text.size() || events == 0 ||
        events > kLandmarkEventsMax) {
      return Invalid(
          fmt::format("--landmark-events '{}': must be a whole number from 1 to {}, or {}", text,
                      kLandmarkEventsMax, kEveryEvent));
    }
    landmarks.push_back({.by = Landmark::By::kEvents,
                         .age = {},
                         .events = events,
                         .name = fmt::format("{}e", events)});
  }
  if (options.weekly) {
    landmarks.push_back(
        {.by = Landmark::By::kWeek, .age = {}, .events = 0, .name = std::string(kWeekly)});
  }
  if (landmarks.empty()) {
    for (int units : {1, 3, 7, 14}) {
      Duration age = scale.unit * units;
      landmarks.push_back(
          {.by = Landmark::By::kAge, .age = age, .events = 0, .name = FormatDuration(age)});
    }
  }
  return landmarks;
}

Result<std::vector<std::optional<Duration>>> HorizonsOf(const EvaluateOptions& options,
                                                        const TimeScale& scale) {
  if (options.horizons.empty()) {
    return std::vector<std::optional<Duration>>{scale.unit * 7, scale.unit * 14, std::nullopt};
  }
  std::vector<std::optional<Duration>> horizons;
  for (const std::string& text : options.horizons) {
    Result<std::optional<Duration>> horizon = ParseHorizon(text);
    if (!horizon.ok()) {
      return Invalid(fmt::format("--horizons: {}", horizon.error().message));
    }
    horizons.push_back(horizon.value());
  }
  std::sort(horizons.begin(), horizons.end(), [](const auto& a, const auto& b) {
    return a && (!b || *a < *b);  // ever last
  });
  horizons.erase(std::unique(horizons.begin(), horizons.end()), horizons.end());
  return horizons;
}

void WriteStages(JsonWriter& json, const Evaluation& evaluation) {
  json.Key("stage_gate");
  if (const std::optional<StageHead>& head = evaluation.training.model.stage) {
    WriteStageGate(json, *head);
  } else {
    json.Null();
  }
  json.Key("stages").BeginArray();
  for (const StageEvaluationRow& row : evaluation.stages) {
    json.BeginObject().Field("landmark", row.landmark).Field("model", row.model);
    json.Field("n", static_cast<uint64_t>(row.quality.number));
    json.Field("accuracy", row.quality.accuracy);
    json.Field("auc", row.quality.auc);
    json.Field("log_loss", row.quality.log_loss);
    json.EndObject();
  }
  json.EndArray();
}

std::string Json(const Evaluation& evaluation,
                 const std::vector<std::optional<Duration>>& horizons) {
  JsonWriter json;
  json.BeginObject();
  json.Key("gate").BeginArray();
  for (const std::optional<Duration>& horizon : horizons) {
    const std::vector<Head>& heads = evaluation.training.model.heads;
    auto head = std::find_if(heads.begin(), heads.end(),
                             [&](const Head& one) { return one.horizon == horizon; });
    bool learnt = head != heads.end();
    json.BeginObject().Field("horizon", SayHorizon(horizon));
    json.Field("s", learnt ? std::optional(head->gate.slope) : std::nullopt);
    json.Field("se", learnt ? std::optional(head->gate.error) : std::nullopt);
    json.Field("open", learnt && head->gate.open).EndObject();
  }
  json.EndArray();
  json.Key("rows").BeginArray();
  for (const EvaluationRow& row : evaluation.rows) {
    json.BeginObject();
    json.Field("landmark", row.landmark).Field("horizon", SayHorizon(row.horizon));
    json.Field("model", row.model).Field("n", static_cast<uint64_t>(row.quality.number));
    json.Field("base_rate", row.quality.base_rate);
    json.Field("auc", row.quality.auc);
    json.Field("auc_low", row.quality.auc_low);
    json.Field("auc_high", row.quality.auc_high);
    json.Field("pr_auc", row.quality.pr_auc);
    json.Field("brier", row.quality.brier);
    json.Field("brier_skill", row.brier_skill);
    json.Field("ece", row.quality.ece);
    json.Field("precision_top", row.quality.precision_top);
    json.EndObject();
  }
  json.EndArray();
  if (!evaluation.stages.empty()) {
    WriteStages(json, evaluation);
  }
  json.EndObject();
  return std::string(json.text());
}

std::string Say(const std::optional<double>& number) {
  return number ? fmt::format("{:.3f}", *number) : "-";
}

// An account may be looked at many times.
std::string_view CasesAt(std::string_view landmark) {
  return landmark == kWeekly || landmark == kAtEveryEvent ? "looks at open accounts" : "accounts";
}

void PrintStages(const Evaluation& evaluation) {
  if (const std::optional<StageHead>& head = evaluation.training.model.stage) {
    fmt::print("\nstages: gate {} (gain in log loss {:.3f}, error {:.3f})\n",
               head->gate.open ? "open" : "closed, no demonstrated skill", head->gate.gain,
               head->gate.error);
  }
  std::string before;
  for (const StageEvaluationRow& row : evaluation.stages) {
    if (row.landmark != before) {
      fmt::print("\nstage at {}: {} {}\n{:<20} {:>9} {:>7} {:>9}\n", row.landmark,
                 row.quality.number, CasesAt(row.landmark), "model", "accuracy", "AUC", "log loss");
      before = row.landmark;
    }
    fmt::print("{:<20} {:>9} {:>7} {:>9}\n", row.model, Say(row.quality.accuracy),
               Say(row.quality.auc), Say(row.quality.log_loss));
  }
}

// Where what would be published is worse than knowing nothing of an account.
void PrintVerdict(const Evaluation& evaluation) {
  std::string worse;
  for (const EvaluationRow& row : evaluation.rows) {
    if (row.model == "hotiron" && row.brier_skill && *row.brier_skill < -kWorse &&
        row.quality.number >= kJudgedMin && row.quality.base_rate &&
        std::min(*row.quality.base_rate, 1 - *row.quality.base_rate) *
                static_cast<double>(row.quality.number) >=
            kJudgedOfEachMin) {
      worse += fmt::format("{}{} within {} ({:.3f})", worse.empty() ? "" : ", ", row.landmark,
                           SayHorizon(row.horizon), *row.brier_skill);
    }
  }
  if (!worse.empty()) {
    fmt::print(
        "\nWorse than the base rate (skill) at {}: the accounts judged are not like those learnt "
        "from.\n",
        worse);
  }
}

void Print(const Evaluation& evaluation, const EvaluateOptions& options) {
  fmt::print("learnt from {} accounts, as known at {}; judged on the {} that started later\n",
             evaluation.train_accounts, FormatTime(evaluation.split), evaluation.test_accounts);
  for (const Head& head : evaluation.training.model.heads) {
    fmt::print("gate within {}: {} (slope {:.3f}, error {:.3f})\n", SayHorizon(head.horizon),
               head.gate.open ? "open" : "closed, no demonstrated skill", head.gate.slope,
               head.gate.error);
  }
  std::string top = fmt::format("top {:g}%", 100 * options.top);
  std::string before;
  for (const EvaluationRow& row : evaluation.rows) {
    std::string where =
        fmt::format("at {}, bought within {}", row.landmark, SayHorizon(row.horizon));
    if (where != before) {
      fmt::print(
          "\n{}: {} {}{}\n{:<18} {:>6} {:>15} {:>7} {:>7} {:>7} {:>7} {:>8}\n", where,
          row.quality.number, CasesAt(row.landmark),
          row.quality.base_rate ? fmt::format(", {:.1f} % did", 100 * *row.quality.base_rate) : "",
          "model", "AUC", "(95 %)", "PR-AUC", "Brier", "skill", "ECE", top);
      before = where;
    }
    const ForecastQuality& quality = row.quality;
    fmt::print("{:<18} {:>6} {:>15} {:>7} {:>7} {:>7} {:>7} {:>8}\n", row.model, Say(quality.auc),
               quality.auc_low
                   ? fmt::format("({} - {})", Say(quality.auc_low), Say(quality.auc_high))
                   : "",
               Say(quality.pr_auc), Say(quality.brier), Say(row.brier_skill), Say(quality.ece),
               Say(quality.precision_top));
  }
  if (!evaluation.stages.empty()) {
    PrintStages(evaluation);
  }
  PrintVerdict(evaluation);
}

Result<void> EvaluateModel(const EvaluateOptions& options) {
  TRY(CheckOutputs({{"--json", options.learning.json}}, InputsOf(options.learning)));
  Progress progress("evaluate");
  TRY_ASSIGN(LearningInput input, ReadLearningInput(options.learning, progress));
  TRY_ASSIGN(HistorySplit split, SplitByStart(input.history, options.split));
  TimeScale scale = ScaleOf(input, KnownAt(input.history, split.first, split.at));
  EvaluationOptions evaluation_options;
  evaluation_options.training.scale = scale;
  evaluation_options.training.seed = options.learning.seed;
  std::unique_ptr<Model> anchors = AnchorsOf(input, scale);
  evaluation_options.training.anchors = anchors.get();
  TRY_ASSIGN(evaluation_options.training.horizons, HorizonsOf(options, scale));
  TRY_ASSIGN(evaluation_options.landmarks, LandmarksOf(options, scale));
  evaluation_options.split = options.split;
  evaluation_options.points = input.catalogue.version() > 0;
  evaluation_options.top_share = options.top;
  if (options.train_accounts > 0) {
    evaluation_options.train_accounts = options.train_accounts;
  }
  Work work = MakeWork(progress);
  TRY_ASSIGN(Evaluation evaluation, Evaluate(input.history, evaluation_options, work));
  progress.Finish();
  for (const auto* remarks : {&input.remarks, &evaluation.training.remarks, &evaluation.remarks}) {
    for (const std::string& remark : *remarks) {
      fmt::print(stderr, "evaluate: {}\n", remark);
    }
  }
  if (options.learning.json != "-") {
    Print(evaluation, options);
  }
  return options.learning.json.empty()
             ? Result<void>()
             : WriteJsonFile(options.learning.json,
                             Json(evaluation, evaluation_options.training.horizons));
}

}  // namespace

void AddEvaluate(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "evaluate",
      "Learn from the first accounts of a history, judge on the rest, beside simpler models");
  auto options = std::make_shared<EvaluateOptions>();
  AddLearningOptions(*command, options->learning);
  command->add_option("--split", options->split, "Share of the accounts, by start, to learn from")
      ->check(CLI::Range(0.01, 0.99))
      ->capture_default_str();
  command
      ->add_option("--landmarks", options->landmarks,
                   "Judge so long after an account's start, if it is open then (default: 1, 3, 7 "
                   "and 14 time units)")
      ->delimiter(',');
  command
      ->add_option("--landmark-events", options->landmark_events,
                   "Judge at an account's nth event, such as 3,5,8; `every`: at each")
      ->delimiter(',');
  command->add_flag("--weekly", options->weekly, "Judge all open accounts every Monday, 00:00 UTC");
  command
      ->add_option("--horizons", options->horizons,
                   "What to forecast: bought within such a time, or ever (default: 7 and 14 time "
                   "units and ever)")
      ->delimiter(',');
  command->add_option("--top", options->top, "Share of the accounts that precision_top looks at")
      ->check(CLI::Range(0.0001, 1.0))
      ->capture_default_str();
  command->add_option("--train-accounts", options->train_accounts,
                      "Learn from only so many accounts of the first part, drawn at random, to "
                      "see how much history is enough");
  command->callback([&chosen, options] {
    chosen = [options] {
      Result<void> done = EvaluateModel(*options);
      return done.ok() ? kExitFine : Fail(done.error());
    };
  });
}

}  // namespace hotiron
