// Everybody at once: 500 listeners, 200 requests a second, readers that are slow, gone or send
// nonsense. Memory stays bounded, /metrics always answers, and who reads on hears the last of it.
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <span>
#include <thread>

#include "app/admin_server.h"
#include "app/serve_probe.h"
#include "delivery/strike_server.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "tests/app/http_client.h"
#include "tests/delivery/records.h"

namespace hotiron {
namespace {

using std::chrono::steady_clock;

constexpr int kTriggers = 2'000;
constexpr int kListeners = 500;
constexpr int kSlowListeners = 100;  // of them: they never read again
constexpr int kRequestsPerSecond = 200;
constexpr auto kTime = std::chrono::seconds{10};
constexpr auto kReadPatience = std::chrono::seconds{60};
constexpr int64_t kGrowthMaxMb = 96;
constexpr auto kScrapeMax = std::chrono::seconds{1};

int64_t ResidentMb() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096 >> 20;
}

// Reads on behalf of many listeners until each of them has been told `word`; how many have not been
// at the deadline. There is more news than all of them can be sent: some are told to start anew.
size_t ReadOn(std::span<const RawClient> listeners, const std::string& word,
              steady_clock::time_point deadline) {
  std::vector<pollfd> sockets;
  std::vector<std::string> ends(listeners.size());  // of what came
  for (const RawClient& listener : listeners) {
    sockets.push_back({listener.socket_number(), POLLIN, 0});
  }
  size_t waiting = listeners.size();
  std::vector<char> buffer(1 << 18);
  while (waiting > 0 && steady_clock::now() < deadline) {
    if (poll(sockets.data(), sockets.size(), 100) <= 0) {
      continue;
    }
    for (size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].fd < 0 || sockets[i].revents == 0) {
        continue;
      }
      ssize_t got = recv(sockets[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) {
        sockets[i].fd = -1;  // thrown out: never told
        continue;
      }
      ends[i].append(buffer.data(), static_cast<size_t>(got));
      if (ends[i].find(word) != std::string::npos) {
        sockets[i].fd = -1;
        --waiting;
      }
      ends[i].erase(0, ends[i].size() - std::min(ends[i].size(), word.size()));
    }
  }
  return waiting;
}

