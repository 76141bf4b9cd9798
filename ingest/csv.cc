#include "ingest/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/json.h"

namespace hotiron {
namespace {

constexpr size_t kBlockBytes = size_t{64} * 1024;

struct CloseFile {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

// "account, ts and signal"
std::string Enumerate(const std::vector<CsvColumn>& columns, bool needed) {
  std::vector<std::string_view> names;
  for (const CsvColumn& column : columns) {
    if (column.needed == needed) {
      names.push_back(column.name);
    }
  }
  if (names.size() < 2) {
    return fmt::format("{}", fmt::join(names, ""));
  }
  std::string_view last = names.back();
  names.pop_back();
  return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

}  // namespace

struct CsvReader::State {
  std::string path;
  std::unique_ptr<gzFile_s, CloseFile> file;
  uint64_t bytes_total = 0;
  uint64_t bytes_read = 0;  // of the file, with this block; asking zlib costs a system call
  std::string block;
  size_t used = 0;        // bytes of the block that are read
  uint64_t line = 0;      // lines begun
  uint64_t row = 0;       // rows behind the header
  uint64_t row_line = 0;  // where the current row begins
  std::vector<std::string> cells;
  size_t cell_count = 0;
  std::vector<CsvColumn> wanted;
  std::vector<std::optional<size_t>> columns;  // where the file has those
  size_t width = 0;
  bool at_start = true;
  bool ended = false;

  Error At(std::string_view problem, Error::Code code = Error::Code::kInvalid) const {
    return Error{code, fmt::format("{}:{}: {}", path, row_line, problem)};
  }

  Result<int> NextByte();
  size_t TakeRun(std::string& cell, size_t most);
  Result<bool> NextRow();
  Result<void> SkipLine();
  Result<void> ReadHeader();
  std::string& NewCell();
};

// The next byte, or -1 at the end of the file.
Result<int> CsvReader::State::NextByte() {
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
    bytes_read = static_cast<uint64_t>(std::max<z_off_t>(gzoffset(file.get()), 0));
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

// Appends what follows in the block up to the end of a plain cell, `most` bytes at most; returns
// how many.
size_t CsvReader::State::TakeRun(std::string& cell, size_t most) {
  std::string_view rest = std::string_view(block).substr(used, most);
  auto end = std::find_if(rest.begin(), rest.end(), [](char c) { return c == ',' || c == '\n'; });
  rest = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  cell += rest;
  used += rest.size();
  return rest.size();
}

std::string& CsvReader::State::NewCell() {
  if (cell_count == cells.size()) {
    cells.emplace_back();
  }
  std::string& cell = cells[cell_count++];
  cell.clear();
  return cell;
}

Result<void> CsvReader::State::SkipLine() {
  for (;;) {
    TRY_ASSIGN(int byte, NextByte());
    if (byte == -1 || byte == '\n') {
      return {};
    }
  }
}

// Splits the next row that is not empty into `cells`; false at the end of the file.
Result<bool> CsvReader::State::NextRow() {
  enum class Place : uint8_t { kStart, kPlain, kQuoted, kQuote };  // kQuote: behind a quote inside
  cell_count = 0;
  size_t size = 0;
  Place place = Place::kStart;
  std::string* cell = nullptr;
  row_line = ++line;
  for (;;) {
    TRY_ASSIGN(int byte, NextByte());
    if (++size > kCsvRowBytesMax) {
      TRY(SkipLine());
      return At(fmt::format("the row has more than {} bytes", kCsvRowBytesMax));
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
      if (place != Place::kQuote) {
        place = Place::kPlain;
        size += TakeRun(*cell, kCsvRowBytesMax - size);
      }
    }
  }
}

Result<void> CsvReader::State::ReadHeader() {
  TRY_ASSIGN(bool any, NextRow());
  width = any ? cell_count : 0;
  columns.resize(wanted.size());
  for (size_t i = 0; i < width; ++i) {
    auto name = std::find_if(wanted.begin(), wanted.end(),
                             [&](const CsvColumn& column) { return column.name == cells[i]; });
    if (name == wanted.end()) {
      continue;  // what else an export carries
    }
    std::optional<size_t>& column = columns[static_cast<size_t>(name - wanted.begin())];
    if (column) {
      return At(fmt::format("the header names '{}' twice", cells[i]));
    }
    column = i;
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].needed && !columns[i]) {
      std::string optional = Enumerate(wanted, false);
      return At(fmt::format(
          "the header must name the columns {}{}; '{}' is missing", Enumerate(wanted, true),
          optional.empty() ? "" : fmt::format(" (and may name {})", optional), wanted[i].name));
    }
  }
  return {};
}

Result<CsvReader> CsvReader::Open(const std::string& path, const std::vector<CsvColumn>& columns) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->wanted = columns;

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
  return CsvReader(std::move(state));
}

CsvReader::CsvReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

CsvReader::~CsvReader() = default;
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;

Result<bool> CsvReader::Next() {
  if (state_->ended) {
    return false;
  }
  TRY_ASSIGN(bool any, state_->NextRow());
  if (!any) {
    return false;
  }
  ++state_->row;
  if (state_->cell_count != state_->width) {
    return At(
        fmt::format("the row has {} values, the header {}", state_->cell_count, state_->width));
  }
  return true;
}

std::string_view CsvReader::Cell(size_t column) const {
  const std::optional<size_t>& index = state_->columns[column];
  return index ? std::string_view(state_->cells[*index]) : std::string_view{};
}

Result<std::optional<EventTime>> CsvReader::Time(size_t column) const {
  std::string_view text = Cell(column);
  if (text.empty()) {
    return std::optional<EventTime>();
  }
  std::optional<EventTime> time = ParseTime(text);
  if (!time || *time < kEarliestTime || *time > kLatestTime) {
    return At(fmt::format("{} must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100",
                          state_->wanted[column].name));
  }
  return time;
}

uint64_t CsvReader::row() const {
  return state_->row;
}

uint64_t CsvReader::line() const {
  return state_->row_line;
}

Error CsvReader::At(std::string_view problem, Error::Code code) const {
  return state_->At(problem, code);
}

ReadProgress CsvReader::progress() const {
  return {std::min(state_->bytes_read, state_->bytes_total), state_->bytes_total};
}

}  // namespace hotiron
