#include "tests/integration/rig.h"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "app/topics.h"
#include "tests/app/http_client.h"
#include "tests/kafka_broker/real_broker.h"

namespace hotiron {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kCallTimeout{30'000};
constexpr Duration kLookInterval{10};
constexpr int kPartitionsOfState = 4;

// Never joins anything.
struct NoListener : RebalanceListener {
  void OnAssigned(std::span<TopicPartitionOffset>) override {}

  void OnRevoked(std::span<const TopicPartition>) override {}

  void OnLost(std::span<const TopicPartition>) override {}
};

LogEntry ToEntry(const Message& message) {
  LogEntry entry;
  entry.partition = message.partition();
  entry.offset = message.offset();
  entry.timestamp = message.timestamp().value_or(EventTime{});
  entry.has_key = message.has_key();
  entry.key = message.has_key() ? std::string(message.key()) : std::string();
  if (message.has_value()) {
    entry.value = std::string(message.value());
  }
  message.ForEachHeader([&](std::string_view name, std::string_view value) {
    entry.headers.emplace_back(name, value);
  });
  return entry;
}

std::vector<TopicPartition> All(const std::string& topic, int partitions) {
  std::vector<TopicPartition> all;
  all.reserve(static_cast<size_t>(partitions));
  for (int32_t p = 0; p < partitions; ++p) {
    all.push_back({topic, p});
  }
  return all;
}

}  // namespace

int Knob(const char* name, int usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::atoi(text);
}

EventTime Now() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

std::string Get(Process& process, const std::string& path) {
  std::optional<std::string> address =
      process.WaitForLine("metrics=http://127.0.0.1:", kRigPatience);
  return address ? Ask(std::stoi(*address), "GET", path) : "";
}

double Metric(const std::string& scrape, const std::string& name) {
  std::istringstream lines(scrape);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    bool ours = line.rfind(name + "{", 0) == 0 || line.rfind(name + " ", 0) == 0;
    sum += ours ? std::stod(line.substr(line.rfind(' ') + 1)) : 0;
  }
  return sum;
}

std::string JsonField(const std::string& json, const std::string& name) {
  std::string start = "\"" + name + "\":";
  size_t from = json.find(start);
  if (from == std::string::npos) {
    return "";
  }
  from += start.size();
  bool text = json[from] == '"';
  size_t to = json.find_first_of(text ? "\"" : ",}", from + 1);
  return json.substr(from + (text ? 1 : 0), to - from - (text ? 1 : 0));
}

std::string LivelyPolicy(int version, std::string_view times) {
  return fmt::format(
      "version: {0}\nlive_within: 3650d\nreconsider_after: 1s\npolicies:\n"
      "  - name: strike\n    when: {{progress: 25, rearm: 20}}\n    buying_group: {{people: 1}}\n"
      "    {1}\n"
      "  - name: busy\n    when: {{points: 3, rearm: 2}}\n    buying_group: {{people: 1}}\n"
      "    {1}\n"
      "    suppress: {{open_opportunity_stages: [\"Proposal/Price Quote\"]}}\n",
      version, times);
}

// Follows <app>.events to tell when the tasks have come to its end.
class Rig::Tail {
 public:
  Tail(const KafkaOptions& kafka, const std::string& topic, int partitions)
      : reader_(Need(Reader::Create(kafka))),
        next_(static_cast<size_t>(partitions)),
        end_(static_cast<size_t>(partitions), -1) {
    std::vector<TopicPartitionOffset> from;
    for (const TopicPartition& at : All(topic, partitions)) {
      from.push_back({at, kOffsetBeginning});
    }
    Need(reader_.Add(from));
  }

