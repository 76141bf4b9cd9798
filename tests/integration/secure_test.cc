// A Kafka that asks who one is: TLS with a certificate authority of its own, a password (PLAIN, or
// SCRAM where librdkafka can) or a certificate (mutual TLS). What is wrong is said in a line.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <fstream>
#include <iterator>

#include "app/topics.h"
#include "tests/integration/rig.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr const char* kPassword = "correct-horse-battery";

// An authority, what it has certified, and one that is not it.
class Certificates {
 public:
  Certificates() {
    folder_.Write("host.cnf", "subjectAltName=IP:127.0.0.1\n");
    folder_.Write("elsewhere.cnf", "subjectAltName=DNS:kafka.example.com\n");
    folder_.Write("person.cnf", "keyUsage=digitalSignature\n");
    Authority("ca");
    Authority("stranger");
    Certify("broker", "host.cnf");
    Certify("elsewhere", "elsewhere.cnf");
    Certify("client", "person.cnf");
  }

  std::string File(const std::string& name) const { return (folder_.path() / name).string(); }

  // As Kafka takes a key with its chain, in one file.
  std::string Store(const std::string& name) const {
    return folder_.Write(name + ".store", Read(name + ".key") + Read(name + ".pem"));
  }

  std::string Password(const std::string& password) const {
    return folder_.Write("password-" + std::to_string(password.size()), password + "\n");
  }

 private:
  std::string Read(const std::string& name) const {
    std::ifstream file(File(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void OpenSsl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "openssl");
    Process openssl({.arguments = arguments, .log = folder_.path() / "openssl.log"});
    std::optional<int> code = openssl.WaitForExit(kRigPatience);
    CHECK(code == 0);
  }

  void Authority(const std::string& name) const {
    OpenSsl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-keyout", File(name + ".key"), "-out", File(name + ".pem")});
  }

  void Certify(const std::string& name, const std::string& extensions) const {
    OpenSsl({"req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout",
             File(name + ".key"), "-out", File(name + ".csr")});
    OpenSsl({"x509", "-req", "-days", "2", "-in", File(name + ".csr"), "-CA", File("ca.pem"),
             "-CAkey", File("ca.key"), "-CAcreateserial", "-extfile", File(extensions), "-out",
             File(name + ".pem")});
  }

  TempDir folder_;
};

constexpr int kScramOfKafka4 = 0x020601ff;

// Lets a user do something with what is named so, or begins so.
void Allow(const RealBroker& broker, rd_kafka_ResourceType_t kind, const std::string& name,
           rd_kafka_ResourcePatternType_t pattern, rd_kafka_AclOperation_t operation,
           const char* user = "User:hotiron") {
  std::array<char, 256> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", broker.bootstrap().c_str(), text.data(),
                    text.size());
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  rd_kafka_AclBinding_t* binding =
      rd_kafka_AclBinding_new(kind, name.c_str(), pattern, user, "*", operation,
                              RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text.data(), text.size());
  CHECK(binding != nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_CreateAcls(client, &binding, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  CHECK(event != nullptr && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR);
  size_t number = 0;
  const auto* results =
      rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &number);
  CHECK(number == 1 && rd_kafka_acl_result_error(results[0]) == nullptr);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_AclBinding_destroy(binding);
  rd_kafka_destroy(client);
}

// What deploy/examples/secure.yaml says the user needs, and no more; but for transactional ids,
// which librdkafka 2.0 cannot name: they are open to everyone here.
void AllowTheLeast(const RealBroker& broker, const std::string& app) {
  for (const char* input : {"-web", "-crm"}) {
    Allow(broker, RD_KAFKA_RESOURCE_TOPIC, app + input, RD_KAFKA_RESOURCE_PATTERN_LITERAL,
          RD_KAFKA_ACL_OPERATION_READ);
  }
  for (auto operation :
       {RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_OPERATION_CREATE,
        RD_KAFKA_ACL_OPERATION_DESCRIBE, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS}) {
    Allow(broker, RD_KAFKA_RESOURCE_TOPIC, app + ".", RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
          operation);
  }
  Allow(broker, RD_KAFKA_RESOURCE_GROUP, app, RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        RD_KAFKA_ACL_OPERATION_READ);
}

class Secure : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificates_ = new Certificates;
    RealBroker::Options options;
    options.listeners = {{"PASSWORD", "SASL_SSL"}, {"MUTUAL", "SSL"}, {"ELSEWHERE", "SSL"}};
    options.format_arguments = {
        "--add-scram", std::string("SCRAM-SHA-512=[name=hotiron,password=") + kPassword + "]"};
    const std::string module = "org.apache.kafka.common.security.";
    options.properties = {
        {"sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-512"},
        {"listener.name.password.plain.sasl.jaas.config",
         module + "plain.PlainLoginModule required user_hotiron=\"" + kPassword + "\";"},
        {"listener.name.password.scram-sha-512.sasl.jaas.config",
         module + "scram.ScramLoginModule required;"},
        {"listener.name.mutual.ssl.client.auth", "required"},
        {"ssl.principal.mapping.rules", "RULE:^CN=client$/hotiron/"},
        {"ssl.keystore.type", "PEM"},
        {"ssl.keystore.location", certificates_->Store("broker")},
        {"ssl.truststore.type", "PEM"},
        {"ssl.truststore.location", certificates_->File("ca.pem")},
        {"listener.name.elsewhere.ssl.keystore.type", "PEM"},
        {"listener.name.elsewhere.ssl.keystore.location", certificates_->Store("elsewhere")},
        {"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
        {"allow.everyone.if.no.acl.found", "true"},
        {"super.users", "User:ANONYMOUS"}};  // the plain listener: brokers and this test
    broker_ = Need(RealBroker::Start(options)).release();
    // A resource that has a rule is closed to everybody else: topics need rules of their own.
    Allow(*broker_, RD_KAFKA_RESOURCE_BROKER, "kafka-cluster", RD_KAFKA_RESOURCE_PATTERN_LITERAL,
          RD_KAFKA_ACL_OPERATION_CREATE, "User:somebody");
  }

