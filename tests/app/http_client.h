#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace hotiron {

inline constexpr auto kPatience = std::chrono::seconds{10};  // for an answer, on a busy machine

// A TCP connection to the server under test.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    timeval patience{std::chrono::seconds(kPatience).count(), 0};
    (void)setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    (void)inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_) {}

  RawClient& operator=(RawClient&&) = delete;

  ~RawClient() {
    if (socket_ >= 0) {
      (void)close(socket_);
    }
  }

  bool connected() const { return connected_; }

  int socket_number() const { return socket_; }

  void Send(std::string_view text) const {
    (void)send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }

  // What comes up to and with `end`; empty when the server closes before.
  std::string ReadUntil(std::string_view end) const {
    std::string text;
    char byte = 0;
    while (text.size() < end.size() ||
           text.compare(text.size() - end.size(), end.size(), end) != 0) {
      if (recv(socket_, &byte, 1, 0) <= 0) {
        return "";
      }
      text += byte;
    }
    return text;
  }

  // Everything until the server closes.
  std::string ReadAll() const {
    std::string text;
    char buffer[65'536];
    for (ssize_t got = 0; (got = recv(socket_, buffer, sizeof buffer, 0)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  int socket_;
  bool connected_ = false;
};

// Sends a request and returns the whole answer, head and body.
inline std::string Ask(int port, const std::string& method, const std::string& path) {
  RawClient client(port);
  client.Send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  return client.ReadAll();
}

// "200"
inline std::string Status(const std::string& answer) {
  return answer.size() < 12 ? answer : answer.substr(9, 3);
}

inline std::string Body(const std::string& answer) {
  size_t at = answer.find("\r\n\r\n");
  return at == std::string::npos ? "" : answer.substr(at + 4);
}

}  // namespace hotiron
