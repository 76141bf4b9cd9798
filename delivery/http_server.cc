// GNU libmicrohttpd, with one thread that waits for all connections (epoll). A connection that has
// nothing to do - an event stream without news, a request that waits for Kafka - is suspended and
// costs its buffers only. Two rules keep that sound:
//   - whether there is something to say and whether to suspend is decided under `mutex`, and
//     whoever has news takes `mutex` before it resumes: no wake-up is lost;
//   - libmicrohttpd never notices that the client of a suspended connection has gone, so streams
//     are given something to say every few seconds (EventHub's heartbeat).
#include "delivery/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/mutex.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr size_t kStreamBlock = size_t{16} * 1024;
constexpr int kBacklog = 512;
constexpr auto kAnswerPatience = std::chrono::seconds{1};  // at a stop
constexpr auto kStopPatience = std::chrono::seconds{5};    // then, for connections to end
constexpr std::string_view kProblemType = "application/problem+json";

MHD_Result Collect(void* target, MHD_ValueKind kind, const char* name, const char* value) {
  auto& map = *static_cast<std::map<std::string, std::string, std::less<>>*>(target);
  std::string key = name;
  if (kind == MHD_HEADER_KIND) {
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  map.insert_or_assign(std::move(key), value == nullptr ? "" : value);
  return MHD_YES;
}

std::string PeerOf(const sockaddr* address) {
  char text[NI_MAXHOST] = "";
  socklen_t size = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  (void)getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

// A listening socket, or what the system says against it.
Result<int> Listen(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int unresolved = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (unresolved != 0) {
    return Invalid(gai_strerror(unresolved));
  }
  int problem = 0;
  int listening = -1;
  for (addrinfo* at = found; at != nullptr && listening < 0; at = at->ai_next) {
    int candidate =
        socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
    int yes = 1;  // a restart need not wait for connections of before to be forgotten
    (void)setsockopt(candidate, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(candidate, at->ai_addr, at->ai_addrlen) == 0 && listen(candidate, kBacklog) == 0) {
      listening = candidate;
    } else {
      problem = errno;
      (void)close(candidate);
    }
  }
  freeaddrinfo(found);
  return listening >= 0 ? Result<int>(listening) : Conflict(std::strerror(problem));
}

HttpResponse Refusal(int status, std::string_view title) {
  return {
      .status = status,
      .type = std::string(kProblemType),
      .body = fmt::format(R"({{"type":"about:blank","title":"{}","status":{}}})", title, status)};
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  auto at = headers.find(name);
  return at == headers.end() ? std::string_view() : at->second;
}

bool IsLoopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address == "[::1]" ||
         (address.compare(0, 4, "127.") == 0 &&
          address.find_first_not_of("0123456789.") == std::string_view::npos);
}

struct HttpServer::Daemon {
  explicit Daemon(Options given) : options(std::move(given)) {}

  // One request on its way.
  struct Exchange {
    MHD_Connection* connection = nullptr;
    HttpRequest request = {};
    size_t dropped = 0;  // bytes of a body that is too large
    uint64_t number = 0;
    bool handled = false;
    bool suspended = false;
    std::optional<HttpResponse> response = {};
  };

  struct Streaming {
    Daemon* daemon;
    MHD_Connection* connection;
    std::unique_ptr<HttpStream> stream;
  };

  // ---- called by libmicrohttpd, on its thread

  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char* /*version*/, const char* data,
                              size_t* data_size, void** state) {
    Daemon& daemon = *static_cast<Daemon*>(self);
    auto* exchange = static_cast<Exchange*>(*state);
    if (exchange == nullptr) {
      *state = exchange = new Exchange{.connection = connection};  // freed by OnCompleted
      daemon.Begin(*exchange, url, method);
      return MHD_YES;
    }
    if (*data_size > 0) {
      bool goes_on = daemon.TakeBody(*exchange, {data, *data_size});
      *data_size = 0;
      return goes_on ? MHD_YES : MHD_NO;
    }
    return daemon.Finish(*exchange);
  }

  static void OnCompleted(void* self, MHD_Connection* connection, void** state,
                          MHD_RequestTerminationCode /*how*/) {
    Daemon& daemon = *static_cast<Daemon*>(self);
    std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*state));
    *state = nullptr;
    MutexLock lock(daemon.mutex);
    if (exchange != nullptr) {
      daemon.waiting.erase(exchange->number);
    }
    daemon.idle_streams.erase(connection);
    daemon.Await(connection);
  }

  static void OnConnection(void* self, MHD_Connection* connection, void** /*state*/,
                           MHD_ConnectionNotificationCode code) {
    Daemon& daemon = *static_cast<Daemon*>(self);
    {
      MutexLock lock(daemon.mutex);
      if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        daemon.Await(connection);
        return;
      }
      daemon.deadlines.erase(connection);
    }
    if (daemon.stopping) {
      { std::lock_guard<std::mutex> lock(daemon.watch_mutex); }
      daemon.watch_ends.notify_all();
    }
  }

  static MHD_Result MayConnect(void* self, const sockaddr* /*address*/, socklen_t /*size*/) {
    return static_cast<Daemon*>(self)->stopping ? MHD_NO : MHD_YES;
  }

  static ssize_t ReadStream(void* state, uint64_t /*position*/, char* buffer, size_t size) {
    auto& streaming = *static_cast<Streaming*>(state);
    Daemon& daemon = *streaming.daemon;
    MutexLock lock(daemon.mutex);
    if (daemon.stopping) {
      return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t got = streaming.stream->Read(buffer, size);
    if (got == 0) {
      daemon.idle_streams.insert(streaming.connection);
      MHD_suspend_connection(streaming.connection);
    }
    return static_cast<ssize_t>(got);
  }

  static void FreeStream(void* state) { delete static_cast<Streaming*>(state); }

  // ---- one request, step by step

  void Begin(Exchange& exchange, const char* url, const char* method) {
    MHD_Connection* connection = exchange.connection;
    HttpRequest& request = exchange.request;
    request.method = method;
    request.path = url;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &Collect, &request.headers);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &Collect, &request.query);
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request.peer = info == nullptr ? "" : PeerOf(info->client_addr);
  }

  bool TakeBody(Exchange& exchange, std::string_view data) const {
    std::string& body = exchange.request.body;
    if (exchange.dropped == 0 && body.size() + data.size() <= options.body_bytes_max) {
      body += data;
      return true;
    }
    exchange.dropped += body.size() + data.size();
    body.clear();
    return exchange.dropped <= kDroppedBytesMax;
  }

  MHD_Result Finish(Exchange& exchange) {
    if (!exchange.handled) {
      exchange.handled = true;
      {
        MutexLock lock(mutex);
        deadlines[exchange.connection] = steady_clock::time_point::max();
        exchange.number = ++last_number;
        waiting[exchange.number] = &exchange;
      }
      std::optional<HttpResponse> response =
          exchange.dropped > 0 ? Refusal(413, "The body is too large")
                               : options.handler(exchange.request, exchange.number);
      MutexLock lock(mutex);
      if (response) {
        exchange.response = std::move(response);
      } else if (!exchange.response && stopping) {
        exchange.response = Refusal(503, "The server is stopping");
      } else if (!exchange.response) {
        exchange.suspended = true;
        MHD_suspend_connection(exchange.connection);
        return MHD_YES;
      }
      waiting.erase(exchange.number);
    }
    return Send(exchange);
  }

  MHD_Result Send(Exchange& exchange) {
    HttpResponse& response = *exchange.response;
    MHD_Response* raw = nullptr;
    if (response.stream != nullptr) {
      raw = MHD_create_response_from_callback(
          MHD_SIZE_UNKNOWN, kStreamBlock, &ReadStream,
          new Streaming{this, exchange.connection, std::move(response.stream)}, &FreeStream);
    } else {
      raw = MHD_create_response_from_buffer(response.body.size(), response.body.data(),
                                            MHD_RESPMEM_MUST_COPY);
    }
    if (raw == nullptr) {
      return MHD_NO;
    }
    (void)MHD_add_response_header(raw, "Content-Type", response.type.c_str());
    for (const auto& [name, value] : response.headers) {
      (void)MHD_add_response_header(raw, name.c_str(), value.c_str());
    }
    MHD_Result queued =
        MHD_queue_response(exchange.connection, static_cast<unsigned>(response.status), raw);
    MHD_destroy_response(raw);
    return queued;
  }

  // ---- the rest

  // A request is to come.
  void Await(MHD_Connection* connection) HOTIRON_THREAD_ATTRIBUTE(requires_capability(mutex)) {
    deadlines[connection] = steady_clock::now() + kRequestTime;
    if (stopping) {
      Shut(connection);
    }
  }

  static void Shut(MHD_Connection* connection) {
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)shutdown(info->connect_fd, SHUT_RDWR);
  }

  // libmicrohttpd closes a connection on which nothing moves; one that sends a byte now and then
  // would stay. Shutting the socket down has libmicrohttpd see an end, and close it.
  void Watch() {
    std::unique_lock<std::mutex> lock(watch_mutex);
    while (
        !watch_ends.wait_for(lock, std::chrono::seconds{1}, [this] { return stopping.load(); })) {
      MutexLock guard(mutex);
      steady_clock::time_point now = steady_clock::now();
      for (auto& [connection, deadline] : deadlines) {
        if (now >= deadline) {
          Shut(connection);
          deadline = steady_clock::time_point::max();
        }
      }
    }
  }

  void Stop() {
    if (daemon == nullptr) {
      return;
    }
    {
      MutexLock lock(mutex);
      stopping = true;
      for (auto& [number, exchange] : waiting) {
        if (exchange->suspended) {
          exchange->response = Refusal(503, "The server is stopping");
          MHD_resume_connection(exchange->connection);
        }
      }
      for (MHD_Connection* connection : idle_streams) {
        MHD_resume_connection(connection);
      }
      idle_streams.clear();
    }
    { std::lock_guard<std::mutex> lock(watch_mutex); }
    watch_ends.notify_all();
    watcher.join();
    EndConnections();
    MHD_stop_daemon(daemon);  // joins its thread
    daemon = nullptr;
  }

  // libmicrohttpd (0.9.75) follows a null pointer when it has to refuse a bad request while it
  // stops. So there must be no connection by then: those that wait for a request end at once, the
  // others have a moment to be answered.
  void EndConnections() {
    auto shut = [this](bool those_being_answered) {
      MutexLock lock(mutex);
      for (const auto& [connection, deadline] : deadlines) {
        if (those_being_answered || deadline != steady_clock::time_point::max()) {
          Shut(connection);
        }
      }
    };
    auto all_gone = [this] {
      MutexLock guard(mutex);
      return deadlines.empty();
    };
    shut(false);
    std::unique_lock<std::mutex> lock(watch_mutex);
    if (!watch_ends.wait_for(lock, kAnswerPatience, all_gone)) {
      shut(true);
      (void)watch_ends.wait_for(lock, kStopPatience, all_gone);
    }
  }

  const Options options;
  int port = 0;
  MHD_Daemon* daemon = nullptr;

  std::atomic<bool> stopping{false};
  Mutex mutex;
  uint64_t last_number HOTIRON_GUARDED_BY(mutex) = 0;
  std::unordered_map<uint64_t, Exchange*> waiting HOTIRON_GUARDED_BY(mutex);   // for the handler
  std::unordered_set<MHD_Connection*> idle_streams HOTIRON_GUARDED_BY(mutex);  // suspended
  // Of every connection: when it must have sent a whole request; max while one is being answered.
  std::unordered_map<MHD_Connection*, steady_clock::time_point> deadlines HOTIRON_GUARDED_BY(mutex);
  std::mutex watch_mutex;
  std::condition_variable watch_ends;
  std::thread watcher;
};

