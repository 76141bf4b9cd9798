#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/observation.h"
#include "base/result.h"
#include "ingest/csv.h"

namespace hotiron {

struct HistoryOptions {
  std::string source = "history";  // of rows that name none
  bool history = true;             // Observation.history
};

// Reads a history file row by row (docs/FORMATS.md): comma-separated values with a header, plain or
// gzip.
//
// Operation: Next gives one observation per row until `end`. An error of code kInvalid is about one
// row; the next call goes on behind it. Any other error ends the file. Messages name file and line.
// Concurrency: one thread at a time.
// Limits: those of CsvReader.
class HistoryReader {
 public:
  static Result<HistoryReader> Open(const std::string& path, HistoryOptions options);
  ~HistoryReader();
  HistoryReader(HistoryReader&&) noexcept;
  HistoryReader& operator=(HistoryReader&&) noexcept;

  // True with the next row in `observation`; false at the end.
  Result<bool> Next(Observation& observation);

  ReadProgress progress() const;

 private:
  struct State;
  explicit HistoryReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Several history files as one, merged by time: each step gives the earliest of the files' next
// rows (of the first file named, when equal). Every file is read in its own order, so a file that
// is not in order of time stays so, and holds back what follows in it; journeys do not mind.
class MergedHistory {
 public:
  static Result<MergedHistory> Open(const std::vector<std::string>& paths, HistoryOptions options);

  // As HistoryReader::Next. A row that cannot be used is reported when its file comes to it.
  Result<bool> Next(Observation& observation);

  ReadProgress progress() const;

 private:
  struct Input {
    HistoryReader reader;
    Observation head;
    bool has_head = false;
    bool ended = false;
  };

  std::vector<Input> inputs_;
};

}  // namespace hotiron
