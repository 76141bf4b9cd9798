#include "ingest/stages.h"

#include "base/json.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

const std::vector<CsvColumn> kStageColumns{{"account", true}, {"ts", true}, {"stage", true}};

// Indices into kStageColumns.
struct StageColumn {
  enum : size_t { kAccount, kTime, kStage };
};

}  // namespace

Result<std::vector<StageRow>> ReadStages(const std::string& path) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kStageColumns));
  std::vector<StageRow> rows;
  for (;;) {
    TRY_ASSIGN(bool any, csv.Next());
    if (!any) {
      return rows;
    }
    StageRow row;
    row.line = csv.line();
    row.account = CleanUtf8(csv.Cell(StageColumn::kAccount));
    if (row.account.empty()) {
      return csv.At("account is empty");
    }
    TRY_ASSIGN(std::optional<EventTime> time, csv.Time(StageColumn::kTime));
    if (!time) {
      return csv.At("ts is empty");
    }
    row.time = *time;
    row.stage = CleanUtf8(csv.Cell(StageColumn::kStage));
    rows.push_back(std::move(row));
  }
}

}  // namespace hotiron
