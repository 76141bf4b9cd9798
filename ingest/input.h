#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"

namespace hotiron {

struct InputHeader {
  std::string_view name;
  std::string_view value;
};

// One record of an input topic, as the broker gave it. Borrows everything: valid while the record
// that it was made from is.
struct InputRecord {
  std::optional<std::string_view> value;  // nullopt: a tombstone
  std::string_view key;
  std::span<const InputHeader> headers;
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  EventTime timestamp;
};

}  // namespace hotiron
