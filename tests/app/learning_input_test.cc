#include "app/learning_input.h"

#include <gtest/gtest.h>

#include "tests/temp_dir.h"

namespace hotiron {
namespace {

constexpr const char* kEvents =
    "account,contact,ts,source,signal,value\n"
    "a,ann,2026-01-01T00:00:00Z,web,visit,\n"
    "a,ben,2026-01-02T00:00:00Z,web,pricing page,\n"
    "a,ann,2026-01-03T00:00:00Z,crm,contract signed,\n"
    "b,,2026-01-02T00:00:00Z,web,visit,\n"
    "b,,2026-01-01T12:00:00Z,web,visit,\n"
    "c,cat,2026-01-05T00:00:00Z,web,visit,\n";
constexpr const char* kOutcomes =
    "account,start_ts,outcome,outcome_ts\n"
    "a,2026-01-01T00:00:00Z,won,2026-01-03T00:00:00Z\n"
    "b,,lost,2026-01-09T00:00:00Z\n"
    "nobody,,lost,2026-01-09T00:00:00Z\n";

class LearningInputTest : public testing::Test {
 protected:
  LearningInputTest() {
    options_.events = {directory_.Write("events.csv", kEvents)};
    options_.outcomes = directory_.Write("outcomes.csv", kOutcomes);
    options_.won = {"won"};
  }

  Result<LearningInput> Read() {
    Progress progress("test");
    return ReadLearningInput(options_, progress);
  }

  std::string Problem() {
    Result<LearningInput> input = Read();
    return input.ok() ? "" : input.error().message;
  }

  static bool Says(const LearningInput& input, std::string_view text) {
    return std::any_of(input.remarks.begin(), input.remarks.end(), [&](const std::string& remark) {
      return remark.find(text) != std::string::npos;
    });
  }

  TempDir directory_;
  LearningOptions options_;
};

TEST_F(LearningInputTest, JoinsEventsAndOutcomes) {
  LearningInput input = Read().value();
  ASSERT_EQ(input.history.accounts.size(), 3U);
  const PastAccount& a = input.history.accounts[0];
  EXPECT_TRUE(a.bought);
  EXPECT_EQ(a.events.size(), 2U);  // the contract is at the outcome
  EXPECT_NE(a.events[0].person, a.events[1].person);
  const PastAccount& b = input.history.accounts[1];
  EXPECT_FALSE(b.bought);
  EXPECT_EQ(FormatTime(b.start), "2026-01-01T12:00:00.000Z");
  EXPECT_LT(b.events[0].time, b.events[1].time);
  EXPECT_EQ(b.events[0].person, 0U);
  EXPECT_FALSE(input.history.accounts[2].closed);
  EXPECT_EQ(FormatTime(input.history.end), "2026-01-09T00:00:00.000Z");
  EXPECT_TRUE(Says(input, "1 events at or after their account's outcome"));
  EXPECT_TRUE(Says(input, "1 accounts have no outcome and count as open"));
  EXPECT_TRUE(Says(input, "1 outcomes are of accounts without an event that counts"));
}

TEST_F(LearningInputTest, AMaskSaysWhatItRemovedAndMustRemoveSomething) {
  options_.masks = {"pricing|contract"};
  LearningInput input = Read().value();
  EXPECT_EQ(input.history.accounts[0].events.size(), 1U);
  EXPECT_TRUE(Says(input, "mask 'pricing|contract' removed 2 events"));
  options_.masks = {"^contract", "^page"};
  EXPECT_EQ(Problem(),
            "--mask '^page': no signal has it in its name; the signals are: contract signed, "
            "pricing page, visit");
  options_.masks = {"^contract"};
  options_.model_masks = {"^page"};  // a model's need not
  EXPECT_EQ(Problem(), "");
  options_.masks = {"("};
  EXPECT_EQ(Problem(), "--mask '(': missing ): (");
}

TEST_F(LearningInputTest, AnyOutcomeMayCountAsBought) {
  options_.won = {"lost"};
  LearningInput input = Read().value();
  EXPECT_FALSE(input.history.accounts[0].bought);
  EXPECT_TRUE(input.history.accounts[1].bought);
  options_.won = {"bought"};
  EXPECT_TRUE(Says(Read().value(), "has the outcome 'bought'; there are: lost (2), won (1)"));
}

TEST_F(LearningInputTest, ACatalogueChoosesAndWeighsSignals) {
  options_.catalogue = directory_.Write("catalogue.yaml",
                                        "version: 1\n"
                                        "signals:\n"
                                        "  - signal: prices\n"
                                        "    label: prices\n"
                                        "    stage: comparing\n"
                                        "    weight: 3\n"
                                        "    when:\n"
                                        "      - {event: pricing page}\n");
  Result<LearningInput> input = Read();
  ASSERT_TRUE(input.ok()) << input.error().message;
  EXPECT_EQ(input.value().catalogue.version(), 1U);
  ASSERT_EQ(input.value().history.accounts.size(), 1U);
  EXPECT_EQ(input.value().history.signals, (std::vector<std::string>{"prices"}));
  EXPECT_EQ(input.value().history.accounts[0].events[0].weight, 3);
  EXPECT_TRUE(Says(input.value(), "5 events are no signal of the catalogue"));
}

TEST_F(LearningInputTest, NamesThatACatalogueDoesNotKnowMayBeKept) {
  pb::Catalogue catalogue;
  catalogue.set_version(7);
  pb::SignalDefinition* prices = catalogue.add_signals();
  prices->set_signal("prices");
  prices->set_weight(3);
  prices->add_when()->set_event("pricing page");
  Progress progress("test");
  LearningInput input =
      ReadLearningInput(options_, catalogue, UnknownNames::kKeep, progress).value();
  EXPECT_EQ(input.catalogue.version(), 7U);
  EXPECT_EQ(input.history.signals,
            (std::vector<std::string>{"contract signed", "prices", "visit"}));
  EXPECT_EQ(input.history.accounts[0].events[0].weight, 1);
  EXPECT_EQ(input.history.accounts[0].events[1].weight, 3);
  input = ReadLearningInput(options_, catalogue, UnknownNames::kIgnore, progress).value();
  EXPECT_EQ(input.history.signals, (std::vector<std::string>{"prices"}));
}

TEST_F(LearningInputTest, TheHashIsOfTheData) {
  std::string hash = Read().value().data_hash;
  EXPECT_EQ(hash, Read().value().data_hash);
  directory_.Write("outcomes.csv", std::string(kOutcomes) + "c,,lost,2026-01-09T00:00:00Z\n");
  EXPECT_NE(hash, Read().value().data_hash);
}

TEST_F(LearningInputTest, EmptyFilesAreErrorsThatNameThem) {
  std::string empty = directory_.Write("empty.csv", "account,contact,ts,source,signal,value\n");
  options_.events = {empty};
  EXPECT_EQ(Problem(), empty + ":1: no event follows the header");
  options_.events = {directory_.Write("events.csv", kEvents)};
  options_.outcomes = directory_.Write("empty.csv", "account,start_ts,outcome,outcome_ts\n");
  EXPECT_EQ(Problem(), empty + ":1: no outcome follows the header");
}

}  // namespace
}  // namespace hotiron
