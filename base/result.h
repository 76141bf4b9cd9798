#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hotiron {

// What went wrong, in words for the person who must mend it. `code` is from a closed set, so it may
// be a metric label; `message` names the file, line or key and what is allowed, and never holds
// personal data.
struct Error {
  enum class Code : uint8_t {
    kInvalid,      // input or configuration that cannot be used as it is
    kUnavailable,  // the outside world (broker, disk, network) failed; trying again may help
    kConflict,     // somebody else owns it now, or two truths disagree
    kCorrupt,      // persisted bytes that we wrote do not read back
  };
  Code code = Code::kInvalid;
  std::string message;
};

// A value or an Error. Bad data and a failing world travel as Result; a bug is a CHECK.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)

  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }

  const T& value() const& { return std::get<T>(state_); }

  T& value() & { return std::get<T>(state_); }

  T&& value() && { return std::get<T>(std::move(state_)); }

  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;

  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }

  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

inline Error Invalid(std::string message) {
  return Error{Error::Code::kInvalid, std::move(message)};
}

inline Error Unavailable(std::string message) {
  return Error{Error::Code::kUnavailable, std::move(message)};
}

inline Error Conflict(std::string message) {
  return Error{Error::Code::kConflict, std::move(message)};
}

inline Error Corrupt(std::string message) {
  return Error{Error::Code::kCorrupt, std::move(message)};
}

// Prints where and what, and aborts: for bugs only. A crash is safe, state and log see to that.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace hotiron

// Stays on in every build.
#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]] {                          \
      ::hotiron::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                         \
  } while (false)

#define HOTIRON_CONCAT_INNER(a, b) a##b
#define HOTIRON_CONCAT(a, b) HOTIRON_CONCAT_INNER(a, b)

// TRY(Step());                 returns the error of a Result to the caller, or goes on.
// TRY_ASSIGN(auto x, Step());  the same, and binds the value.
#define TRY(expression)                                            \
  do {                                                             \
    if (const auto& try_result = (expression); !try_result.ok()) { \
      return try_result.error();                                   \
    }                                                              \
  } while (false)

#define TRY_ASSIGN(declaration, expression)                  \
  auto HOTIRON_CONCAT(try_result_, __LINE__) = (expression); \
  if (!HOTIRON_CONCAT(try_result_, __LINE__).ok()) {         \
    return HOTIRON_CONCAT(try_result_, __LINE__).error();    \
  }                                                          \
  declaration = /* NOLINT(bugprone-macro-parentheses) */     \
      std::move(HOTIRON_CONCAT(try_result_, __LINE__)).value()
