#include "processors/learning/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "processors/learning/logistic.h"
#include "processors/learning/random.h"
#include "processors/learning/stage_trainer.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr double kSimpleC = 1;         // ridge of the simpler models
constexpr std::array kWindows{7, 30};  // units

enum class Kind : uint8_t { kBaseRate, kRecency, kCount, kPoints, kWindowed, kUngated, kGated };

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kBaseRate:
      return "base_rate";
    case Kind::kRecency:
      return "recency";
    case Kind::kCount:
      return "count";
    case Kind::kPoints:
      return "points";
    case Kind::kWindowed:
      return "windowed_logistic";
    case Kind::kUngated:
      return "hotiron_ungated";
    case Kind::kGated:
      return "hotiron";
  }
  return "";
}

// One account at a landmark.
struct Snapshot {
  Moment moment;
  uint32_t group = 0;  // the week, for kWeek
  Features features;
  std::vector<double> windowed;
  std::vector<double> evidence;  // of each stage; where stages are known and signals anchored
};

// What one landmark is judged by.
struct Snapshots {
  std::vector<Snapshot> train;
  std::vector<Snapshot> test;
};

struct Stop {
  EventTime time;
  uint32_t group;
};

std::vector<Stop> MomentsOf(const PastAccount& account, const Landmark& landmark, EventTime end) {
  std::vector<Stop> moments;
  auto add = [&](EventTime time, uint32_t group) {
    bool begun = !account.events.empty() && account.events.front().time <= time;
    if (begun && account.OpenAt(time) && time <= end) {
      moments.push_back({time, group});
    }
  };
  switch (landmark.by) {
    case Landmark::By::kAge:
      add(account.start + landmark.age, 0);
      break;
    case Landmark::By::kEvents:
      if (account.events.size() >= landmark.events) {
        add(account.events[landmark.events - 1].time, 0);
      }
      break;
    case Landmark::By::kEveryEvent:
      for (const PastEvent& event : account.events) {
        if (moments.empty() || moments.back().time != event.time) {
          add(event.time, 0);
        }
      }
      break;
    case Landmark::By::kWeek: {
      constexpr Duration kWeek = std::chrono::days{7};
      constexpr Duration kFirstMonday = std::chrono::days{4};  // 5 January 1970
      int64_t week = (account.start.time_since_epoch() - kFirstMonday) / kWeek;
      EventTime last = account.closed.value_or(end);
      for (EventTime time{kFirstMonday + kWeek * week}; time <= last; time += kWeek) {
        if (time >= account.start) {
          add(time, static_cast<uint32_t>((time.time_since_epoch() - kFirstMonday) / kWeek));
        }
      }
      break;
    }
  }
  return moments;
}

std::vector<double> WindowedCounts(const LabelledHistory& history, const PastAccount& account,
                                   const Vocabulary& vocabulary, const TimeScale& scale,
                                   EventTime time) {
  std::vector<double> counts(kWindows.size() * vocabulary.size() + 1, 0.0);
  for (const PastEvent& event : account.events) {
    size_t signal = vocabulary.IndexOf(history.signals[event.signal]);
    for (size_t i = 0; i < kWindows.size() && signal != Vocabulary::kNone; ++i) {
      bool within = event.time <= time && event.time > time - scale.unit * kWindows[i];
      counts[kWindows.size() * signal + i] += within ? 1 : 0;
    }
  }
  for (double& count : counts) {
    count = std::log1p(count);
  }
  counts.back() = std::log1p(scale.UnitsIn(time - account.events.front().time));
  return counts;
}

std::vector<Snapshot> TakeSnapshots(const LabelledHistory& history, const Landmark& landmark,
                                    const TrainedModel& model, const Model* anchors,
                                    const Work& work) {
  std::vector<std::vector<Snapshot>> parts(kParts);
  work.parallel([&](size_t part) {
    size_t size = history.accounts.size();
    for (size_t i = PartBegin(part, size); i < PartBegin(part + 1, size); ++i) {
      const PastAccount& account = history.accounts[i];
      Replay replay(history, account, model.scale);
      for (const Stop& moment : MomentsOf(account, landmark, history.end)) {
        Snapshot snapshot;
        ReadFeatures(replay.To(moment.time), model.vocabulary, model.scale, moment.time,
                     moment.time, snapshot.features);
        snapshot.moment = {static_cast<uint32_t>(i), moment.time, snapshot.features.age};
        snapshot.group = moment.group;
        snapshot.windowed =
            WindowedCounts(history, account, model.vocabulary, model.scale, moment.time);
        if (anchors != nullptr && !history.stages.empty()) {
          snapshot.evidence = EvidenceDistribution(replay.To(moment.time), *anchors, moment.time);
        }
        parts[part].push_back(std::move(snapshot));
      }
    }
  });
  std::vector<Snapshot> snapshots;
  for (std::vector<Snapshot>& part : parts) {
    std::move(part.begin(), part.end(), std::back_inserter(snapshots));
  }
  return snapshots;
}

