#include "state/memory_store.h"

#include <algorithm>
#include <utility>

namespace hotiron {

void MemoryStore::FailWrite(uint64_t nth, Error error) {
  CHECK(nth > 0);
  writes_to_fail_ = nth;
  failure_ = std::move(error);
}

void MemoryStore::Crash() {
  rows_ = flushed_;
  closed_ = false;
}

Result<std::optional<std::string>> MemoryStore::Get(std::string_view key) const {
  CHECK(!closed_);
  Rows::const_iterator row = rows_.find(key);
  if (row == rows_.end()) {
    return std::optional<std::string>();
  }
  return std::optional<std::string>(row->second);
}

Result<void> MemoryStore::Write(std::span<const Row> rows) {
  CHECK(!closed_);
  if (writes_to_fail_ > 1) {
    --writes_to_fail_;
  } else if (writes_to_fail_ == 1) {
    return *failure_;
  }
  for (const Row& row : rows) {
    if (row.value.has_value()) {
      rows_.insert_or_assign(row.key, *row.value);
    } else {
      rows_.erase(row.key);
    }
  }
  ++writes_;
  return {};
}

Result<void> MemoryStore::Scan(std::string_view prefix, std::string_view from_key,
                               const Visitor& visitor) const {
  CHECK(!closed_);
  for (Rows::const_iterator row = rows_.lower_bound(std::max(prefix, from_key));
       row != rows_.end() && row->first.starts_with(prefix); ++row) {
    if (!visitor(row->first, row->second)) {
      break;
    }
  }
  return {};
}

Result<void> MemoryStore::Flush() {
  CHECK(!closed_);
  flushed_ = rows_;
  return {};
}

Result<void> MemoryStore::Resume() {
  CHECK(!closed_);
  writes_to_fail_ = 0;
  failure_.reset();
  return {};
}

Result<void> MemoryStore::Close() {
  TRY(Flush());
  closed_ = true;
  return {};
}

}  // namespace hotiron
