#include "app/learning_input.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>

#include "app/config.h"
#include "base/hash.h"
#include "base/identity.h"
#include "ingest/catalogue.h"
#include "ingest/history.h"
#include "ingest/outcomes.h"
#include "ingest/router.h"
#include "processors/learning/trainer.h"

namespace hotiron {
namespace {

struct Mask {
  std::string pattern;
  std::unique_ptr<RE2> compiled;
  uint64_t removed = 0;
};

Result<std::vector<Mask>> CompileMasks(const std::vector<std::string>& patterns) {
  std::vector<Mask> masks;
  for (const std::string& pattern : patterns) {
    auto compiled = std::make_unique<RE2>(pattern, RE2::Quiet);
    if (!compiled->ok()) {
      return Invalid(fmt::format("--mask '{}': {}", pattern, compiled->error()));
    }
    masks.push_back({pattern, std::move(compiled), 0});
  }
  return masks;
}

// The index of each text, in order of first appearance.
class Index {
 public:
  uint32_t Of(std::string_view text) {
    auto [at, fresh] = index_.try_emplace(text, static_cast<uint32_t>(texts.size()));
    if (fresh) {
      texts.emplace_back(text);
    }
    return at->second;
  }

  std::vector<std::string> texts;

 private:
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> index_;
};

class Reader {
 public:
  Reader(const LearningOptions& options, Progress& progress)
      : options_(options), progress_(progress) {}

  Result<void> Classify(const pb::Catalogue& catalogue, UnknownNames unknown) {
    input_.catalogue = catalogue.version();
    unknown_ = unknown;
    TRY_ASSIGN(Classifier classifier, Classifier::Make(catalogue));
    classifier_ = std::make_unique<Classifier>(std::move(classifier));
    return {};
  }

  Result<LearningInput> Read() {
    TRY_ASSIGN(masks_, CompileMasks(options_.masks));
    if (!options_.time_unit.empty()) {
      std::optional<Duration> unit = ParseDuration(options_.time_unit);
      if (!unit || *unit < std::chrono::seconds{1} || *unit > std::chrono::days{3660}) {
        return Invalid(fmt::format("--time-unit '{}': must be a time from 1s to 3660d, such as 1d",
                                   options_.time_unit));
      }
      input_.scale.unit = *unit;
    }
    TRY(ReadEvents());
    TRY(ReadOutcomes());
    Finish();
    if (options_.time_unit.empty()) {
      input_.scale.unit = FindTimeUnit(input_.history);
    }
    return std::move(input_);
  }

 private:
  Result<void> ReadEvents() {
    TRY_ASSIGN(MergedHistory history, MergedHistory::Open(options_.events, {}));
    Observation observation;
    for (;;) {
      TRY_ASSIGN(bool more, history.Next(observation));
      if (!more) {
        break;
      }
      ++rows_;
      hash_ = Hash64(observation.id, hash_);
      Take(observation);
      progress_.Show(history.progress().bytes_read, history.progress().bytes_total, rows_);
      if (progress_.interrupted()) {
        return Unavailable("interrupted");
      }
    }
    progress_.Finish();
    if (rows_ == 0) {
      return Invalid(
          fmt::format("{}:1: no event follows the header", fmt::join(options_.events, ", ")));
    }
    for (const Mask& mask : masks_) {
      if (mask.removed == 0) {
        return Invalid(fmt::format("--mask '{}': no signal has it in its name; the signals are: {}",
                                   mask.pattern, fmt::join(signals_.texts, ", ")));
      }
      input_.remarks.push_back(
          fmt::format("mask '{}' removed {} events", mask.pattern, mask.removed));
    }
    return {};
  }