  static void TearDownTestSuite() {
    delete broker_;
    delete certificates_;
  }

  // Adds to what README states under `kafka:`.
  static void Use(Rig& rig, const std::string& listener,
                  const std::map<std::string, std::string>& properties) {
    rig.config.kafka["bootstrap.servers"] = broker_->bootstrap(listener);
    rig.config.kafka["ssl.ca.location"] = certificates_->File("ca.pem");
    rig.config.kafka["security.protocol"] = "SSL";
    for (const auto& [name, value] : properties) {
      rig.config.kafka[name] = value;
    }
  }

  static std::map<std::string, std::string> Login(const std::string& mechanism,
                                                  const std::string& password) {
    return {{"security.protocol", "SASL_SSL"},
            {"sasl.mechanism", mechanism},
            {"sasl.username", "hotiron"},
            {"sasl.password.file", certificates_->Password(password)}};
  }

  static void ExpectWorks(Rig& rig) {
    AllowTheLeast(*broker_, rig.config.app);
    rig.AddMarketInEventTime();
    rig.SendMarket(1'000);
    std::unique_ptr<Process> process = rig.Start();
    ASSERT_TRUE(rig.WaitUntilDone({process.get()})) << process->Log();
    ASSERT_TRUE(Rig::Stop(*process));
    size_t triggers = 0;
    for (const auto& partition : rig.Read(rig.config.Topic(kTriggersTopic))) {
      triggers += partition.size();
    }
    EXPECT_GT(triggers, 0U);
    EXPECT_EQ(process->Log().find(kPassword), std::string::npos);
  }

  // Whoever is refused ends by itself and says why where people look: in the last line.
  static void ExpectRefused(Process& process, const std::string& broker, const std::string& words) {
    std::optional<int> code = process.WaitForExit(kRigPatience);
    std::string log = process.Log();
    ASSERT_TRUE(code == 2 || code == 3) << log;
    std::string_view last(log);
    last.remove_suffix(last.ends_with('\n') ? 1 : 0);
    last = last.substr(last.rfind('\n') + 1);
    EXPECT_NE(last.find(words), std::string_view::npos) << log;
    EXPECT_NE(last.find(broker), std::string_view::npos) << log;
    EXPECT_EQ(log.find("horse"), std::string::npos) << log;
  }

  static inline Certificates* certificates_ = nullptr;
  static inline RealBroker* broker_ = nullptr;
};

// By all that the installed librdkafka can; who cannot is told so (WhoIsRefusedIsToldWhy).
TEST_F(Secure, AUserWithAPassword) {
  std::vector<std::string> mechanisms = {"PLAIN"};
  if (rd_kafka_version() >= kScramOfKafka4) {
    mechanisms.emplace_back("SCRAM-SHA-512");
  }
  for (const std::string& mechanism : mechanisms) {
    SCOPED_TRACE(mechanism);
    Rig rig("by-" + mechanism, *broker_);
    Use(rig, "PASSWORD", Login(mechanism, kPassword));
    ExpectWorks(rig);
  }
}

TEST_F(Secure, AClientWithACertificate) {
  Rig rig("mutual", *broker_);
  Use(rig, "MUTUAL",
      {{"ssl.certificate.location", certificates_->File("client.pem")},
       {"ssl.key.location", certificates_->File("client.key")}});
  ExpectWorks(rig);
}

TEST_F(Secure, AHistoryIsReplayed) {
  Rig rig("replayed", *broker_);
  Use(rig, "PASSWORD", Login("PLAIN", kPassword));
  rig.config.inputs = {
      {.topic = "replayed-in", .format = "native", .source = "web", .unknown = ""}};
  rig.CreateTopic("replayed-in", 1);
  Allow(*broker_, RD_KAFKA_RESOURCE_TOPIC, "replayed-in", RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        RD_KAFKA_ACL_OPERATION_WRITE);
  std::string history = rig.WriteFile(
      "history.csv", "account,contact,ts,source,signal,value\nacme,ann,2026-01-05,web,visit,1\n");
  Process replay({.arguments = {HOTIRON_BINARY, "replay", "--config", rig.WriteConfig("one"),
                                "--topic", "replayed-in", "--events", history},
                  .log = rig.folder() / "replay.log"});
  EXPECT_EQ(replay.WaitForExit(kRigPatience), 0) << replay.Log();
  EXPECT_EQ(rig.Ends("replayed-in", true), std::vector<int64_t>{1});
}

TEST_F(Secure, WhoIsRefusedIsToldWhy) {
  struct Case {
    const char* name;
    const char* listener;
    std::map<std::string, std::string> properties;
    const char* words;
  };

  std::map<std::string, std::string> trusting_others = Login("PLAIN", kPassword);
  trusting_others["ssl.ca.location"] = certificates_->File("stranger.pem");
  // README says so of Kafka 4, and so does the error.
  const bool old = rd_kafka_version() < kScramOfKafka4;
  const std::vector<Case> cases = {
      {"scram", "PASSWORD", Login("SCRAM-SHA-512", old ? kPassword : "another-horse"),
       old ? "cannot log in to Kafka 4 by SCRAM (2.6.1 can)" : "invalid credentials"},
      {"wrong-password", "PASSWORD", Login("PLAIN", "another-horse"),
       "Invalid username or password"},
      {"wrong-authority", "PASSWORD", trusting_others, "certificate verify failed"},
      {"other-host", "ELSEWHERE", {}, "certificate verify failed"},
      {"no-certificate", "MUTUAL", {}, "certificate"},
      {"plain-text",
       "PASSWORD",
       {{"security.protocol", "plaintext"}},
       "check bootstrap.servers, the network, TLS and SASL"}};
  std::vector<std::unique_ptr<Rig>> rigs;
  std::vector<std::unique_ptr<Process>> processes;  // at once: each waits for its broker a while
  for (const Case& one : cases) {
    Rig& rig = *rigs.emplace_back(std::make_unique<Rig>(one.name, *broker_));
    Use(rig, one.listener, one.properties);
    rig.config.inputs = {{.topic = "nowhere", .format = "native", .source = "x", .unknown = ""}};
    processes.push_back(rig.Start());
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    ExpectRefused(*processes[i], broker_->bootstrap(cases[i].listener), cases[i].words);
  }
}

}  // namespace
}  // namespace hotiron
