#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/records.pb.h"
#include "processors/journey.h"

namespace hotiron {

inline constexpr size_t kSubjectsMax = 96;       // people and CRM objects kept per account
inline constexpr size_t kSubjectFieldsMax = 32;  // fields kept per subject

// The merged last state of one subject: the newest value of each field wins, by (time, sequence),
// so that the order of arrival does not matter (as long as there are no more than kSubjectFieldsMax
// fields; later ones are left out). kDuplicate: it says nothing that was not known.
Verdict MergeFact(pb::Subject& subject, const pb::Fact& fact);

// Whether two names differ at most in the case of ASCII letters.
bool SameName(std::string_view a, std::string_view b);

// What systems of record say about an account: its own fields, its people, its CRM objects.
class Facts {
 public:
  // Merges what is said about one subject; beyond kSubjectsMax the subject longest unheard of
  // leaves, people before opportunities.
  Verdict Apply(const pb::Fact& fact);

  // The value of a field of a subject, "" when unknown.
  std::string_view Get(std::string_view subject, std::string_view field) const;

  bool customer() const;      // relationship begins with customer, after existing or current
  bool disqualified() const;  // status says so

  struct Opportunity {
    std::string_view id;
    std::string_view stage;
    std::string_view product;
    double amount = 0;
    bool open = true;
    bool won = false;  // and not open
    EventTime since;   // first word of its being won or closed; open: newest word on its stage
  };

  // Those that are not deleted, the one that moved last first.
  std::vector<Opportunity> Opportunities() const;
  std::vector<Opportunity> OpenOpportunities() const;

  // When it is long enough ago that one was won, and lost; at once while another is open.
  EventTime QuietUntil(Duration after_win, Duration after_loss) const;

  // Whether an opportunity was won after `from`, and by `until`.
  bool Won(EventTime from, EventTime until) const;

  // What the CRM has lost changes of, and not sent as a whole since: the account (subject "") or an
  // open opportunity. Some of its fields may be old.
  struct Lost {
    std::string_view subject;
    EventTime last;  // when it lost some last
  };

  std::vector<Lost> LostChanges() const;

  // What the account is worth: its largest open opportunity, else its own amount, else the default
  // of its segment, else the default of all. In the currency of the CRM.
  double ExpectedValue(const pb::Sale& sale) const;

  // service, relationship, solution or consultancy: complexity of the sale by duration of the
  // relationship.
  std::string_view KindOfSale(const pb::Sale& sale) const;

  const std::vector<pb::Subject>& subjects() const { return subjects_; }

  std::vector<pb::Subject>& subjects() { return subjects_; }

 private:
  const pb::Subject* Find(std::string_view subject) const;

  std::vector<pb::Subject> subjects_;  // in order of subject
};

}  // namespace hotiron
