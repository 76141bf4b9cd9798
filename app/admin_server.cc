// One thread polls the listening socket and every connection; none ever blocks it. A scrape is a
// small request and one answer, so the whole of HTTP that is needed is a request line, and a client
// is either served or gone within kDeadline, however it behaves. (cpp-httplib was tried: a blocking
// thread per connection and no deadline for a whole request. 100 clients that say nothing kept a
// scrape waiting for 11 s, one that sends a byte a second keeps a thread for hours, and 50 scrapes
// at a time took 1.4 s because of its fixed backlog of 5.)
#include "app/admin_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr size_t kConnectionsMax = 128;  // beyond it the oldest is dropped
constexpr size_t kRequestBytesMax = 8 * 1024;
constexpr auto kDeadline = std::chrono::seconds{5};  // from the connection to the whole answer
constexpr auto kLinger = std::chrono::seconds{1};    // for the client to have read it
constexpr auto kAcceptPause = std::chrono::milliseconds{50};
constexpr int kBacklog = 128;

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}

  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  ~Descriptor() {
    if (number_ >= 0) {
      (void)close(number_);
    }
  }

  int number() const { return number_; }

 private:
  int number_;
};

struct Connection {
  enum class Stage : uint8_t {
    kReading,
    kWriting,
    kClosing,  // the answer is on its way; what the client still sends is read and dropped
    kDone,
  };

  Descriptor socket;
  steady_clock::time_point deadline;
  Stage stage = Stage::kReading;
  std::string request = {};
  std::string answer = {};
  size_t sent = 0;
};

std::string MakeAnswer(int code, std::string_view type, std::string_view body, bool with_body) {
  std::string_view reason = code == 200   ? "OK"
                            : code == 400 ? "Bad Request"
                            : code == 404 ? "Not Found"
                            : code == 405 ? "Method Not Allowed"
                            : code == 431 ? "Request Header Fields Too Large"
                                          : "Service Unavailable";
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}",
      code, reason, type, body.size(), code == 405 ? "Allow: GET, HEAD\r\n" : "",
      with_body ? body : "");
}

constexpr std::string_view kPlainType = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string AnswerHealth(const Health& health, bool with_body) {
  std::string text;
  for (const Health::Check& check : health.checks) {
    text += fmt::format("{} {}: {}\n", check.ok ? "ok  " : "FAIL", check.name, check.text);
  }
  return MakeAnswer(health.ok() ? 200 : 503, kPlainType, text, with_body);
}

// A listening socket, or what the system says against it.
Result<Descriptor> Listen(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int unresolved = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (unresolved != 0) {
    return Invalid(gai_strerror(unresolved));
  }
  int problem = 0;
  Descriptor listening;
  for (addrinfo* at = found; at != nullptr && listening.number() < 0; at = at->ai_next) {
    Descriptor candidate(
        socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol));
    int yes = 1;  // a restart need not wait for connections of before to be forgotten
    (void)setsockopt(candidate.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(candidate.number(), at->ai_addr, at->ai_addrlen) == 0 &&
        listen(candidate.number(), kBacklog) == 0) {
      listening = std::move(candidate);
    } else {
      problem = errno;
    }
  }
  freeaddrinfo(found);
  if (listening.number() < 0) {
    return Conflict(std::strerror(problem));
  }
  return listening;
}

int PortOf(const Descriptor& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char port[NI_MAXSERV] = "0";
  if (getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    (void)getnameinfo(reinterpret_cast<sockaddr*>(&address), size, nullptr, 0, port, sizeof port,
                      NI_NUMERICSERV);
  }
  return std::atoi(port);
}

bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

bool Health::ok() const {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.ok; });
}

struct AdminServer::Listener {
  void Run() {
    while (!stopping) {
      std::vector<pollfd> polled{{wake.number(), POLLIN, 0}, {listening.number(), POLLIN, 0}};
      for (const Connection& connection : connections) {
        bool writing = connection.stage == Connection::Stage::kWriting;
        polled.push_back(
            {connection.socket.number(), static_cast<short>(writing ? POLLOUT : POLLIN), 0});
      }
      (void)poll(polled.data(), polled.size(), Timeout());
      for (size_t i = 0; i < connections.size(); ++i) {
        if (polled[i + 2].revents != 0) {
          Advance(connections[i]);
        }
      }
      steady_clock::time_point now = steady_clock::now();
      std::erase_if(connections, [&](const Connection& connection) {
        return connection.stage == Connection::Stage::kDone || now >= connection.deadline;
      });
      Accept(now);
    }
    connections.clear();
  }

