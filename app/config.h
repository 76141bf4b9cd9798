#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

// One topic that events come in on.
struct InputConfig {
  std::string topic;
  std::string format = "native";  // native, segment, salesforce
  std::string source;             // name in metrics and journeys; default: the topic
  bool history = false;           // all of it is history: changes journeys, never decisions
  std::string unknown;            // keep or ignore; default: by format
};

// Everything that `hotiron run` can be told, with its defaults. The comments say the key in the
// file, nested by its dots, where it is not the member's name.
struct Config {
  enum class Clock : uint8_t {
    kWall,   // a record's time is when the broker appended it
    kEvent,  // a record's time is when its event happened: rehearsals, tests, the demo
  };
  enum class Guarantee : uint8_t { kExactlyOnce, kAtLeastOnce };
  enum class Start : uint8_t { kEarliest, kLatest, kTime };
  enum class WhenLost : uint8_t { kStop, kContinue };

  // What is processed.
  std::string app = "hotiron";  // app: prefix of all topics of our own, and the consumer group
  std::string instance;         // instance: unique per process of the group, stable over restarts
  Clock clock = Clock::kWall;   // clock
  std::vector<InputConfig> inputs;
  Start start = Start::kEarliest;  // start: where to begin inputs that were never read
  EventTime start_time{};
  // when_lost: what to do where retention has removed records of an input, or of <app>.feedback,
  // before they were read. Of <app>.events they are never given up.
  WhenLost when_lost = WhenLost::kStop;
  std::string policy_file;     // policy
  std::string catalogue_file;  // catalogue
  std::string model_file;      // model: of `hotiron train`; none: stage and points only
  std::vector<std::string> segments{"enterprise", "mid-market", "small"};
  std::vector<std::string> free_mail;    // free_mail: more domains that are nobody's company
  std::vector<std::string> own_origins;  // own_origins: CRM changes by these programs are ignored
  // fields: subject (account, opportunity, person) -> CRM field -> fact, beside the usual ones
  std::map<std::string, std::map<std::string, std::string>> fields;

  // kafka: every property of librdkafka by its own name. `<property>.file` reads a secret.
  std::map<std::string, std::string> kafka;

  // privacy
  std::string person_key_file;  // privacy.key_file
  bool unkeyed = false;         // privacy.unkeyed: hash people without a key (test data only)

  // topics: how ours are created when they are missing
  int partitions = 12;   // topics.partitions, of <app>.events, .state, .triggers and .journeys
  int replication = -1;  // topics.replication; -1 = the broker's default
  Duration retention = std::chrono::days{7};  // topics.retention, of all that is not compacted

  // processing
  int workers = 1;                                // processing.workers
  Guarantee guarantee = Guarantee::kExactlyOnce;  // processing.guarantee
  Duration commit_interval = Duration{100};       // processing.commit_interval
  int commit_records = 50'000;                    // processing.commit_records
  int commit_bytes = 32 << 20;                    // processing.commit_bytes
  int input_lag_max = 200'000;  // processing.input_lag: inputs pause while events lag more
  Duration restore_patience = std::chrono::minutes{2};  // processing.restore_patience
  Duration drain_deadline = std::chrono::seconds{20};   // processing.drain_deadline
  Duration stuck_after = std::chrono::minutes{2};       // processing.stuck_after: then it aborts
  int record_bytes_max = 1 << 20;  // ingest.record_bytes: larger input records are rejected
  Duration ahead_max = std::chrono::minutes{5};  // ingest.ahead: later event times are rejected

  // state
  std::string state_directory = "state";  // state.directory
  int state_memory_mb = 256;              // state.memory_mb: block cache and write buffers
  int state_disk_mb = 0;                  // state.disk_mb: limit of all files, 0 = the disk's own
  int cached_accounts = 200'000;          // state.cached_accounts, per process

  // journeys
  Duration journey_interval = std::chrono::seconds{1};  // journeys.interval, of one's summaries
  Duration time_unit = std::chrono::days{1};            // journeys.time_unit
  Duration log_age = std::chrono::days{14};             // journeys.log_age
  int log_entries = 128;                                // journeys.log_entries
  int journey_signals = 256;                            // journeys.signals, kept apart per account
  int journey_slices = 1'000;                           // journeys.slices: origins kept apart

  // serve: the strike list's page and API (role `serve`)
  std::string serve_address = "127.0.0.1";  // serve.address
  int serve_port = 8484;                    // serve.port; 0 = any free one
  std::string serve_token_file;             // serve.token_file: needed beyond this machine
  std::string serve_notice;                 // serve.notice: shown on top of the page
  int serve_streams = 1'000;                // serve.streams: browsers that listen at a time
  int serve_accounts = 200'000;             // serve.accounts that the view keeps

  // admin: /metrics, /livez, /readyz
  std::string admin_address = "127.0.0.1";  // admin.address
  int admin_port = 9464;                    // admin.port; 0 = any free one

  std::string Topic(std::string_view kind) const { return app + "." + std::string(kind); }
};

// What a process may use of memory at most, in MiB, by purpose.
struct MemoryBudget {
  int state = 0;     // RocksDB: blocks and write buffers
  int accounts = 0;  // decoded accounts
  int fetch = 0;     // records fetched and not yet processed
  int produce = 0;   // records produced and not yet delivered, rows staged
  int serve = 0;     // the strike list's view and its connections
  int rest = 0;      // program, libraries, metrics

  int total() const { return state + accounts + fetch + produce + serve + rest; }

  uint64_t total_bytes() const { return static_cast<uint64_t>(total()) << 20; }
};

MemoryBudget BudgetOf(const Config& config);
std::string FormatBudget(const MemoryBudget& budget);

// Reads a configuration file. Errors name file, line, key and what is allowed. Paths inside it are
// relative to its folder.
Result<Config> ReadConfig(const std::string& file_name);

// The same from text; `folder` is what relative paths start from.
Result<Config> ParseConfig(const std::string& text, const std::string& file_name,
                           const std::string& folder);

// What a process does (`hotiron run --roles`).
struct Roles {
  bool process = true;  // takes events in and decides
  bool serve = true;    // shows the strike list
};

// What `hotiron run` needs beyond well-formed values: inputs, brokers, a person key.
Result<void> CheckRunnable(const Config& config, Roles roles = {});

// librdkafka properties with `*.file` replaced by what the file holds.
Result<std::map<std::string, std::string>> ResolveKafka(const Config& config);

// The secret that opens the strike list; "" when none is configured.
Result<std::string> ReadServeToken(const Config& config);

// The key that people are hashed under; "" with privacy.unkeyed.
Result<std::string> ReadPersonKey(const Config& config);

Result<std::string> ReadFile(const std::string& path);

// The same for a file that `key` of the configuration names; errors say so.
Result<std::string> ReadNamed(std::string_view key, const std::string& path);

// The configuration in full, as YAML that ReadConfig takes; secrets are not in it.
std::string FormatConfig(const Config& config);

}  // namespace hotiron
