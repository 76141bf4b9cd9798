// The whole strike list on the embedded broker: what is written to the topics is what is served.
#include "delivery/strike_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "delivery/assets.h"
#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "tests/delivery/records.h"

namespace hotiron {
namespace {

constexpr auto kPatience = std::chrono::seconds{20};
constexpr int kPartitions = 2;
constexpr const char* kToken = "a token that nobody guesses";

class StrikeServerTest : public testing::Test {
 protected:
  StrikeServerTest() : broker_(std::move(EmbeddedBroker::Start()).value()) {
    for (const char* topic : {"x.triggers", "x.journeys"}) {
      EXPECT_TRUE(broker_.CreateTopic(topic, kPartitions).ok());
    }
    EXPECT_TRUE(broker_.CreateTopic("x.feedback", 1).ok());
    kafka_.properties = {{"bootstrap.servers", broker_.bootstrap()}, {"fetch.wait.max.ms", "10"}};
    producer_ =
        std::make_unique<Producer>(std::move(Producer::Create(kafka_, std::nullopt)).value());
  }

  void Start(const std::string& token = "", size_t streams_max = 10) {
    server_.reset();
    Result<std::unique_ptr<StrikeServer>> server = StrikeServer::Start(
        {.port = 0,
         .token = token,
         .streams_max = streams_max,
         .kafka = kafka_,
         .triggers_topic = "x.triggers",
         .journeys_topic = "x.journeys",
         .feedback_topic = "x.feedback",
         .partitions = kPartitions,
         .on_answer = [this](Route, int status) { errors_ += status >= 500 ? 1 : 0; }});
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    client_ = std::make_unique<httplib::Client>("127.0.0.1", server_->port());
    client_->set_read_timeout(kPatience);
    Wait([&] { return server_->numbers().freshness.complete; });
  }

  void Write(const std::string& topic, const std::string& key,
             std::optional<std::string_view> value) {
    ASSERT_TRUE(producer_->Produce({.topic = topic, .key = key, .value = value}).ok());
    ASSERT_TRUE(producer_->Flush(kPatience).ok());
  }

  void WriteTrigger(const TriggerSpec& spec) { Write("x.triggers", spec.id, TriggerJson(spec)); }

  static void Wait(const std::function<bool()>& done) {
    auto end = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    ASSERT_TRUE(done());
  }

  void WaitForTriggers(size_t count) {
    Wait([&] { return server_->numbers().live_triggers == count; });
  }

  std::string Get(const std::string& path) { return client_->Get("/api/v1/" + path)->body; }

  int StatusOf(const std::string& path, const httplib::Headers& headers = {}) {
    return client_->Get("/api/v1/" + path, headers)->status;
  }

  httplib::Result Post(const std::string& path, const std::string& body,
                       const httplib::Headers& headers = {}) {
    return client_->Post("/api/v1/" + path, headers, body, "application/json");
  }

  // The first record of <app>.feedback.
  std::string Feedback() {
    Reader reader = std::move(Reader::Create(kafka_)).value();
    EXPECT_TRUE(
        reader.Add(std::vector<TopicPartitionOffset>{{{"x.feedback", 0}, kOffsetBeginning}}).ok());
    auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      Result<std::optional<Message>> message = reader.Poll(Duration{100});
      if (message.ok() && message.value() && !message.value()->IsEof()) {
        return std::string(message.value()->key()) + " " + std::string(message.value()->value());
      }
    }
    return "";
  }

  EmbeddedBroker broker_;
  KafkaOptions kafka_;
  std::unique_ptr<Producer> producer_;
  std::atomic<int> errors_{0};
  std::unique_ptr<StrikeServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

// Listens on a thread of its own until it has heard something.
class Listener {
 public:
  explicit Listener(int port, std::string last_event_id = "")
      : client_("127.0.0.1", port), thread_([this, last = std::move(last_event_id)] {
          client_.set_read_timeout(kPatience);
          httplib::Headers headers;
          if (!last.empty()) {
            headers.emplace("Last-Event-ID", last);
          }
          client_.Get("/api/v1/events", headers, [this](const char* data, size_t size) {
            std::lock_guard<std::mutex> lock(mutex_);
            heard_.append(data, size);
            return !stop_;
          });
        }) {}

  ~Listener() {
    stop_ = true;
    client_.stop();
    thread_.join();
  }

  std::string heard() {
    std::lock_guard<std::mutex> lock(mutex_);
    return heard_;
  }

