#include "app/lever_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/records.pb.h"
#include "processors/policy.h"

namespace hotiron {
namespace {

using std::chrono::days;

TEST(LeverFiles, SayWhatDoesNotGoWithAModel) {
  TrainedModel model;
  model.heads.resize(2);
  model.heads[0].horizon = days{7};
  model.facts.catalogue = 3;
  pb::PolicySet policies = ParsePolicy(
                               "version: 1\npolicies:\n"
                               "  - {name: ripe, when: {probability: 0.5, rearm: 0.4, horizon: 7d, "
                               "otherwise: {points: 3}}, cooldown: 1d, expires: 1d}\n",
                               "policy")
                               .value();
  pb::Catalogue catalogue;
  catalogue.set_version(3);
  catalogue.add_signals()->set_signal("contract_signed");
  catalogue.add_signals()->set_signal("pricing_page");
  EXPECT_TRUE(RemarksOn(model, policies, catalogue).empty());

  model.facts.masks = {"^contract", "churned"};
  std::vector<std::string> remarks = RemarksOn(model, policies, catalogue);
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_NE(remarks[0].find("'^contract', but contract_signed of the catalogue"), std::string::npos)
      << remarks[0];

  model.facts.masks.clear();
  model.vocabulary = Vocabulary({"prices"});
  EXPECT_NE(RemarksOn(model, policies, catalogue).at(0).find("another catalogue"),
            std::string::npos);
  EXPECT_FALSE(KnowsCatalogueOnly(model, catalogue));
  model.vocabulary = Vocabulary({"pricing_page"});
  EXPECT_TRUE(KnowsCatalogueOnly(model, catalogue));
  catalogue.set_version(4);
  EXPECT_NE(RemarksOn(model, policies, catalogue).at(0).find("version 3"), std::string::npos);
  model.facts.catalogue = 0;
  EXPECT_NE(RemarksOn(model, policies, catalogue).at(0).find("weight 1"), std::string::npos);

  policies.mutable_policies(0)->set_horizon_ms(Duration{days{14}}.count());
  remarks = RemarksOn(model, policies, catalogue);
  ASSERT_EQ(remarks.size(), 2U);
  EXPECT_NE(remarks[0].find("policy ripe asks for the probability within 14d, the model has 7d"),
            std::string::npos)
      << remarks[0];
}

}  // namespace
}  // namespace hotiron