HttpServer::HttpServer(std::unique_ptr<Daemon> daemon) : daemon_(std::move(daemon)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  TRY_ASSIGN(int listening, Listen(options.address, options.port));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  char port[NI_MAXSERV] = "0";
  if (getsockname(listening, reinterpret_cast<sockaddr*>(&bound), &size) == 0) {
    (void)getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, port, sizeof port,
                      NI_NUMERICSERV);
  }
  auto connections_max = static_cast<unsigned>(options.connections_max);
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(options)));
  daemon->port = std::atoi(port);
  daemon->daemon =
      MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME,
                       0, &Daemon::MayConnect, daemon.get(), &Daemon::OnRequest, daemon.get(),   //
                       MHD_OPTION_LISTEN_SOCKET, listening,                                      //
                       MHD_OPTION_CONNECTION_LIMIT, connections_max,                             //
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHeaderBytesMax,                      //
                       MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(kIdleTime.count()),  //
                       MHD_OPTION_NOTIFY_COMPLETED, &Daemon::OnCompleted, daemon.get(),          //
                       MHD_OPTION_NOTIFY_CONNECTION, &Daemon::OnConnection, daemon.get(),        //
                       MHD_OPTION_END);
  if (daemon->daemon == nullptr) {
    (void)close(listening);
    return Unavailable("the HTTP server cannot be started");
  }
  daemon->watcher = std::thread([raw = daemon.get()] { raw->Watch(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(daemon)));
}

HttpServer::~HttpServer() {
  Stop();
}

int HttpServer::port() const {
  return daemon_->port;
}

void HttpServer::Answer(uint64_t number, HttpResponse response) {
  MutexLock lock(daemon_->mutex);
  auto at = daemon_->waiting.find(number);
  if (at == daemon_->waiting.end() || at->second->response) {
    return;  // it has been answered because of a stop
  }
  Daemon::Exchange& exchange = *at->second;
  exchange.response = std::move(response);
  daemon_->waiting.erase(at);
  if (exchange.suspended) {
    MHD_resume_connection(exchange.connection);
  }
}

void HttpServer::WakeStreams() {
  MutexLock lock(daemon_->mutex);
  if (daemon_->stopping) {
    return;
  }
  for (MHD_Connection* connection : daemon_->idle_streams) {
    MHD_resume_connection(connection);
  }
  daemon_->idle_streams.clear();
}

void HttpServer::Stop() {
  daemon_->Stop();
}

}  // namespace hotiron
