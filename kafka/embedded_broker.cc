#include "kafka/embedded_broker.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "kafka/client.h"
#include "kafka/handles.h"

// Wants rdkafka.h first.
#include <librdkafka/rdkafka_mock.h>

namespace hotiron {

namespace {

using ClusterPtr =
    std::unique_ptr<rd_kafka_mock_cluster_t, Destroyer<rd_kafka_mock_cluster_destroy>>;

constexpr int32_t kAllBrokers = -1;

}  // namespace

// The cluster borrows a client that itself connects to nobody.
struct EmbeddedBroker::State : Client {
  using Client::Open;

  ClusterPtr cluster;  // goes before the client
};

EmbeddedBroker::EmbeddedBroker(std::unique_ptr<State> state) : state_(std::move(state)) {}

EmbeddedBroker::EmbeddedBroker(EmbeddedBroker&&) noexcept = default;
EmbeddedBroker& EmbeddedBroker::operator=(EmbeddedBroker&&) noexcept = default;
EmbeddedBroker::~EmbeddedBroker() = default;

Result<EmbeddedBroker> EmbeddedBroker::Start(int brokers, LogSink log) {
  std::unique_ptr<State> state = std::make_unique<State>();
  KafkaOptions options;
  options.log = std::move(log);
  TRY(state->Open(ClientKind::kMock, options, {}));
  state->cluster.reset(rd_kafka_mock_cluster_new(state->handle(), brokers));
  if (!state->cluster) {
    return Unavailable(fmt::format("cannot start an embedded Kafka of {} brokers", brokers));
  }
  return EmbeddedBroker(std::move(state));
}

std::string EmbeddedBroker::bootstrap() const {
  return rd_kafka_mock_cluster_bootstraps(state_->cluster.get());
}

Result<void> EmbeddedBroker::CreateTopic(const std::string& name, int partitions) {
  rd_kafka_resp_err_t code =
      rd_kafka_mock_topic_create(state_->cluster.get(), name.c_str(), partitions, 1);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return state_->MakeError(fmt::format("create topic {}", name), code);
  }
  return {};
}

void EmbeddedBroker::PushErrors(Request request, std::span<const int16_t> codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  for (int16_t code : codes) {
    errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  }
  rd_kafka_mock_push_request_errors_array(state_->cluster.get(), static_cast<int16_t>(request),
                                          errors.size(), errors.data());
}

void EmbeddedBroker::SetReachable(bool reachable) {
  if (reachable) {
    rd_kafka_mock_broker_set_up(state_->cluster.get(), kAllBrokers);
  } else {
    rd_kafka_mock_broker_set_down(state_->cluster.get(), kAllBrokers);
  }
}

}  // namespace hotiron
