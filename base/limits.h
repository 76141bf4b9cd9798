#pragma once

#include <cstddef>

namespace hotiron {

// Bounds on what one record may hold, so that whatever is made of it has a bound too. What comes
// from outside is cut or refused at these (ingest/, the lever files); a task refuses records of its
// log that do not keep them.

// Of any record that we produce: message.max.bytes of our producers, max.message.bytes of our
// topics. The largest is an account's row (tests/processors/bounds_test.cc builds the worst one).
inline constexpr size_t kRecordBytesMax = size_t{4} << 20;

inline constexpr size_t kSignalNameBytesMax = 100;  // also of sources, topics of interest, stages
inline constexpr size_t kFactNameBytesMax = 64;
inline constexpr size_t kFactValueBytesMax = 256;
inline constexpr size_t kLabelBytesMax = 200;     // a signal in words; a play
inline constexpr size_t kQuestionBytesMax = 500;  // to open a talk with

// What the configuration may ask for.
inline constexpr int kLogEntriesLimit = 1'000;      // journeys.log_entries
inline constexpr int kJourneySignalsLimit = 1'000;  // journeys.signals

// A lever (a policy or a catalogue) as a record.
inline constexpr size_t kLeverBytesMax = size_t{1} << 20;

}  // namespace hotiron
