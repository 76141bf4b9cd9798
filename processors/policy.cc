#include "processors/policy.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "base/limits.h"
#include "base/yaml.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr double kAmountMax = 1e12;
constexpr double kLevelMin = 0.001;  // nothing ever falls below 0
constexpr double kProbabilityMin = 0.0001;
constexpr double kProbabilityMax = 0.9999;
constexpr double kCapacityMin = 0.1;  // triggers a week
constexpr double kCapacityMax = 1e6;

// A level of points or progress at which something happens, with where it is armed again.
void ReadLevel(YamlMap& when, pb::Policy::Measure& measure, double& threshold, double& rearm) {
  bool points = when.Has("points");
  double max = points ? kThresholdPointsMax : 100;
  rearm = -1;
  when.Read(points ? "points" : "progress", threshold, kLevelMin, max);
  when.Read("rearm", rearm, kLevelMin, max);
  if (rearm < 0) {
    rearm = threshold * 0.75;
  }
  if (rearm >= threshold) {
    when.Fail("rearm", fmt::format("must be below the threshold of {}", threshold));
  }
  measure = points ? pb::Policy::POINTS : pb::Policy::PROGRESS;
}

// One logit below: odds of 1 in 2.7 of those at the threshold.
double OneLogitBelow(double probability) {
  double odds = probability / (1 - probability) * std::exp(-1.0);
  return odds / (1 + odds);
}

void ReadProbability(YamlMap& when, pb::Policy& policy) {
  double threshold = 0;
  double rearm = -1;
  std::string horizon = "14d";
  when.Read("probability", threshold, kProbabilityMin, kProbabilityMax);
  when.Read("horizon", horizon);
  when.Read("rearm", rearm, kProbabilityMin, kProbabilityMax);
  if (rearm < 0) {
    rearm = OneLogitBelow(threshold);
  }
  if (rearm >= threshold) {
    when.Fail("rearm", fmt::format("must be below the threshold of {}", threshold));
  }
  Result<std::optional<Duration>> parsed = ParseHorizon(horizon);
  if (parsed.ok()) {
    policy.set_horizon_ms(parsed.value().value_or(Duration{0}).count());
  } else {
    when.Fail("horizon", parsed.error().message);
  }
  policy.set_measure(pb::Policy::PROBABILITY);
  policy.set_threshold(threshold);
  policy.set_rearm(rearm);
  when.ReadMap("otherwise", [&](YamlMap& otherwise) {
    if (otherwise.Has("points") == otherwise.Has("progress")) {
      otherwise.Fail("points", "give either points or progress, the level to go by meanwhile");
    }
    pb::Policy::Measure measure = pb::Policy::POINTS;
    double level = 0;
    double rearm_level = 0;
    ReadLevel(otherwise, measure, level, rearm_level);
    policy.mutable_fallback()->set_measure(measure);
    policy.mutable_fallback()->set_threshold(level);
    policy.mutable_fallback()->set_rearm(rearm_level);
  });
}

void ReadWhen(YamlMap& when, pb::Policy& policy) {
  if (int{when.Has("points")} + int{when.Has("progress")} + int{when.Has("probability")} != 1) {
    when.Fail("points",
              "give one of points, progress and probability, the level at which the trigger opens");
  }
  if (when.Has("probability")) {
    ReadProbability(when, policy);
    return;
  }
  pb::Policy::Measure measure = pb::Policy::POINTS;
  double threshold = 0;
  double rearm = 0;
  ReadLevel(when, measure, threshold, rearm);
  policy.set_measure(measure);
  policy.set_threshold(threshold);
  policy.set_rearm(rearm);
}

void ReadSuppress(YamlMap& map, pb::Suppress& suppress) {
  bool customer = suppress.customer();
  bool disqualified = suppress.disqualified();
  Duration contacted{suppress.contacted_within_ms()};
  Duration won{suppress.won_within_ms()};
  Duration lost{suppress.lost_within_ms()};
  std::vector<std::string> stages;
  map.Read("customer", customer);
  map.Read("disqualified", disqualified);
  map.Read("open_opportunity_stages", stages);
  map.Read("contacted_within", contacted);
  map.Read("won_within", won);
  map.Read("lost_within", lost);
  suppress.set_customer(customer);
  suppress.set_disqualified(disqualified);
  suppress.set_contacted_within_ms(contacted.count());
  suppress.set_won_within_ms(won.count());
  suppress.set_lost_within_ms(lost.count());
  for (const std::string& stage : stages) {
    suppress.add_opportunity_stages(stage);
  }
}