// What came of a snapshot of a test account, with all that is known at the end.
Label OutcomeOf(const LabelledHistory& history, const Moment& moment,
                std::optional<Duration> horizon, Duration maturity) {
  const PastAccount& account = history.accounts[moment.account];
  if (!horizon && account.closed) {
    return account.bought ? Label::kYes : Label::kNo;
  }
  return LabelOf(history, moment, horizon, maturity);
}

// The snapshots of one landmark and horizon whose outcome is known.
struct Task {
  const Landmark& landmark;
  std::optional<Duration> horizon;
  std::vector<const Snapshot*> train;
  std::vector<uint8_t> train_labels;
  std::vector<const Snapshot*> test;
  std::vector<uint8_t> test_labels;

  Task(const Landmark& at, std::optional<Duration> within, const Snapshots& snapshots,
       const LabelledHistory& known, const LabelledHistory& rest, Duration maturity)
      : landmark(at), horizon(within) {
    for (const Snapshot& snapshot : snapshots.train) {
      Label label = LabelOf(known, snapshot.moment, horizon, maturity);
      if (label != Label::kUnknown) {
        train.push_back(&snapshot);
        train_labels.push_back(label == Label::kYes ? 1 : 0);
      }
    }
    for (const Snapshot& snapshot : snapshots.test) {
      Label label = OutcomeOf(rest, snapshot.moment, horizon, maturity);
      if (label != Label::kUnknown) {
        test.push_back(&snapshot);
        test_labels.push_back(label == Label::kYes ? 1 : 0);
      }
    }
  }
};

// Learns logistic regression on `columns` of the training snapshots, and forecasts the others.
template <typename Columns>
std::vector<double> FitAndForecast(const Task& task, size_t number, const Columns& columns) {
  Rows rows(number);
  std::vector<uint32_t> chosen;
  for (const Snapshot* snapshot : task.train) {
    chosen.push_back(static_cast<uint32_t>(rows.size()));
    rows.Add(snapshot->moment, columns(*snapshot));
  }
  Standard standard = rows.Measure();
  rows.Standardise(standard);
  Work alone;
  RidgeSolver solver(alone);
  Result<LinearModel> fit =
      solver.Fit({.rows = rows, .chosen = chosen, .labels = task.train_labels, .c = kSimpleC}, {});
  CHECK(fit.ok());  // nobody interrupts
  Rows others(number);
  for (const Snapshot* snapshot : task.test) {
    others.Add(snapshot->moment, columns(*snapshot));
  }
  others.Standardise(standard);
  std::vector<double> forecasts;
  for (size_t row = 0; row < others.size(); ++row) {
    forecasts.push_back(Logistic(fit.value().Logit(others, row)));
  }
  return forecasts;
}

std::vector<double> ForecastColumn(const Task& task, size_t column) {
  return FitAndForecast(task, 1, [column](const Snapshot& snapshot) {
    return std::array{snapshot.features.values[column]};
  });
}

double BaseRateOf(const Task& task) {
  double happened = 0;
  for (uint8_t label : task.train_labels) {
    happened += label;
  }
  return happened / static_cast<double>(task.train_labels.size());
}

// What Brier skill compares with; 0 when there is nothing to compare.
double BaseRateBrier(const Task& task) {
  if (task.train.empty() || task.test.empty()) {
    return 0;
  }
  double rate = BaseRateOf(task);
  double squares = 0;
  for (uint8_t label : task.test_labels) {
    squares += (rate - label) * (rate - label);
  }
  return squares / static_cast<double>(task.test.size());
}

