#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/row.h"

namespace hotiron {

// The local rows of one task: an ordered map of bytes. It can be lost at any time and restored from
// the changelog, so it promises less than a database, but keeps this exactly: after a crash it
// holds the batches up to some point, each whole, and none after it.
//
// Operation: Write puts rows in the order of the batches; nothing but committed rows may be given
// to
//   it, because a background flush may make them permanent at any moment. Close ends it: no call
//   may follow except the destructor.
// Errors: kCorrupt = what is stored does not read back: set the store aside and restore it.
//   kUnavailable = the disk is full or failing: the batch was not written; wait, Resume, try again.
// Concurrency: one thread owns a store.
class Store {
 public:
  // False ends the scan.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // nullopt = no such row.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;

  // All rows or none. Where a key is given twice the later row wins.
  virtual Result<void> Write(std::span<const Row> rows) = 0;

  // Visits, in key order, the rows whose key begins with `prefix` and is not below `from_key`. The
  // visitor must not write.
  virtual Result<void> Scan(std::string_view prefix, std::string_view from_key,
                            const Visitor& visitor) const = 0;

  // Makes everything written so far survive a crash.
  virtual Result<void> Flush() = 0;

  // After kUnavailable: ok when writes are taken again, otherwise why not. It may take some seconds
  // after there is space again.
  virtual Result<void> Resume() = 0;

  // Flushes and lets go of the files. The store is closed even when this reports an error. A store
  // destroyed without it is left as by a crash.
  virtual Result<void> Close() = 0;
};

}  // namespace hotiron
