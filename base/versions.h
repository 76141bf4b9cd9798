#pragma once

#include <cstdint>

namespace hotiron {

// The versions that this program writes and reads, each of one kind of persisted record.
inline constexpr uint32_t kTaskRecordVersion = 1;  // pb::TaskRecord, in <app>.events
inline constexpr uint32_t kControlVersion = 1;     // pb::Control, in <app>.control
inline constexpr uint32_t kRowVersion = 1;         // pb::OffsetRow, CensusRow and ObjectRow

}  // namespace hotiron