  void Take(const Observation& observation) {
    input_.history.end = std::max(input_.history.end, observation.time);
    std::string_view signal = observation.name;
    double weight = 1;
    if (classifier_ != nullptr) {
      classifier_->Classify(observation, matches_);
      if (matches_.empty() && unknown_ == UnknownNames::kIgnore) {
        ++unclassified_;
        return;
      }
      if (!matches_.empty()) {
        signal = matches_[0]->signal();  // an event is at most one signal
        weight = matches_[0]->weight();
      }
    }
    bool masked = false;
    for (Mask& mask : masks_) {
      if (RE2::PartialMatch(re2::StringPiece(signal.data(), signal.size()), *mask.compiled)) {
        ++mask.removed;
        masked = true;
      }
    }
    if (masked) {
      return;
    }
    PastAccount& account = AccountOf(observation.account);
    uint32_t person = 0;
    if (!IsJunkId(observation.contact)) {
      person = static_cast<uint32_t>(Hash64(NormaliseId(observation.contact))) | 1U;
    }
    account.events.push_back({observation.time, rows_, signals_.Of(signal), person, weight});
  }

  PastAccount& AccountOf(std::string_view name) {
    std::vector<PastAccount>& accounts = input_.history.accounts;
    uint32_t index = accounts_.Of(name);
    if (index == accounts.size()) {
      accounts.push_back({.name = std::string(name)});
    }
    return accounts[index];
  }

  Result<void> ReadOutcomes() {
    uint64_t repeated = 0;
    TRY_ASSIGN(std::vector<OutcomeRow> rows, hotiron::ReadOutcomes(options_.outcomes, repeated));
    if (rows.empty()) {
      return Invalid(fmt::format("{}:1: no outcome follows the header", options_.outcomes));
    }
    std::map<std::string, uint64_t> outcomes;
    size_t with_events = input_.history.accounts.size();
    uint64_t strangers = 0;
    uint64_t backwards = 0;
    stated_.assign(with_events, false);
    for (const OutcomeRow& row : rows) {
      hash_ = Hash64(
          fmt::format("{}\n{}\n{}\n{}", row.account, row.outcome,
                      row.start ? ToMillis(*row.start) : -1, row.time ? ToMillis(*row.time) : -1),
          hash_);
      ++outcomes[row.outcome];
      PastAccount& account = AccountOf(row.account);
      bool known = static_cast<size_t>(&account - input_.history.accounts.data()) < with_events;
      if (!known) {
        ++strangers;
      }
      if (known) {
        stated_[static_cast<size_t>(&account - input_.history.accounts.data())] = true;
      }
      if (row.time) {
        input_.history.end = std::max(input_.history.end, *row.time);
      }
      if (row.start) {
        account.start = *row.start;
      }
      account.owner = row.owner;
      if (!row.open()) {
        account.closed = row.time;
        account.bought =
            std::find(options_.won.begin(), options_.won.end(), row.outcome) != options_.won.end();
        backwards += row.start && *row.time < *row.start ? 1U : 0U;
      }
    }
    for (const std::string& won : options_.won) {
      if (outcomes.count(won) == 0 || won == kOpenOutcome) {
        std::vector<std::string> names;
        names.reserve(outcomes.size());
        for (const auto& [name, count] : outcomes) {
          names.push_back(fmt::format("{} ({})", name, count));
        }
        input_.remarks.push_back(fmt::format("no account of {} has the outcome '{}'; there are: {}",
                                             options_.outcomes, won, fmt::join(names, ", ")));
      }
    }
    Remark(repeated, "outcomes are stated twice");
    Remark(strangers, "outcomes are of accounts without events and were left out");
    Remark(backwards, "outcomes are before their account's start");
    return {};
  }

  // Drops what came after the outcome, and accounts without an event.
  void Finish() {
    uint64_t after = 0;
    uint64_t silent = 0;
    uint64_t unstated = 0;
    std::vector<PastAccount>& accounts = input_.history.accounts;
    for (size_t i = 0; i < accounts.size(); ++i) {
      PastAccount& account = accounts[i];
      if (account.events.empty()) {
        continue;
      }
      unstated += i < stated_.size() && !stated_[i] ? 1U : 0U;
      std::stable_sort(account.events.begin(), account.events.end(),
                       [](const PastEvent& a, const PastEvent& b) { return a.time < b.time; });
      // `sequence` is the file's order, and so is the order among equal times.
      if (account.start == EventTime{}) {
        account.start = account.events.front().time;
      }
      while (!account.events.empty() && !account.OpenAt(account.events.back().time)) {
        account.events.pop_back();
        ++after;
      }
      silent += account.events.empty() ? 1U : 0U;
    }
    accounts.erase(
        std::remove_if(accounts.begin(), accounts.end(),
                       [](const PastAccount& account) { return account.events.empty(); }),
        accounts.end());
    input_.history.signals = std::move(signals_.texts);
    Remark(unclassified_, "events are no signal of the catalogue and were left out");
    Remark(unstated, "accounts have no outcome and count as open");
    Remark(after, "events at or after their account's outcome were left out");
    Remark(silent, "accounts have no event before their outcome and were left out");
    input_.data_hash = Hex(hash_);
  }

