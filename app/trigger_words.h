#pragma once

#include <cstddef>
#include <string>

#include "base/records.pb.h"

namespace hotiron {

struct WordsStyle {
  size_t columns = 100;  // no line is longer; at least 20
  bool colour = false;   // for a terminal, never for a file
};

// A trigger as a sales rep reads it in a terminal, four lines at most, each with its line end:
//
//   STRIKE NOW  Initech (enterprise)  comparing, 64 %  38 % buy within 14 days  worth 80,000
//     why: looked at pricing, 4 times by 2 people, 3 h ago (+9); checked our security (+4)
//     who: 4 people active, 2 new this week (VP Operations, Controller)
//     ask: "What would staying as you are put at risk?"  (account manager)
//
// A trigger that is no longer open takes one line. Times are relative to the trigger's own as-of,
// so the same trigger always reads the same. Control characters of names are not passed on.
std::string TriggerWords(const pb::Trigger& trigger, const WordsStyle& style);

}  // namespace hotiron
