#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace hotiron {

// Finds names by any part of them, whatever the case of ASCII letters: they lie one after another
// in one text, which is searched as fast as memory can be read.
//
// A name is added with whom it is of, and removed by the place that Add gave it. What is removed
// stays as waste until the owner adds all anew (Clear): worth it once IsWasteful.
// Concurrency: none of its own.
template <typename Owner>
class NameIndex {
 public:
  size_t Add(std::string_view name, Owner* owner) {
    size_t place = entries_.size();
    entries_.push_back({text_.size(), owner});
    std::transform(name.begin(), name.end(), std::back_inserter(text_), Folded);
    text_ += kEnd;
    return place;
  }

  void Remove(size_t place) {
    entries_[place].owner = nullptr;
    ++removed_;
  }

  bool IsWasteful() const { return removed_ > kWasteMin && removed_ > entries_.size() / 2; }

  void Clear() {
    text_.clear();
    entries_.clear();
    removed_ = 0;
  }

  // Whose names have `part` within, in the order in which they were added; nobody's the empty one.
  std::vector<Owner*> Find(std::string_view part) const {
    if (part.empty()) {
      return {};
    }
    std::string folded(part);
    std::transform(folded.begin(), folded.end(), folded.begin(), Folded);
    std::vector<Owner*> found;
    size_t at = text_.find(folded);
    while (at != std::string::npos) {
      auto next = std::upper_bound(entries_.begin(), entries_.end(), at,
                                   [](size_t a, const Entry& entry) { return a < entry.begin; });
      size_t end = next == entries_.end() ? text_.size() : next->begin;
      if (at + folded.size() < end && std::prev(next)->owner != nullptr) {
        found.push_back(std::prev(next)->owner);
      }
      at = text_.find(folded, end);
    }
    return found;
  }

 private:
  static constexpr char kEnd = '\n';
  static constexpr size_t kWasteMin = 1'000;

  struct Entry {
    size_t begin = 0;  // in text_
    Owner* owner = nullptr;
  };

  static char Folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

  std::string text_;
  std::vector<Entry> entries_;
  size_t removed_ = 0;
};

}  // namespace hotiron
