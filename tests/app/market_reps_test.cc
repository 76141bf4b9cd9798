// The sales people of the demo: what they do is feedback as any, in the order of its time.
#include "app/market_reps.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/hash.h"
#include "ingest/feedback.h"

namespace hotiron {
namespace {

constexpr EventTime kOpened = FromMillis(1'772'535'600'000);

pb::Trigger Opened(int number) {
  pb::Trigger trigger;
  trigger.set_id(Hex(Hash64(std::to_string(number))));
  trigger.set_account("a:0011T00002J4kniQAB");
  trigger.set_revision(1);
  trigger.set_state(pb::Trigger::OPENED);
  trigger.set_opened_ms(ToMillis(kOpened));
  return trigger;
}

pb::Feedback Decode(const RepAction& action) {
  std::vector<RoutedRecord> routed;
  InputRecord record{.value = action.feedback,
                     .key = action.account,
                     .headers = {},
                     .topic = "hotiron.feedback",
                     .timestamp = kOpened};
  Outcome outcome = FeedbackDecoder(PersonHasher("key")).Decode(record, routed);
  EXPECT_EQ(outcome.kind, Outcome::Kind::kRouted) << action.feedback;
  return routed.empty() ? pb::Feedback() : routed[0].record.feedback();
}

TEST(MarketRepsTest, MostTriggersAreAnsweredAndManyComeToSomething) {
  constexpr int kTriggers = 500;
  MarketReps reps;
  for (int i = 0; i < kTriggers; ++i) {
    reps.See(Opened(i));
  }
  EXPECT_TRUE(reps.TakeDue(kOpened).empty());
  std::map<pb::Feedback::Action, int> seen;
  int64_t last_ms = ToMillis(kOpened);
  for (const RepAction& action : reps.TakeDue(kOpened + std::chrono::days{90})) {
    pb::Feedback feedback = Decode(action);
    EXPECT_GE(feedback.time_ms(), last_ms);
    last_ms = feedback.time_ms();
    ++seen[feedback.action()];
  }
  EXPECT_GT(seen[pb::Feedback::ACCEPT], kTriggers / 2);
  EXPECT_GT(seen[pb::Feedback::OUTCOME], kTriggers / 3);
  EXPECT_GT(seen[pb::Feedback::DISMISS], kTriggers / 10);
  EXPECT_GT(seen[pb::Feedback::SNOOZE], 0);
  EXPECT_LT(seen[pb::Feedback::ACCEPT] + seen[pb::Feedback::DISMISS], kTriggers);
  EXPECT_TRUE(reps.TakeDue(kOpened + std::chrono::days{90}).empty());
}

TEST(MarketRepsTest, OnlyAnOpeningIsAnswered) {
  MarketReps reps;
  for (int i = 0; i < 50; ++i) {
    pb::Trigger raised = Opened(i);
    raised.set_revision(2);
    raised.set_state(pb::Trigger::RAISED);
    reps.See(raised);
  }
  EXPECT_TRUE(reps.TakeDue(kOpened + std::chrono::days{90}).empty());
}

}  // namespace
}  // namespace hotiron
