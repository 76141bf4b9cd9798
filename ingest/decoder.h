#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/observation.h"
#include "ingest/input.h"
#include "ingest/rejection.h"

namespace hotiron {

// A format that input topics may carry; docs/FORMATS.md describes each.
enum class Format : uint8_t { kNative, kSegment, kSalesforce };

// "native", "segment", "salesforce".
std::optional<Format> ParseFormat(std::string_view name);
std::string_view Name(Format format);

// A record that holds more items than this is rejected as a whole.
inline constexpr size_t kObservationsPerRecordMax = 10'000;

struct DecoderOptions {
  Format format = Format::kNative;
  std::string source;    // configured name of the input
  bool history = false;  // everything of this input is history
  // Salesforce: a change whose `changeOrigin` contains one of these is our own and ignored.
  std::vector<std::string> own_origins;
  size_t record_bytes_max = size_t{1} << 20;  // `ingest.record_bytes`
};

// What one input record came to: each item of it is an observation, a rejection or ignored. Keep
// one and pass it to Decode again: the strings inside keep their capacity.
class Decoded {
 public:
  std::span<const Observation> observations() const { return {observations_.data(), count_}; }

  std::span<const Rejection> rejections() const { return rejections_; }

  // How many were ignored, by IgnoreReason.
  const std::array<uint32_t, kIgnoreReasons>& ignored() const { return ignored_; }

  // All items: observations, rejections and ignored.
  size_t taken_in() const;

  // For decoders.
  void Clear();
  // Takes the content of `observation`, which is left unspecified but valid.
  void Add(Observation& observation);

  void Reject(Rejection rejection) { rejections_.push_back(std::move(rejection)); }

  void Ignore(IgnoreReason reason) { ++ignored_[static_cast<size_t>(reason)]; }

 private:
  std::vector<Observation> observations_;  // the first count_ are in use
  size_t count_ = 0;
  std::vector<Rejection> rejections_;
  std::array<uint32_t, kIgnoreReasons> ignored_{};
};

// Turns the bytes of one input record into observations.
//
// Operation: whatever the bytes are, `out` holds at least one item afterwards (a batch of none is
// an item that is rejected). Only the parts that Hotiron reads are checked beyond their structure.
// Concurrency: one thread at a time. Owns its parser and a padded copy of the record.
// Limits: record_bytes_max, kObservationsPerRecordMax.
class Decoder {
 public:
  explicit Decoder(DecoderOptions options);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Clears `out` first.
  void Decode(const InputRecord& record, Decoded& out);

  const DecoderOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hotiron