// The forecasts of one model; nothing when it could not learn any.
std::vector<double> ForecastsOf(Kind kind, const Task& task, const TrainedModel& model) {
  std::vector<double> forecasts;
  if (kind == Kind::kUngated || kind == Kind::kGated) {
    for (size_t i = 0; i < model.heads.size(); ++i) {
      if (model.heads[i].horizon == task.horizon) {
        for (const Snapshot* snapshot : task.test) {
          forecasts.push_back(kind == Kind::kGated ? Score(model, snapshot->features)[i].probability
                                                   : Logistic(LogitOf(model, model.heads[i],
                                                                      snapshot->features, false)));
        }
      }
    }
    return forecasts;
  }
  if (task.train.empty() || task.test.empty()) {
    return forecasts;
  }
  switch (kind) {
    case Kind::kBaseRate:
      forecasts.assign(task.test.size(), BaseRateOf(task));
      break;
    case Kind::kRecency:
      return ForecastColumn(task, kSilenceColumn);
    case Kind::kCount:
      return ForecastColumn(task, kEventsColumn);
    case Kind::kPoints:
      return ForecastColumn(task, kTotalColumn + 1);
    case Kind::kWindowed:
      return FitAndForecast(task, task.test.front()->windowed.size(), [](const Snapshot& snapshot) {
        return std::span<const double>(snapshot.windowed);
      });
    case Kind::kUngated:
    case Kind::kGated:
      break;
  }
  return forecasts;
}

EvaluationRow Judge(Kind kind, const Task& task, const TrainedModel& model,
                    const EvaluationOptions& options) {
  EvaluationRow row{.landmark = task.landmark.name,
                    .horizon = task.horizon,
                    .model = std::string(NameOf(kind)),
                    .quality = {},
                    .brier_skill = {}};
  std::vector<double> stated = ForecastsOf(kind, task, model);
  std::vector<ForecastOutcome> forecasts;
  double happened = 0;
  for (size_t i = 0; i < task.test.size(); ++i) {
    happened += task.test_labels[i];
    if (!stated.empty()) {
      forecasts.push_back({.probability = stated[i],
                           .happened = task.test_labels[i] != 0,
                           .account = task.test[i]->moment.account,
                           .group = task.test[i]->group});
    }
  }
  row.quality = Measure(forecasts, {.top_share = options.top_share, .seed = options.training.seed});
  row.quality.number = task.test.size();
  if (!task.test.empty()) {
    row.quality.base_rate = happened / static_cast<double>(task.test.size());
  }
  // Beside outcomes of one class a base rate may be right by any margin: that is no yardstick.
  bool two_classes = happened > 0 && happened < static_cast<double>(task.test.size());
  if (double reference = BaseRateBrier(task); row.quality.brier && two_classes && reference > 0) {
    row.brier_skill = 1 - *row.quality.brier / reference;
  }
  return row;
}

// The stage of each snapshot, kNoStage where it is not known.
std::vector<uint32_t> StagesOf(const LabelledHistory& history,
                               const std::vector<Snapshot>& snapshots) {
  std::vector<uint32_t> stages;
  stages.reserve(snapshots.size());
  for (const Snapshot& snapshot : snapshots) {
    stages.push_back(history.accounts[snapshot.moment.account].StageAt(snapshot.moment.time));
  }
  return stages;
}

// The share of each stage among snapshots of known stage, none of them impossible.
std::vector<double> StageShares(const std::vector<uint32_t>& stages, size_t number) {
  std::vector<double> shares(number, 1.0);
  double total = static_cast<double>(number);
  for (uint32_t stage : stages) {
    if (stage != kNoStage) {
      ++shares[stage];
      ++total;
    }
  }
  for (double& share : shares) {
    share /= total;
  }
  return shares;
}

void JudgeStages(const Landmark& landmark, const Snapshots& snapshots, const LabelledHistory& known,
                 const LabelledHistory& rest, const TrainedModel& model, Evaluation& evaluation) {
  std::vector<uint32_t> stages = StagesOf(rest, snapshots.test);
  std::vector<double> shares = StageShares(StagesOf(known, snapshots.train), rest.stages.size());
  auto judge = [&](std::string_view name,
                   const std::function<std::vector<double>(const Snapshot&)>& state) {
    std::vector<StageForecast> forecasts;
    for (size_t i = 0; i < stages.size(); ++i) {
      if (stages[i] != kNoStage) {
        forecasts.push_back({state(snapshots.test[i]), stages[i]});
      }
    }
    evaluation.stages.push_back({landmark.name, std::string(name), Measure(forecasts)});
    return forecasts.size();
  };
  size_t number = judge(kBaseRateReference, [&](const Snapshot&) { return shares; });
  if (!snapshots.test.empty() && !snapshots.test.front().evidence.empty()) {
    judge(kEvidenceReference, [](const Snapshot& snapshot) { return snapshot.evidence; });
  }
  if (model.stage) {
    judge("softmax",
          [&](const Snapshot& snapshot) { return StageDistribution(model, snapshot.features); });
  }
  if (number == 0) {
    evaluation.remarks.push_back(landmark.name +
                                 ": the stage of no test account that was open then is known");
  } else if (!evaluation.stages.back().quality.auc) {
    evaluation.remarks.push_back(landmark.name +
                                 ": all test accounts were in one stage, so there is no AUC");
  }
}

