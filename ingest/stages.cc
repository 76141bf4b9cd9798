#include "ingest/stages.h"

#include "base/json.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

// In the order of kColumns.
enum Column : size_t { kAccount, kTime, kStage };

const std::vector<CsvColumn> kColumns{{"account", true}, {"ts", true}, {"stage", true}};

}  // namespace

Result<std::vector<StageRow>> ReadStages(const std::string& path) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kColumns));
  std::vector<StageRow> rows;
  for (;;) {
    TRY_ASSIGN(bool any, csv.Next());
    if (!any) {
      return rows;
    }
    StageRow row;
    row.line = csv.line();
    row.account = CleanUtf8(csv.Cell(kAccount));
    if (row.account.empty()) {
      return csv.At("account is empty");
    }
    std::optional<EventTime> time = ParseTime(csv.Cell(kTime));
    if (!time || *time < kEarliestTime || *time > kLatestTime) {
      return csv.At("ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100");
    }
    row.time = *time;
    row.stage = CleanUtf8(csv.Cell(kStage));
    rows.push_back(std::move(row));
  }
}

}  // namespace hotiron
