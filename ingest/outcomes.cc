#include "ingest/outcomes.h"

#include <fmt/format.h>

#include <unordered_map>

#include "base/json.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

const std::vector<CsvColumn> kOutcomeColumns{{"account", true},
                                             {"outcome", true},
                                             {"outcome_ts", true},
                                             {"start_ts", false},
                                             {"owner", false}};

// Indices into kOutcomeColumns.
struct OutcomeColumn {
  enum : size_t { kAccount, kOutcome, kTime, kStart, kOwner };
};

}  // namespace

Result<std::vector<OutcomeRow>> ReadOutcomes(const std::string& path, uint64_t& repeated) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kOutcomeColumns));
  std::vector<OutcomeRow> rows;
  std::unordered_map<std::string, size_t> known;
  for (;;) {
    TRY_ASSIGN(bool any, csv.Next());
    if (!any) {
      return rows;
    }
    OutcomeRow row;
    row.line = csv.line();
    row.account = CleanUtf8(csv.Cell(OutcomeColumn::kAccount));
    if (row.account.empty()) {
      return csv.At("account is empty");
    }
    row.outcome = CleanUtf8(csv.Cell(OutcomeColumn::kOutcome));
    if (row.outcome.empty()) {
      row.outcome = kOpenOutcome;
    }
    row.owner = CleanUtf8(csv.Cell(OutcomeColumn::kOwner));
    TRY_ASSIGN(row.start, csv.Time(OutcomeColumn::kStart));
    TRY_ASSIGN(row.time, csv.Time(OutcomeColumn::kTime));
    if (!row.open() && !row.time) {
      return csv.At(fmt::format(
          "outcome_ts is empty; only an outcome '{}' or an empty one has none", kOpenOutcome));
    }
    auto [at, fresh] = known.try_emplace(row.account, rows.size());
    if (fresh) {
      rows.push_back(std::move(row));
      continue;
    }
    const OutcomeRow& earlier = rows[at->second];
    if (earlier.outcome != row.outcome || earlier.time != row.time) {
      return csv.At(
          fmt::format("line {} states another outcome of the same account; an account has "
                      "one (name its journeys apart)",
                      earlier.line));
    }
    ++repeated;
  }
}

}  // namespace hotiron
