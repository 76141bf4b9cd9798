#pragma once

#include "processors/row_source.h"

namespace hotiron {

// A source without rows: for tasks and journeys that stay in memory as a whole.
class NoRows final : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view) override {
    return std::optional<std::string>();
  }

  Result<void> Scan(std::string_view,
                    const std::function<bool(std::string_view, std::string_view)>&) override {
    return {};
  }
};

}  // namespace hotiron
