#include "app/config.h"

#include <gtest/gtest.h>

#include "tests/temp_dir.h"

namespace hotiron {
namespace {

std::string ErrorOf(const std::string& text) {
  Result<Config> config = ParseConfig(text, "hotiron.yaml", "");
  return config.ok() ? "" : config.error().message;
}

class ConfigFiles : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    return folder_.Write(name, content);
  }

  TempDir folder_;
};

TEST(Config, DefaultsAreWhatTheHeaderSays) {
  Result<Config> config = ParseConfig("", "hotiron.yaml", "");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().app, "hotiron");
  EXPECT_EQ(config.value().commit_interval, Duration{100});
  EXPECT_EQ(config.value().guarantee, Config::Guarantee::kExactlyOnce);
  EXPECT_EQ(config.value().admin_address, "127.0.0.1");
}

TEST(Config, WhatIsPrintedReadsBackToTheSame) {
  std::string text = R"(app: sales
clock: event
start: 2026-03-01T00:00:00Z
when_lost: continue
inputs:
  - {topic: web, format: segment, unknown: keep}
  - {topic: crm, format: salesforce, source: salesforce, history: true}
segments: [big, small]
fields: {account: {Tier__c: segment}}
kafka: {bootstrap.servers: "a:1,b:2", sasl.password.file: /secret}
privacy: {unkeyed: true}
topics: {partitions: 3, replication: 2}
processing: {workers: 4, guarantee: at_least_once, commit_interval: 50ms}
journeys: {time_unit: 1h}
serve: {address: 10.0.0.1, port: 0, token_file: /secret, streams: 5, accounts: 1000}
admin: {port: 0}
)";
  Result<Config> config = ParseConfig(text, "hotiron.yaml", "");
  ASSERT_TRUE(config.ok()) << config.error().message;
  std::string printed = FormatConfig(config.value());
  Result<Config> again = ParseConfig(printed, "printed", "");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(FormatConfig(again.value()), printed);
  EXPECT_EQ(again.value().inputs[1].source, "salesforce");
  EXPECT_EQ(again.value().fields.at("account").at("Tier__c"), "segment");
  EXPECT_EQ(again.value().workers, 4);
}

// Where nothing is set, what it says is what happens.
TEST(Config, PrintedSaysAlsoWhatFollowsFromOthers) {
  Result<Config> config =
      ParseConfig("inputs: [{topic: web, format: segment}, {topic: own}]", "hotiron.yaml", "");
  ASSERT_TRUE(config.ok()) << config.error().message;
  std::string printed = FormatConfig(config.value());
  size_t ignore = printed.find("unknown: ignore");
  EXPECT_LT(ignore, printed.find("unknown: keep"));
  EXPECT_NE(printed.find("unknown: keep"), std::string::npos);
  EXPECT_NE(printed.find("# replication: the brokers' default"), std::string::npos);
}

TEST_F(ConfigFiles, TheStrikeListIsServedWiderOnlyWithAToken) {
  Config config;
  config.kafka = {{"bootstrap.servers", "a:1"}};
  config.serve_address = "0.0.0.0";
  constexpr Roles kServe{.process = false, .serve = true};
  EXPECT_EQ(CheckRunnable(config, kServe).error().message,
            "serve.address: 0.0.0.0 can be reached from other machines, so serve.token_file is "
            "needed");
  config.serve_token_file = Write("short", "secret\n");
  EXPECT_NE(CheckRunnable(config, kServe).error().message.find("at least 16 characters"),
            std::string::npos);
  config.serve_token_file = Write("good", "a token that nobody guesses\n");
  EXPECT_TRUE(CheckRunnable(config, kServe).ok());
  EXPECT_EQ(ReadServeToken(config).value(), "a token that nobody guesses");
}

TEST(Config, SecretsAreNotPrinted) {
  Result<Config> config =
      ParseConfig("kafka: {sasl.password: hush, ssl.key.pem: hush}", "hotiron.yaml", "");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(FormatConfig(config.value()).find("hush"), std::string::npos);
}

