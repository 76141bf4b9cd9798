#include "app/levers.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <spdlog/spdlog.h>

#include "app/topics.h"
#include "base/hash.h"
#include "base/versions.h"

namespace hotiron {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds{60};
constexpr Duration kPollTime{200};
constexpr Duration kReadPause{1'000};  // after an error, which stays until somebody mends it
constexpr std::string_view kPolicyKey = "policy";
constexpr std::string_view kCatalogueKey = "catalogue";

// Equal content gives an equal hash: maps are written in order.
template <typename Record>
std::string ContentHash(const Record& record) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    record.SerializeToCodedStream(&coded);
  }
  return Hex(Hash64(bytes));
}

uint32_t VersionOf(const pb::Levers& levers) {
  return levers.has_policy() ? levers.policy().version() : levers.catalogue().version();
}

Error OtherContent(std::string_view what, uint32_t version) {
  return Invalid(fmt::format(
      "{}: version {} is in force with other content: give the changed file a higher version", what,
      version));
}

// What to do with the version in a file beside the one in force.
enum class Compared : uint8_t { kPublish, kSame, kOlder };

Result<Compared> Compare(std::string_view what, uint32_t ours, const std::string& our_hash,
                         uint32_t theirs, const std::string& their_hash) {
  if (ours > theirs) {
    return Compared::kPublish;
  }
  if (ours < theirs) {
    spdlog::warn("The {} in force is newer than the file's: in_force={} file={}. Keeping it.", what,
                 theirs, ours);
    return Compared::kOlder;
  }
  if (our_hash != their_hash) {
    return OtherContent(what, ours);
  }
  return Compared::kSame;
}

}  // namespace

LeverBoard::LeverBoard(KafkaOptions kafka, const Config& config, Reader reader, Consumer consumer,
                       std::unique_ptr<Bystander> bystander)
    : kafka_(std::move(kafka)),
      control_{config.Topic(kControlTopic), 0},
      bystander_(std::move(bystander)),
      reader_(std::move(reader)),
      consumer_(std::move(consumer)) {}

LeverBoard::~LeverBoard() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

Result<std::unique_ptr<LeverBoard>> LeverBoard::Start(const KafkaOptions& kafka,
                                                      const Config& config,
                                                      const pb::PolicySet& policy,
                                                      const pb::Catalogue& catalogue) {
  KafkaOptions options = kafka;
  options.properties["group.id"] = config.app;
  TRY_ASSIGN(Reader reader, Reader::Create(options));
  auto bystander = std::make_unique<Bystander>();
  TRY_ASSIGN(Consumer consumer,
             Consumer::Create(kafka, {.group = config.app, .instance = std::nullopt}, *bystander));
  std::unique_ptr<LeverBoard> board(
      new LeverBoard(kafka, config, std::move(reader), std::move(consumer), std::move(bystander)));
  std::vector<TopicPartitionOffset> from{{board->control_, kOffsetBeginning}};
  TRY(board->reader_.Add(from));
  TRY(board->ReadToEnd());
  TRY(board->Publish(policy, catalogue));
  board->thread_ =
      std::jthread([raw = board.get()](const std::stop_token& stop) { raw->Follow(stop); });
  return board;
}

Result<void> LeverBoard::ReadToEnd() {
  auto deadline = std::chrono::steady_clock::now() + kReadPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    TRY_ASSIGN(std::optional<Message> message, reader_.Poll(kPollTime));
    if (message && message->IsEof()) {
      return {};
    }
    if (message) {
      Take(*message);
    }
  }
  return Unavailable(fmt::format("topic {} could not be read to its end within {}", control_.topic,
                                 FormatDuration(kReadPatience)));
}

void LeverBoard::Take(const Message& message) {
  pb::Control control;
  wanted_offset_ = message.offset() + 1;
  if (!message.has_value()) {
    return;
  }
  std::string_view value = message.value();
  if (!control.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
      control.version() != kControlVersion) {
    spdlog::error("A record of the control topic does not read back: offset={}.", message.offset());
    return;
  }
  MutexLock lock(mutex_);
  const pb::Levers& levers = control.levers();
  if (levers.has_policy() && levers.policy().version() > policy_version_) {
    policy_ = levers.policy();
    policy_hash_ = control.content_hash();
    policy_version_ = policy_.version();
  }
  if (levers.has_catalogue() && levers.catalogue().version() > catalogue_version_) {
    catalogue_ = levers.catalogue();
    catalogue_hash_ = control.content_hash();
    catalogue_version_ = catalogue_.version();
  }
}

