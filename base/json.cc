// Texts and numbers are appended as they are: RapidJSON's writer looks at every byte twice, and
// summaries are the larger part of what a commit writes. Only its conversion of doubles is used.

#include "base/json.h"

#include <rapidjson/internal/dtoa.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hotiron {
namespace {

// The length of the UTF-8 sequence at the front of `text`, or 0 when it is not valid.
size_t SequenceLength(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  bool beyond = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  return overlong || beyond ? 0 : length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = SequenceLength(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

// Printable ASCII that needs no escape: nearly all that is written.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

void AppendEscaped(std::string_view text, std::string& out) {
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  for (char c : text) {
    if (size_t at = kEscaped.find(c); at != std::string_view::npos) {
      out += '\\';
      out += kLetters[at];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 0xf];
    } else {
      out += c;
    }
  }
}

template <typename Number>
void AppendWhole(Number number, std::string& out) {
  std::array<char, 20> digits{};  // of the longest, -2^63
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

constexpr size_t kDoubleBytes = 32;  // RapidJSON reserves 25

}  // namespace

std::string CleanUtf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    size_t length = SequenceLength(text);
    clean += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

void JsonWriter::BeginItem() {
  if (!first_) {
    text_ += ',';
  }
  first_ = false;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  BeginItem();
  text_ += '"';
  text_ += name;
  text_ += "\":";
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginObject() {
  BeginItem();
  text_ += '{';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  text_ += '}';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  BeginItem();
  text_ += '[';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  text_ += ']';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) {
  BeginItem();
  text_ += '"';
  if (IsPlain(text)) {
    text_ += text;
  } else if (IsUtf8(text)) {
    AppendEscaped(text, text_);
  } else {
    AppendEscaped(CleanUtf8(text), text_);
  }
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::Value(double number) {
  if (!std::isfinite(number)) {
    return Null();
  }
  BeginItem();
  char digits[kDoubleBytes];
  text_.append(digits, rapidjson::internal::dtoa(number, digits));
  return *this;
}

JsonWriter& JsonWriter::Value(int64_t number) {
  BeginItem();
  AppendWhole(number, text_);
  return *this;
}

JsonWriter& JsonWriter::Value(uint64_t number) {
  BeginItem();
  AppendWhole(number, text_);
  return *this;
}

JsonWriter& JsonWriter::Value(bool truth) {
  BeginItem();
  text_ += truth ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeginItem();
  text_ += "null";
  return *this;
}

}  // namespace hotiron
