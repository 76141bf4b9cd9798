#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "state/store.h"

namespace hotiron {

// What store_writer writes, as a function of a seed, so that a test can tell what must be there.
// Batch n holds changes of some rows and an offset row that says n.
inline std::vector<Row> WriterBatch(uint64_t seed, uint64_t number) {
  std::mt19937_64 random(seed * 1'000'003 + number);
  std::vector<Row> rows;
  for (uint64_t i = 0, count = 1 + random() % 40; i < count; ++i) {
    Row row{.key = "a:" + std::to_string(random() % 300), .value = std::nullopt};
    if (random() % 5 != 0) {
      row.value = std::to_string(number);
      for (uint64_t words = random() % 256; words > 0; --words) {
        uint64_t word = random();  // so that it cannot be compressed
        row.value->append(reinterpret_cast<const char*>(&word), sizeof(word));
      }
    }
    rows.push_back(std::move(row));
  }
  rows.push_back({.key = std::string(kOffsetKey), .value = std::to_string(number)});
  return rows;
}

// All rows after the batches 1 .. number.
inline std::map<std::string, std::string> WriterRows(uint64_t seed, uint64_t number) {
  std::map<std::string, std::string> model;
  for (uint64_t batch = 1; batch <= number; ++batch) {
    for (Row& row : WriterBatch(seed, batch)) {
      if (row.value.has_value()) {
        model.insert_or_assign(row.key, *row.value);
      } else {
        model.erase(row.key);
      }
    }
  }
  return model;
}

}  // namespace hotiron
