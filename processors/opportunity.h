#pragma once

#include <string_view>

namespace hotiron {

// Begins the subject of facts about one of an account's opportunities; its id follows.
inline constexpr std::string_view kOpportunityPrefix = "opportunity:";

bool IsOpportunity(std::string_view subject);

// Whether the value of a fact means yes: true, yes, 1.
bool SaysYes(std::string_view value);

}  // namespace hotiron
