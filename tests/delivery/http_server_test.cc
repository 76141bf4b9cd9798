#include "delivery/http_server.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/app/http_client.h"

namespace hotiron {
namespace {

// Says "tick" after each time that it is given one.
class Ticks : public HttpStream {
 public:
  Ticks(std::atomic<int>& given, std::atomic<int>& alive) : given_(given), alive_(alive) {
    ++alive_;
  }

  ~Ticks() override { --alive_; }

  size_t Read(char* buffer, size_t size) override {
    if (said_ == given_ || size < 4) {
      return 0;
    }
    ++said_;
    std::copy_n("tick", 4, buffer);
    return 4;
  }

 private:
  int said_ = 0;
  std::atomic<int>& given_;
  std::atomic<int>& alive_;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::Start({.address = "127.0.0.1",
                           .connections_max = 40,
                           .body_bytes_max = 1'000,
                           .handler = [this](const HttpRequest& request, uint64_t number) {
                             return Handle(request, number);
                           }});
    EXPECT_TRUE(server.ok());
    server_ = std::move(server).value();
  }

  std::optional<HttpResponse> Handle(const HttpRequest& request, uint64_t number) {
    if (request.path == "/stream") {
      return HttpResponse{.type = "text/event-stream",
                          .stream = std::make_unique<Ticks>(given_, streams_)};
    }
    if (request.path == "/later") {
      std::lock_guard<std::mutex> lock(mutex_);
      later_.push_back(number);
      came_.notify_all();
      return std::nullopt;
    }
    std::string said = request.method + " " + request.path;
    for (const auto& [name, value] : request.query) {
      said.append(" ").append(name).append("=").append(value);
    }
    return HttpResponse{
        .type = "text/plain",
        .body = said + " " + std::string(request.Header("x-test")) + " " + request.body};
  }

  uint64_t WaitForLater(size_t which) {
    std::unique_lock<std::mutex> lock(mutex_);
    EXPECT_TRUE(came_.wait_for(lock, kPatience, [&] { return later_.size() > which; }));
    return later_[which];
  }

  std::string Say(const std::string& text) {
    RawClient client(server_->port());
    client.Send(text);
    return client.ReadAll();
  }

