#include "ingest/history.h"

#include <fmt/format.h>

#include <optional>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

const std::vector<CsvColumn> kHistoryColumns{{"account", true}, {"contact", false},
                                             {"ts", true},      {"source", false},
                                             {"signal", true},  {"value", false}};

// Indices into kHistoryColumns.
struct HistoryColumn {
  enum : size_t { kAccount, kContact, kTime, kSource, kSignal, kValue };
};

}  // namespace

struct HistoryReader::State {
  CsvReader csv;
  HistoryOptions options;
  std::string scratch;
};

Result<HistoryReader> HistoryReader::Open(const std::string& path, HistoryOptions options) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kHistoryColumns));
  return HistoryReader(
      std::make_unique<State>(State{std::move(csv), std::move(options), std::string()}));
}

HistoryReader::HistoryReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

HistoryReader::~HistoryReader() = default;
HistoryReader::HistoryReader(HistoryReader&&) noexcept = default;
HistoryReader& HistoryReader::operator=(HistoryReader&&) noexcept = default;

Result<bool> HistoryReader::Next(Observation& observation) {
  CsvReader& csv = state_->csv;
  TRY_ASSIGN(bool any, csv.Next());
  if (!any) {
    return false;
  }
  for (size_t i = 0; i < kHistoryColumns.size(); ++i) {
    if (kHistoryColumns[i].needed && csv.Cell(i).empty()) {
      return csv.At(fmt::format("{} is empty", kHistoryColumns[i].name));
    }
  }
  TRY_ASSIGN(std::optional<EventTime> time, csv.Time(HistoryColumn::kTime));
  observation.Clear();
  observation.kind = Observation::Kind::kEvent;
  observation.time = *time;
  observation.sequence = csv.row();
  observation.history = state_->options.history;
  observation.account = CleanUtf8(csv.Cell(HistoryColumn::kAccount));
  observation.contact = CleanUtf8(csv.Cell(HistoryColumn::kContact));
  observation.name = CleanUtf8(csv.Cell(HistoryColumn::kSignal));
  observation.source = CleanUtf8(csv.Cell(HistoryColumn::kSource));
  if (observation.source.empty()) {
    observation.source = state_->options.source;
  }
  std::string& text = state_->scratch;
  text.clear();
  for (size_t i = 0; i < kHistoryColumns.size(); ++i) {
    text += csv.Cell(i);
    text += '\0';
  }
  observation.id = Hex(Hash64(text, csv.row()));
  return true;
}

ReadProgress HistoryReader::progress() const {
  return state_->csv.progress();
}

Result<MergedHistory> MergedHistory::Open(const std::vector<std::string>& paths,
                                          HistoryOptions options) {
  MergedHistory merged;
  for (const std::string& path : paths) {
    TRY_ASSIGN(HistoryReader reader, HistoryReader::Open(path, options));
    merged.inputs_.push_back(Input{std::move(reader), {}});
  }
  return merged;
}

Result<bool> MergedHistory::Next(Observation& observation) {
  Input* first = nullptr;
  for (Input& input : inputs_) {
    if (!input.has_head && !input.ended) {
      Result<bool> next = input.reader.Next(input.head);
      if (!next.ok()) {
        return next;
      }
      input.has_head = next.value();
      input.ended = !next.value();
    }
    if (input.has_head && (first == nullptr || input.head.time < first->head.time)) {
      first = &input;
    }
  }
  if (first == nullptr) {
    return false;
  }
  std::swap(observation, first->head);
  first->has_head = false;
  return true;
}

ReadProgress MergedHistory::progress() const {
  ReadProgress sum;
  for (const Input& input : inputs_) {
    ReadProgress one = input.reader.progress();
    sum.bytes_read += one.bytes_read;
    sum.bytes_total += one.bytes_total;
  }
  return sum;
}

}  // namespace hotiron