Result<void> LeverBoard::Publish(const pb::PolicySet& policy, const pb::Catalogue& catalogue) {
  std::vector<std::pair<std::string_view, pb::Control>> news;
  auto consider = [&](std::string_view key, uint32_t ours, const std::string& hash, uint32_t theirs,
                      const std::string& their_hash, const auto& set) -> Result<void> {
    TRY_ASSIGN(Compared compared, Compare(key, ours, hash, theirs, their_hash));
    if (compared == Compared::kPublish) {
      pb::Control control;
      control.set_version(kControlVersion);
      control.set_content_hash(hash);
      set(*control.mutable_levers());
      news.emplace_back(key, std::move(control));
    }
    return {};
  };
  TRY(consider(kPolicyKey, policy.version(), ContentHash(policy), policy_version_, policy_hash_,
               [&](pb::Levers& levers) { *levers.mutable_policy() = policy; }));
  TRY(consider(kCatalogueKey, catalogue.version(), ContentHash(catalogue), catalogue_version_,
               catalogue_hash_,
               [&](pb::Levers& levers) { *levers.mutable_catalogue() = catalogue; }));
  if (news.empty()) {
    return {};
  }
  TRY_ASSIGN(Producer producer, Producer::Create(kafka_, std::nullopt));
  for (const auto& [key, control] : news) {
    TRY(Send(producer, key, control));
  }
  TRY(producer.Flush(kReadPatience));
  TRY(ReadBack(producer.NextDelivered(control_)));
  for (const auto& [key, control] : news) {
    TRY(CheckOurs(producer, key, control));
  }
  return {};
}

Result<void> LeverBoard::Send(Producer& producer, std::string_view key,
                              const pb::Control& control) const {
  std::string value = control.SerializeAsString();
  return producer.Produce({.topic = control_.topic, .partition = 0, .key = key, .value = value});
}

// Another process may have published the same version at the same moment. The first record of a
// version counts, here and in the tasks; but compaction keeps the last of a key, so whoever comes
// second says once more what the first has said, and gives up.
Result<void> LeverBoard::CheckOurs(Producer& producer, std::string_view key,
                                   const pb::Control& ours) {
  pb::Control first;
  {
    MutexLock lock(mutex_);
    first.set_version(kControlVersion);
    first.set_content_hash(key == kPolicyKey ? policy_hash_ : catalogue_hash_);
    if (key == kPolicyKey) {
      *first.mutable_levers()->mutable_policy() = policy_;
    } else {
      *first.mutable_levers()->mutable_catalogue() = catalogue_;
    }
  }
  uint32_t in_force = VersionOf(first.levers());
  if (in_force != VersionOf(ours.levers()) || first.content_hash() == ours.content_hash()) {
    return {};
  }
  TRY(Send(producer, key, first));
  TRY(producer.Flush(kReadPatience));
  return OtherContent(key, in_force);
}

Result<void> LeverBoard::ReadBack(std::optional<int64_t> published) {
  auto deadline = std::chrono::steady_clock::now() + kReadPatience;
  while (published && wanted_offset_ < *published) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Unavailable("what was published to the control topic could not be read back");
    }
    TRY_ASSIGN(std::optional<Message> message, reader_.Poll(kPollTime));
    if (message && !message->IsEof()) {
      Take(*message);
    }
  }
  return {};
}

pb::Catalogue LeverBoard::catalogue() const {
  MutexLock lock(mutex_);
  return catalogue_;
}

void LeverBoard::Follow(const std::stop_token& stop) {
  const std::vector<TopicPartition> control{control_};
  while (!stop.stop_requested()) {
    Result<std::optional<Message>> message = reader_.Poll(kPollTime);
    if (!message.ok()) {
      spdlog::warn("The control topic cannot be read: {}.", message.error().message);
      std::this_thread::sleep_for(kReadPause);
    } else if (message.value() && !message.value()->IsEof()) {
      Take(*message.value());
    }
    if (!distributed_) {
      auto committed = consumer_.Committed(control, kPollTime * 5);
      distributed_ = committed.ok() && committed.value()[0].has_value() &&
                     committed.value()[0]->offset >= wanted_offset_;
    }
  }
}

}  // namespace hotiron