TEST(StrikeLoad, MemoryIsBoundedAndMetricsAnswer) {
  rlimit files{8'192, 8'192};
  (void)setrlimit(RLIMIT_NOFILE, &files);
  EmbeddedBroker broker = std::move(EmbeddedBroker::Start()).value();
  for (const char* topic : {"x.triggers", "x.journeys", "x.feedback"}) {
    ASSERT_TRUE(broker.CreateTopic(topic, 1).ok());
  }
  KafkaOptions kafka{
      .properties = {{"bootstrap.servers", broker.bootstrap()}, {"fetch.wait.max.ms", "10"}}};
  Producer producer = std::move(Producer::Create(kafka, std::nullopt)).value();
  int written = 0;
  // A trigger with its journey behind it.
  auto write = [&](int count, int revision) {
    for (int i = 0; i < count; ++i, ++written) {
      std::string json = TriggerJson({.id = fmt::format("t{}", i),
                                      .revision = revision,
                                      .account = fmt::format("a:{}", i),
                                      .worth = static_cast<double>(i),
                                      .reason = std::string(1'500, 'x')});
      EXPECT_TRUE(
          producer.Produce({.topic = "x.triggers", .key = fmt::format("t{}", i), .value = json})
              .ok());
      std::string account = fmt::format("a:{}", i);
      json = JourneyJson(account, FormatTime(FromMillis(1'772'000'000'000 + written)),
                         50 + revision % 50);
      EXPECT_TRUE(producer.Produce({.topic = "x.journeys", .key = account, .value = json}).ok());
    }
    EXPECT_TRUE(producer.Flush(std::chrono::seconds{20}).ok());
  };
  write(kTriggers, 1);

  std::atomic<int> failed{0};
  ServeProbe probe;
  std::unique_ptr<StrikeServer> server =
      std::move(StrikeServer::Start({.port = 0,
                                     .kafka = kafka,
                                     .triggers_topic = "x.triggers",
                                     .journeys_topic = "x.journeys",
                                     .feedback_topic = "x.feedback",
                                     .on_answer =
                                         [&](Route route, int status) {
                                           probe.Answered(route, status);
                                           failed += status >= 500 ? 1 : 0;
                                         }}))
          .value();
  std::unique_ptr<AdminServer> admin =
      std::move(AdminServer::Start({.address = "127.0.0.1",
                                    .metrics = [&] { return probe.Text(server->numbers()); },
                                    .live = [] { return Health{}; },
                                    .ready = [] { return Health{}; }}))
          .value();
  auto end = steady_clock::now() + std::chrono::seconds{20};
  while (!server->numbers().freshness.complete && steady_clock::now() < end) {
    std::this_thread::yield();
  }
  ASSERT_EQ(server->numbers().live_triggers, static_cast<size_t>(kTriggers));
  int port = server->port();

  std::vector<RawClient> listeners;
  for (int i = 0; i < kListeners; ++i) {
    listeners.emplace_back(port);
    listeners.back().Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_NE(listeners.back().ReadUntil("retry: 2000\n\n"), "") << i;
  }
  EXPECT_EQ(server->numbers().streams, static_cast<size_t>(kListeners));
  int64_t before = ResidentMb();

  // From here on some of the listeners never read again.
  std::atomic<bool> over{false};
  size_t missed = 0;
  std::thread reading([&] {
    missed = ReadOn(std::span(listeners).subspan(kSlowListeners), "\"id\":\"the last\"",
                    steady_clock::now() + kTime + kReadPatience);
  });
  std::atomic<int> asked{0};
  std::atomic<int64_t> slowest_us{0};
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      httplib::Client client("127.0.0.1", port);
      client.set_keep_alive(true);
      client.set_read_timeout(std::chrono::seconds{20});
      steady_clock::time_point next = steady_clock::now();
      while (!over) {
        std::this_thread::sleep_until(next);
        next += std::chrono::milliseconds{1'000 * 2 / kRequestsPerSecond};
        steady_clock::time_point begin = steady_clock::now();
        httplib::Result answer =
            client.Get(asked % 2 == 0 ? "/api/v1/triggers?limit=20" : "/api/v1/accounts/a:7");
        EXPECT_TRUE(answer && answer->status == 200);
        ++asked;
        int64_t us =
            std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin)
                .count();
        slowest_us = std::max<int64_t>(slowest_us, us);
      }
    });
  }
  threads.emplace_back([&] {  // vanishing listeners, silent clients, too much, nonsense
    std::string big;
    big.resize(10'000'000, 'x');
    std::vector<RawClient> silent;
    for (int i = 0; !over; ++i) {
      {
        RawClient vanishing(port);
        vanishing.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      }
      if (silent.size() < 100) {
        silent.emplace_back(port);
        silent.back().Send("GET /api/");
      }
      RawClient(port).Send(std::string(i % 2 == 0 ? "\x16\x03\x01" : "GET\r\n\r\n") +
                           big.substr(0, 50'000));
      if (i % 20 == 0) {
        RawClient large(port);
        large.Send(
            "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Length: 10000000\r\n\r\n" +
            big);
        EXPECT_EQ(Status(large.ReadAll()), "413");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  });
  steady_clock::duration slowest_scrape{};
  end = steady_clock::now() + kTime;
  for (int revision = 2; steady_clock::now() < end; ++revision) {
    write(200, revision);  // with what the slow ones never read
    steady_clock::time_point begin = steady_clock::now();
    EXPECT_EQ(Status(Ask(admin->port(), "GET", "/metrics")), "200");
    slowest_scrape = std::max(slowest_scrape, steady_clock::now() - begin);
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  EXPECT_TRUE(producer
                  .Produce({.topic = "x.triggers",
                            .key = "the last",
                            .value = TriggerJson({.id = "the last", .account = "a:last"})})
                  .ok());
  EXPECT_TRUE(producer.Flush(std::chrono::seconds{20}).ok());
  reading.join();
  EXPECT_EQ(missed, 0U);
  over = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  int64_t grown = ResidentMb() - before;
  fmt::print(
      "{} requests, slowest {} ms; {} records of news to {} listeners; slowest scrape {} ms; "
      "memory grown by {} MiB\n",
      asked, slowest_us / 1'000, written - kTriggers, server->numbers().streams,
      std::chrono::duration_cast<Duration>(slowest_scrape).count(), grown);
  EXPECT_LT(grown, kGrowthMaxMb);
  EXPECT_LT(slowest_scrape, kScrapeMax);
  EXPECT_EQ(failed, 0);
  EXPECT_GT(asked, kRequestsPerSecond * kTime.count() / 2);  // the clients keep up at least so far
  // Those that have vanished are let go; who reads again is told to start anew.
  RawClient late(port);
  late.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: x-1\r\n\r\n");
  EXPECT_NE(late.ReadUntil("event: reset\n"), "");
}

}  // namespace
}  // namespace hotiron
