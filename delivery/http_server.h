#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hotiron {

struct HttpRequest {
  std::string method;
  std::string path;                                         // decoded, without the query
  std::map<std::string, std::string, std::less<>> query;    // decoded
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;
  std::string peer;  // address of the other end: a proxy, maybe

  // Empty when there is none.
  std::string_view Header(std::string_view name) const;
};

// A body that goes on for as long as the client listens. Read is called on the server's thread, one
// call at a time; the stream dies with its connection.
class HttpStream {
 public:
  virtual ~HttpStream() = default;

  // Fills `buffer` with what there is and says how much; 0 = nothing now, asked again after
  // HttpServer::WakeStreams.
  virtual size_t Read(char* buffer, size_t size) = 0;
};

struct HttpResponse {
  int status = 200;
  std::string type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::unique_ptr<HttpStream> stream = {};  // instead of a body
};

// An HTTP/1.1 server for many connections that mostly wait: event streams, slow readers, clients
// that have gone. Whoever serves beyond this machine puts a proxy that speaks HTTPS in front of it.
//
// Operation: Start listens or says why it cannot. The handler gets each whole request and answers
//   it, or returns nothing and has Answer called later, with the number it was given. Stop (or the
//   destructor) answers what still waits with 503 and closes all connections.
// Concurrency: one thread of its own calls the handler and the streams: neither may block. Answer
//   and WakeStreams may be called from any thread, until Stop.
// Limits: those of the options; besides, kHeaderBytesMax per connection, and a connection on which
//   nothing moves for kIdleTime is closed. A body over its limit is read, dropped and refused with
//   413, up to kDroppedBytesMax; then the connection goes.
class HttpServer {
 public:
  static constexpr size_t kHeaderBytesMax = size_t{32} * 1024;
  static constexpr size_t kDroppedBytesMax = size_t{32} << 20;
  static constexpr std::chrono::seconds kIdleTime{30};
  // From the first byte of a connection to its first whole request, and from there to the next.
  static constexpr std::chrono::seconds kRequestTime{20};

  using Handler =
      std::function<std::optional<HttpResponse>(const HttpRequest& request, uint64_t number)>;

  struct Options {
    std::string address;
    int port = 0;  // 0 = any free one
    size_t connections_max = 1'024;
    size_t body_bytes_max = size_t{16} * 1024;
    Handler handler = {};
  };

  static Result<std::unique_ptr<HttpServer>> Start(Options options);

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  int port() const;

  void Answer(uint64_t number, HttpResponse response);

  // Has every stream that had nothing to say read again.
  void WakeStreams();

  // May be called again.
  void Stop();

 private:
  struct Daemon;
  explicit HttpServer(std::unique_ptr<Daemon> daemon);

  std::unique_ptr<Daemon> daemon_;  // provides its own synchronisation
};

// True for addresses that only this machine can reach: 127.0.0.0/8, ::1, localhost.
bool IsLoopback(std::string_view address);

}  // namespace hotiron
