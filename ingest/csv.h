#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// A row of a file of comma-separated values, quotes and all, has at most this many bytes.
inline constexpr size_t kCsvRowBytesMax = size_t{64} << 10;

struct CsvColumn {
  std::string_view name;
  bool needed = true;
};

// How far a file has been read, in bytes as stored: compressed where the file is.
struct ReadProgress {
  uint64_t bytes_read = 0;
  uint64_t bytes_total = 0;
};

// Reads comma-separated values with a header row, plain or gzip, quoted as RFC 4180 has it. Columns
// may come in any order, and others than the named ones may be there.
//
// Operation: Next gives one row after another until it says false. An error of code kInvalid is
// about one row; the next call goes on behind it. Any other error ends the file. Messages name file
// and line.
// Concurrency: one thread at a time.
// Limits: holds one block of the file and one row (kCsvRowBytesMax).
class CsvReader {
 public:
  static Result<CsvReader> Open(const std::string& path, const std::vector<CsvColumn>& columns);
  ~CsvReader();
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;

  Result<bool> Next();

  // The value of the current row in `columns[column]`, empty when the file has no such column.
  std::string_view Cell(size_t column) const;

  // The moment that the cell states, from kEarliestTime to kLatestTime; nothing for an empty one.
  Result<std::optional<EventTime>> Time(size_t column) const;

  uint64_t row() const;   // of the current row, counted behind the header, from 1
  uint64_t line() const;  // where the current row begins

  // An error about the current row: "<file>:<line>: <problem>".
  Error At(std::string_view problem, Error::Code code = Error::Code::kInvalid) const;

  ReadProgress progress() const;

 private:
  struct State;
  explicit CsvReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hotiron
