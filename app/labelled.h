#pragma once

#include <prometheus/family.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hotiron {

// A label and the closed set of values that it may have.
struct MetricLabel {
  static constexpr std::string_view kOther = "other";

  // Any other value is a bug.
  static MetricLabel Closed(std::string name, std::vector<std::string> values) {
    return {std::move(name), std::move(values), false};
  }

  // Values beyond `max`, and those that are not among them, are counted as "other".
  static MetricLabel OrOther(std::string name, std::vector<std::string> values, size_t max) {
    std::vector<std::string> kept;
    for (std::string& value : values) {
      if (kept.size() < max && value != kOther &&
          std::find(kept.begin(), kept.end(), value) == kept.end()) {
        kept.push_back(std::move(value));
      }
    }
    kept.emplace_back(kOther);
    return {std::move(name), std::move(kept), true};
  }

  size_t Find(std::string_view value) const {
    auto at = std::find(values.begin(), values.end(), value);
    CHECK(at != values.end() || has_other);
    return at != values.end() ? static_cast<size_t>(at - values.begin()) : values.size() - 1;
  }

  std::string name;
  std::vector<std::string> values;
  bool has_other = false;  // the last one
};

// The children of a metric, one for every combination of its labels' values. All are made at once:
// they read 0 until something happens, their number is known, and a look-up takes no lock.
// Concurrency: thread-safe after construction.
template <typename Metric>
class Labelled {
 public:
  template <typename... Arguments>
  Labelled(prometheus::Family<Metric>& family, std::vector<MetricLabel> labels,
           const Arguments&... arguments)
      : labels_(std::move(labels)) {
    size_t size = 1;
    for (const MetricLabel& label : labels_) {
      size *= label.values.size();
    }
    for (size_t i = 0; i < size; ++i) {
      std::map<std::string, std::string> values;
      size_t rest = i;
      for (size_t j = labels_.size(); j-- > 0;) {
        values[labels_[j].name] = labels_[j].values[rest % labels_[j].values.size()];
        rest /= labels_[j].values.size();
      }
      children_.push_back(&family.Add(values, arguments...));
    }
  }

  // One value per label, in their order.
  Metric& At(std::initializer_list<std::string_view> values) const {
    CHECK(values.size() == labels_.size());
    size_t at = 0;
    auto label = labels_.begin();
    for (std::string_view value : values) {
      at = at * label->values.size() + label->Find(value);
      ++label;
    }
    return *children_[at];
  }

 private:
  const std::vector<MetricLabel> labels_;
  std::vector<Metric*> children_;  // owned by the registry
};

}  // namespace hotiron