 private:
  httplib::Client client_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

TEST_F(StrikeServerTest, WhatWasWrittenBeforeIsServed) {
  WriteTrigger({.id = "t1", .account = "a:1", .worth = 5});
  WriteTrigger({.id = "t2", .account = "a:2", .worth = 9});
  Write("x.journeys", "a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71));
  Start();
  std::string list = Get("triggers");
  EXPECT_EQ(At(list, "/items/0/trigger/id"), "t2");
  EXPECT_EQ(At(list, "/items/1/now/progress"), "71.0");
  EXPECT_EQ(At(Get("triggers/t1"), "/trigger/account"), "a:1");
  EXPECT_EQ(At(Get("accounts/a%3A1"), "/summary/progress"), "71");
  EXPECT_EQ(At(Get("status"), "/complete"), "true");
  EXPECT_EQ(StatusOf("triggers/t9"), 404);
  EXPECT_EQ(StatusOf("accounts/a:9"), 404);
  EXPECT_EQ(At(Get("accounts?q=NITE"), "/accounts/1/name"), "Initech");
  EXPECT_EQ(StatusOf("accounts?q="), 400);
  EXPECT_EQ(StatusOf("accounts"), 400);
  EXPECT_EQ(StatusOf("nothing"), 404);
  Start();  // again: it is built anew
  EXPECT_EQ(At(Get("triggers"), "/total"), "2");
}

TEST_F(StrikeServerTest, WhatIsUnchangedIsNotSentAgain) {
  WriteTrigger({});
  Start();
  httplib::Result first = client_->Get("/api/v1/triggers");
  std::string etag = first->get_header_value("ETag");
  EXPECT_EQ(StatusOf("triggers", {{"If-None-Match", etag}}), 304);
  WriteTrigger({.id = "t2"});
  WaitForTriggers(2);
  EXPECT_EQ(StatusOf("triggers", {{"If-None-Match", etag}}), 200);
}

TEST_F(StrikeServerTest, ABadQuestionIsAnsweredWithAProblem) {
  Start();
  for (const char* path : {"triggers?state=hot", "triggers?limit=201", "triggers?limit=-1",
                           "triggers?offset=x", "triggers?limit=99999999999999999999"}) {
    httplib::Result answer = client_->Get(std::string("/api/v1/") + path);
    EXPECT_EQ(answer->status, 400) << path;
    EXPECT_EQ(answer->get_header_value("Content-Type"), "application/problem+json");
    EXPECT_EQ(At(answer->body, "/status"), "400");
  }
  EXPECT_EQ(Post("triggers", "{}")->status, 405);
}

TEST_F(StrikeServerTest, NewsAreHeardAsTheyCome) {
  Start();
  Listener listener(server_->port());
  Wait([&] { return server_->numbers().streams == 1; });
  auto hears = [&](std::string_view what) {
    Wait([&] { return listener.heard().find(what) != std::string::npos; });
    EXPECT_NE(listener.heard().find(what), std::string::npos) << listener.heard();
  };
  WriteTrigger({.id = "t1"});
  hears("event: trigger\ndata: {\"trigger\":");
  Write("x.journeys", "a:1", JourneyJson("a:1", "2026-03-04T10:00:00.000Z", 71));
  hears("event: progress\ndata: [{\"account\":\"a:1\"");
  Write("x.triggers", "t1", std::nullopt);
  hears("{\"gone\":\"t1\"}");
}

TEST_F(StrikeServerTest, WhoComesBackAfterARestartStartsAnew) {
  Start();
  Listener listener(server_->port(), "0123456789abcdef-7");
  Wait([&] { return listener.heard().find("event: reset\n") != std::string::npos; });
}

TEST_F(StrikeServerTest, StreamsAreBounded) {
  Start("", 1);
  Listener listener(server_->port());
  Wait([&] { return server_->numbers().streams == 1; });
  EXPECT_EQ(StatusOf("events"), 503);
  EXPECT_EQ(StatusOf("triggers"), 200);
}

TEST_F(StrikeServerTest, FeedbackIsWrittenWithWhoseItIs) {
  WriteTrigger({.id = "t1", .account = "a:1"});
  Start(kToken);
  httplib::Result login = Post("session", fmt::format(R"({{"token":"{}","name":"rep"}})", kToken));
  ASSERT_EQ(login->status, 204);
  std::string cookie = login->get_header_value("Set-Cookie");
  httplib::Result done =
      Post("triggers/t1/feedback",
           R"({"id":"f1","action":"dismiss","reason":"wrong_timing","by":"somebody else"})",
           {{"Cookie", cookie.substr(0, cookie.find(';'))}});
  ASSERT_EQ(done->status, 202) << done->body;
  EXPECT_EQ(done->body, R"({"id":"f1"})");
  std::string record = Feedback();
  ASSERT_EQ(record.substr(0, 4), "a:1 ");
  std::string json = record.substr(4);
  EXPECT_EQ(At(json, "/id"), "f1");
  EXPECT_EQ(At(json, "/trigger"), "t1");
  EXPECT_EQ(At(json, "/account"), "a:1");
  EXPECT_EQ(At(json, "/action"), "dismiss");
  EXPECT_EQ(At(json, "/reason"), "wrong_timing");
  EXPECT_EQ(At(json, "/by"), "rep");
  EXPECT_NE(At(json, "/at"), "-");
}

TEST_F(StrikeServerTest, FeedbackThatMakesNoSenseIsRefused) {
  WriteTrigger({.id = "t1"});
  Start();
  for (const char* body :
       {"", "[]", "{", R"({"action":"like"})", R"({"action":"dismiss"})", R"({"action":"snooze"})",
        R"({"action":"snooze","until":"soon"})", R"({"action":"undo"})",
        R"({"action":"accept","x":"y"})", R"({"action":5})"}) {
    EXPECT_EQ(Post("triggers/t1/feedback", body)->status, 400) << body;
  }
  EXPECT_EQ(Post("triggers/t1/feedback",
                 fmt::format(R"({{"action":"dismiss","reason":"{}"}})", std::string(300, 'x')))
                ->status,
            400);
  EXPECT_EQ(Post("triggers/t9/feedback", R"({"action":"accept"})")->status, 404);
  EXPECT_EQ(Post("triggers/t1/feedback", std::string(100'000, 'x'))->status, 413);
  EXPECT_EQ(
      Post("triggers/t1/feedback", R"({"action":"accept"})", {{"Sec-Fetch-Site", "cross-site"}})
          ->status,
      403);
  EXPECT_EQ(StatusOf("triggers/t1/feedback"), 405);
}

TEST_F(StrikeServerTest, ABrokerThatIsAwayIsSaid) {
  WriteTrigger({.id = "t1"});
  Start();
  broker_.SetReachable(false);
  EXPECT_EQ(Post("triggers/t1/feedback", R"({"action":"accept"})")->status, 503);
  Wait([&] { return !server_->numbers().freshness.connected; });
  EXPECT_EQ(At(Get("status"), "/connected"), "false");
  EXPECT_EQ(At(Get("triggers"), "/total"), "1");
  broker_.SetReachable(true);
  Wait([&] { return server_->numbers().freshness.connected; });
  EXPECT_EQ(Post("triggers/t1/feedback", R"({"action":"accept"})")->status, 202);
}

TEST_F(StrikeServerTest, WithoutTheTokenNothingIsShown) {
  WriteTrigger({.id = "t1"});
  Start(kToken);
  for (const char* path :
       {"triggers", "triggers/t1", "accounts/a:1", "events", "status", "nothing"}) {
    EXPECT_EQ(StatusOf(path), 401) << path;
  }
  EXPECT_EQ(Post("triggers/t1/feedback", R"({"action":"accept"})")->status, 401);
  EXPECT_EQ(Get("session"), R"({"needs_token":true,"logged_in":false,"name":"","alias":""})");
  EXPECT_EQ(client_->Get("/")->status, 200);  // the page itself holds nothing
  EXPECT_EQ(StatusOf("triggers", {{"Authorization", std::string("Bearer ") + kToken}}), 200);
  EXPECT_EQ(Post("session", R"({"token":"a guess"})")->status, 403);
  EXPECT_EQ(server_->numbers().failed_logins, 1U);
}

TEST_F(StrikeServerTest, ThePageMayLoadNothingFromElsewhere) {
  Start();
  for (const Asset& asset : Assets()) {
    httplib::Result answer = client_->Get(std::string(asset.path));
    EXPECT_EQ(answer->status, 200) << asset.path;
    EXPECT_EQ(answer->get_header_value("Content-Type"), asset.type);
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
    std::string policy = answer->get_header_value("Content-Security-Policy");
    EXPECT_NE(policy.find("default-src 'none'; script-src 'self';"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(
        client_->Get(std::string(asset.path), {{"If-None-Match", answer->get_header_value("ETag")}})
            ->status,
        304);
  }
  EXPECT_EQ(client_->Get("/../etc/passwd")->status, 404);
}

TEST(StrikeServer, AWiderAddressNeedsAToken) {
  Result<std::unique_ptr<StrikeServer>> server = StrikeServer::Start({.address = "0.0.0.0"});
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().message.find("serve.token_file"), std::string::npos);
  EXPECT_FALSE(StrikeServer::Start({.address = "0.0.0.0", .token = "short"}).ok());
}

}  // namespace
}  // namespace hotiron
