#include "app/pipeline.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "app/exit_codes.h"
#include "app/topics.h"
#include "kafka/admin.h"

namespace hotiron {
namespace {

constexpr Duration kWatchInterval{500};
constexpr Duration kLastWords{1'000};  // /livez says that a worker is stuck before the process ends

// Passes a line on unless the same was passed on less than a second ago.
class RateLimit {
 public:
  bool Allows(std::string_view line) {
    MutexLock lock(mutex_);
    auto now = std::chrono::steady_clock::now();
    if (line == last_ && now - last_at_ < std::chrono::seconds{1}) {
      return false;
    }
    last_ = line;
    last_at_ = now;
    return true;
  }

 private:
  Mutex mutex_;
  std::string last_ HOTIRON_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point last_at_ HOTIRON_GUARDED_BY(mutex_){};
};

}  // namespace

LogSink KafkaLog() {
  return [limit = std::make_shared<RateLimit>()](LogLevel level, std::string_view text) {
    if (!limit->Allows(text)) {
      return;
    }
    switch (level) {
      case LogLevel::kError:
        spdlog::error("kafka: {}", text);
        break;
      case LogLevel::kWarning:
        spdlog::warn("kafka: {}", text);
        break;
      case LogLevel::kInfo:
      case LogLevel::kDebug:
        spdlog::debug("kafka: {}", text);
        break;
    }
  };
}

Pipeline::Pipeline(Options options) : options_(std::move(options)), config_(options_.config) {}

Pipeline::~Pipeline() {
  (void)Stop();
}

Result<std::unique_ptr<Pipeline>> Pipeline::Start(Options options) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(options)));
  TRY(pipeline->Build());
  return pipeline;
}

Result<void> Pipeline::Build() {
  // What people give us: files and secrets.
  LeverFiles levers;
  if (options_.roles.process) {
    TRY_ASSIGN(levers, ReadLevers(config_));
  }
  // To serve it only tells people themselves from others.
  if (options_.roles.process || (options_.roles.serve && !config_.person_key_file.empty())) {
    TRY_ASSIGN(person_key_, ReadPersonKey(config_));
  }
  TRY_ASSIGN(kafka_.properties, ResolveKafka(config_));
  kafka_.properties.emplace("client.id", fmt::format("{}-{}", config_.app, config_.instance));
  kafka_.log = KafkaLog();

  // Topics as they must be.
  if (!options_.topics_exist) {
    TRY_ASSIGN(Admin admin, Admin::Create(kafka_));
    TRY(EnsureTopics(admin, config_, options_.roles));
  }

  // Where state is kept, what people see, and what can be seen of it all.
  if (options_.roles.process) {
    TRY(BuildStores(levers));
  }
  if (options_.roles.serve) {
    TRY(BuildStrikeList());
  }
  TRY_ASSIGN(admin_, AdminServer::Start({.address = config_.admin_address,
                                         .port = config_.admin_port,
                                         .metrics = [this] { return Metrics(); },
                                         .live = [this] { return Live(); },
                                         .ready = [this] { return Ready(); }}));
  if (!options_.roles.process) {
    started_ = true;
    return {};
  }

  // From here on the log decides: levers in force, then the workers.
  TRY_ASSIGN(levers_, LeverBoard::Start(kafka_, config_, levers));
  context_ = std::make_unique<WorkerContext>(
      WorkerContext{config_, kafka_, *stores_, *levers_, *probe_, person_key_});
  for (int i = 0; i < config_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*context_, i));
  }
  for (std::unique_ptr<Worker>& worker : workers_) {
    threads_.emplace_back(
        [this, raw = worker.get()](const std::stop_token& stop) { RunWorker(*raw, stop); });
  }
  watchdog_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
  started_ = true;
  return {};
}

Result<void> Pipeline::BuildStores(const LeverFiles& levers) {
  StoreOptions store;
  store.directory = std::filesystem::path(config_.state_directory) / config_.app;
  store.memory_bytes = static_cast<size_t>(config_.state_memory_mb) << 20;
  store.disk_bytes = static_cast<uint64_t>(config_.state_disk_mb) << 20;
  store.databases = config_.partitions;
  TRY_ASSIGN(stores_, StoreResources::Create(store));
  probe_ = std::make_unique<WorkerProbe>(config_, levers.policy, levers.catalogue, *stores_,
                                         options_.on_trigger);
  return {};
}

