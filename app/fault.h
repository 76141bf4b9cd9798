#pragma once

#include <string_view>

namespace hotiron {

// Places in the commit sequence at which a test can end the process, make a step fail or hang for
// ever, by the environment: HOTIRON_FAULT=<place>:<exit|error|hang>:<n> acts at the n-th passing of
// that place. Without it nothing happens.
enum class FaultPlace { kBegun, kProduced, kOffsetsSent, kCommitted, kWritten };

// True: the step must report an error. Does not return when the fault is an exit or a hang.
bool FaultAt(FaultPlace place);

// HOTIRON_FAULT=swap_commit_order:<n>: at the n-th commit the rows are written, and made permanent,
// before the transaction is committed, and the process ends in between. That is wrong, and the
// tests' oracle must notice. True: that moment has come.
bool FaultSwapsCommitOrder();

// Ends the process as a fault does.
[[noreturn]] void FaultExit();

}  // namespace hotiron
