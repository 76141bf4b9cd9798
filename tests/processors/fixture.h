#pragma once

// Fakes and verbs shared by the tests of processors/.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/row.h"
#include "processors/row_source.h"
#include "processors/task.h"

namespace hotiron {

// The committed rows of a partition, in a map. `fail_at` makes the nth read from now fail once.
class MapRows : public RowSource {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override;
  Result<void> Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) override;

  void Write(const std::vector<Row>& rows);

  std::map<std::string, std::string, std::less<>> rows;
  int fail_at = 0;
};

// "03-01 10:00" in 2026, or a full timestamp.
EventTime At(std::string_view text);

// The same back.
std::string Short(EventTime time);

// Five stages; blog_page (aware, 1), docs_page (exploring, 2), pricing_page (comparing, 3), quote
// (deciding, 8), call (neutral, ours, 1), careers_page (neutral, 1).
pb::Catalogue SmallCatalogue(uint32_t version = 1);
double WeightOf(std::string_view signal);

// "strike" at 10 points, armed again below 5, any number of people, cooldown 14 days, expiry 7.
pb::PolicySet SmallPolicies(uint32_t version = 1);

struct SignalSpec {
  std::string by = "anna";
  std::optional<double> weight = std::nullopt;  // else the catalogue's
  uint64_t id = 0;                              // 0 = made from what it says
  uint64_t sequence = 0;
  bool history = false;
  std::string source = "web";
};

pb::TaskRecord MakeSignal(std::string_view signal, EventTime time, const SignalSpec& spec = {});
pb::TaskRecord MakeFact(std::string_view subject,
                        const std::vector<std::pair<std::string, std::string>>& fields,
                        EventTime time, uint64_t sequence = 0);
pb::TaskRecord MakePolicies(const pb::PolicySet& policies);
pb::TaskRecord MakeCatalogue(const pb::Catalogue& catalogue);
pb::TaskRecord MakeModels(const pb::ModelSet& models);
pb::TaskRecord MakeThresholds(const pb::Thresholds& thresholds);
pb::TaskRecord MakeTick();

// One record of the task log.
struct Line {
  EventTime timestamp;
  std::string key;
  std::string value;
};

Line MakeLine(EventTime timestamp, std::string key, const pb::TaskRecord& record);

// What to do before the next record.
enum class Cut : uint8_t {
  kGoOn,
  kCommit,
  kReopen,         // commit, stop, start again from the rows
  kDiscard,        // drop all since the last commit
  kDiscardStaged,  // the same, after the rows were staged: the transaction failed at its end
};

// Runs a task over a log with a worker's discipline: outputs count once they are committed.
class Runner {
 public:
  explicit Runner(TaskOptions options = {});

  // From the task's position to the end of the log; commits at the end.
  void Run(const std::vector<Line>& log, const std::function<Cut()>& cut = {});

  void Commit();
  void Reopen();
  void Discard(bool staged);

  // Encoded account rows, timers, census and so on, without the wall clock's part.
  std::map<std::string, std::string> Rows() const;
  std::vector<std::string> TriggerTexts() const;
  const Account* Find(std::string_view key);

  TaskOptions options;
  MapRows rows;
  std::unique_ptr<Task> task;
  TaskOutputs done;     // of what is committed
  TaskOutputs pending;  // since the last commit
  EventTime wall{};

 private:
  std::vector<Account> accounts_;  // the last read by Find
};

// True when both are JSON texts of the same structure with equal strings and integers, and doubles
// equal to 1e-9 relative. Members named in `except` are not compared. Says the difference.
std::string JsonDifference(std::string_view a, std::string_view b,
                           const std::vector<std::string>& except = {});

}  // namespace hotiron