TEST(Config, ErrorsNameLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("app: a\nclok: wall\n").substr(0, 31), "hotiron.yaml:2: clok: unknown k");
  EXPECT_EQ(ErrorOf("clock: sun"),
            "hotiron.yaml:1: clock: 'sun' is not allowed; must be one of wall, event");
  EXPECT_EQ(ErrorOf("processing: {commit_interval: 1ms}"),
            "hotiron.yaml:1: processing.commit_interval: must be from 5ms to 5s");
  EXPECT_EQ(ErrorOf("inputs: [{topic: web}, {topic: web}]"),
            "hotiron.yaml:1: inputs[1].topic: is given to two inputs");
  EXPECT_EQ(ErrorOf("admin: {address: nonsense}").substr(0, 69),
            "hotiron.yaml:1: admin.address: 'nonsense' is no address to listen on:");
  EXPECT_EQ(ErrorOf("serve: {address: 127.0.0}").substr(0, 47),
            "hotiron.yaml:1: serve.address: '127.0.0' is no ");
  EXPECT_EQ(ErrorOf("start: soon").substr(0, 50),
            "hotiron.yaml:1: start: must be earliest, latest or");
}

TEST(Config, SaysWhatIsMissingToRun) {
  Result<Config> config = ParseConfig("", "hotiron.yaml", "");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(CheckRunnable(config.value()).error().message.substr(0, 34),
            "kafka: bootstrap.servers is missin");
  config = ParseConfig("inputs: [{topic: hotiron.web}]\nkafka: {bootstrap.servers: x}", "f", "");
  EXPECT_EQ(CheckRunnable(config.value()).error().message,
            "inputs: 'hotiron.web' begins with 'hotiron.', which is for our own topics");
}

TEST(Config, WhatTheGuaranteeRestsOnIsNotForTheConfiguration) {
  Config config;
  config.kafka = {{"bootstrap.servers", "a:1"}, {"enable.auto.commit", "true"}};
  Result<void> runnable = CheckRunnable(config);
  ASSERT_FALSE(runnable.ok());
  EXPECT_NE(runnable.error().message.find("'enable.auto.commit' is set by Hotiron itself"),
            std::string::npos);
}

TEST(Config, WhatWouldMakeRowsTooLargeForARecordIsRefused) {
  EXPECT_NE(ErrorOf("journeys: {log_entries: 1001}").find("from 4 to 1000"), std::string::npos)
      << ErrorOf("journeys: {log_entries: 1001}");
  EXPECT_NE(ErrorOf("journeys: {signals: 1001}").find("from 8 to 1000"), std::string::npos);
  EXPECT_NE(ErrorOf("segments: [" + std::string(101, 'x') + "]").find("at most 100"),
            std::string::npos);
  Config config;
  config.kafka = {{"bootstrap.servers", "a:1"}, {"message.max.bytes", "1000000"}};
  EXPECT_FALSE(CheckRunnable(config).ok());
}

TEST_F(ConfigFiles, PathsAreRelativeToTheFileAndSecretsComeFromFiles) {
  Write("password", "hush\n");
  Write("person.key", "0123456789abcdef0123\n");
  std::string file = Write("hotiron.yaml",
                           "kafka: {sasl.password.file: password}\n"
                           "privacy: {key_file: person.key}\npolicy: policy.yaml\n");
  Result<Config> config = ReadConfig(file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().policy_file, (folder_.path() / "policy.yaml").string());
  EXPECT_EQ(ResolveKafka(config.value()).value().at("sasl.password"), "hush");
  EXPECT_EQ(ReadPersonKey(config.value()).value(), "0123456789abcdef0123");
}

TEST_F(ConfigFiles, AMissingOrWeakPersonKeyIsRefused) {
  Result<Config> config = ParseConfig("", "f", "");
  EXPECT_NE(ReadPersonKey(config.value()).error().message.find("Make a key with"),
            std::string::npos);
  config.value().person_key_file = Write("person.key", "short");
  EXPECT_FALSE(ReadPersonKey(config.value()).ok());
  config.value().person_key_file = (folder_.path() / "none").string();
  EXPECT_NE(ReadPersonKey(config.value()).error().message.find("cannot be read"),
            std::string::npos);
}

TEST(Config, TheExampleIsWellFormed) {
  Result<Config> config = ReadConfig(HOTIRON_SOURCE_DIR "/deploy/examples/laptop.yaml");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().inputs.size(), 2u);
}

}  // namespace
}  // namespace hotiron
