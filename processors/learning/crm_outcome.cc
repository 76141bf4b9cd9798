#include "processors/learning/crm_outcome.h"

#include <algorithm>
#include <tuple>

#include "processors/opportunity.h"

namespace hotiron {

void CrmOutcome::Add(const pb::Fact& fact) {
  if (!IsOpportunity(fact.subject())) {
    return;
  }
  Statement statement{
      .time_ms = fact.time_ms(), .sequence = fact.sequence(), .deleted = fact.deleted()};
  for (const pb::FactField& field : fact.fields()) {
    if (field.name() == "closed") {
      statement.closed = SaysYes(field.value());
    } else if (field.name() == "won") {
      statement.won = SaysYes(field.value());
    }
  }
  opportunities_[fact.subject()].push_back(statement);
}

std::optional<CrmOutcome::Closing> CrmOutcome::Get() const {
  std::optional<EventTime> won;
  std::optional<EventTime> lost;
  bool any_open = false;
  for (const auto& [subject, stated] : opportunities_) {
    std::vector<Statement> statements = stated;
    std::stable_sort(statements.begin(), statements.end(),
                     [](const Statement& a, const Statement& b) {
                       return std::tuple(a.time_ms, a.sequence) < std::tuple(b.time_ms, b.sequence);
                     });
    Statement now;
    int64_t since_ms = 0;
    for (const Statement& statement : statements) {
      std::tuple before(now.closed == true, now.won == true);
      now.closed = statement.closed ? statement.closed : now.closed;
      now.won = statement.won ? statement.won : now.won;
      now.deleted = statement.deleted;
      if (std::tuple(now.closed == true, now.won == true) != before) {
        since_ms = statement.time_ms;
      }
    }
    if (now.deleted) {
      continue;
    }
    if (now.closed != true) {
      any_open = true;
    } else if (now.won == true) {
      won = std::min(won.value_or(EventTime::max()), FromMillis(since_ms));
    } else {
      lost = std::max(lost.value_or(EventTime::min()), FromMillis(since_ms));
    }
  }
  if (won) {
    return Closing{*won, true};
  }
  if (lost && !any_open) {
    return Closing{*lost, false};
  }
  return std::nullopt;
}

}  // namespace hotiron