Result<void> Pipeline::BuildStrikeList() {
  serve_probe_ = std::make_unique<ServeProbe>();
  StrikeServer::Options options;
  TRY_ASSIGN(options.token, ReadServeToken(config_));
  options.address = config_.serve_address;
  options.port = config_.serve_port;
  options.streams_max = static_cast<size_t>(config_.serve_streams);
  options.limits.accounts = static_cast<size_t>(config_.serve_accounts);
  options.event_time = config_.clock == Config::Clock::kEvent;
  options.kafka = kafka_;
  options.group = config_.app;
  options.triggers_topic = config_.Topic(kTriggersTopic);
  options.journeys_topic = config_.Topic(kJourneysTopic);
  options.feedback_topic = config_.Topic(kFeedbackTopic);
  options.partitions = config_.partitions;
  options.notice = config_.serve_notice;
  if (options_.roles.process || !config_.person_key_file.empty()) {
    options.alias = PersonHasher(person_key_);
  }
  options.on_answer = [this](Route route, int status) { serve_probe_->Answered(route, status); };
  TRY_ASSIGN(strike_, StrikeServer::Start(std::move(options)));
  return {};
}

std::string Pipeline::Metrics() const {
  std::string text = probe_ ? probe_->Text() : ProcessText(BudgetOf(config_).total_bytes());
  return strike_ ? text + serve_probe_->Text(strike_->numbers()) : text;
}

Result<void> Pipeline::Reload() {
  if (levers_ == nullptr) {
    return {};  // only the role `process` has levers
  }
  TRY_ASSIGN(LeverFiles files, ReadLevers(config_));
  levers_->Offer(std::move(files));
  return {};
}

void Pipeline::RunWorker(Worker& worker, const std::stop_token& stop) {
  Result<void> ended = worker.Run(stop);
  if (!ended.ok()) {
    MutexLock lock(mutex_);
    if (failure_.ok()) {
      failure_ = ended;
    }
    failed_ = true;
  }
}

void Pipeline::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::chrono::steady_clock::time_point drain_until = drain_until_;
    if (std::chrono::steady_clock::now() > drain_until) {
      spdlog::critical(
          "The drain has not ended within {}: the process ends here, what was not committed is "
          "read again.",
          FormatDuration(config_.drain_deadline));
      MutexLock lock(mutex_);
      if (!failure_.ok()) {
        spdlog::critical("It ended because: {}.", failure_.error().message);
      }
      spdlog::default_logger()->flush();
      _exit(kExitFailed);
    }
    for (const std::unique_ptr<Worker>& worker : workers_) {
      if (worker->status().StillFor() > config_.stuck_after + kLastWords) {
        spdlog::critical(
            "A worker has not moved for {}: the process ends here, its restart takes up the work.",
            FormatDuration(config_.stuck_after));
        std::abort();
      }
    }
    std::this_thread::sleep_for(kWatchInterval);
  }
}

Result<void> Pipeline::Stop() {
  // The watchdog goes last: a drain may get stuck as well.
  drain_until_ = std::chrono::steady_clock::now() + config_.drain_deadline;
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
  threads_.clear();  // joins
  if (watchdog_.joinable()) {
    watchdog_.request_stop();
    watchdog_.join();
  }
  if (admin_) {
    admin_->Stop();  // it asks the levers and the strike list
  }
  if (strike_) {
    strike_->Stop();
  }
  levers_.reset();
  MutexLock lock(mutex_);
  return failure_;
}

bool Pipeline::ready() const {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    if (!worker->status().joined || worker->status().restoring > 0) {
      return false;
    }
  }
  return started_ && (levers_ == nullptr || levers_->distributed()) && !failed_;
}

Health Pipeline::Live() const {
  Health health;
  bool alive = !failed_;
  if (!started_) {  // the list of workers is still being made
    health.checks.push_back({"workers", alive, "starting"});
    return health;
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    alive = alive && worker->status().StillFor() < config_.stuck_after;
  }
  health.checks.push_back({"workers", alive, alive ? "moving" : "stuck or stopped"});
  return health;
}

Health Pipeline::Ready() const {
  Health health = Live();  // who is stuck is not ready
  bool started = started_;
  health.checks.push_back({"started", started, started ? "yes" : "not yet"});
  if (!started) {
    return health;
  }
  if (strike_) {
    Freshness freshness = strike_->numbers().freshness;
    health.checks.push_back({"strike list", freshness.complete,
                             freshness.complete ? "has read everything" : "still reading"});
  }
  if (!options_.roles.process) {
    return health;
  }
  bool levers = levers_ != nullptr && levers_->distributed();
  health.checks.push_back({"levers", levers, levers ? "in every task" : "on their way"});
  for (size_t i = 0; i < workers_.size(); ++i) {
    const WorkerStatus& status = workers_[i]->status();
    bool ok = status.joined && status.restoring == 0;
    health.checks.push_back({fmt::format("worker {}", i), ok,
                             !status.joined ? "waiting for the group"
                             : ok           ? "assigned and restored"
                                  : fmt::format("{} to restore", status.restoring.load())});
  }
  return health;
}

WorkerProbe::Totals Pipeline::totals() const {
  WorkerProbe::Totals totals;
  if (probe_) {
    totals = probe_->totals();
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    totals.lag += worker->status().lag;
  }
  return totals;
}

}  // namespace hotiron
