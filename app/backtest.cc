#include "app/backtest.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "app/backtest_text.h"
#include "app/config.h"
#include "app/defaults.h"
#include "app/lever_files.h"
#include "ingest/catalogue.h"
#include "processors/learning/rows.h"
#include "processors/learning/trainer.h"
#include "processors/policy.h"
#include "processors/trained_model_file.h"
#include "processors/trigger_content.h"

namespace hotiron {
namespace {

constexpr int kPeriodUnits = 7;
constexpr double kPeriodsMax = 520;     // a longer history is told in longer periods
constexpr size_t kCurvePoints = 200;    // of a sweep, in reports
constexpr double kUsualPerPeriod = 20;  // load to report when no policy has set another
constexpr int kUsualHorizonUnits = 14;
constexpr size_t kTelling = 50;                 // fewer accounts are not worth a remark
constexpr size_t kForecastsTelling = 200;       // nor fewer forecasts,
constexpr double kForecastsTellingOfEach = 20;  // or fewer that came true, or did not

struct ModelFile {
  std::string name;  // of the file, or how it was made
  std::string text;
  TrainedModel model;
};

std::string FileNameOf(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

bool IsModelText(const std::string& text) {
  return text.rfind("hotiron_model:", 0) == 0 || text.find("\nhotiron_model:") != std::string::npos;
}

Result<ModelFile> ReadModelFile(const std::string& path, std::string text) {
  TRY_ASSIGN(TrainedModel model, ReadModel(text, path));
  if (model.heads.empty()) {
    return Invalid(fmt::format("{}: the model has no horizon that it can speak of", path));
  }
  return ModelFile{FileNameOf(path), std::move(text), std::move(model)};
}

// What decides beside the model: a policy file, or the built-in policy.
struct PolicyFile {
  std::string name;
  pb::PolicySet policies;
};

Result<PolicyFile> ReadPolicyFile(const std::string& path) {
  std::string text = DefaultPolicy();
  if (!path.empty()) {
    TRY_ASSIGN(text, ReadFile(path));
  }
  TRY_ASSIGN(pb::PolicySet policies, ParsePolicy(text, path.empty() ? "built-in policy" : path));
  return PolicyFile{path.empty() ? "built-in policy" : FileNameOf(path), std::move(policies)};
}

class Backtester {
 public:
  Backtester(const BacktestOptions& options, const std::function<void(const pb::Trigger&)>& revised,
             Progress& progress)
      : options_(options), revised_(revised), progress_(progress), work_(MakeWork(progress)) {}

  Result<Backtest> Run() {
    TRY(ReadFiles());
    TRY_ASSIGN(input_, ReadLearningInput(learning_, catalogue_, unknown_, progress_));
    done_.remarks = input_.remarks;
    done_.data_hash = input_.data_hash;
    done_.accounts = input_.history.accounts.size();
    TRY(ChooseAccounts());
    TRY(ChooseScale());
    done_.maturity = MaturityOf(input_.history);
    if (options_.policy.empty()) {
      FitBuiltInPolicy();
    }
    input_.history.accounts = {};  // what is needed of them is in `judged` and known_
    if (models_.empty()) {
      TRY(LearnModel());
    }
    if (!models_.empty()) {
      done_.maturity = models_.front().model.facts.maturity;
    }
    done_.endings = EndingsOf(done_.judged, done_.maturity);
    SetCalendar();
    for (size_t i = 0; i < std::max<size_t>(models_.size(), 1); ++i) {
      TRY(JudgeModel(i));
    }
    TRY(ReplayContenders());
    TRY(SweepModels());
    RemarkOnModels();
    RemarkOnHorizons();
    RemarkOnRanking();
    RemarkOnLeads();
    RemarkOnEmptiness();
    return std::move(done_);
  }

 private:
  Result<void> ReadFiles() {
    if (options_.learning.events.empty()) {
      return Invalid(
          "--events: is missing: a backtest replays a history file (train and evaluate also learn "
          "from a platform's log)");
    }
    TRY_ASSIGN(PolicyFile policy, ReadPolicyFile(options_.policy));
    policies_.push_back(std::move(policy));
    if (!options_.model.empty()) {
      TRY_ASSIGN(std::string text, ReadFile(options_.model));
      TRY_ASSIGN(ModelFile model, ReadModelFile(options_.model, std::move(text)));
      models_.push_back(std::move(model));
    }
    if (!options_.against.empty()) {
      TRY_ASSIGN(std::string text, ReadFile(options_.against));
      if (IsModelText(text)) {
        TRY_ASSIGN(ModelFile model, ReadModelFile(options_.against, std::move(text)));
        against_ = std::move(model);
      } else {
        TRY_ASSIGN(policy, ReadPolicyFile(options_.against));
        policies_.push_back(std::move(policy));
      }
    }
    TRY(ChooseCatalogue());
    UseMasksOfModel();
    return {};
  }

  // What the model learnt without it is not shown either.
  void UseMasksOfModel() {
    learning_ = options_.learning;
    if (!models_.empty()) {
      for (const std::string& mask : models_.front().model.facts.masks) {
        std::vector<std::string>& masks = learning_.masks;
        if (std::find(masks.begin(), masks.end(), mask) == masks.end()) {
          learning_.model_masks.push_back(mask);
        }
      }
    }
  }

  std::vector<std::string> MasksInUse() const {
    std::vector<std::string> masks = learning_.masks;
    masks.insert(masks.end(), learning_.model_masks.begin(), learning_.model_masks.end());
    return masks;
  }

  Result<void> ChooseScale() {
    if (models_.empty()) {
      done_.scale = ScaleOf(input_, known_);
      return {};
    }
    done_.scale = models_.front().model.scale;
    if (input_.time_unit && *input_.time_unit != done_.scale.unit) {
      return Invalid(fmt::format("--time-unit {}: {} counts time in units of {}",
                                 options_.learning.time_unit, options_.model,
                                 FormatDuration(done_.scale.unit)));
    }
    return {};
  }

  // The built-in policy counts in days and wants two people. A history may be of another pace, and
  // name fewer people than that for each account.
  void FitBuiltInPolicy() {
    uint32_t people = 0;
    const LabelledHistory& seen = known_.accounts.empty() ? done_.judged : known_;
    for (const PastAccount& account : seen.accounts) {
      for (const PastEvent& event : account.events) {
        people = std::max(people, event.person);  // numbered from 1 within the account
      }
    }
    auto in_units = [&](int64_t ms) {
      double days =
          static_cast<double>(ms) / static_cast<double>(Duration{std::chrono::days{1}}.count());
      return static_cast<int64_t>(days * static_cast<double>(done_.scale.unit.count()));
    };
    for (pb::Policy& policy : *policies_.front().policies.mutable_policies()) {
      policy.set_people_min(std::min(policy.people_min(), people));
      policy.set_people_within_ms(in_units(policy.people_within_ms()));
      policy.set_horizon_ms(in_units(policy.horizon_ms()));
      policy.set_cooldown_ms(in_units(policy.cooldown_ms()));
      policy.set_expires_ms(in_units(policy.expires_ms()));
    }
    if (people < 2 || done_.scale.unit != std::chrono::days{1}) {
      done_.remarks.push_back(fmt::format(
          "the built-in policy was fitted to this history: its days are units of {}, and at least "
          "{} people take part; give your own with --policy",
          FormatDuration(done_.scale.unit), policies_.front().policies.policies(0).people_min()));
    }
  }

  // A model without a catalogue knows signals by the names they have in files.
  Result<void> ChooseCatalogue() {
    if (!options_.learning.catalogue.empty()) {
      TRY_ASSIGN(std::string text, ReadFile(options_.learning.catalogue));
      TRY_ASSIGN(catalogue_, ParseCatalogue(text, options_.learning.catalogue));
    } else if (!models_.empty() && models_.front().model.facts.catalogue == 0) {
      catalogue_.set_version(1);
    } else {
      TRY_ASSIGN(catalogue_, ParseCatalogue(DefaultCatalogue(), "built-in catalogue"));
    }
    if (!models_.empty() && KnowsCatalogueOnly(models_.front().model, catalogue_)) {
      unknown_ = UnknownNames::kIgnore;
    }
    return {};
  }

  // Whom to judge, and from whom to learn: as `evaluate` does, or by what the models have seen.
  Result<void> ChooseAccounts() {
    const LabelledHistory& history = input_.history;
    std::vector<size_t> first;
    std::vector<size_t> rest;
    EventTime cut;           // judged accounts start later
    EventTime learnt_until;  // what is later is not known to who learns here
    if (models_.empty()) {
      TRY_ASSIGN(HistorySplit split, SplitByStart(history, options_.split));
      first = std::move(split.first);
      learnt_until = split.at;
      rest = std::move(split.rest);
      cut = split.at;
      if (against_ && against_->model.facts.until >= cut) {
        cut = against_->model.facts.until;
        std::erase_if(rest, [&](size_t i) { return history.accounts[i].start <= cut; });
      }
    } else {
      cut = models_.front().model.facts.until;
      if (against_) {
        cut = std::max(cut, against_->model.facts.until);
      }
      learnt_until = cut;
      for (size_t i = 0; i < history.accounts.size(); ++i) {
        (history.accounts[i].start > cut ? rest : first).push_back(i);
      }
    }
    done_.in_sample = options_.all && !first.empty();
    if (done_.in_sample) {
      done_.remarks.push_back(fmt::format(
          "{} of the {} accounts judged started before {}, when what the model has learnt from "
          "ended: its figures flatter it",
          first.size(), history.accounts.size(), FormatTime(cut)));
      for (size_t i = 0; i < history.accounts.size(); ++i) {
        judged_.push_back(i);
      }
    } else {
      judged_ = std::move(rest);
      if (!models_.empty() && !first.empty()) {
        done_.remarks.push_back(fmt::format(
            "{} accounts started before {}, when what the model has learnt from ended, and are "
            "left out (--all judges them all the same)",
            first.size(), FormatTime(cut)));
      }
    }
    if (judged_.empty()) {
      return Invalid(fmt::format(
          "every account started before {}, when what the model has learnt from ended: there is "
          "nothing to judge it by; give a later history, or judge what it has seen with --all",
          FormatTime(cut)));
    }
    done_.judged = KnownAt(history, judged_, history.end);
    known_ = KnownAt(history, first, std::min(learnt_until, history.end));
    return {};
  }

  Result<void> LearnModel() {
    TrainingFacts facts{.catalogue = input_.catalogue.version(),
                        .won = options_.learning.won,
                        .masks = options_.learning.masks,
                        .data_hash = input_.data_hash};
    TrainingOptions training{.scale = done_.scale,
                             .horizons = DefaultHorizons(done_.scale),
                             .seed = options_.learning.seed};
    std::unique_ptr<Model> anchors = AnchorsOf(input_, done_.scale);
    training.anchors = anchors.get();
    TRY_ASSIGN(Training learnt, Train(known_, training, std::move(facts), work_));
    progress_.Finish();
    done_.remarks.insert(done_.remarks.end(), learnt.remarks.begin(), learnt.remarks.end());
    if (learnt.model.heads.empty()) {
      done_.remarks.push_back(
          fmt::format("the first {} accounts have nothing to learn from: no probability, no model",
                      known_.accounts.size()));
      return {};
    }
    std::string text = WriteModel(learnt.model);
    std::string name = fmt::format("learnt from the first {} accounts", known_.accounts.size());
    TRY_ASSIGN(TrainedModel model, ReadModel(text, name));
    models_.push_back({std::move(name), std::move(text), std::move(model)});
    return {};
  }

  void SetCalendar() {
    Calendar& calendar = done_.calendar;
    calendar.period = done_.scale.unit * kPeriodUnits;
    calendar.from = done_.judged.end;
    for (const PastAccount& account : done_.judged.accounts) {
      calendar.from = std::min(calendar.from, account.events.front().time);
    }
    calendar.until = done_.judged.end;
    while (calendar.periods() > kPeriodsMax) {
      calendar.period *= 2;
    }
    done_.period_name =
        calendar.period == std::chrono::days{7} ? "week" : FormatDuration(calendar.period);
  }

  ScoreOptions ScoringOf(const JudgedModel& judged) const {
    ScoreOptions scoring{.scale = done_.scale, .calendar = done_.calendar};
    scoring.trained = judged.trained ? &*judged.trained : nullptr;
    scoring.head = judged.head;
    scoring.estimator = estimator_ ? &*estimator_ : nullptr;
    return scoring;
  }

  // The horizon that the policies go by, else 14 units, else the longest.
  size_t HeadToSweep(const TrainedModel& model) const {
    std::optional<Duration> wanted = done_.scale.unit * kUsualHorizonUnits;
    for (const pb::Policy& policy : policies_.front().policies.policies()) {
      if (policy.measure() == pb::Policy::PROBABILITY) {
        wanted = HorizonOf(policy);
        break;
      }
    }
    for (size_t i = 0; i < model.heads.size(); ++i) {
      if (model.heads[i].horizon == wanted) {
        return i;
      }
    }
    return model.heads.size() - 1;
  }

  Result<void> JudgeModel(size_t index) {
    JudgedModel judged;
    if (index < models_.size()) {
      ModelFile& file = models_[index];
      judged.name = fmt::format("model {} ({})", file.model.hash, file.name);
      judged.trained = file.model;
      judged.head = HeadToSweep(*judged.trained);
    } else {
      judged.name = "no model";
    }
    done_.models.push_back(std::move(judged));
    return {};
  }

  // Progress says something where the history has signals that the catalogue anchors.
  void MakeEstimator() {
    Model estimator(catalogue_, done_.scale);
    for (const std::string& signal : input_.history.signals) {
      if (estimator.MeaningOf(signal).anchor > 0) {
        estimator_.emplace(catalogue_, done_.scale);
        return;
      }
    }
  }

  Result<void> ReplayContenders() {
    MakeEstimator();
    for (const PolicyFile& policy : policies_) {
      TRY(ReplayContender(policy, 0));
    }
    if (against_) {
      TRY(AddRival());
      TRY(ReplayContender(policies_.front(), 1));
    }
    return {};
  }

  Result<void> AddRival() {
    if (models_.empty()) {
      return Invalid(fmt::format("{}: this history teaches no model that it could be set against",
                                 options_.against));
    }
    if (against_->model.scale.unit != done_.scale.unit) {
      return Invalid(fmt::format("{}: counts time in units of {}, but this history in {}",
                                 options_.against, FormatDuration(against_->model.scale.unit),
                                 FormatDuration(done_.scale.unit)));
    }
    models_.push_back(std::move(*against_));
    return JudgeModel(1);
  }

  Result<void> ReplayContender(const PolicyFile& policy, size_t model) {
    Contender contender;
    contender.name = fmt::format("{} version {}, {}", policy.name, policy.policies.version(),
                                 done_.models[model].name);
    contender.policies = policy.policies;
    contender.model = model;
    ReplayPlan plan{.events = options_.learning.events,
                    .masks = MasksInUse(),
                    .scale = done_.scale,
                    .catalogue = catalogue_,
                    .unknown = unknown_,
                    .policies = policy.policies,
                    .models = {},
                    .judged = done_.judged};
    if (model < models_.size()) {
      plan.models.set_version(1);
      plan.models.mutable_champion()->set_hash(models_[model].model.hash);
      plan.models.mutable_champion()->set_yaml(models_[model].text);
    }
    bool first = done_.contenders.empty();
    TRY_ASSIGN(contender.replayed, ReplayHistory(
                                       plan,
                                       [&](const pb::Trigger& trigger) {
                                         if (first) {
                                           revised_(trigger);
                                         }
                                       },
                                       progress_));
    std::vector<Alert> alerts;
    for (const Opening& opening : contender.replayed.openings) {
      alerts.push_back(opening.alert);
    }
    contender.tally = Count(done_.judged, done_.endings, done_.calendar, alerts, done_.scale.unit);
    for (const pb::Policy& one : policy.policies.policies()) {
      contender.tally.policies.try_emplace(one.name());  // that opened nothing, too
    }
    done_.contenders.push_back(std::move(contender));
    return {};
  }

  Result<void> SweepModels() {
    for (size_t i = 0; i < done_.models.size(); ++i) {
      JudgedModel& judged = done_.models[i];
      ScoreOptions scoring = ScoringOf(judged);
      std::optional<WindowedModel> windowed;
      if (judged.trained) {
        const TrainedModel& trained = *judged.trained;
        TRY_ASSIGN(windowed,
                   FitWindowed(known_, trained.vocabulary, done_.scale,
                               trained.heads[judged.head].horizon, options_.learning.seed, work_));
        scoring.windowed = windowed ? &*windowed : nullptr;
      }
      TRY_ASSIGN(Scores scores, ScoreAll(done_.judged, scoring, work_));
      progress_.Finish();
      for (size_t head = 0; judged.trained && head < judged.trained->heads.size(); ++head) {
        judged.calibrations.push_back(Calibrate(done_.judged, done_.endings, done_.calendar,
                                                scores.snapshots, head,
                                                judged.trained->heads[head].horizon));
      }
      if (windowed) {
        judged.windowed =
            Calibrate(done_.judged, done_.endings, done_.calendar, scores.snapshots,
                      judged.trained->heads.size(), judged.trained->heads[judged.head].horizon);
      }
      for (size_t s = 0; s < kScorers; ++s) {
        if (!scores.tracks[s].empty()) {
          Sweep sweep(done_.judged, done_.endings, scores.tracks[s], done_.scale.unit);
          AddCurve(static_cast<Scorer>(s), sweep, judged);
        }
      }
      for (Contender& contender : done_.contenders) {
        if (contender.model == i) {
          AddExamples(scoring, contender);
        }
      }
    }
    return {};
  }

  // Loads per period: those asked for, or those of the policies.
  std::vector<double> Loads(bool of_false_alarms) const {
    std::vector<double> loads = options_.per_week;
    for (const Contender& contender : done_.contenders) {
      const Tally& tally = contender.tally;
      double load =
          static_cast<double>(of_false_alarms ? tally.count.false_alarms : tally.flagged) /
          done_.calendar.periods();
      if (load > 0 && options_.per_week.empty()) {
        loads.push_back(load);
      }
    }
    if (loads.empty()) {
      loads.push_back(kUsualPerPeriod);
    }
    std::sort(loads.begin(), loads.end());
    loads.erase(std::unique(loads.begin(), loads.end()), loads.end());
    return loads;
  }

  void AddCurve(Scorer scorer, const Sweep& sweep, JudgedModel& judged) const {
    judged.curves.push_back({scorer, sweep.Thinned(kCurvePoints)});
    for (bool false_alarms : {false, true}) {
      for (double load : Loads(false_alarms)) {
        double accounts = load * done_.calendar.periods();
        JudgedModel::AtLoad at{
            .scorer = scorer,
            .per_period = load,
            .false_alarms = false_alarms,
            .point = false_alarms ? sweep.AtFalseAlarms(accounts) : sweep.AtFlagged(accounts),
            .lead = {},
            .lead_ahead = {},
            .tally = {}};
        double reached = false_alarms ? at.point.false_alarms : at.point.flagged;
        at.reached = reached >= accounts * (1 - 1e-9);
        if (!false_alarms) {
          at.tally = Count(done_.judged, done_.endings, done_.calendar, sweep.AlertsAt(at.point),
                           done_.scale.unit);
        }
        std::vector<Duration> leads = at.tally ? at.tally->leads : sweep.Leads(at.point.threshold);
        at.lead = Median(leads);
        leads.erase(leads.begin(), std::lower_bound(leads.begin(), leads.end(), done_.scale.unit));
        at.lead_ahead = Median(leads);
        judged.loads.push_back(at);
      }
    }
  }

  void AddExamples(const ScoreOptions& scoring, Contender& contender) const;

  // Models from files have learnt by what may not hold here.
  void RemarkOnModels() {
    for (const JudgedModel& judged : done_.models) {
      bool from_file = judged.trained && (!options_.model.empty() || done_.models.size() > 1);
      if (!from_file) {
        continue;
      }
      if (std::optional<std::string> remark = RemarkOnWeights(*judged.trained, catalogue_)) {
        done_.remarks.push_back(fmt::format("{}: {}", judged.name, *remark));
      }
      RemarkOnMasks(judged);
    }
  }

  // A model may have learnt without what it is shown here, or with what another's masks hide.
  void RemarkOnMasks(const JudgedModel& judged) {
    std::vector<std::string> in_use = MasksInUse();
    for (const std::string& mask : judged.trained->facts.masks) {
      if (std::find(in_use.begin(), in_use.end(), mask) == in_use.end()) {
        done_.remarks.push_back(fmt::format(
            "{}: it learnt without what matches '{}', which it was shown here", judged.name, mask));
      }
    }
    const std::vector<std::string>& names = judged.trained->vocabulary.names();
    for (const std::string& mask : in_use) {
      RE2 pattern(mask, RE2::Quiet);
      if (std::any_of(names.begin(), names.end(),
                      [&](const std::string& name) { return RE2::PartialMatch(name, pattern); })) {
        done_.remarks.push_back(
            fmt::format("{}: it learnt with what matches '{}', which it was not shown here",
                        judged.name, mask));
      }
    }
  }

  // A policy by a probability that no head states goes by its fallback.
  void RemarkOnHorizons() {
    for (const Contender& contender : done_.contenders) {
      const std::optional<TrainedModel>& trained = done_.models[contender.model].trained;
      for (const pb::Policy& policy : contender.policies.policies()) {
        if (trained && !StatesHorizonOf(*trained, policy)) {
          done_.remarks.push_back(
              fmt::format("policy '{}' asks for the probability within {}, which the model does "
                          "not state: it {}",
                          policy.name(), SayHorizon(HorizonOf(policy)),
                          policy.has_fallback() ? "went by its `otherwise`"
                                                : "has no `otherwise`, and opened nothing"));
        }
      }
    }
  }

  // Skill was shown on accounts of the past; these may be of another kind.
  void RemarkOnRanking() {
    for (const JudgedModel& judged : done_.models) {
      for (size_t i = 0; judged.trained && i < judged.calibrations.size(); ++i) {
        const Head& head = judged.trained->heads[i];
        const ForecastQuality& quality = judged.calibrations[i].quality;
        double number = static_cast<double>(quality.number);
        double rate = quality.base_rate.value_or(0);
        bool telling = quality.number >= kForecastsTelling &&
                       std::min(rate, 1 - rate) * number >= kForecastsTellingOfEach;
        if (head.gate.open && telling && quality.auc_high && *quality.auc_high < 0.5) {
          done_.remarks.push_back(fmt::format(
              "{}: within {} it ranks the judged accounts worse than chance (AUC {:.3f}, at most "
              "{:.3f}): they are not like those that it learnt from",
              judged.name, SayHorizon(head.horizon), *quality.auc, *quality.auc_high));
        }
      }
    }
  }

  // Who is flagged only as it buys was flagged by the purchase.
  void RemarkOnLeads() {
    const Tally& tally = done_.contenders.front().tally;
    if (tally.flagged_buyers >= kTelling && tally.ahead * 5 < tally.flagged_buyers) {
      done_.remarks.push_back(fmt::format(
          "{} of {} flagged buyers were flagged less than {} before they bought: does a signal "
          "state the outcome? --mask leaves it out",
          tally.flagged_buyers - tally.ahead, tally.flagged_buyers,
          FormatDuration(done_.scale.unit)));
    }
  }

  bool GoesByProbability() const {
    const std::optional<TrainedModel>& trained =
        done_.models[done_.contenders.front().model].trained;
    const auto& policies = done_.contenders.front().policies.policies();
    return trained && std::any_of(policies.begin(), policies.end(), [&](const pb::Policy& policy) {
             return policy.measure() == pb::Policy::PROBABILITY &&
                    std::any_of(trained->heads.begin(), trained->heads.end(),
                                [&](const Head& head) {
                                  return head.horizon == HorizonOf(policy) && head.gate.open;
                                });
           });
  }

  bool GoesByAnything() const {
    const auto& policies = done_.contenders.front().policies.policies();
    return GoesByProbability() ||
           std::any_of(policies.begin(), policies.end(), [](const pb::Policy& policy) {
             return policy.measure() != pb::Policy::PROBABILITY || policy.has_fallback();
           });
  }

  void RemarkOnEmptiness() {
    const Tally& tally = done_.contenders.front().tally;
    if (tally.buyers == 0) {
      done_.remarks.push_back(
          "no account that was judged bought: there is no share of buyers and no lead time");
    }
    const Replayed& replayed = done_.contenders.front().replayed;
    if (tally.count.alerts == 0 && !replayed.suppressed.empty()) {
      done_.remarks.push_back("no trigger opened: the policy kept them back, by " +
                              SaySuppressed(replayed));
    } else if (tally.count.alerts == 0 && !GoesByAnything()) {
      done_.remarks.push_back("no trigger opened: no policy had anything to go by");
    } else if (tally.count.alerts == 0 && (estimator_ || GoesByProbability())) {
      done_.remarks.push_back(
          "no trigger opened: no account reached the policy's level; see the curves for what lower "
          "thresholds would have done");
    } else if (tally.count.alerts == 0) {
      done_.remarks.push_back(
          "no trigger opened; no signal of this history is evidence for a stage in the catalogue, "
          "so progress is always 0: name a --catalogue that knows these signals, or a --policy "
          "that goes by points or probability");
    }
    if (replayed.refused > 0) {
      done_.remarks.push_back(
          fmt::format("{} events name no usable account and opened nothing", replayed.refused));
    }
  }

  const BacktestOptions& options_;
  const std::function<void(const pb::Trigger&)>& revised_;
  Progress& progress_;
  Work work_;
  std::vector<PolicyFile> policies_;
  std::vector<ModelFile> models_;
  std::optional<ModelFile> against_;
  pb::Catalogue catalogue_;
  UnknownNames unknown_ = UnknownNames::kKeep;  // names that it does not know
  LearningOptions learning_;                    // as stated, with the masks of the model
  std::optional<Model> estimator_;
  LearningInput input_;
  std::vector<size_t> judged_;
  LabelledHistory known_;  // what there was to learn from
  Backtest done_;
};

// A buyer flagged early, one flagged as late as most, a false alarm, and a buyer that was missed.
void Backtester::AddExamples(const ScoreOptions& scoring, Contender& contender) const {
  struct Seen {
    uint32_t account;
    Duration lead;
  };

  const std::vector<PastAccount>& accounts = done_.judged.accounts;
  std::vector<bool> flagged(accounts.size(), false);
  std::vector<Seen> right;
  std::vector<uint32_t> wrong;
  for (const Opening& opening : contender.replayed.openings) {
    uint32_t account = opening.alert.account;
    if (!flagged[account]) {
      flagged[account] = true;
      if (done_.endings[account] == Ending::kBought) {
        right.push_back({account, *accounts[account].closed - opening.alert.opened});
      } else if (done_.endings[account] == Ending::kNotBought) {
        wrong.push_back(account);
      }
    }
  }
  auto add = [&](std::string title, uint32_t account) {
    Example example{.title = std::move(title),
                    .account = account,
                    .course = CourseOf(done_.judged, accounts[account], scoring),
                    .openings = {}};
    for (const Opening& opening : contender.replayed.openings) {
      if (opening.alert.account == account) {
        example.openings.push_back(opening);
      }
    }
    contender.examples.push_back(std::move(example));
  };
  std::stable_sort(right.begin(), right.end(),
                   [](const Seen& a, const Seen& b) { return a.lead < b.lead; });
  if (!right.empty()) {
    const Seen& early = right[right.size() * 9 / 10];
    const Seen& usual = right[right.size() / 2];
    add(fmt::format("flagged early: {} before it bought", SayLead(early.lead, done_.scale)),
        early.account);
    if (usual.account != early.account) {
      add(fmt::format("flagged as most: {} before it bought", SayLead(usual.lead, done_.scale)),
          usual.account);
    }
  }
  if (!wrong.empty()) {
    add("a false alarm: flagged, and did not buy", wrong[wrong.size() / 2]);
  }
  std::optional<uint32_t> missed;  // the one with most to see
  for (uint32_t i = 0; i < accounts.size(); ++i) {
    if (done_.endings[i] == Ending::kBought && !flagged[i] &&
        (!missed || accounts[i].events.size() > accounts[*missed].events.size())) {
      missed = i;
    }
  }
  if (missed) {
    add("missed: bought and was never flagged", *missed);
  }
}

}  // namespace

Result<Backtest> RunBacktest(const BacktestOptions& options,
                             const std::function<void(const pb::Trigger&)>& revised,
                             Progress& progress) {
  return Backtester(options, revised, progress).Run();
}

}  // namespace hotiron
