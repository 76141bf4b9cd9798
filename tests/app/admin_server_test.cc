#include "app/admin_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/app/http_client.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

class AdminServerTest : public testing::Test {
 protected:
  void Start(int port = 0) {
    Result<std::unique_ptr<AdminServer>> started = TryStart(port);
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(started).value();
  }

  Result<std::unique_ptr<AdminServer>> TryStart(int port) {
    return AdminServer::Start({.address = "127.0.0.1",
                               .port = port,
                               .metrics = [this] { return metrics_; },
                               .live =
                                   [this] {
                                     return Health{{{"workers", live_.load(), "w"}}};
                                   },
                               .ready =
                                   [this] {
                                     return Health{{{"levers", true, "in every task"},
                                                    {"worker 0", ready_.load(), "3 to restore"}}};
                                   }});
  }

  std::string Ask(const std::string& method, const std::string& path) {
    return hotiron::Ask(server_->port(), method, path);
  }

  std::string metrics_ = "# TYPE a_total counter\na_total 1\n";
  std::atomic<bool> live_{true};
  std::atomic<bool> ready_{true};
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ServesMetricsInTheTextFormat) {
  Start();
  std::string answer = Ask("GET", "/metrics");
  EXPECT_EQ(Status(answer), "200");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_EQ(Body(answer), metrics_);
}

TEST_F(AdminServerTest, HealthIsACodeForMachinesAndALinePerCheckForPeople) {
  Start();
  EXPECT_EQ(Status(Ask("GET", "/livez")), "200");
  EXPECT_EQ(Status(Ask("GET", "/readyz")), "200");
  live_ = false;
  ready_ = false;
  EXPECT_EQ(Status(Ask("GET", "/livez")), "503");
  std::string answer = Ask("GET", "/readyz");
  EXPECT_EQ(Status(answer), "503");
  EXPECT_EQ(Body(answer), "ok   levers: in every task\nFAIL worker 0: 3 to restore\n");
  EXPECT_EQ(Status(Ask("GET", "/metrics")), "200");
}

TEST_F(AdminServerTest, OtherPathsAndMethodsAreRefused) {
  Start();
  EXPECT_EQ(Status(Ask("GET", "/")), "404");
  EXPECT_EQ(Status(Ask("GET", "/metrics/x")), "404");
  EXPECT_EQ(Status(Ask("GET", "/../../etc/passwd")), "404");
  EXPECT_EQ(Status(Ask("POST", "/metrics")), "405");
  EXPECT_EQ(Status(Ask("DELETE", "/livez")), "405");
  EXPECT_EQ(Status(Ask("PUT", "/elsewhere")), "405");
}

TEST_F(AdminServerTest, APortInUseIsAnErrorThatNamesTheKey) {
  Start();
  Result<std::unique_ptr<AdminServer>> second = TryStart(server_->port());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Error::Code::kConflict);
  EXPECT_NE(second.error().message.find("127.0.0.1"), std::string::npos);
  EXPECT_NE(second.error().message.find(std::to_string(server_->port())), std::string::npos);
  EXPECT_NE(second.error().message.find("admin.port"), std::string::npos);
}

TEST_F(AdminServerTest, ThePortIsFreeAgainAfterStop) {
  Start();
  int port = server_->port();
  (void)Ask("GET", "/metrics");
  server_.reset();
  Start(port);
  EXPECT_EQ(Status(Ask("GET", "/metrics")), "200");
}

// More of them than the server keeps connections.
TEST_F(AdminServerTest, ClientsThatSayNothingDoNotKeepAScrapeWaiting) {
  Start();
  std::vector<RawClient> silent;
  for (int i = 0; i < 200; ++i) {
    silent.emplace_back(server_->port());
    ASSERT_TRUE(silent.back().connected());
    silent.back().Send(i % 2 == 0 ? "" : "GET /met");  // or stop in the middle
  }
  steady_clock::time_point before = steady_clock::now();
  EXPECT_EQ(Status(Ask("GET", "/metrics")), "200");  // they have not gone
  EXPECT_LT(steady_clock::now() - before, kPatience / 5);
}

TEST_F(AdminServerTest, AClientThatSendsByteByByteIsDropped) {
  Start();
  RawClient slow(server_->port());
  std::atomic<bool> dropped{false};
  std::jthread reader([&] {
    (void)slow.ReadAll();  // until the server closes
    dropped = true;
  });
  steady_clock::time_point before = steady_clock::now();
  while (!dropped && steady_clock::now() - before < kPatience) {
    slow.Send("x");
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  EXPECT_LT(steady_clock::now() - before, kPatience);
}

TEST_F(AdminServerTest, AClientThatVanishesOrSendsRubbishDoesNoHarm) {
  Start();
  metrics_.assign(4'000'000, 'x');  // more than the sockets' buffers hold
  for (int i = 0; i < 5; ++i) {
    RawClient(server_->port()).Send("GET /metrics HTTP/1.1\r\n\r\n");  // and does not read
    RawClient(server_->port()).Send(std::string(100'000, 'y'));
    RawClient(server_->port()).Send(std::string("\x16\x03\x01\0\xff\r\n\r\n", 9));
  }
  EXPECT_EQ(Body(Ask("GET", "/metrics")).size(), metrics_.size());
}

TEST_F(AdminServerTest, ManyScrapesAtATimeAreAllAnswered) {
  Start();
  std::atomic<int> answered{0};
  {
    std::vector<std::jthread> scrapers;
    for (int i = 0; i < 50; ++i) {
      scrapers.emplace_back([&] { answered += Body(Ask("GET", "/metrics")) == metrics_ ? 1 : 0; });
    }
  }
  EXPECT_EQ(answered, 50);
}

TEST_F(AdminServerTest, StopDoesNotWaitForClientsThatSayNothing) {
  Start();
  RawClient silent(server_->port());
  ASSERT_TRUE(silent.connected());
  steady_clock::time_point before = steady_clock::now();
  server_->Stop();
  EXPECT_LT(steady_clock::now() - before, kPatience);
  EXPECT_FALSE(RawClient(server_->port()).connected());
}

}  // namespace
}  // namespace hotiron
