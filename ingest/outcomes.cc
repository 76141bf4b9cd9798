#include "ingest/outcomes.h"

#include <fmt/format.h>

#include <unordered_map>

#include "base/json.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

// In the order of kColumns.
enum Column : size_t { kAccount, kOutcome, kTime, kStart, kOwner };

const std::vector<CsvColumn> kColumns{{"account", true},
                                      {"outcome", true},
                                      {"outcome_ts", true},
                                      {"start_ts", false},
                                      {"owner", false}};

// Nothing for an empty value.
Result<std::optional<EventTime>> ReadTime(const CsvReader& csv, Column column) {
  std::string_view text = csv.Cell(column);
  if (text.empty()) {
    return std::optional<EventTime>();
  }
  std::optional<EventTime> time = ParseTime(text);
  if (!time || *time < kEarliestTime || *time > kLatestTime) {
    return csv.At(fmt::format("{} must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100",
                              kColumns[column].name));
  }
  return time;
}

}  // namespace

Result<std::vector<OutcomeRow>> ReadOutcomes(const std::string& path, uint64_t& repeated) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kColumns));
  std::vector<OutcomeRow> rows;
  std::unordered_map<std::string, size_t> known;
  for (;;) {
    TRY_ASSIGN(bool any, csv.Next());
    if (!any) {
      return rows;
    }
    OutcomeRow row;
    row.line = csv.line();
    row.account = CleanUtf8(csv.Cell(kAccount));
    if (row.account.empty()) {
      return csv.At("account is empty");
    }
    row.outcome = CleanUtf8(csv.Cell(kOutcome));
    if (row.outcome.empty()) {
      row.outcome = kOpenOutcome;
    }
    row.owner = CleanUtf8(csv.Cell(kOwner));
    TRY_ASSIGN(row.start, ReadTime(csv, kStart));
    TRY_ASSIGN(row.time, ReadTime(csv, kTime));
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
