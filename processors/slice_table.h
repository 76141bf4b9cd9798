#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "processors/row_source.h"
#include "processors/sums.h"

namespace hotiron {

// The path of an origin as one word: the identity it came under, then the links it took.
std::string OriginName(const std::vector<std::string>& path);

// A slice's own row: the sums of one origin, and the path that names it.
struct Slice {
  std::vector<std::string> path;
  Sums sums;
};

// The slice rows of one task that the current transaction has read or changed; the rest stay where
// they are. One thread.
class SliceTable {
 public:
  explicit SliceTable(RowSource& rows) : rows_(rows) {}

  // The slice of an origin, null when it has none. Valid until the next call of a member.
  Result<const Slice*> Find(std::string_view account, std::string_view origin);

  // Writes a slice, or removes it (nullopt).
  void Put(std::string_view account, std::string_view origin, std::optional<Slice> slice);

  // All slices of an account, by origin.
  Result<std::vector<Slice>> All(std::string_view account);

  // Appends what was changed as rows and forgets all: the transaction is being committed.
  // With nothing to write it is also the way to give up (Discard).
  template <typename AddRow>
  void Stage(const AddRow& add_row) {
    for (const auto& [key, staged] : staged_) {
      if (staged.changed) {
        add_row(key, Encode(staged.slice));
      }
    }
    staged_.clear();
  }

  void Discard() { staged_.clear(); }

  size_t size() const { return staged_.size(); }

 private:
  struct Staged {
    std::optional<Slice> slice;
    bool changed = false;
  };

  static std::optional<std::string> Encode(const std::optional<Slice>& slice);

  RowSource& rows_;
  std::map<std::string, Staged, std::less<>> staged_;
};

}  // namespace hotiron
