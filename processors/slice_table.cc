#include "processors/slice_table.h"

#include <fmt/format.h>

#include "base/records.pb.h"

namespace hotiron {
namespace {

std::string RowPrefix(std::string_view account) {
  std::string key(1, kSliceRow);
  key += account;
  key += '\0';
  return key;
}

std::string RowKey(std::string_view account, std::string_view origin) {
  return RowPrefix(account).append(origin);
}

Result<Slice> Decode(std::string_view value) {
  pb::Slice record;
  if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return Corrupt(fmt::format("slice row of {} bytes does not read back", value.size()));
  }
  if (record.version() != kSliceVersion) {
    return Corrupt(fmt::format("slice row has version {}; this program reads version {}",
                               record.version(), kSliceVersion));
  }
  return Slice{{record.path().begin(), record.path().end()}, Sums::FromRecord(record)};
}

}  // namespace

std::string OriginName(const std::vector<std::string>& path) {
  std::string name;
  for (const std::string& step : path) {
    name += name.empty() ? "" : ">";
    name += step;
  }
  return name;
}

std::optional<std::string> SliceTable::Encode(const std::optional<Slice>& slice) {
  if (!slice) {
    return std::nullopt;
  }
  pb::Slice record = slice->sums.ToRecord();
  for (const std::string& step : slice->path) {
    record.add_path(step);
  }
  return record.SerializeAsString();
}

Result<const Slice*> SliceTable::Find(std::string_view account, std::string_view origin) {
  std::string key = RowKey(account, origin);
  auto at = staged_.find(key);
  if (at == staged_.end()) {
    TRY_ASSIGN(std::optional<std::string> value, rows_.Get(key));
    Staged staged;
    if (value) {
      TRY_ASSIGN(staged.slice, Decode(*value));
    }
    at = staged_.emplace(std::move(key), std::move(staged)).first;
  }
  return at->second.slice ? &*at->second.slice : nullptr;
}

void SliceTable::Put(std::string_view account, std::string_view origin,
                     std::optional<Slice> slice) {
  staged_[RowKey(account, origin)] = {std::move(slice), true};
}

Result<std::vector<Slice>> SliceTable::All(std::string_view account) {
  std::string prefix = RowPrefix(account);
  std::vector<Slice> slices;
  Result<void> problem;
  TRY(rows_.Scan(prefix, [&](std::string_view key, std::string_view value) {
    if (staged_.find(key) == staged_.end()) {
      Result<Slice> slice = Decode(value);
      if (!slice.ok()) {
        problem = slice.error();
        return false;
      }
      slices.push_back(std::move(slice).value());
    }
    return true;
  }));
  TRY(problem);
  for (auto at = staged_.lower_bound(prefix);
       at != staged_.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at) {
    if (at->second.slice) {
      slices.push_back(*at->second.slice);
    }
  }
  return slices;
}

}  // namespace hotiron
