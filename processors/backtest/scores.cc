#include "processors/backtest/scores.h"

#include <algorithm>
#include <iterator>

#include "processors/estimator.h"
#include "processors/learning/rows.h"

namespace hotiron {
namespace {

constexpr size_t kPointsColumn = kTotalColumn + 1;  // log1p of what 7 units halve
constexpr size_t kSlices = 64;  // of the accounts, between which it can be interrupted

struct Look {
  EventTime time;
  bool scores = false;              // an event, or a landmark
  std::optional<int64_t> period{};  // that begins then
};

// When an account is looked at, in order.
std::vector<Look> LooksOf(const PastAccount& account, const ScoreOptions& options, EventTime end) {
  std::vector<Look> looks;
  for (const PastEvent& event : account.events) {
    looks.push_back({event.time, true});
  }
  for (EventTime time : LandmarksOf(account, options.scale, {}, end)) {
    looks.push_back({time, true});
  }
  if (!account.events.empty()) {
    const Calendar& calendar = options.calendar;
    EventTime first = std::max(account.events.front().time, calendar.from);
    EventTime last = std::min(account.closed.value_or(end), end);
    for (int64_t p = calendar.IndexOf(first) + 1; calendar.StartOf(p) <= last; ++p) {
      if (account.OpenAt(calendar.StartOf(p))) {
        looks.push_back({calendar.StartOf(p), false, p});
      }
    }
  }
  std::stable_sort(looks.begin(), looks.end(),
                   [](const Look& a, const Look& b) { return a.time < b.time; });
  // Equal times are one look: all of what happened then has happened.
  std::vector<Look> merged;
  for (const Look& look : looks) {
    if (merged.empty() || merged.back().time < look.time) {
      merged.push_back(look);
    } else {
      merged.back().scores = merged.back().scores || look.scores;
      merged.back().period = look.period ? look.period : merged.back().period;
    }
  }
  return merged;
}

// One account as it goes.
class Player {
 public:
  Player(const LabelledHistory& history, const PastAccount& account, const ScoreOptions& options)
      : options_(options), replay_(history, account, options.scale) {
    if (options.windowed != nullptr) {
      counts_.emplace(history, account, options.trained->vocabulary, options.scale);
    }
  }

  void To(EventTime time) {
    time_ = time;
    journey_ = &replay_.To(time);
    ReadFeatures(*journey_, options_.trained != nullptr ? options_.trained->vocabulary : kNothing,
                 options_.scale, time, time, features_);
  }

  std::vector<HeadScore> Heads() const { return Score(*options_.trained, features_); }

  double Points() const { return std::expm1(features_.values[kPointsColumn]); }

  // Higher is hotter.
  double ScoreOf(Scorer scorer) {
    switch (scorer) {
      case Scorer::kProbability:
        return Heads()[options_.head].probability;
      case Scorer::kProgress:
        return EstimateLevel(*journey_, *options_.estimator, time_).progress;
      case Scorer::kPoints:
        return Points();
      case Scorer::kWindowed:
        return Logistic(options_.windowed->Logit(counts_->At(time_)));
      case Scorer::kCount:
        return std::expm1(features_.values[kEventsColumn]);
      case Scorer::kRecency:
        return 0 - features_.values[kSilenceColumn];
    }
    return 0;
  }

 private:
  static inline const Vocabulary kNothing;

  const ScoreOptions& options_;
  Replay replay_;
  std::optional<WindowedCounts> counts_;
  const Journey* journey_ = nullptr;
  EventTime time_;
  Features features_;
};

bool Has(const ScoreOptions& options, Scorer scorer) {
  switch (scorer) {
    case Scorer::kProbability:
      return options.trained != nullptr;
    case Scorer::kProgress:
      return options.estimator != nullptr;
    case Scorer::kWindowed:
      return options.windowed != nullptr;
    case Scorer::kPoints:
    case Scorer::kCount:
    case Scorer::kRecency:
      return true;
  }
  return false;
}

void ScoreAccount(const LabelledHistory& history, uint32_t index, const ScoreOptions& options,
                  Scores& scores, std::vector<Snapshot>& snapshots) {
  const PastAccount& account = history.accounts[index];
  Player player(history, account, options);
  for (const Look& look : LooksOf(account, options, history.end)) {
    player.To(look.time);
    for (size_t i = 0; i < kScorers && look.scores; ++i) {
      if (Scorer scorer = static_cast<Scorer>(i); Has(options, scorer)) {
        AddScore(scores.tracks[i][index], look.time, player.ScoreOf(scorer));
      }
    }
    if (look.period && options.trained != nullptr) {
      Snapshot snapshot{.account = index, .period = *look.period, .probabilities = {}};
      for (const HeadScore& head : player.Heads()) {
        snapshot.probabilities.push_back(static_cast<float>(head.probability));
      }
      if (options.windowed != nullptr) {
        snapshot.probabilities.push_back(static_cast<float>(player.ScoreOf(Scorer::kWindowed)));
      }
      snapshots.push_back(std::move(snapshot));
    }
  }
}

}  // namespace

std::string_view NameOf(Scorer scorer) {
  switch (scorer) {
    case Scorer::kProbability:
      return "probability";
    case Scorer::kProgress:
      return "progress";
    case Scorer::kPoints:
      return "points";
    case Scorer::kWindowed:
      return "windowed_logistic";
    case Scorer::kCount:
      return "count";
    case Scorer::kRecency:
      return "recency";
  }
  return "";
}

Result<Scores> ScoreAll(const LabelledHistory& history, const ScoreOptions& options,
                        const Work& work) {
  Scores scores;
  size_t accounts = history.accounts.size();
  for (size_t i = 0; i < kScorers; ++i) {
    scores.tracks[i].resize(Has(options, static_cast<Scorer>(i)) ? accounts : 0);
  }
  for (size_t slice = 0; slice < kSlices; ++slice) {
    size_t begin = accounts * slice / kSlices;
    size_t size = accounts * (slice + 1) / kSlices - begin;
    if (!work.progress("scoring accounts", begin, accounts)) {
      return Unavailable("interrupted");
    }
    std::vector<std::vector<Snapshot>> parts(kParts);
    work.parallel([&](size_t part) {
      for (size_t i = PartBegin(part, size); i < PartBegin(part + 1, size); ++i) {
        ScoreAccount(history, static_cast<uint32_t>(begin + i), options, scores, parts[part]);
      }
    });
    for (std::vector<Snapshot>& part : parts) {
      std::move(part.begin(), part.end(), std::back_inserter(scores.snapshots));
    }
  }
  return scores;
}

Course CourseOf(const LabelledHistory& history, const PastAccount& account,
                const ScoreOptions& options) {
  Player player(history, account, options);
  Course course;
  for (const Look& look : LooksOf(account, options, history.end)) {
    player.To(look.time);
    course.times.push_back(look.time);
    course.values.push_back(
        player.ScoreOf(options.trained != nullptr ? Scorer::kProbability : Scorer::kPoints));
  }
  return course;
}

}  // namespace hotiron
