#include "processors/account.h"

#include <fmt/format.h>

#include "base/local_message.h"

namespace hotiron {

std::string Account::Encode() const {
  LocalMessage<pb::AccountRow> message;
  pb::AccountRow& row = *message;
  row.set_version(kAccountRowVersion);
  row.set_changed_ms(ToMillis(changed));
  journey.WriteTo(row);
  curve.WriteTo(row);
  // Lent to the row, which only reads them and owns nothing that it did not make: a row is encoded
  // for every change, and copying these took as long as the rest.
  for (const pb::Subject& subject : facts.subjects()) {
    row.mutable_subjects()->UnsafeArenaAddAllocated(const_cast<pb::Subject*>(&subject));
  }
  for (const pb::Episode& episode : ledger) {
    row.mutable_ledger()->UnsafeArenaAddAllocated(const_cast<pb::Episode*>(&episode));
  }
  row.set_timer_ms(timer_ms);
  row.set_retell_ms(retell_ms);
  row.set_stage(stage);
  row.set_segment(segment);
  return row.SerializeAsString();
}

Result<Account> Account::Decode(std::string_view key, std::string_view bytes) {
  LocalMessage<pb::AccountRow> message;
  pb::AccountRow& row = *message;
  if (!row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Corrupt(fmt::format("account row of {} bytes does not read back", bytes.size()));
  }
  if (row.version() != kAccountRowVersion) {
    return Corrupt(fmt::format("account row has version {}; this program reads version {}",
                               row.version(), kAccountRowVersion));
  }
  Account account;
  account.key = key;
  account.changed = FromMillis(row.changed_ms());
  TRY_ASSIGN(account.journey, Journey::ReadFrom(row));
  TRY_ASSIGN(account.curve, Curve::ReadFrom(row));
  account.facts.subjects().assign(row.subjects().begin(), row.subjects().end());
  account.ledger.assign(row.ledger().begin(), row.ledger().end());
  account.timer_ms = row.timer_ms();
  account.retell_ms = row.retell_ms();
  account.stage = row.stage();
  account.segment = row.segment();
  return account;
}

}  // namespace hotiron
