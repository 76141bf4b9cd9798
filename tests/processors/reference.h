#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "processors/estimator.h"

namespace hotiron {

// The obvious journey: every entry in a list, every number by its definition. Slow, and what the
// real one is compared with.
struct ReferenceJourney {
  struct Item {
    Place place;
    std::string signal;
    double weight = 0;
    std::string origin;
  };

  std::vector<Item> items;

  void Add(const pb::Signal& signal) {
    items.push_back({{FromMillis(signal.time_ms()), signal.sequence(), signal.id()},
                     signal.signal(),
                     signal.weight(),
                     signal.path(0)});
    std::sort(items.begin(), items.end(),
              [](const Item& a, const Item& b) { return a.place < b.place; });
  }

  double Decayed(const std::string& signal, double half_life_days, EventTime as_of) const {
    double sum = 0;
    for (const Item& item : items) {
      if (item.signal == signal) {
        double days = static_cast<double>((as_of - item.place.time).count()) / 86'400'000.0;
        sum += item.weight * std::pow(0.5, days / half_life_days);
      }
    }
    return sum;
  }

  // The items of the present journey: nobody was silent for more than 90 days in between.
  ReferenceJourney Present() const {
    ReferenceJourney present;
    for (size_t i = items.size(); i-- > 0;) {
      if (!present.items.empty() &&
          present.items.front().place.time - items[i].place.time > std::chrono::days{90}) {
        break;
      }
      present.items.insert(present.items.begin(), items[i]);
    }
    return present;
  }

  uint64_t Sessions() const {
    std::map<std::string, EventTime> last;
    uint64_t sessions = 0;
    for (const Item& item : items) {
      auto at = last.find(item.origin);
      sessions += at == last.end() || item.place.time - at->second > std::chrono::minutes{30};
      last[item.origin] = item.place.time;
    }
    return sessions;
  }

  std::vector<std::string> LastTwo() const {
    std::vector<std::string> last;
    for (size_t i = items.size(); i-- > 0 && last.size() < 2;) {
      last.push_back(items[i].signal);
    }
    return last;
  }

  std::map<std::string, std::pair<EventTime, EventTime>> People() const {
    std::map<std::string, std::pair<EventTime, EventTime>> people;
    for (const Item& item : items) {
      auto [at, fresh] = people.try_emplace(item.origin, item.place.time, item.place.time);
      at->second.first = std::min(at->second.first, item.place.time);
      at->second.second = std::max(at->second.second, item.place.time);
    }
    return people;
  }

  std::set<std::string> Signals() const {
    std::set<std::string> signals;
    for (const Item& item : items) {
      signals.insert(item.signal);
    }
    return signals;
  }

  double Points(EventTime as_of) const {
    double points = 0;
    for (const std::string& signal : Signals()) {
      points += Decayed(signal, 7, as_of);
    }
    return points;
  }

  // P(stage >= s), with anchors from the model.
  std::vector<double> AtLeast(const Model& model, EventTime as_of) const {
    std::vector<double> at_least{1.0};
    for (size_t s = 1; s < model.stages().size(); ++s) {
      double product = 1;
      for (const std::string& signal : Signals()) {
        if (model.MeaningOf(signal).anchor >= static_cast<int>(s)) {
          product *= std::pow(1 + Decayed(signal, 7, as_of), -1.1);
        }
      }
      at_least.push_back(1 - product);
    }
    return at_least;
  }
};

}  // namespace hotiron
