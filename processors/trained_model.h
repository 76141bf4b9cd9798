#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "processors/features.h"

namespace hotiron {

// 1 / (1 + exp(-logit))
double Logistic(double logit);

// What age may bend by in a model of age alone: the columns that the full model has, more hinges,
// age itself, and its logarithm at finer scales, for what happens in the first minutes. All that
// age tells is to be told by it, else the full model would be credited with what its columns have
// from age: who has been silent for no time, say, may just have come.
inline constexpr size_t kAgeBends = kAgeColumns + 9;
std::array<double, kAgeBends> AgeBends(double age);

// What is known of an account of which only the age is known, for ages up to age_max: the logit is
// bias + weights * AgeBends(age).
struct AgeModel {
  double bias = 0;
  std::array<double, kAgeBends> weights{};
  double age_max = 0;

  double Logit(double at_age) const;
};

// Whether training has shown that features say more than age does: on accounts that the model had
// not seen, logit = b + slope * (q - b) was fitted, where b is the age model and q the full one.
struct SkillGate {
  double slope = 0;
  double error = 0;  // standard error of the slope, clustered by account
  bool open = false;

  // How much of the features' say is published.
  double Share() const { return open ? std::min(1.0, slope) : 0.0; }
};

// The model of one horizon.
struct Head {
  std::optional<Duration> horizon;  // nothing: ever
  uint64_t rows = 0;                // trained on
  uint64_t accounts = 0;            // of these rows
  uint64_t buyers = 0;              // accounts that bought within the horizon of one of these rows
  double positive = 0;              // share of these rows that came true
  bool cold_start = false;          // weights shrink towards points and age instead of zero
  std::optional<double> auc;        // out of fold, over all rows
  SkillGate gate;
  AgeModel age_model;
  double bias = 0;
  std::vector<double> weights;  // of standardised columns
};

inline constexpr std::string_view kEvidenceReference = "cumulative_evidence";
inline constexpr std::string_view kBaseRateReference = "base_rate";

// Whether training has shown that a softmax regression tells stages better than what is shown
// without it, on accounts that it had not seen.
struct StageGate {
  std::string reference;  // what it was compared with: one of the two above
  double gain = 0;        // log loss of the reference less its own, mean over rows
  double error = 0;       // standard error of the gain, clustered by account
  double accuracy = 0;    // share of rows whose likeliest stage was the right one
  double reference_accuracy = 0;
  bool open = false;
};

// Which stage an account is in: a softmax regression over the columns of the heads.
struct StageHead {
  std::vector<std::string> stages;  // in the order in which accounts pass them
  uint64_t rows = 0;                // trained on
  uint64_t accounts = 0;            // of these rows
  StageGate gate;
  std::vector<double> bias;                  // by stage
  std::vector<std::vector<double>> weights;  // by stage, of standardised columns
};

// What a model was trained on.
struct TrainingFacts {
  EventTime from{};   // first event
  EventTime until{};  // what is later was not known
  uint64_t events = 0;
  uint64_t accounts = 0;
  uint64_t bought = 0;
  uint64_t lost = 0;
  uint64_t open = 0;
  uint64_t rows = 0;
  uint64_t seed = 0;
  Duration maturity{};             // age at which 95 % of outcomes have come
  uint64_t catalogue = 0;          // version whose weights the signals had; 0: every one weighs 1
  std::vector<std::string> won;    // outcomes that count as bought
  std::vector<std::string> masks;  // patterns of signals that were left out
  std::string data_hash;           // of events and outcomes
};

// A model of buying: a logistic regression per horizon over the features of a journey. Learnt by
// processors/learning, kept as a readable file (trained_model_file.h), evaluated by the functions
// below. docs/MODEL.md says what it means. Constant once made; any number of threads.
struct TrainedModel {
  TrainingFacts facts;
  TimeScale scale;
  Vocabulary vocabulary;
  Standard standard;
  std::vector<double> ages;                  // rising, in units
  std::vector<std::vector<double>> typical;  // mean standardised columns of rows of such age
  std::vector<Head> heads;                   // by horizon, ever last
  std::optional<StageHead> stage;            // where stages were known
  std::string hash;                          // of the file that it was written to or read from
};

struct HeadScore {
  std::optional<Duration> horizon;
  double logit = 0;
  double probability = 0;
  bool skill = false;  // the gate of this horizon's head is open
  size_t head = 0;     // whose logit it is: a shorter horizon's when that one says more
};

// What the model says, one score per head: the age model where the gate is closed, and no less for
// a longer horizon than for a shorter one.
std::vector<HeadScore> Score(const TrainedModel& model, const Features& features);

// One head by itself. `gated` false: as if its gate were wide open.
double LogitOf(const TrainedModel& model, const Head& head, const Features& features, bool gated);

// The probability of each stage of model.stage, which must be there; they add up to 1.
std::vector<double> StageDistribution(const TrainedModel& model, const Features& features);

// A part of a logit that a person can be told about. exp(logit) is the factor on the odds.
struct Contribution {
  enum class Of : uint8_t {
    kSignal,
    kSilence,
    kAge,
    kActivity
  };  // activity: sessions, people, totals
  Of of = Of::kSignal;
  size_t signal = 0;  // in the vocabulary, for kSignal
  double logit = 0;
};

// Where a score comes from: `base`, what is typical of accounts of this age, and what is particular
// about this one. base and contributions add up to logit.
struct Explanation {
  double logit = 0;
  double base = 0;
  std::vector<Contribution> contributions;  // signals in order of the vocabulary, then the others
};

// Of the score of `head` (an index as HeadScore::head has it).
Explanation Explain(const TrainedModel& model, const Features& features, size_t head);

// What moved the logit: now minus before, of the same head. The typical course of age is among it,
// as kAge, so that the changes add up to the change of the logit.
std::vector<Contribution> Change(const Explanation& now, const Explanation& before);

// The most telling of `changes`: at most three that raise, strongest first, then the one that
// lowers most. What leaves the odds as they are, by 5 % or so, is none.
std::vector<Contribution> MostTelling(std::vector<Contribution> changes);

}  // namespace hotiron