pb::Policy ReadPolicy(YamlMap& map) {
  pb::Policy policy;
  std::string name;
  std::string play;
  int people = 1;
  double capacity = 0;
  Duration people_within = std::chrono::days{30};
  Duration cooldown = std::chrono::days{14};
  Duration expires = std::chrono::days{7};
  policy.mutable_suppress()->set_disqualified(true);
  map.Read("name", name);
  map.Read("play", play);
  if (!map.Has("when")) {
    map.Fail("when", "is missing: the level at which the trigger opens");
  }
  map.ReadMap("when", [&](YamlMap& when) { ReadWhen(when, policy); });
  map.ReadMap("buying_group", [&](YamlMap& group) {
    group.Read("people", people, 0, 64);
    group.Read("within", people_within);
  });
  map.ReadMap("capacity", [&](YamlMap& limits) {
    limits.Read("per_week", capacity, kCapacityMin, kCapacityMax);
  });
  map.Read("cooldown", cooldown);
  map.Read("expires", expires);
  map.ReadMap("suppress",
              [&](YamlMap& suppress) { ReadSuppress(suppress, *policy.mutable_suppress()); });
  if (name.empty() || name.size() > 40) {
    map.Fail("name", "every policy needs a name of at most 40 characters");
  }
  if (play.size() > kLabelBytesMax) {
    map.Fail("play", fmt::format("at most {} bytes", kLabelBytesMax));
  }
  if (expires <= Duration{0}) {
    map.Fail("expires", "must be longer than 0");
  }
  policy.set_name(name);
  policy.set_play(play);
  policy.set_people_min(static_cast<uint32_t>(people));
  policy.set_people_within_ms(people_within.count());
  policy.set_capacity_per_week(capacity);
  policy.set_cooldown_ms(cooldown.count());
  policy.set_expires_ms(expires.count());
  return policy;
}

void ReadSale(YamlMap& map, pb::Sale& sale) {
  double complex_amount = sale.complex_amount();
  double default_amount = sale.default_amount();
  std::vector<std::string> products;
  map.Read("complex_amount", complex_amount, 0, kAmountMax);
  map.Read("default_amount", default_amount, 0, kAmountMax);
  map.Read("complex_products", products);
  map.ReadMap("segment_amounts", [&](YamlMap& amounts) {
    amounts.ReadAll([&](const std::string& segment) {
      double amount = 0;
      amounts.Read(segment, amount, 0, kAmountMax);
      pb::SegmentAmount* entry = sale.add_segment_amounts();
      entry->set_segment(segment);
      entry->set_amount(amount);
    });
  });
  sale.set_complex_amount(complex_amount);
  sale.set_default_amount(default_amount);
  for (const std::string& product : products) {
    sale.add_complex_products(product);
  }
}

}  // namespace

Result<pb::PolicySet> ParsePolicy(const std::string& text, const std::string& file_name) {
  TRY_ASSIGN(YamlMap map, YamlMap::Parse(text, file_name));
  pb::PolicySet set;
  int version = 0;
  Duration live_within = std::chrono::minutes{15};
  Duration reconsider_after = std::chrono::minutes{1};
  set.mutable_sale()->set_complex_amount(50'000);
  set.mutable_sale()->set_default_amount(10'000);
  map.Read("version", version, 1, 1'000'000'000);
  map.Read("live_within", live_within);
  map.Read("reconsider_after", reconsider_after);
  map.ReadMap("sale", [&](YamlMap& sale) { ReadSale(sale, *set.mutable_sale()); });
  std::set<std::string> names;
  map.ReadEach("policies", [&](YamlMap& entry) {
    *set.add_policies() = ReadPolicy(entry);
    if (!names.insert(set.policies().rbegin()->name()).second) {
      entry.Fail("name", "is given to two policies");
    }
  });
  if (version == 0) {
    map.Fail("version", "is missing: a whole number that grows with every change");
  }
  if (set.policies_size() == 0 || set.policies_size() > kPoliciesMax) {
    map.Fail("policies", fmt::format("give 1 to {} policies", kPoliciesMax));
  }
  TRY(map.Finish());
  set.set_version(static_cast<uint32_t>(version));
  set.set_live_within_ms(live_within.count());
  set.set_reconsider_after_ms(reconsider_after.count());
  return set;
}

}  // namespace hotiron
