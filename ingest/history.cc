#include "ingest/history.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"

namespace hotiron {
namespace {

constexpr size_t kBlockBytes = size_t{64} * 1024;

enum class Column : uint8_t { kAccount, kContact, kTime, kSource, kSignal, kValue };
constexpr size_t kColumns = 6;
constexpr std::array<std::string_view, kColumns> kColumnNames{"account", "contact", "ts",
                                                              "source",  "signal",  "value"};
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct CloseFile {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

}  // namespace

struct HistoryReader::State {
  std::string path;
  HistoryOptions options;
  std::unique_ptr<gzFile_s, CloseFile> file;
  uint64_t bytes_total = 0;
  std::string block;
  size_t used = 0;        // bytes of the block that are read
  uint64_t line = 0;      // lines begun
  uint64_t row = 0;       // rows behind the header
  uint64_t row_line = 0;  // where the current row begins
  std::vector<std::string> cells;
  size_t cell_count = 0;
  std::array<std::optional<size_t>, kColumns> columns;
  size_t width = 0;
  bool at_start = true;
  bool ended = false;

  Error At(std::string_view problem, Error::Code code = Error::Code::kInvalid) const {
    return Error{code, fmt::format("{}:{}: {}", path, row_line, problem)};
  }

  Result<int> NextByte();
  Result<bool> NextRow();
  Result<void> SkipLine();
  Result<void> ReadHeader();
  std::string_view Cell(Column column) const;
  std::string& NewCell();
};

// The next byte, or -1 at the end of the file.
Result<int> HistoryReader::State::NextByte() {
  if (used == block.size()) {
    block.resize(kBlockBytes);
    used = 0;
    int count = gzread(file.get(), block.data(), static_cast<unsigned>(kBlockBytes));
    int code = Z_OK;
    const char* problem = gzerror(file.get(), &code);
    if (count < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      block.clear();
      ended = true;
      return At(fmt::format("the file cannot be read on: {}",
                            code == Z_ERRNO       ? std::strerror(errno)
                            : code == Z_BUF_ERROR ? "it ends in the middle of compressed data"
                                                  : problem),
                Error::Code::kCorrupt);
    }
    block.resize(static_cast<size_t>(count));
    if (at_start && block.starts_with(kByteOrderMark)) {
      used = kByteOrderMark.size();
    }
    at_start = false;
    if (used == block.size()) {
      return -1;
    }
  }
  return static_cast<int>(static_cast<unsigned char>(block[used++]));
}

std::string& HistoryReader::State::NewCell() {
  if (cell_count == cells.size()) {
    cells.emplace_back();
  }
  std::string& cell = cells[cell_count++];
  cell.clear();
  return cell;
}

Result<void> HistoryReader::State::SkipLine() {
  for (;;) {
    TRY_ASSIGN(int byte, NextByte());
    if (byte == -1 || byte == '\n') {
      return {};
    }
  }
}

// Splits the next row that is not empty into `cells`; false at the end of the file.
Result<bool> HistoryReader::State::NextRow() {
  enum class Place : uint8_t { kStart, kPlain, kQuoted, kQuote };  // kQuote: behind a quote inside
  cell_count = 0;
  size_t size = 0;
  Place place = Place::kStart;
  std::string* cell = nullptr;
  row_line = ++line;
  for (;;) {
    TRY_ASSIGN(int byte, NextByte());
    if (++size > kHistoryRowBytesMax) {
      TRY(SkipLine());
      return At(fmt::format("the row has more than {} bytes", kHistoryRowBytesMax));
    }
    if (byte == -1) {
      if (place == Place::kQuoted) {
        ended = true;
        return At("a quoted value is not closed before the end of the file");
      }
      bool any = cell != nullptr && (cell_count > 1 || !cell->empty());
      ended = !any;
      return any;
    }
    if (cell == nullptr) {
      cell = &NewCell();
    }
    char c = static_cast<char>(byte);
    if (place == Place::kQuoted) {
      if (c == '"') {
        place = Place::kQuote;
        continue;
      }
      line += c == '\n' ? 1U : 0U;
      *cell += c;
    } else if (c == '\n') {
      if (cell->ends_with('\r')) {
        cell->pop_back();
      }
      if (cell_count > 1 || !cell->empty()) {
        return true;
      }
      cell_count = 0;  // an empty line
      cell = nullptr;
      size = 0;
      place = Place::kStart;
      row_line = ++line;
    } else if (c == ',') {
      cell = &NewCell();
      place = Place::kStart;
    } else if (c == '"' && place == Place::kStart) {
      place = Place::kQuoted;
    } else if (c == '"' && place == Place::kQuote) {
      *cell += c;
      place = Place::kQuoted;
    } else {
      *cell += c;
      place = place == Place::kQuote ? Place::kQuote : Place::kPlain;
    }
  }
}

Result<void> HistoryReader::State::ReadHeader() {
  TRY_ASSIGN(bool any, NextRow());
  width = any ? cell_count : 0;
  for (size_t i = 0; i < width; ++i) {
    auto name = std::find(kColumnNames.begin(), kColumnNames.end(), cells[i]);
    if (name == kColumnNames.end()) {
      continue;  // what else an export carries
    }
    std::optional<size_t>& column = columns[static_cast<size_t>(name - kColumnNames.begin())];
    if (column) {
      return At(fmt::format("the header names '{}' twice", cells[i]));
    }
    column = i;
  }
  for (Column needed : {Column::kAccount, Column::kTime, Column::kSignal}) {
    if (!columns[static_cast<size_t>(needed)]) {
      return At(
          fmt::format("the header must name the columns account, ts and signal (and may name "
                      "contact, source and value); '{}' is missing",
                      kColumnNames[static_cast<size_t>(needed)]));
    }
  }
  return {};
}

std::string_view HistoryReader::State::Cell(Column column) const {
  const std::optional<size_t>& index = columns[static_cast<size_t>(column)];
  return index ? std::string_view(cells[*index]) : std::string_view{};
}

Result<HistoryReader> HistoryReader::Open(const std::string& path, HistoryOptions options) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->options = std::move(options);

