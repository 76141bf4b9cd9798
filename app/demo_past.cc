#include "app/demo_past.h"

#include <fmt/format.h>

#include <deque>
#include <fstream>
#include <map>
#include <utility>

#include "app/defaults.h"
#include "app/intake.h"
#include "app/task_host.h"
#include "base/identity.h"
#include "processors/learning/crm_outcome.h"
#include "processors/no_rows.h"
#include "processors/task.h"

namespace hotiron {
namespace {

constexpr uint64_t kEventsPerLook = 500;  // at the progress

// As a history file names an account: by its CRM id, else by kind and domain.
std::string_view NameOf(std::string_view key) {
  return KindOf(key) == IdentityKind::kAccount ? IdOf(key) : key;
}

class PastWriter {
 public:
  PastWriter(const Config& config, Intake intake, const std::string& folder)
      : intake_(std::move(intake)), task_(TaskOptionsOf(config), rows_) {
    past_.events_file = folder + "/events.csv";
    past_.outcomes_file = folder + "/outcomes.csv";
    events_.open(past_.events_file, std::ios::binary);
    events_ << "account,contact,ts,source,signal\n";
  }

  Result<void> Take(const MarketEvent& event) {
    ++past_.market_events;
    taken_.Clear();
    intake_.Take({.value = event.payload,
                  .key = event.key,
                  .headers = {},
                  .topic = event.feed == Feed::kWeb ? "web" : "crm",
                  .offset = static_cast<int64_t>(past_.market_events),
                  .timestamp = event.time},
                 event.time, taken_);
    std::deque<RoutedRecord> records(taken_.routed.begin(), taken_.routed.end());
    for (; !records.empty(); records.pop_front()) {
      TRY(Take(event.time, records.front(), records));
    }
    return {};
  }

  Result<DemoPast> Finish() {
    std::ofstream outcomes(past_.outcomes_file, std::ios::binary);
    outcomes << "account,outcome,outcome_ts\n";
    for (const auto& [key, outcome] : outcomes_) {
      if (!outcome.any()) {
        continue;
      }
      std::optional<CrmOutcome::Closing> closing = outcome.Get();
      past_.accounts += closing ? 1U : 0U;
      past_.bought += closing && closing->bought ? 1U : 0U;
      outcomes << fmt::format("{},{},{}\n", NameOf(key),
                              !closing          ? "open"
                              : closing->bought ? "won"
                                                : "lost",
                              closing ? FormatTime(closing->time) : "");
    }
    outcomes.close();
    events_.close();
    if (!outcomes || !events_) {
      return Unavailable(fmt::format("{}: cannot be written", past_.outcomes_file));
    }
    return past_;
  }

 private:
  // What the CRM says of an object that names no account goes through the object's row, which
  // forwards it; the rest is of no interest to a task here.
  Result<void> Take(EventTime time, const RoutedRecord& routed, std::deque<RoutedRecord>& more) {
    if (KindOf(routed.key) == IdentityKind::kObject) {
      std::string bytes = routed.record.SerializeAsString();
      TRY(task_.Process({++offset_, time, routed.key, bytes}, outputs_));
      for (TaskOutputs::Forward& forward : outputs_.forwards) {
        RoutedRecord forwarded{.key = std::move(forward.key), .record = {}};
        if (forwarded.record.ParseFromString(forward.value)) {
          more.push_back(std::move(forwarded));
        }
      }
      outputs_.Clear();
      return {};
    }
    if (!IsCompany(routed.key)) {
      return {};
    }
    if (routed.record.has_fact()) {
      outcomes_[routed.key].Add(routed.record.fact());
    } else if (routed.record.has_signal()) {
      const pb::Signal& signal = routed.record.signal();
      ++past_.signals;
      std::string_view origin = signal.path().empty() ? std::string_view() : signal.path(0);
      events_ << fmt::format(
          "{},{},{},{},{}\n", NameOf(routed.key), IsCompany(origin) ? std::string_view() : origin,
          FormatTime(FromMillis(signal.time_ms())), signal.source(), signal.signal());
    }
    return {};
  }

  NoRows rows_;
  Intake intake_;
  Task task_;
  TaskOutputs outputs_;
  Intake::Output taken_;
  int64_t offset_ = 0;
  std::map<std::string, CrmOutcome> outcomes_;  // by key
  std::ofstream events_;
  DemoPast past_;
};

}  // namespace

Result<DemoPast> WritePast(const MarketOptions& options, EventTime end, const Config& config,
                           const std::string& folder, Progress& progress) {
  TRY_ASSIGN(pb::Catalogue catalogue, CatalogueOf(config));
  TRY_ASSIGN(std::string person_key, ReadPersonKey(config));
  TRY_ASSIGN(Intake intake, Intake::Make(config, person_key, catalogue));
  Market market(options);
  PastWriter writer(config, std::move(intake), folder);
  const EventTime begin = market.PeekTime();
  for (uint64_t events = 0; market.PeekTime() < end; ++events) {
    if (events % kEventsPerLook == 0) {
      auto days = [&](EventTime time) {
        return static_cast<uint64_t>((time - begin) / std::chrono::days{1});
      };
      progress.ShowStep("playing its past, day", days(market.PeekTime()), days(end));
      if (progress.interrupted()) {
        return Unavailable("interrupted");
      }
    }
    TRY(writer.Take(market.Next()));
  }
  progress.Finish();
  return writer.Finish();
}

}  // namespace hotiron