  // Milliseconds until the first deadline.
  int Timeout() const {
    if (connections.empty()) {
      return -1;
    }
    steady_clock::time_point first = steady_clock::time_point::max();
    for (const Connection& connection : connections) {
      first = std::min(first, connection.deadline);
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(first - steady_clock::now()).count();
    return static_cast<int>(std::max<int64_t>(0, left));
  }

  void Accept(steady_clock::time_point now) {
    for (int i = 0; i < kBacklog; ++i) {
      Descriptor accepted(
          accept4(listening.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted.number() < 0) {
        if (!WouldBlock()) {  // out of descriptors, say: it would be polled again at once
          std::this_thread::sleep_for(kAcceptPause);
        }
        return;
      }
      if (connections.size() == kConnectionsMax) {
        connections.erase(connections.begin());
      }
      connections.push_back({.socket = std::move(accepted), .deadline = now + kDeadline});
    }
  }

  void Advance(Connection& connection) const {
    switch (connection.stage) {
      case Connection::Stage::kReading:
        Read(connection);
        break;
      case Connection::Stage::kWriting:
        Write(connection);
        break;
      case Connection::Stage::kClosing:
        Drain(connection);
        break;
      case Connection::Stage::kDone:
        break;
    }
  }

  void Read(Connection& connection) const {
    char buffer[4096];
    ssize_t got = recv(connection.socket.number(), buffer, sizeof buffer, 0);
    if (got <= 0) {
      connection.stage = got < 0 && WouldBlock() ? connection.stage : Connection::Stage::kDone;
      return;
    }
    connection.request.append(buffer, static_cast<size_t>(got));
    bool whole = connection.request.find("\r\n\r\n") != std::string::npos;
    if (!whole && connection.request.size() <= kRequestBytesMax) {
      return;
    }
    connection.answer = whole ? AnswerTo(connection.request)
                              : MakeAnswer(431, kPlainType, "The request is too long.\n", true);
    connection.stage = Connection::Stage::kWriting;
    Write(connection);
  }

  void Write(Connection& connection) const {
    while (connection.sent < connection.answer.size()) {
      ssize_t put = send(connection.socket.number(), connection.answer.data() + connection.sent,
                         connection.answer.size() - connection.sent, MSG_NOSIGNAL);
      if (put < 0) {
        connection.stage = WouldBlock() ? connection.stage : Connection::Stage::kDone;
        return;
      }
      connection.sent += static_cast<size_t>(put);
    }
    // Closing with bytes unread would reset the connection, and the answer with it.
    (void)shutdown(connection.socket.number(), SHUT_WR);
    connection.stage = Connection::Stage::kClosing;
    connection.deadline = std::min(connection.deadline, steady_clock::now() + kLinger);
  }

  static void Drain(Connection& connection) {
    char buffer[4096];
    ssize_t got = recv(connection.socket.number(), buffer, sizeof buffer, 0);
    if (got == 0 || (got < 0 && !WouldBlock())) {
      connection.stage = Connection::Stage::kDone;
    }
  }

  std::string AnswerTo(std::string_view request) const {
    std::string_view line = request.substr(0, request.find("\r\n"));
    size_t method_end = line.find(' ');
    size_t target_end = line.rfind(' ');
    if (method_end == std::string_view::npos || target_end == method_end ||
        line.substr(target_end).rfind(" HTTP/1.", 0) != 0) {
      return MakeAnswer(400, kPlainType, "This is not HTTP/1.\n", true);
    }
    std::string_view method = line.substr(0, method_end);
    std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
    std::string_view path = target.substr(0, target.find('?'));
    bool with_body = method != "HEAD";
    if (method != "GET" && method != "HEAD") {
      return MakeAnswer(405, kPlainType, "Only GET and HEAD are served here.\n", true);
    }
    if (path == "/metrics") {
      return MakeAnswer(200, kMetricsType, options.metrics(), with_body);
    }
    if (path == "/livez") {
      return AnswerHealth(options.live(), with_body);
    }
    if (path == "/readyz") {
      return AnswerHealth(options.ready(), with_body);
    }
    return MakeAnswer(404, kPlainType, "There are /metrics, /livez and /readyz here.\n", with_body);
  }

  const Options options;
  const int port;
  Descriptor listening;
  const Descriptor wake;
  std::atomic<bool> stopping{false};
  std::vector<Connection> connections = {};  // oldest first; the thread's own
  std::thread thread = {};
};

AdminServer::AdminServer(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::Start(Options options) {
  Result<Descriptor> listening = Listen(options.address, options.port);
  if (!listening.ok()) {
    return Error{listening.error().code,
                 fmt::format("/metrics cannot be served on {} port {}: {}. Set admin.port to a "
                             "free port (0 = any), or admin.address to an address of this machine",
                             options.address, options.port, listening.error().message)};
  }
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<Listener> listener(new Listener{.options = std::move(options),
                                                  .port = PortOf(listening.value()),
                                                  .listening = std::move(listening).value(),
                                                  .wake = std::move(wake)});
  listener->thread = std::thread([raw = listener.get()] { raw->Run(); });
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
    listener_->stopping = true;
    (void)eventfd_write(listener_->wake.number(), 1);
    listener_->thread.join();
    listener_->listening = Descriptor();
  }
}

}  // namespace hotiron