  // Reads on until every partition's end has been seen at `ends` or beyond.
  bool ReadTo(const std::vector<int64_t>& ends) {
    return WaitFor(
        [&] {
          for (std::optional<Message> message = Need(reader_.Poll(kLookInterval)); message;
               message = Need(reader_.Poll(Duration{0}))) {
            auto p = static_cast<size_t>(message->partition());
            if (message->IsEof()) {
              end_[p] = message->offset();
            } else {
              next_[p] = message->offset() + 1;
            }
          }
          for (size_t p = 0; p < ends.size(); ++p) {
            if (end_[p] < ends[p]) {
              return false;
            }
          }
          return true;
        },
        Duration{2'000});
  }

  // One after the last record; nothing where there is none.
  const std::vector<std::optional<int64_t>>& next() const { return next_; }

 private:
  Reader reader_;
  std::vector<std::optional<int64_t>> next_;
  std::vector<int64_t> end_;
};

Rig::Rig(const std::string& app, const RealBroker& broker) {
  kafka_.properties = {{"bootstrap.servers", broker.bootstrap()},
                       {"group.id", app},
                       {"fetch.wait.max.ms", "10"},
                       {"reconnect.backoff.max.ms", "200"}};
  config.app = app;
  config.kafka = {{"bootstrap.servers", broker.bootstrap()},
                  {"session.timeout.ms", "6000"},
                  {"fetch.wait.max.ms", "10"}};
  config.unkeyed = true;
  config.partitions = kPartitionsOfState;
  config.admin_port = 0;
  config.state_memory_mb = 32;
  config.policy_file = WriteFile("policy.yaml", LivelyPolicy(1));
  config.catalogue_file = HOTIRON_SOURCE_DIR "/deploy/catalogue.yaml";
  admin_ = std::make_unique<Admin>(Need(Admin::Create(kafka_, kCallTimeout)));
  KafkaOptions large = kafka_;
  large.properties["message.max.bytes"] = "8000000";
  producer_ = std::make_unique<Producer>(Need(Producer::Create(large, std::nullopt)));
  committed_ = std::make_unique<Reader>(Need(Reader::Create(kafka_)));
  KafkaOptions all = kafka_;
  all.properties["isolation.level"] = "read_uncommitted";
  everything_ = std::make_unique<Reader>(Need(Reader::Create(all)));
  listener_ = std::make_unique<NoListener>();
  bystander_ = std::make_unique<Consumer>(
      Need(Consumer::Create(kafka_, {.group = app, .instance = std::nullopt}, *listener_)));
}

Rig::~Rig() {
  tail_.reset();
  bystander_.reset();
  if (testing::Test::HasFailure()) {
    folder_.Keep();
  }
}

std::filesystem::path Rig::StateOf(const std::string& instance) const {
  return folder() / ("state-" + instance);
}

void Rig::CreateTopic(const std::string& topic, int partitions,
                      std::map<std::string, std::string> settings) const {
  TopicSpec spec{.name = topic, .partitions = partitions, .config = std::move(settings)};
  CHECK(Need(admin_->CreateTopic(spec)).partitions == partitions);
}

void Rig::AddMarket(EventTime start) {
  config.inputs = {
      {.topic = config.app + "-web", .format = "segment", .source = "web", .unknown = ""},
      {.topic = config.app + "-crm", .format = "salesforce", .source = "crm", .unknown = ""}};
  config.free_mail.assign(kMarketFreeMailDomains.begin(), kMarketFreeMailDomains.end());
  CreateTopic(config.inputs[0].topic, 3);
  CreateTopic(config.inputs[1].topic, 2);
  market_ = std::make_unique<Market>(
      MarketOptions{.seed = 7, .companies = 300, .start = start, .pace = 3.0});
}

void Rig::AddMarketInEventTime() {
  config.clock = Config::Clock::kEvent;
  AddMarket(Now() - std::chrono::days{60});
}

void Rig::SendMarket(int events) {
  for (int i = 0; i < events; ++i) {
    MarketEvent event = market_->Next();
    CHECK(event.time < std::chrono::system_clock::now());  // or `clock: wall` would reject it
    Send({.topic = config.inputs[event.feed == Feed::kWeb ? 0 : 1].topic,
          .key = event.key,
          .value = event.payload});
  }
  Flush();
}

void Rig::Send(const ProduceRecord& record) {
  Need(producer_->Produce(record));
}

void Rig::Flush() {
  Need(producer_->Flush(kCallTimeout));
}

std::string Rig::WriteConfig(const std::string& instance) const {
  Config own = config;
  own.instance = instance;
  own.state_directory = StateOf(instance).string();
  return WriteFile(instance + ".yaml", FormatConfig(own));
}

std::unique_ptr<Process> Rig::Start(const std::string& instance, const std::string& fault,
                                    std::vector<std::string> under) const {
  std::vector<std::string>& arguments = under;
  arguments.insert(arguments.end(), {HOTIRON_BINARY, "run", "--roles", "process", "--config",
                                     WriteConfig(instance)});
  Process::Options options{.arguments = arguments, .log = folder() / (instance + ".log")};
  if (!fault.empty()) {
    options.environment["HOTIRON_FAULT"] = fault;
  }
  return std::make_unique<Process>(options);
}

testing::AssertionResult Rig::Stop(Process& process) {
  process.Signal(SIGTERM);
  std::optional<int> code = process.WaitForExit(kRigPatience);
  if (code == 0) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << (code ? fmt::format("ended with {}", *code) : "did not end") << ":\n"
         << process.Log();
}

bool Rig::WaitFor(const std::function<bool()>& condition, Duration patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(kLookInterval);
  }
  return true;
}

std::vector<std::string> Rig::InputTopics() const {
  std::vector<std::string> topics;
  for (const InputConfig& input : config.inputs) {
    topics.push_back(input.topic);
  }
  topics.push_back(config.Topic(kFeedbackTopic));
  return topics;
}

int Rig::Partitions(const std::string& topic) const {
  auto known = partitions_.find(topic);
  if (known != partitions_.end()) {
    return known->second;
  }
  auto topics = Need(admin_->Topics());
  auto at = topics.find(topic);
  if (at == topics.end()) {
    return 0;
  }
  return partitions_[topic] = at->second.partitions;
}

std::vector<std::optional<int64_t>> Rig::Committed(const std::string& topic) const {
  std::vector<std::optional<int64_t>> offsets(static_cast<size_t>(Partitions(topic)));
  std::vector<TopicPartition> all = All(topic, Partitions(topic));
  if (all.empty()) {
    return offsets;
  }
  auto committed = bystander_->Committed(all, kCallTimeout);
  if (!committed.ok()) {
    return offsets;  // the coordinator is away: ask again
  }
  for (size_t p = 0; p < offsets.size(); ++p) {
    if (committed.value()[p]) {
      offsets[p] = committed.value()[p]->offset;
    }
  }
  return offsets;
}

std::vector<int64_t> Rig::Ends(const std::string& topic, bool committed) const {
  const Reader& reader = committed ? *committed_ : *everything_;
  std::vector<int64_t> ends;
  for (const TopicPartition& at : All(topic, Partitions(topic))) {
    // A topic that has just been created, or a broker that is back, may not know its leader yet.
    bool known = WaitFor([&] {
      Result<Watermarks> marks = reader.QueryWatermarks(at, kCallTimeout);
      if (marks.ok()) {
        ends.push_back(marks.value().high);
      }
      return marks.ok();
    });
    CHECK(known);
  }
  return ends;
}

int64_t Rig::TakenIn() const {
  int64_t sum = 0;
  for (const std::string& topic : InputTopics()) {
    for (const std::optional<int64_t>& offset : Committed(topic)) {
      sum += offset.value_or(0);
    }
  }
  return sum;
}

int64_t Rig::Sent() const {
  int64_t sum = 0;
  for (const std::string& topic : InputTopics()) {
    for (int64_t end : Ends(topic, true)) {
      sum += end;
    }
  }
  return sum;
}

testing::AssertionResult Rig::WaitUntilDone(const std::vector<Process*>& processes,
                                            Duration patience) {
  const std::string events = config.Topic(kEventsTopic);
  const int64_t sent = Sent();
  std::string ended;
  std::string state;
  bool done = WaitFor(
      [&] {
        for (Process* process : processes) {
          if (!process->running()) {
            ended = process->Log();
            return true;
          }
        }
        int64_t taken = TakenIn();
        state = fmt::format("{} of {} input records taken in", taken, sent);
        if (taken < sent || Partitions(events) == 0) {
          return false;
        }
        if (tail_ == nullptr) {
          tail_ = std::make_unique<Tail>(kafka_, events, Partitions(events));
        }
        std::vector<int64_t> ends = Ends(events, false);
        if (Ends(events, true) != ends || !tail_->ReadTo(ends)) {
          return false;  // a transaction is open
        }
        std::vector<std::optional<int64_t>> committed = Committed(events);
        for (size_t p = 0; p < ends.size(); ++p) {
          if (tail_->next()[p] && committed[p] != tail_->next()[p]) {
            state = fmt::format("{}[{}] is processed to {} of {}", events, p,
                                committed[p].value_or(-1), *tail_->next()[p]);
            return false;
          }
        }
        return Ends(events, false) == ends;
      },
      patience);
  if (!ended.empty()) {
    return testing::AssertionFailure() << "a process has ended:\n" << ended;
  }
  if (!done) {
    std::string logs;
    for (Process* process : processes) {
      logs += process->Log();
    }
    return testing::AssertionFailure() << "not done in time: " << state << "\n" << logs;
  }
  return testing::AssertionSuccess();
}

std::vector<std::vector<LogEntry>> Rig::Read(const std::string& topic) const {
  auto partitions = static_cast<size_t>(Partitions(topic));
  std::vector<std::vector<LogEntry>> records(partitions);
  if (partitions == 0) {
    return records;
  }
  KafkaOptions options = kafka_;
  options.properties["fetch.message.max.bytes"] = "16000000";
  Reader reader = Need(Reader::Create(options));
  std::vector<TopicPartitionOffset> from;
  for (const TopicPartition& at : All(topic, static_cast<int>(partitions))) {
    from.push_back({at, kOffsetBeginning});
  }
  Need(reader.Add(from));
  std::set<int32_t> ended;
  bool complete = WaitFor([&] {
    std::optional<Message> message = Need(reader.Poll(kLookInterval));
    for (; message && ended.size() < partitions; message = Need(reader.Poll(kLookInterval))) {
      if (message->IsEof()) {
        ended.insert(message->partition());
      } else {
        records[static_cast<size_t>(message->partition())].push_back(ToEntry(*message));
      }
    }
    return ended.size() == partitions;
  });
  CHECK(complete);
  return records;
}

}  // namespace hotiron
