#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hotiron {

// One row of a task's state, as it is stored and as it is sent to the changelog: the record's key
// is the row's key, its value the row's value, and a deletion is a tombstone.
struct Row {
  std::string key;
  std::optional<std::string> value;  // nullopt = delete

  friend bool operator==(const Row&, const Row&) = default;
};

// How far the task has come (pb::OffsetRow). It is part of every batch that a commit writes, so
// the rows of a store and this row always belong to the same commit, whenever the process dies.
// Sorts before all other rows, whose keys begin with a letter.
inline constexpr std::string_view kOffsetKey = "!offset";

}  // namespace hotiron
