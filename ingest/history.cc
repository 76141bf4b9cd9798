#include "ingest/history.h"

#include <fmt/format.h>

#include <optional>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "ingest/csv.h"

namespace hotiron {
namespace {

// In the order of kColumns.
enum Column : size_t { kAccount, kContact, kTime, kSource, kSignal, kValue };

const std::vector<CsvColumn> kColumns{{"account", true}, {"contact", false}, {"ts", true},
                                      {"source", false}, {"signal", true},   {"value", false}};

}  // namespace

struct HistoryReader::State {
  CsvReader csv;
  HistoryOptions options;
  std::string scratch;
};

Result<HistoryReader> HistoryReader::Open(const std::string& path, HistoryOptions options) {
  TRY_ASSIGN(CsvReader csv, CsvReader::Open(path, kColumns));
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
  for (size_t i = 0; i < kColumns.size(); ++i) {
    if (kColumns[i].needed && csv.Cell(i).empty()) {
      return csv.At(fmt::format("{} is empty", kColumns[i].name));
    }
  }
  std::optional<EventTime> time = ParseTime(csv.Cell(kTime));
  if (!time || *time < kEarliestTime || *time > kLatestTime) {
    return csv.At("ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100");
  }
  observation.Clear();
  observation.kind = Observation::Kind::kEvent;
  observation.time = *time;
  observation.sequence = csv.row();
  observation.history = state_->options.history;
  observation.account = CleanUtf8(csv.Cell(kAccount));
  observation.contact = CleanUtf8(csv.Cell(kContact));
  observation.name = CleanUtf8(csv.Cell(kSignal));
  observation.source = CleanUtf8(csv.Cell(kSource));
  if (observation.source.empty()) {
    observation.source = state_->options.source;
  }
  std::string& text = state_->scratch;
  text.clear();
  for (size_t i = 0; i < kColumns.size(); ++i) {
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
