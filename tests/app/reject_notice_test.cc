#include "app/reject_notice.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

IntakeCounts Counts(uint64_t routed, RejectReason reason, uint64_t rejected) {
  IntakeCounts counts;
  counts.routed = routed;
  counts.rejected[static_cast<size_t>(reason)] = rejected;
  return counts;
}

class RejectNoticeTest : public testing::Test {
 protected:
  std::vector<std::string> Took(const std::string& source, const IntakeCounts& counts) {
    return notice_.Took({{source, counts}}, {}, now_);
  }

  RejectNotice notice_{"hotiron.rejected"};
  RejectNotice::Clock::time_point now_{};
};

TEST_F(RejectNoticeTest, SaysAtOnceWhatWhyWhereAndWhatToDo) {
  EXPECT_TRUE(Took("web", Counts(5, RejectReason::kNotJson, 0)).empty());
  std::vector<std::string> said = Took("web", Counts(0, RejectReason::kMissingField, 3));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0],
            "Records of an input cannot be used and are kept in hotiron.rejected: source=web "
            "reason=missing_field rejected=3 taken_in=8. Is the input's `format` what its source "
            "sends?");
}

TEST_F(RejectNoticeTest, AddsUpAndSaysItAgainAfterAWhileOnly) {
  ASSERT_EQ(Took("web", Counts(1, RejectReason::kNotJson, 1)).size(), 1U);
  now_ += RejectNotice::kInterval / 2;
  EXPECT_TRUE(Took("web", Counts(10, RejectReason::kNotJson, 4)).empty());
  now_ += RejectNotice::kInterval / 2;
  EXPECT_TRUE(Took("web", Counts(10, RejectReason::kNotJson, 0)).empty());  // nothing new
  std::vector<std::string> said = Took("web", Counts(0, RejectReason::kNotJson, 1));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("reason=not_json rejected=5 taken_in=25. "), std::string::npos) << said[0];
}

TEST_F(RejectNoticeTest, SaysWhatTasksRefuseAsWell) {
  std::vector<TaskOutputs::Reject> refused(3);
  for (TaskOutputs::Reject& reject : refused) {
    reject.reason = "waiting_overflow";
  }
  std::vector<std::string> said = notice_.Took({}, refused, now_);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].find("Records of the task log cannot be used and are kept in hotiron.rejected: "
                         "reason=waiting_overflow rejected=3. "),
            0U)
      << said[0];
  EXPECT_TRUE(notice_.Took({}, refused, now_).empty());
  now_ += RejectNotice::kInterval;
  said = notice_.Took({}, {}, now_);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find(" rejected=3. "), std::string::npos) << said[0];
}

TEST_F(RejectNoticeTest, OneReasonDoesNotHideAnother) {
  ASSERT_EQ(Took("web", Counts(0, RejectReason::kNotJson, 100)).size(), 1U);
  std::vector<std::string> said = Took("web", Counts(0, RejectReason::kTimeOutOfRange, 1));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(
      said[0].find("reason=time_out_of_range rejected=1 taken_in=101. Set the source's clock"),
      std::string::npos)
      << said[0];
}

TEST_F(RejectNoticeTest, OneSourceDoesNotHideAnother) {
  ASSERT_EQ(Took("web", Counts(0, RejectReason::kNotJson, 1)).size(), 1U);
  EXPECT_EQ(Took("crm", Counts(0, RejectReason::kNoIdentity, 1)).size(), 1U);
}

TEST_F(RejectNoticeTest, HasAdviceForEveryReason) {
  for (size_t i = 0; i < kRejectReasons; ++i) {
    auto reason = static_cast<RejectReason>(i);
    std::string source(Name(reason));
    std::vector<std::string> said = Took(source, Counts(0, reason, 1));
    ASSERT_EQ(said.size(), 1U);
    EXPECT_NE(said[0].find("reason=" + source + " "), std::string::npos) << said[0];
    EXPECT_GT(said[0].size() - said[0].find(". "), size_t{20}) << said[0];
  }
}

}  // namespace
}  // namespace hotiron
