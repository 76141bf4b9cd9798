#pragma once

#include <span>
#include <string_view>

namespace hotiron {

// A file of the page, built into the program.
struct Asset {
  std::string_view path;  // "/app.js"
  std::string_view type;
  std::string_view content;
};

std::span<const Asset> Assets();

}  // namespace hotiron