  std::atomic<int> given_{0};
  std::atomic<int> streams_{0};
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<uint64_t> later_;
  std::unique_ptr<HttpServer> server_;
};

constexpr size_t kMuch = 100'000;
constexpr const char* kClose = "Host: x\r\nConnection: close\r\n";

TEST_F(HttpServerTest, HandsOverTheRequestInFull) {
  std::string answer = Say(std::string("POST /a%20b?x=1&y=%26 HTTP/1.1\r\nX-Test: yes\r\n") +
                           kClose + "Content-Length: 5\r\n\r\nhello");
  EXPECT_EQ(Status(answer), "200");
  EXPECT_EQ(Body(answer), "POST /a b x=1 y=& yes hello");
}

TEST_F(HttpServerTest, AnAnswerMayComeLater) {
  RawClient client(server_->port());
  client.Send(std::string("GET /later HTTP/1.1\r\n") + kClose + "\r\n");
  uint64_t number = WaitForLater(0);
  server_->Answer(number, {.status = 202, .body = "done"});
  server_->Answer(number, {.status = 200, .body = "twice"});  // is nothing
  std::string answer = client.ReadAll();
  EXPECT_EQ(Status(answer), "202");
  EXPECT_EQ(Body(answer), "done");
}

TEST_F(HttpServerTest, AStreamSaysWhatItIsGiven) {
  RawClient client(server_->port());
  client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string heard = client.ReadUntil("\r\n\r\n");
  EXPECT_EQ(Status(heard), "200");
  for (int i = 0; i < 5; ++i) {
    ++given_;
    server_->WakeStreams();
    EXPECT_NE(client.ReadUntil("tick"), "");
  }
}

TEST_F(HttpServerTest, AListenerThatVanishesIsLetGo) {
  {
    RawClient client(server_->port());
    client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    client.ReadUntil("\r\n\r\n");
    EXPECT_EQ(streams_, 1);
  }
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (streams_ > 0 && std::chrono::steady_clock::now() < end) {
    ++given_;
    server_->WakeStreams();
    std::this_thread::yield();
  }
  EXPECT_EQ(streams_, 0);
}

TEST_F(HttpServerTest, ABodyOverTheLimitIsRefused) {
  std::string big;
  big.resize(10'000'000, 'x');
  std::string answer =
      Say(std::string("POST / HTTP/1.1\r\n") + kClose + "Content-Length: 10000000\r\n\r\n" + big);
  EXPECT_EQ(Status(answer), "413");
  EXPECT_EQ(Status(Say(std::string("POST / HTTP/1.1\r\n") + kClose +
                       "Content-Length: 1000\r\n\r\n" + std::string(1'000, 'x'))),
            "200");
}

// libmicrohttpd must not be refusing a request when it is stopped: it would crash.
TEST(HttpServer, StopsInTheMidstOfNonsense) {
  for (int round = 0; round < 200; ++round) {
    std::unique_ptr<HttpServer> server =
        HttpServer::Start({.address = "127.0.0.1",
                           .handler = [](const HttpRequest&, uint64_t) { return HttpResponse(); }})
            .value();
    const char* nonsense[] = {"GET / HTTP/9.9\r\n\r\n",
                              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                              // behind a good one
                              "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/9.9\r\n\r\n"};
    for (int client = 0; client < 9; ++client) {
      RawClient(server->port()).Send(nonsense[client % 3]);
    }
    server->Stop();
  }
}

TEST_F(HttpServerTest, NonsenseHurtsNobody) {
  for (const std::string& nonsense :
       {std::string("\r\n\r\n\r\n"), std::string("GET\r\n\r\n"), std::string(kMuch, 'x'),
        std::string("\x16\x03\x01\x02\x00\x01\x00", 7), std::string("GET / HTTP/9.9\r\n\r\n"),
        "GET / HTTP/1.1\r\nX: " + std::string(kMuch, 'y') + "\r\n\r\n",
        std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    RawClient client(server_->port());
    client.Send(nonsense);
  }
  EXPECT_EQ(Status(Say(std::string("GET / HTTP/1.1\r\n") + kClose + "\r\n")), "200");
}

TEST_F(HttpServerTest, WhoWaitsAtAStopIsTold) {
  RawClient later(server_->port());
  later.Send(std::string("GET /later HTTP/1.1\r\n") + kClose + "\r\n");
  (void)WaitForLater(0);
  RawClient stream(server_->port());
  stream.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.ReadUntil("\r\n\r\n");
  server_->Stop();
  EXPECT_EQ(streams_, 0);
  server_->Answer(later_[0], {.status = 200});  // too late, and no harm
}

TEST_F(HttpServerTest, ManyListenersAreServedByOneThread) {
  std::vector<RawClient> clients;
  for (int i = 0; i < 30; ++i) {
    clients.emplace_back(server_->port());
    clients.back().Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    clients.back().ReadUntil("\r\n\r\n");
  }
  ++given_;
  server_->WakeStreams();
  for (RawClient& client : clients) {
    EXPECT_NE(client.ReadUntil("tick"), "");
  }
}

TEST(HttpServer, APortInUseIsSaid) {
  HttpServer::Options options{.address = "127.0.0.1", .handler = [](const HttpRequest&, uint64_t) {
                                return std::optional<HttpResponse>(HttpResponse{});
                              }};
  Result<std::unique_ptr<HttpServer>> first = HttpServer::Start(options);
  ASSERT_TRUE(first.ok());
  options.port = first.value()->port();
  Result<std::unique_ptr<HttpServer>> second = HttpServer::Start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message, "Address already in use");
}

}  // namespace
}  // namespace hotiron
