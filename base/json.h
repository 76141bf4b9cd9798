#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace hotiron {

// Writes JSON text field by field; numbers read back to the same double, not-a-number becomes null,
// bytes that are not UTF-8 become U+FFFD. The caller balances Begin and End.
class JsonWriter {
 public:
  JsonWriter() { text_.reserve(kBytesGuess); }

  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& Key(std::string_view name);
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();

  JsonWriter& Value(std::string_view text);

  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }

  JsonWriter& Value(const std::string& text) { return Value(std::string_view(text)); }

  JsonWriter& Value(double number);
  JsonWriter& Value(int64_t number);
  JsonWriter& Value(uint64_t number);

  JsonWriter& Value(int number) { return Value(static_cast<int64_t>(number)); }

  JsonWriter& Value(uint32_t number) { return Value(static_cast<uint64_t>(number)); }

  JsonWriter& Value(bool truth);

  JsonWriter& Value(EventTime time);

  JsonWriter& Null();

  // One whole JSON value that is known to be well-formed, as it is.
  JsonWriter& Raw(std::string_view json);

  template <typename T>
  JsonWriter& Field(std::string_view name, const T& value) {
    return Key(name).Value(value);
  }

  // null for nothing
  template <typename T>
  JsonWriter& Field(std::string_view name, const std::optional<T>& value) {
    return value ? Field(name, *value) : Key(name).Null();
  }

  // The text written so far.
  std::string_view text() const { return text_; }

  // The same, and the writer is of no use any more.
  std::string Take() { return std::move(text_); }

 private:
  static constexpr size_t kBytesGuess = 4'096;  // more than most texts have

  void Separate();
  void Quote(std::string_view text);

  std::string text_;
  bool after_value_ = false;  // of the same object or array: a comma comes before the next
};

// What some tools write before the first character of a file.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// `text` with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string CleanUtf8(std::string_view text);

}  // namespace hotiron
