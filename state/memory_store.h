#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "state/store.h"

namespace hotiron {

// A Store in memory, for the commands that work offline and for tests of what must survive a
// failing disk: it fails on demand, and forgets on demand what was not flushed. Without flushes it
// costs one copy of its rows, otherwise two.
class MemoryStore : public Store {
 public:
  // The nth write from now (1 = the next), and every write after it until Resume, writes nothing
  // and returns `error`.
  void FailWrite(uint64_t nth, Error error);

  // Forgets every write since the last Flush, as a power cut would. Opens the store again if it was
  // closed.
  void Crash();

  uint64_t writes() const { return writes_; }

  Result<std::optional<std::string>> Get(std::string_view key) const override;
  Result<void> Write(std::span<const Row> rows) override;
  Result<void> Scan(std::string_view prefix, std::string_view from_key,
                    const Visitor& visitor) const override;
  Result<void> Flush() override;
  Result<void> Resume() override;
  Result<void> Close() override;

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;

  Rows rows_;
  Rows flushed_;
  uint64_t writes_ = 0;          // that succeeded
  uint64_t writes_to_fail_ = 0;  // 0 = none will fail, 1 = the next does
  std::optional<Error> failure_;
  bool closed_ = false;
};

}  // namespace hotiron