// Why values of a task's rows are missing, when they are.
void Explain(const Task& task, const TrainedModel& model, std::vector<std::string>& remarks) {
  std::string where = fmt::format("{} within {}", task.landmark.name, SayHorizon(task.horizon));
  size_t happened = 0;
  for (uint8_t label : task.test_labels) {
    happened += label;
  }
  if (task.test.empty()) {
    remarks.push_back(where + ": no test account of known outcome was open then, nothing to judge");
    return;
  }
  if (happened == 0 || happened == task.test.size()) {
    remarks.push_back(
        fmt::format("{}: {} of the {} test accounts bought, so there is no AUC and no skill", where,
                    happened == 0 ? "none" : "every one", task.test.size()));
  }
  if (task.train.empty()) {
    remarks.push_back(where +
                      ": no training account of known outcome was open then, so there is "
                      "no simpler model and no Brier skill");
  }
  bool has_head = std::any_of(model.heads.begin(), model.heads.end(),
                              [&](const Head& head) { return head.horizon == task.horizon; });
  if (!has_head) {
    remarks.push_back(where + ": the training accounts had nothing to learn for this horizon");
  }
}

Result<HistorySplit> Split(const LabelledHistory& history, const EvaluationOptions& options) {
  TRY_ASSIGN(HistorySplit split, SplitByStart(history, options.split));
  std::vector<size_t>& first = split.first;
  if (options.train_accounts && *options.train_accounts < first.size()) {
    Random random(options.training.seed);
    for (size_t i = 0; i < *options.train_accounts; ++i) {
      std::swap(first[i], first[i + random.Below(first.size() - i)]);
    }
    first.resize(*options.train_accounts);
    std::sort(first.begin(), first.end());
  }
  return split;
}

}  // namespace

Result<Evaluation> Evaluate(const LabelledHistory& history, const EvaluationOptions& options,
                            const Work& work) {
  TRY_ASSIGN(HistorySplit split, Split(history, options));
  Evaluation evaluation;
  evaluation.split = split.at;
  evaluation.train_accounts = split.first.size();
  evaluation.test_accounts = split.rest.size();
  LabelledHistory known = KnownAt(history, split.first, split.at);
  LabelledHistory rest = KnownAt(history, split.rest, history.end);
  TRY_ASSIGN(evaluation.training, Train(known, options.training, {}, work));
  const TrainedModel& model = evaluation.training.model;

  std::vector<Kind> kinds{Kind::kBaseRate, Kind::kRecency, Kind::kCount};
  if (options.points) {
    kinds.push_back(Kind::kPoints);
  }
  kinds.insert(kinds.end(), {Kind::kWindowed, Kind::kUngated, Kind::kGated});
  for (size_t i = 0; i < options.landmarks.size(); ++i) {
    const Landmark& landmark = options.landmarks[i];
    if (!work.progress("judging landmarks", i, options.landmarks.size())) {
      return Unavailable("interrupted");
    }
    const Model* anchors = options.training.anchors;
    Snapshots snapshots{TakeSnapshots(known, landmark, model, anchors, work),
                        TakeSnapshots(rest, landmark, model, anchors, work)};
    if (!history.stages.empty()) {
      JudgeStages(landmark, snapshots, known, rest, model, evaluation);
    }
    for (std::optional<Duration> horizon : options.training.horizons) {
      Task task(landmark, horizon, snapshots, known, rest, model.facts.maturity);
      Explain(task, model, evaluation.remarks);
      std::vector<EvaluationRow> rows(kinds.size());
      work.parallel([&](size_t part) {
        for (size_t kind = part; kind < kinds.size(); kind += kParts) {
          rows[kind] = Judge(kinds[kind], task, model, options);
        }
      });
      std::move(rows.begin(), rows.end(), std::back_inserter(evaluation.rows));
    }
  }
  return evaluation;
}

}  // namespace hotiron
