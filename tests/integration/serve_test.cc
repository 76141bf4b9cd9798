// The role `serve` on a real Kafka: it shows what was committed, and what is done there comes back.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <simdjson.h>

#include <chrono>

#include "app/pipeline.h"
#include "app/topics.h"
#include "tests/integration/rig.h"
#include "tests/kafka_broker/real_broker.h"

namespace hotiron {
namespace {

using std::chrono::days;

constexpr Duration kNoticed{25'000};  // brokers that do not answer, or do so again

std::string At(const std::string& json, std::string_view path) {
  simdjson::dom::parser parser;
  simdjson::dom::element found;
  if (parser.parse(json).at_pointer(path).get(found) != simdjson::SUCCESS) {
    return "-";
  }
  std::string_view text;
  return found.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(found);
}

// How many triggers the topic says are open: the last record of each key.
size_t OpenTriggers(const Rig& rig) {
  std::map<std::string, std::string> states;
  for (const auto& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
    for (const LogEntry& entry : partition) {
      states[entry.key] = At(entry.value.value_or("{}"), "/state");
    }
  }
  return static_cast<size_t>(std::count_if(states.begin(), states.end(), [](const auto& each) {
    return each.second == "opened" || each.second == "raised";
  }));
}

TEST(Serve, ShowsWhatWasCommittedAndWritesWhatWasDone) {
  Rig rig("serve");
  rig.config.clock = Config::Clock::kEvent;
  rig.AddMarket(std::chrono::floor<Duration>(std::chrono::system_clock::now()) - days{60});
  rig.SendMarket(1'500);
  std::unique_ptr<Process> process = rig.Start();
  ASSERT_TRUE(rig.WaitUntilDone({process.get()}));
  size_t open = OpenTriggers(rig);
  ASSERT_GT(open, 0U);

  // A process that does nothing else, and needs neither inputs, nor levers, nor the key of people.
  Config config = rig.config;
  config.instance = "page";
  config.inputs.clear();
  config.policy_file.clear();
  config.catalogue_file.clear();
  config.unkeyed = false;
  config.serve_port = 0;
  constexpr Roles kServe{.process = false, .serve = true};
  ASSERT_TRUE(CheckRunnable(config, kServe).ok());
  std::unique_ptr<Pipeline> page = Need(Pipeline::Start({.config = config, .roles = kServe}));
  httplib::Client client("127.0.0.1", page->serve_port());
  httplib::Client admin("127.0.0.1", page->admin_port());
  auto get = [&](const std::string& path) {
    httplib::Result answer = client.Get(("/api/v1/" + path).c_str());
    return answer ? answer->body : "";
  };
  ASSERT_TRUE(Rig::WaitFor([&] { return At(get("status"), "/complete") == "true"; }));
  EXPECT_EQ(At(get("triggers"), "/total"), fmt::format("{}", open));
  EXPECT_EQ(admin.Get("/readyz")->status, 200);
  EXPECT_NE(admin.Get("/metrics")
                ->body.find(fmt::format("hotiron_serve_live_triggers {}\n",
                                        At(get("status"), "/live_triggers"))),
            std::string::npos);

  std::string id = At(get("triggers"), "/items/0/trigger/id");
  auto feedback = [&](const std::string& body) {
    return client.Post(("/api/v1/triggers/" + id + "/feedback").c_str(), body, "application/json")
        ->status;
  };
  auto state_is = [&](const std::string& state) {
    return Rig::WaitFor([&] { return At(get("triggers/" + id), "/trigger/state") == state; });
  };
  std::string before = At(get("triggers/" + id), "/trigger/state");
  EXPECT_EQ(feedback(R"({"id":"f1","action":"accept","by":"rep@vendor.example"})"), 202);
  EXPECT_TRUE(state_is("accepted"));
  EXPECT_EQ(feedback(R"({"id":"f2","action":"undo","undoes":"f1"})"), 202);
  EXPECT_TRUE(state_is(before));
  EXPECT_EQ(feedback(R"({"id":"f3","action":"dismiss","reason":"duplicate"})"), 202);
  EXPECT_TRUE(
      Rig::WaitFor([&] { return At(get("triggers/" + id), "/past/state") == "dismissed"; }));
  EXPECT_EQ(rig.Read(rig.config.Topic(kFeedbackTopic))[0].size(), 3U);
  EXPECT_TRUE(Rig::Stop(*process));

  // Pages that listen are told of brokers that hang, as behind a network that drops packets.
  auto told = [&](const std::string& words) {
    std::string said;
    auto end = std::chrono::steady_clock::now() + kNoticed;
    client.Get("/api/v1/events", [&](const char* data, size_t size) {
      said.append(data, size);
      return said.find(words) == std::string::npos && std::chrono::steady_clock::now() < end;
    });
    return said.find(words) != std::string::npos;
  };
  client.set_read_timeout(kNoticed);
  SharedBroker().Freeze();
  bool noticed = told(R"("connected":false)");
  SharedBroker().Thaw();
  EXPECT_TRUE(noticed);
  EXPECT_TRUE(told(R"("connected":true)"));
  EXPECT_TRUE(page->Stop().ok());
}

}  // namespace
}  // namespace hotiron