  struct stat info {};

  if (stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) {
    return Invalid(fmt::format("{}: cannot be opened: {}", path,
                               S_ISDIR(info.st_mode) ? "is a directory" : std::strerror(errno)));
  }
  state->bytes_total = static_cast<uint64_t>(info.st_size);
  state->file.reset(gzopen(path.c_str(), "rb"));
  if (state->file == nullptr) {
    return Invalid(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  }
  TRY(state->ReadHeader());
  return HistoryReader(std::move(state));
}

HistoryReader::HistoryReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

HistoryReader::~HistoryReader() = default;
HistoryReader::HistoryReader(HistoryReader&&) noexcept = default;
HistoryReader& HistoryReader::operator=(HistoryReader&&) noexcept = default;

Result<bool> HistoryReader::Next(Observation& observation) {
  if (state_->ended) {
    return false;
  }
  TRY_ASSIGN(bool any, state_->NextRow());
  if (!any) {
    return false;
  }
  ++state_->row;
  if (state_->cell_count != state_->width) {
    return state_->At(
        fmt::format("the row has {} values, the header {}", state_->cell_count, state_->width));
  }
  for (Column needed : {Column::kAccount, Column::kTime, Column::kSignal}) {
    if (state_->Cell(needed).empty()) {
      return state_->At(fmt::format("{} is empty", kColumnNames[static_cast<size_t>(needed)]));
    }
  }
  std::optional<EventTime> time = ParseTime(state_->Cell(Column::kTime));
  if (!time || *time < kEarliestTime || *time > kLatestTime) {
    return state_->At("ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100");
  }
  observation.Clear();
  observation.kind = Observation::Kind::kEvent;
  observation.time = *time;
  observation.sequence = state_->row;
  observation.history = state_->options.history;
  observation.account = CleanUtf8(state_->Cell(Column::kAccount));
  observation.contact = CleanUtf8(state_->Cell(Column::kContact));
  observation.name = CleanUtf8(state_->Cell(Column::kSignal));
  observation.source = CleanUtf8(state_->Cell(Column::kSource));
  if (observation.source.empty()) {
    observation.source = state_->options.source;
  }
  std::string text;
  for (size_t i = 0; i < kColumns; ++i) {
    text += state_->Cell(static_cast<Column>(i));
    text += '\0';
  }
  observation.id = Hex(Hash64(text, state_->row));
  return true;
}

HistoryProgress HistoryReader::progress() const {
  uint64_t read = static_cast<uint64_t>(std::max<z_off_t>(gzoffset(state_->file.get()), 0));
  return {std::min(read, state_->bytes_total), state_->bytes_total};
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

HistoryProgress MergedHistory::progress() const {
  HistoryProgress sum;
  for (const Input& input : inputs_) {
    HistoryProgress one = input.reader.progress();
    sum.bytes_read += one.bytes_read;
    sum.bytes_total += one.bytes_total;
  }
  return sum;
}

}  // namespace hotiron
