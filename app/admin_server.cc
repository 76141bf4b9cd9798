#include "app/admin_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <type_traits>

namespace hotiron {
namespace {

constexpr size_t kThreads = 16;          // requests that are answered at a time
constexpr size_t kConnectionsMax = 128;  // accepted and not yet closed; more wait in the kernel
constexpr int kSilenceSeconds = 1;       // until a client that says nothing is dropped
constexpr int kReadSeconds = 2;          // between two pieces of a request
constexpr int kWriteSeconds = 2;         // between two pieces of an answer
constexpr size_t kBodyBytesMax = 1024;   // no request of ours has a body

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kPlainType = "text/plain; charset=utf-8";

// httplib's threads behind a bound on the connections they have: beyond it the accepting thread
// waits, so that a flood costs no file descriptors that Kafka and RocksDB need.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  BoundedQueue() : pool_(kThreads) {}

  // Newer versions of httplib ask whether the work was taken.
  auto enqueue(std::function<void()> work)
      -> decltype(std::declval<httplib::TaskQueue&>().enqueue(work)) override {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      room_.wait(lock, [&] { return connections_ < kConnectionsMax; });
      ++connections_;
    }
    return pool_.enqueue([this, work = std::move(work)] {
      work();
      {
        std::lock_guard<std::mutex> lock(mutex_);
        --connections_;
      }
      room_.notify_one();
    });
  }

  void shutdown() override { pool_.shutdown(); }

 private:
  std::mutex mutex_;
  std::condition_variable room_;
  size_t connections_ = 0;  // guarded by mutex_
  httplib::ThreadPool pool_;
};

// httplib's own options would let two processes share the port without either noticing.
void SetSocketOptions(int socket) {
  int yes = 1;
  (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

void AnswerHealth(const Health& health, httplib::Response& response) {
  std::string text;
  for (const Health::Check& check : health.checks) {
    text += fmt::format("{} {}: {}\n", check.ok ? "ok  " : "FAIL", check.name, check.text);
  }
  response.status = health.ok() ? 200 : 503;
  response.set_content(text, kPlainType);
}

}  // namespace

bool Health::ok() const {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.ok; });
}

struct AdminServer::Listener {
  explicit Listener(Options with) : options(std::move(with)) {}

  void Configure() {
    server.new_task_queue = [] { return new BoundedQueue; };  // httplib deletes it
    server.set_socket_options(SetSocketOptions);
    server.set_keep_alive_max_count(1);
    server.set_keep_alive_timeout(kSilenceSeconds);
    server.set_read_timeout(kReadSeconds);
    server.set_write_timeout(kWriteSeconds);
    server.set_payload_max_length(kBodyBytesMax);
    server.set_tcp_nodelay(true);
    // Only methods that read; httplib itself answers HEAD where there is a GET.
    server.set_pre_routing_handler(
        [](const httplib::Request& request, httplib::Response& response) {
          if (request.method == "GET" || request.method == "HEAD") {
            return httplib::Server::HandlerResponse::Unhandled;
          }
          response.status = 405;
          response.set_header("Allow", "GET, HEAD");
          response.set_content("Only GET and HEAD are served here.\n", kPlainType);
          return httplib::Server::HandlerResponse::Handled;
        });
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty() && response.status == 404) {
        response.set_content("There are /metrics, /livez and /readyz here.\n", kPlainType);
      }
    });
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(options.metrics(), kMetricsType);
    });
    server.Get("/livez", [this](const httplib::Request&, httplib::Response& response) {
      AnswerHealth(options.live(), response);
    });
    server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      AnswerHealth(options.ready(), response);
    });
  }

  const Options options;
  httplib::Server server;
  int port = 0;
  std::thread thread;
};

AdminServer::AdminServer(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::Start(Options options) {
  auto listener = std::make_unique<Listener>(std::move(options));
  listener->Configure();
  const Options& given = listener->options;
  if (given.port == 0) {
    listener->port = listener->server.bind_to_any_port(given.address);
  } else {
    bool bound = listener->server.bind_to_port(given.address, given.port);
    listener->port = bound ? given.port : -1;
  }
  if (listener->port < 0) {
    return Conflict(fmt::format(
        "/metrics cannot be served on {} port {}: the port is in use or the address is not ours. "
        "Set admin.port to a free port (0 = any) or admin.address to another address",
        given.address, given.port));
  }
  listener->thread = std::thread([raw = listener.get()] { raw->server.listen_after_bind(); });
  // Stop before httplib has begun to listen would have no effect.
  while (!listener->server.is_running()) {
    std::this_thread::yield();
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(listener)));
}

AdminServer::~AdminServer() {
  Stop();
}

int AdminServer::port() const {
  return listener_->port;
}

void AdminServer::Stop() {
  if (listener_->thread.joinable()) {
    listener_->server.stop();
    listener_->thread.join();
  }
}

}  // namespace hotiron
