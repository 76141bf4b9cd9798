#include "ingest/decoder.h"

#include <numeric>

#include "base/json.h"
#include "base/result.h"
#include "ingest/json_walk.h"
#include "ingest/readers.h"

namespace hotiron {
namespace {

constexpr std::array<std::string_view, 3> kFormatNames{"native", "segment", "salesforce"};

// What is wrong with a text that simdjson gave up on.
Rejection Explain(simdjson::error_code error) {
  if (error == simdjson::UTF8_ERROR) {
    return {RejectReason::kNotUtf8, "the value is not UTF-8 text"};
  }
  if (error == json::kTooManyItems) {
    return {RejectReason::kTooMany, "the record holds too many items"};
  }
  if (error == simdjson::INCORRECT_TYPE) {
    return {RejectReason::kNotJson, "the value is not a JSON object"};
  }
  return {RejectReason::kNotJson, simdjson::error_message(error)};
}

}  // namespace

std::optional<Format> ParseFormat(std::string_view name) {
  for (size_t i = 0; i < kFormatNames.size(); ++i) {
    if (name == kFormatNames[i]) {
      return static_cast<Format>(i);
    }
  }
  return std::nullopt;
}

std::string_view Name(Format format) {
  return kFormatNames[static_cast<size_t>(format)];
}

size_t Decoded::taken_in() const {
  return std::accumulate(ignored_.begin(), ignored_.end(), count_ + rejections_.size());
}

void Decoded::Clear() {
  count_ = 0;
  rejections_.clear();
  ignored_.fill(0);
}

void Decoded::Add(Observation& observation) {
  if (count_ == observations_.size()) {
    observations_.emplace_back();
  }
  std::swap(observations_[count_], observation);
  ++count_;
}

struct Decoder::State {
  DecoderOptions options;
  simdjson::ondemand::parser parser;
  std::string padded;
  json::NativeReader native;
  json::SegmentReader segment;
  json::SalesforceReader salesforce;

  simdjson::error_code Read(Decoded& out);
};

simdjson::error_code Decoder::State::Read(Decoded& out) {
  size_t size = padded.size() - simdjson::SIMDJSON_PADDING;
  simdjson::ondemand::document document;
  if (simdjson::error_code error =
          parser.iterate(simdjson::padded_string_view(padded.data(), size, padded.size()))
              .get(document)) {
    return error;
  }
  simdjson::ondemand::object root;
  if (simdjson::error_code error = document.get_object().get(root)) {
    return error;
  }
  json::Walk walk{std::string_view(padded.data(), size), document, options, out};
  simdjson::error_code error = simdjson::SUCCESS;
  switch (options.format) {
    case Format::kNative:
      error = json::ReadItems(walk, root, native);
      break;
    case Format::kSegment:
      error = json::ReadItems(walk, root, segment);
      break;
    case Format::kSalesforce:
      error = salesforce.Read(walk, root);
      break;
  }
  if (error) {
    return error;
  }
  // One record is one document.
  return walk.Here() == size ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

Decoder::Decoder(DecoderOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

const DecoderOptions& Decoder::options() const {
  return state_->options;
}

void Decoder::Decode(const InputRecord& record, Decoded& out) {
  out.Clear();
  if (!record.value) {
    out.Reject({RejectReason::kNullValue, "the record has no value"});
    return;
  }
  std::string_view text = *record.value;
  if (text.size() > state_->options.record_bytes_max) {
    out.Reject({RejectReason::kTooLarge, "the record is larger than ingest.record_bytes"});
    return;
  }
  size_t begin = text.find_first_not_of(" \t\r\n", text.starts_with(kByteOrderMark) ? 3 : 0);
  if (begin == std::string_view::npos) {
    out.Reject({RejectReason::kEmpty, "the value is empty"});
    return;
  }
  // The mark is blanked, so that positions in the copy are positions in the record.
  state_->padded.assign(text);
  std::fill_n(state_->padded.begin(), begin, ' ');
  state_->padded.append(simdjson::SIMDJSON_PADDING, ' ');
  if (simdjson::error_code error = state_->Read(out)) {
    out.Clear();
    out.Reject(Explain(error));
  }
}

}  // namespace hotiron