  void Remark(uint64_t count, std::string_view what) {
    if (count > 0) {
      input_.remarks.push_back(fmt::format("{} {}", count, what));
    }
  }

  const LearningOptions& options_;
  Progress& progress_;
  LearningInput input_;
  std::vector<Mask> masks_;
  std::unique_ptr<Classifier> classifier_;
  UnknownNames unknown_ = UnknownNames::kIgnore;
  std::vector<const pb::SignalDefinition*> matches_;
  Index signals_;
  Index accounts_;
  std::vector<bool> stated_;  // of accounts with events: has a row among the outcomes
  uint64_t rows_ = 0;
  uint64_t unclassified_ = 0;
  uint64_t hash_ = 0;
};

}  // namespace

void AddLearningOptions(CLI::App& command, LearningOptions& options) {
  options.won = {"won"};
  command
      .add_option("--events", options.events,
                  "History (account,contact,ts,source,signal,value), plain or gzip; several files "
                  "are merged by time")
      ->required();
  command
      .add_option("--outcomes", options.outcomes,
                  "Outcomes (account,start_ts,outcome,outcome_ts), plain or gzip; an account "
                  "without one, or with 'open', is still open")
      ->required();
  command.add_option("--mask", options.masks,
                     "Leave out signals with this RE2 pattern anywhere in their name; repeatable. "
                     "Mask what states or follows the outcome");
  command
      .add_option("--won", options.won,
                  "Outcome that counts as bought; repeatable. All other closed ones count as not "
                  "bought")
      ->capture_default_str();
  command.add_option("--time-unit", options.time_unit,
                     "Pace of a journey, such as 1d or 10m: half-lives are 1, 7 and 30 units "
                     "(default: found from the data)");
  command.add_option("--catalogue", options.catalogue,
                     "Signal catalogue: only its signals count, with its weights (default: every "
                     "signal of the events, with weight 1)");
  command.add_option("--json", options.json,
                     "Write the results to this file ('-': standard output)");
  command.add_option("--seed", options.seed, "Of whatever is drawn at random")
      ->capture_default_str();
}

Result<LearningInput> ReadLearningInput(const LearningOptions& options, Progress& progress) {
  Reader reader(options, progress);
  if (!options.catalogue.empty()) {
    TRY_ASSIGN(std::string text, ReadFile(options.catalogue));
    TRY_ASSIGN(pb::Catalogue catalogue, ParseCatalogue(text, options.catalogue));
    TRY(reader.Classify(catalogue, UnknownNames::kIgnore));
  }
  return reader.Read();
}

Result<LearningInput> ReadLearningInput(const LearningOptions& options,
                                        const pb::Catalogue& catalogue, Progress& progress) {
  Reader reader(options, progress);
  TRY(reader.Classify(catalogue, UnknownNames::kKeep));
  return reader.Read();
}

Work MakeWork(Progress& progress) {
  Work work;
  work.parallel = [](const std::function<void(size_t)>& part) {
    std::atomic<size_t> next = 0;
    auto take_parts = [&] {
      for (size_t i = next++; i < kParts; i = next++) {
        part(i);
      }
    };
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < std::min<size_t>(std::thread::hardware_concurrency(), kParts); ++i) {
      threads.emplace_back(take_parts);
    }
    take_parts();
  };
  work.progress = [&progress](std::string_view step, size_t done, size_t total) {
    progress.ShowStep(step, done, total);
    return !progress.interrupted();
  };
  return work;
}

}  // namespace hotiron
