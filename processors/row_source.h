#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hotiron {

// Where a task reads the rows that it has not got in memory: the committed rows of its partition.
// Nothing is written here; what a task changes leaves it as staged rows (Task::StageRows).
// Real: the RocksDB store of the partition. Fake: a map. An error ends the task's work on the
// record; the caller decides whether to try again.
class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual Result<std::optional<std::string>> Get(std::string_view key) = 0;

  // Calls `visit` for every row whose key begins with `prefix`, in key order, until it says false.
  virtual Result<void> Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
};

// First byte of a row key: what kind of row it is (the offset row has a key of its own,
// base/row.h).
inline constexpr char kAccountRow = 'A';
inline constexpr char kSliceRow = 'S';
inline constexpr char kObjectRow = 'O';
inline constexpr char kTimerRow = 'T';
inline constexpr char kLeversRow = 'L';
inline constexpr char kCensusRow = 'C';

}  // namespace hotiron
