#include "app/levers.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <vector>

#include "base/wall_clock.h"
#include "processors/models_in_force.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr Duration kLeversPollTime{200};
constexpr Duration kLeversPollTimeAtStart{20};  // inputs wait for `distributed`
constexpr Duration kAskTime{1'000};
constexpr Duration kReadPause{1'000};  // after an error, which stays until somebody mends it

}  // namespace

LeverBoard::LeverBoard(const KafkaOptions& kafka, const Config& config, ControlTopic topic,
                       Consumer consumer, std::unique_ptr<Bystander> bystander)
    : event_time_(config.clock == Config::Clock::kEvent),
      topic_(std::move(topic)),
      rate_(kafka, config),
      bystander_(std::move(bystander)),
      consumer_(std::move(consumer)) {}

LeverBoard::~LeverBoard() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

Result<std::unique_ptr<LeverBoard>> LeverBoard::Start(const KafkaOptions& kafka,
                                                      const Config& config,
                                                      const LeverFiles& files) {
  TRY_ASSIGN(ControlTopic topic, ControlTopic::Open(kafka, config));
  auto bystander = std::make_unique<Bystander>();
  TRY_ASSIGN(Consumer consumer,
             Consumer::Create(kafka, {.group = config.app, .instance = std::nullopt}, *bystander));
  std::unique_ptr<LeverBoard> board(
      new LeverBoard(kafka, config, std::move(topic), std::move(consumer), std::move(bystander)));
  TRY(board->Publish(files));
  board->Show();
  board->thread_ =
      std::jthread([raw = board.get()](const std::stop_token& stop) { raw->Follow(stop); });
  return board;
}

Result<void> LeverBoard::Publish(const LeverFiles& files) {
  pb::Levers policy;
  *policy.mutable_policy() = files.policy;
  TRY(topic_.Publish(policy));
  pb::Levers catalogue;
  *catalogue.mutable_catalogue() = files.catalogue;
  TRY(topic_.Publish(catalogue));
  std::optional<pb::ModelSet> offered =
      files.model ? WithOffered(topic_.in_force().models(), *files.model) : std::nullopt;
  if (offered) {
    bool first = offered->challenger().hash().empty();
    pb::Levers models;
    *models.mutable_models() = std::move(*offered);
    TRY(topic_.Publish(models));
    spdlog::info("Model {} is in force as {}.", files.model->hash(),
                 first ? "the champion" : "the challenger: `hotiron model promote` lets it decide");
    TRY_ASSIGN(TrainedModel model, ReadModel(files.model->yaml(), files.model->hash()));
    for (const std::string& remark :
         RemarksOn(model, topic_.in_force().policy(), topic_.in_force().catalogue())) {
      spdlog::warn("Model {}: {}.", files.model->hash(), remark);
    }
  }
  return {};
}

void LeverBoard::Show() {
  MutexLock lock(mutex_);
  in_force_ = topic_.in_force();
  policy_version_ = in_force_.policy().version();
  catalogue_version_ = in_force_.catalogue().version();
}

void LeverBoard::Offer(LeverFiles files) {
  MutexLock lock(mutex_);
  offered_ = std::move(files);
}

void LeverBoard::PublishOffered() {
  std::optional<LeverFiles> offered;
  {
    MutexLock lock(mutex_);
    offered.swap(offered_);
  }
  if (!offered) {
    return;
  }
  Result<void> published = Publish(*offered);
  if (!published.ok()) {
    spdlog::error("The files that were read again are not in force: {}.",
                  published.error().message);
  }
  Show();
}

void LeverBoard::Reached(EventTime time) {
  EventTime known = reached_;
  while (known < time && !reached_.compare_exchange_weak(known, time)) {
  }
}

// Another process may believe that it is the owner as well: of two that say what the thresholds are
// the first counts, and the other one goes on from there.
Result<void> LeverBoard::SteerThresholds() {
  if (!owner_ || !distributed_) {
    rate_.Rest();
    return {};
  }
  EventTime now = event_time_ ? reached_.load() : WallNow();
  if (now == EventTime{}) {
    return {};  // nothing has happened yet
  }
  TRY_ASSIGN(std::optional<pb::Thresholds> next, rate_.Step(topic_.in_force(), now));
  if (!next) {
    return {};
  }
  pb::Levers levers;
  *levers.mutable_thresholds() = std::move(*next);
  Result<bool> published = topic_.Publish(levers);
  Show();
  return published.ok() || published.error().code == Error::Code::kInvalid ? Result<void>()
                                                                           : published.error();
}

pb::Catalogue LeverBoard::catalogue() const {
  MutexLock lock(mutex_);
  return in_force_.catalogue();
}

pb::PolicySet LeverBoard::policy() const {
  MutexLock lock(mutex_);
  return in_force_.policy();
}

pb::Thresholds LeverBoard::thresholds() const {
  MutexLock lock(mutex_);
  return in_force_.thresholds();
}

pb::ModelSet LeverBoard::models() const {
  MutexLock lock(mutex_);
  return in_force_.models();
}

void LeverBoard::Follow(const std::stop_token& stop) {
  const std::vector<TopicPartition> control{topic_.partition()};
  const int64_t wanted_offset = topic_.next_offset();
  while (!stop.stop_requested()) {
    if (!distributed_) {
      auto committed = consumer_.Committed(control, kAskTime);
      distributed_ = committed.ok() && committed.value()[0].has_value() &&
                     committed.value()[0]->offset >= wanted_offset;
    }
    Result<bool> taken = topic_.Poll(distributed_ ? kLeversPollTime : kLeversPollTimeAtStart);
    if (!taken.ok()) {
      spdlog::warn("The control topic cannot be read: {}.", taken.error().message);
      std::this_thread::sleep_for(kReadPause);
    } else if (taken.value()) {
      Show();
    }
    PublishOffered();
    Result<void> steered = SteerThresholds();
    if (!steered.ok()) {
      spdlog::warn("Thresholds are not steered for now: {}.", steered.error().message);
      rate_.Rest();
    }
  }
}

}  // namespace hotiron
