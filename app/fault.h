#pragma once

#include <string_view>

namespace hotiron {

// Places in the commit sequence at which a test can end the process or make a step fail, by the
// environment: HOTIRON_FAULT=<place>:<exit|error>:<n> acts at the n-th passing of that place.
// Without it nothing happens.
enum class FaultPlace { kBegun, kProduced, kOffsetsSent, kCommitted, kWritten };

// True: the step must report an error. Does not return when the fault is an exit.
bool FaultAt(FaultPlace place);

// HOTIRON_FAULT=swap_commit_order: rows are written before the transaction is committed, which is
// wrong, and which the tests' oracle must notice.
bool FaultSwapsCommitOrder();

}  // namespace hotiron
