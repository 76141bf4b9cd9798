// By hand, because a summary has some hundred short texts and forty numbers, and a task writes as
// many summaries as rows: a text that needs no escapes is checked and appended as a whole.

#include "base/json.h"

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

constexpr std::array<uint8_t, 256> MakeSpecial() {
  std::array<uint8_t, 256> special{};
  for (size_t byte = 0; byte < special.size(); ++byte) {
    special[byte] = byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80 ? 1 : 0;
  }
  return special;
}

// 1 for bytes that cannot be taken between quotes without a closer look.
constexpr std::array<uint8_t, 256> kSpecial = MakeSpecial();

bool IsPlain(std::string_view text) {
  unsigned special = 0;  // without a branch per byte
  for (char c : text) {
    special |= kSpecial[static_cast<unsigned char>(c)];
  }
  return special == 0;
}

void AppendEscaped(char c, std::string& text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  text += '\\';
  if (size_t at = kShort.find(c); at != std::string_view::npos) {
    text += kLetters[at];
    return;
  }
  text += "u00";
  text += kDigits[static_cast<size_t>(c) / 16];
  text += kDigits[static_cast<size_t>(c) % 16];
}

template <typename Number>
void AppendNumber(Number number, std::string& text) {
  std::array<char, 32> digits;  // the longest double has 24
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end);
}

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

void JsonWriter::Separate() {
  if (after_value_) {
    text_ += ',';
  }
  after_value_ = true;
}

void JsonWriter::Quote(std::string_view text) {
  if (IsPlain(text)) {
    size_t begin = text_.size();
    text_.resize(begin + text.size() + 2, '"');
    text.copy(text_.data() + begin + 1, text.size());
    return;
  }
  if (!IsUtf8(text)) {
    return Quote(CleanUtf8(text));
  }
  text_ += '"';
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (kSpecial[byte] == 0 || byte >= 0x80) {
      text_ += c;
    } else {
      AppendEscaped(c, text_);
    }
  }
  text_ += '"';
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  Quote(name);
  text_ += ':';
  after_value_ = false;
  return *this;
}

JsonWriter& JsonWriter::BeginObject() {
  Separate();
  text_ += '{';
  after_value_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  text_ += '}';
  after_value_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  Separate();
  text_ += '[';
  after_value_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  text_ += ']';
  after_value_ = true;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) {
  Separate();
  Quote(text);
  return *this;
}

JsonWriter& JsonWriter::Value(double number) {
  if (!std::isfinite(number)) {
    return Null();
  }
  Separate();
  size_t begin = text_.size();
  AppendNumber(number, text_);
  if (text_.find_first_of(".e", begin) == std::string::npos) {
    text_ += ".0";  // a whole one still reads as what it is
  }
  return *this;
}

JsonWriter& JsonWriter::Value(int64_t number) {
  Separate();
  AppendNumber(number, text_);
  return *this;
}

JsonWriter& JsonWriter::Value(uint64_t number) {
  Separate();
  AppendNumber(number, text_);
  return *this;
}

JsonWriter& JsonWriter::Value(bool truth) {
  Separate();
  text_ += truth ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Value(EventTime time) {
  Separate();
  text_ += '"';
  AppendTime(time, text_);
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  text_ += json;
  return *this;
}

JsonWriter& JsonWriter::Null() {
  Separate();
  text_ += "null";
  return *this;
}

}  // namespace hotiron
