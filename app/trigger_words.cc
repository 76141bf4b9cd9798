#include "app/trigger_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/identity.h"
#include "base/json.h"
#include "base/time.h"

namespace hotiron {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kHot = "\x1b[1;31m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kCut = "...";
constexpr size_t kHeadColumns = 12;  // of the word that says what became of the trigger
constexpr std::string_view kProbability = "probability";  // of a trigger's measures
constexpr int kReasonsSaid = 3;
constexpr double kLogitSaid = 0.05;  // a smaller one is "x1.0"
constexpr size_t kRolesSaid = 3;

std::string_view SayState(pb::Trigger::State state) {
  switch (state) {
    case pb::Trigger::OPENED:
      return "STRIKE NOW";
    case pb::Trigger::RAISED:
      return "HOTTER";
    case pb::Trigger::RETRACTED:
      return "TAKEN BACK";
    case pb::Trigger::SNOOZED:
      return "SNOOZED";
    case pb::Trigger::ACCEPTED:
      return "ACCEPTED";
    case pb::Trigger::DISMISSED:
      return "DISMISSED";
    case pb::Trigger::EXPIRED:
      return "EXPIRED";
    case pb::Trigger::CLOSED:
      return "CLOSED";
    default:  // protobuf adds values of its own
      return "TRIGGER";
  }
}

bool ToActOn(const pb::Trigger& trigger) {
  return trigger.state() == pb::Trigger::OPENED || trigger.state() == pb::Trigger::RAISED;
}

// "80,000"
std::string SayAmount(double amount) {
  std::string digits = fmt::format("{:.0f}", amount);
  for (size_t i = digits.size(); i > 3 && digits[i - 4] != '-';) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

// "3 h ago", "just now"
std::string SayAgo(Duration age) {
  return age < std::chrono::minutes{1} ? SayDuration(age) : SayDuration(age) + " ago";
}

std::string SayPeople(uint32_t people) {
  return people == 1 ? "1 person" : fmt::format("{} people", people);
}

std::string_view NameOf(const pb::Trigger& trigger) {
  if (!trigger.name().empty()) {
    return trigger.name();
  }
  return trigger.account().size() > 2 ? IdOf(trigger.account()) : "an account without a name";
}

// Of the model that the trigger states: within the horizon that its policy goes by, else within the
// longest that ends. Nothing without a model, or where it has shown no skill.
const pb::Chance* ChanceOf(const pb::Trigger& trigger) {
  const pb::Chance* longest = nullptr;
  for (const pb::Chance& chance : trigger.chances()) {
    bool asked = trigger.measure() == kProbability ? chance.horizon_ms() == trigger.horizon_ms()
                                                   : chance.horizon_ms() != 0;
    longest = asked ? &chance : longest;
  }
  return longest != nullptr && longest->skill() ? longest : nullptr;
}

// "38 % buy within 14 days", of accounts that look like this one.
std::string SayChance(const pb::Chance& chance) {
  return fmt::format(
      "{:.0f} % buy {}", 100 * chance.probability(),
      chance.horizon_ms() == 0 ? "ever" : "within " + SayDuration(Duration{chance.horizon_ms()}));
}

std::string SayWhat(const pb::Trigger& trigger) {
  std::string text(NameOf(trigger));
  if (!trigger.segment().empty()) {
    text += fmt::format(" ({})", trigger.segment());
  }
  text += fmt::format("  {}, {:.0f} %", trigger.stage(), trigger.progress());
  if (const pb::Chance* chance = ChanceOf(trigger)) {
    text += "  " + SayChance(*chance);
  }
  if (trigger.expected_value() > 0) {
    text += "  worth " + SayAmount(trigger.expected_value());
  }
  if (trigger.state() == pb::Trigger::RAISED) {
    text += "  open for " + SayDuration(Duration{trigger.as_of_ms() - trigger.opened_ms()});
  } else if (trigger.state() == pb::Trigger::SNOOZED) {
    text += "  for " + SayDuration(Duration{trigger.snoozed_until_ms() - trigger.as_of_ms()});
  }
  if (!trigger.feedback_reason().empty()) {
    text += "  " + trigger.feedback_reason();
  }
  if (!trigger.owner().empty()) {  // last: CRM ids are long, and the first to be cut
    text += "  owner " + trigger.owner();
  }
  return text;
}

// "pricing page, 4 times by 2 people"
std::string SayHowOften(std::string_view label, uint64_t count, uint32_t people) {
  std::string text(label);
  if (count > 1) {
    text += fmt::format(", {} times", count);
  }
  if (people > 1) {
    text += fmt::format(" by {}", SayPeople(people));
  }
  return text;
}

// "odds x2.4"
std::string SayOdds(const pb::Factor& factor) {
  double odds = std::exp(factor.logit());
  return fmt::format("odds x{:.{}f}", odds, odds < 10 ? 1 : 0);
}

// What they did, with what that did to the odds of buying where a model tells it, else in points.
std::string SayReasons(const pb::Trigger& trigger) {
  std::vector<std::string> reasons;
  for (const pb::Reason& reason : trigger.reasons()) {
    if (static_cast<int>(reasons.size()) == kReasonsSaid) {
      break;
    }
    std::string text = SayHowOften(reason.label(), reason.count(), reason.people());
    if (reason.last_ms() > 0) {
      text += ", " + SayAgo(Duration{trigger.as_of_ms() - reason.last_ms()});
    }
    auto factor =
        std::find_if(trigger.factors().begin(), trigger.factors().end(),
                     [&](const pb::Factor& each) { return each.signal() == reason.signal(); });
    bool raises = factor != trigger.factors().end() && factor->logit() >= kLogitSaid;
    reasons.push_back(fmt::format(
        "{} ({})", text,
        raises ? SayOdds(*factor) : fmt::format("+{:.0f}", std::max(1.0, reason.points()))));
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

// What a model says where nothing was done of late.
std::string SayFactors(const pb::Trigger& trigger) {
  std::vector<std::string> factors;
  for (const pb::Factor& factor : trigger.factors()) {
    factors.push_back(fmt::format("{}{}: {}", factor.logit() < 0 ? "against it: " : "",
                                  SayHowOften(factor.label(), factor.count(), factor.people()),
                                  SayOdds(factor)));
  }
  return fmt::format("{}", fmt::join(factors, "; "));
}

std::string SayWhy(const pb::Trigger& trigger) {
  return trigger.reasons_size() > 0 ? SayReasons(trigger) : SayFactors(trigger);
}

std::string SayWho(const pb::Trigger& trigger) {
  std::string text = SayPeople(trigger.people_active()) + " active";
  if (trigger.people_new() > 0) {
    text += fmt::format(", {} new this week", trigger.people_new());
  }
  std::vector<std::string_view> roles;
  for (const pb::Actor& person : trigger.people()) {
    if (!person.role().empty() && roles.size() < kRolesSaid &&
        std::find(roles.begin(), roles.end(), person.role()) == roles.end()) {
      roles.push_back(person.role());
    }
  }
  if (!roles.empty()) {
    text += fmt::format(" ({})", fmt::join(roles, ", "));
  }
  return text;
}

// Names come from outside: what could move the cursor or colour the screen becomes a space.
std::string Harmless(std::string_view text) {
  std::string clean = CleanUtf8(text);
  for (size_t i = 0; i < clean.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(clean[i]);
    if (c < 0x20 || c == 0x7f) {
      clean[i] = ' ';
    } else if (c == 0xc2 && i + 1 < clean.size() &&
               static_cast<unsigned char>(clean[i + 1]) < 0xa0) {
      clean.replace(i, 2, " ");  // U+0080 to U+009F: control characters too
    }
  }
  return clean;
}

// At most `columns` characters, each taken as one column wide.
std::string Cut(const std::string& text, size_t columns) {
  auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  if (static_cast<size_t>(std::count_if(text.begin(), text.end(), starts)) <= columns) {
    return text;
  }
  size_t characters = 0;
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if (starts(text[end]) && characters++ == columns - kCut.size()) {
      break;
    }
  }
  return text.substr(0, end).append(kCut);
}

// One line: `head` in colour, then what fits of `text`.
std::string Line(std::string_view head, std::string_view colour, const std::string& text,
                 const WordsStyle& style) {
  std::string said = Cut(Harmless(text), style.columns - head.size());
  return style.colour ? fmt::format("{}{}{}{}\n", colour, head, kPlain, said)
                      : fmt::format("{}{}\n", head, said);
}

}  // namespace

std::string TriggerWords(const pb::Trigger& trigger, const WordsStyle& wanted) {
  WordsStyle style{.columns = std::max<size_t>(wanted.columns, 20), .colour = wanted.colour};
  std::string head = fmt::format("{:<{}}", SayState(trigger.state()), kHeadColumns);
  std::string words = Line(head, ToActOn(trigger) ? kHot : kBold, SayWhat(trigger), style);
  if (!ToActOn(trigger)) {
    return words;
  }
  if (std::string why = SayWhy(trigger); !why.empty()) {
    words += Line("  why: ", kDim, why, style);
  }
  if (trigger.people_active() > 0) {
    words += Line("  who: ", kDim, SayWho(trigger), style);
  }
  if (trigger.questions_size() > 0) {
    words += Line("  ask: ", kDim, fmt::format("\"{}\"", trigger.questions(0)), style);
  }
  if (!trigger.play().empty()) {
    words += Line("  do:  ", kDim, trigger.play(), style);
  }
  return words;
}

}  // namespace hotiron
