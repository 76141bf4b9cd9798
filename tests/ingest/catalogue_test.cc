#include "ingest/catalogue.h"

#include <gtest/gtest.h>

#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

std::string ErrorOf(const std::string& text) {
  Result<pb::Catalogue> catalogue = ParseCatalogue(text, "c.yaml");
  return catalogue.ok() ? "" : catalogue.error().message;
}

// The names of the signals that the observation is, joined by spaces.
std::string Signals(const Classifier& classifier, const Observation& observation) {
  std::vector<const pb::SignalDefinition*> matches;
  classifier.Classify(observation, matches);
  std::string names;
  for (const pb::SignalDefinition* match : matches) {
    names += (names.empty() ? "" : " ") + match->signal();
  }
  return names;
}

Observation Event(const std::string& name) {
  Observation event;
  event.name = name;
  return event;
}

Observation Page(const std::string& name, const std::string& path) {
  Observation page;
  page.kind = Observation::Kind::kPage;
  page.name = name;
  page.path = path;
  return page;
}

Observation CrmChange(const std::string& entity, Observation::Change change,
                      std::vector<Field> fields) {
  Observation made;
  made.kind = Observation::Kind::kChange;
  made.change = change;
  made.name = entity;
  made.fields = std::move(fields);
  return made;
}

Classifier Make(const std::string& signals) {
  Result<pb::Catalogue> catalogue = ParseCatalogue("version: 1\nsignals:\n" + signals, "c.yaml");
  EXPECT_TRUE(catalogue.ok()) << (catalogue.ok() ? "" : catalogue.error().message);
  return std::move(Classifier::Make(std::move(catalogue).value())).value();
}

TEST(CatalogueTest, ReadsWhatIsGivenAndDefaultsTheRest) {
  Result<pb::Catalogue> catalogue = ParseCatalogue(R"(
version: 3
signals:
  - {signal: a, stage: comparing, weight: 2.5, contact: true, topic: t, label: did a,
     when: [{event: A}]}
  - {signal: b, stage: none, when: [{page: B}]}
questions:
  - {stage: deciding, topic: t, ask: "why?"}
)",
                                                   "c.yaml");
  ASSERT_TRUE(catalogue.ok());
  const pb::Catalogue& made = catalogue.value();
  EXPECT_EQ(made.version(), 3U);
  EXPECT_EQ(made.stages_size(), 5);
  EXPECT_EQ(made.signals(0).anchor(), 3);
  EXPECT_EQ(made.signals(0).weight(), 2.5);
  EXPECT_TRUE(made.signals(0).contact());
  EXPECT_EQ(made.signals(1).anchor(), -1);
  EXPECT_EQ(made.signals(1).label(), "b");
  EXPECT_EQ(made.signals(1).weight(), 1);
  EXPECT_EQ(made.questions(0).stage(), "deciding");
}

TEST(CatalogueTest, NamesLineAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("signals: []\n"),
            "c.yaml:1: version: is missing: a whole number that grows with each change");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a, when: [{event: A}], stage: buying}\n"),
            "c.yaml:3: signals[0].stage: 'buying' is not allowed; must be one of unaware, aware, "
            "exploring, comparing, deciding, none");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a, when: [{event: A}]}\n"
                    "  - {signal: a, when: [{event: B}]}\n"),
            "c.yaml:4: signals[1].signal: 'a' is defined twice");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a, when: [{path: '('}]}\n"),
            "c.yaml:3: signals[0].when[0].path: '(' is no RE2 pattern: missing ): (");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a}\n"),
            "c.yaml:3: signals[0].when: is missing: say what the signal is seen by");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a, when: [{entity: Account}]}\n"),
            "c.yaml:3: signals[0].when[0].when: entity needs change or field");
  EXPECT_EQ(ErrorOf("version: 1\nsignals:\n  - {signal: a, when: [{event: A, path: B}]}\n"),
            "c.yaml:3: signals[0].when[0].when: give one of: event, event_like, page and/or path, "
            "entity");
  EXPECT_EQ(ErrorOf("version: 1\nquestions:\n  - {topic: x, ask: y}\n"),
            "c.yaml:3: questions[0].topic: 'x' is no signal's topic");
  EXPECT_EQ(ErrorOf("version: 1\nstages: [a, a]\n"),
            "c.yaml:2: stages: must be 2 to 20 different names, none of them 'none'");
  EXPECT_EQ(ErrorOf("version: 1\nsignal: []\n"),
            "c.yaml:2: signal: unknown key; allowed here: questions, signals, stages, version");
}

TEST(CatalogueTest, AnExactNameBeatsAPatternAndElseTheFirstWins) {
  Classifier classifier = Make(
      "  - {signal: any_demo, when: [{event_like: demo}]}\n"
      "  - {signal: demo, when: [{event: demo requested}]}\n"
      "  - {signal: later, when: [{event_like: demo later}]}\n"
      "  - {signal: again, when: [{event: demo requested}]}\n");
  EXPECT_EQ(Signals(classifier, Event("demo requested")), "demo");
  EXPECT_EQ(Signals(classifier, Event("demo later")), "any_demo");
  EXPECT_EQ(Signals(classifier, Event("other")), "");
  EXPECT_EQ(Signals(classifier, Page("demo requested", "/demo")), "") << "a page is no event";
}

TEST(CatalogueTest, AnEventOfASignalsOwnNameIsThatSignal) {
  Classifier classifier = Make(
      "  - {signal: demo_requested, when: [{event: Demo Requested}]}\n"
      "  - {signal: Demo Requested, when: [{event: other}]}\n");
  EXPECT_EQ(Signals(classifier, Event("demo_requested")), "demo_requested");
  EXPECT_EQ(Signals(classifier, Event("Demo Requested")), "demo_requested") << "said outright";
}

TEST(CatalogueTest, Pages) {
  Classifier classifier = Make(
      "  - {signal: both, when: [{page: Plans, path: ^/eu/}]}\n"
      "  - {signal: path, when: [{path: ^/eu/}]}\n"
      "  - {signal: name, when: [{page: Pricing}]}\n");
  EXPECT_EQ(Signals(classifier, Page("Plans", "/eu/plans")), "both");
  EXPECT_EQ(Signals(classifier, Page("Other", "/eu/plans")), "path");
  EXPECT_EQ(Signals(classifier, Page("Pricing", "/eu/plans")), "name");
  EXPECT_EQ(Signals(classifier, Page("Plans", "/us/plans")), "");
}

TEST(CatalogueTest, OfAChangeEachFieldIsAtMostOneSignal) {
  Classifier classifier = Make(
      "  - {signal: won, when: [{entity: Opportunity, field: StageName, value: Won}]}\n"
      "  - {signal: moved, when: [{entity: Opportunity, field: StageName}]}\n"
      "  - {signal: priced, when: [{entity: Opportunity, field: Amount}]}\n"
      "  - {signal: opened, when: [{entity: Opportunity, change: created}]}\n"
      "  - {signal: gone, when: [{entity: Opportunity, change: deleted}]}\n");
  using Change = Observation::Change;
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kUpdated,
                                          {{"StageName", "Closed Won"}, {"Amount", "5"}})),
            "won priced");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kUpdated, {{"StageName", "New"}})),
            "moved");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kCreated, {{"StageName", "New"}})),
            "moved opened");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kDeleted, {})), "gone");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kStale, {})), "");
  EXPECT_EQ(Signals(classifier, CrmChange("Account", Change::kCreated, {})), "");
}

TEST(CatalogueTest, AClassifierChecksWhatAnotherProcessSent) {
  pb::Catalogue catalogue;
  pb::SignalDefinition* signal = catalogue.add_signals();
  signal->set_signal("a");
  signal->add_when()->set_path("(");
  EXPECT_FALSE(Classifier::Make(catalogue).ok());
  signal->mutable_when(0)->clear_path();
  EXPECT_FALSE(Classifier::Make(catalogue).ok());
}

// ---- The catalogue that ships.

TEST(DefaultCatalogueTest, KnowsWhatItsUsersSee) {
  Classifier classifier = DefaultClassifier();
  EXPECT_GE(classifier.catalogue().signals_size(), 35);
  EXPECT_GE(classifier.catalogue().questions_size(), 25);
  EXPECT_EQ(Signals(classifier, Event("Demo Requested")), "demo_requested");
  EXPECT_EQ(Signals(classifier, Event("Book a demo clicked")), "demo_requested");
  EXPECT_EQ(Signals(classifier, Event("Trial Started")), "trial_started");
  EXPECT_EQ(Signals(classifier, Event("Email Link Clicked")), "email_clicked");
  EXPECT_EQ(Signals(classifier, Event("Mouse Moved")), "");
  EXPECT_EQ(Signals(classifier, Page("", "/pricing")), "pricing_page");
  EXPECT_EQ(Signals(classifier, Page("", "/product/pricing/")), "pricing_page");
  EXPECT_EQ(Signals(classifier, Page("", "/blog/hotiron-vs-others")), "comparison_page");
  EXPECT_EQ(Signals(classifier, Page("", "/security.html")), "security_page");
  EXPECT_EQ(Signals(classifier, Page("", "/docs/api/rest")), "docs_page");
  EXPECT_EQ(Signals(classifier, Page("", "/customers/initech")), "case_study_page");
  EXPECT_EQ(Signals(classifier, Page("", "/")), "website_visit");
  using Change = Observation::Change;
  EXPECT_EQ(Signals(classifier,
                    CrmChange("Opportunity", Change::kCreated, {{"StageName", "Prospecting"}})),
            "opportunity_created");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kUpdated,
                                          {{"StageName", "Proposal/Price Quote"}})),
            "opportunity_proposed");
  EXPECT_EQ(Signals(classifier, CrmChange("Opportunity", Change::kUpdated,
                                          {{"StageName", "Negotiation/Review"}})),
            "opportunity_negotiated");
  EXPECT_EQ(Signals(classifier,
                    CrmChange("Opportunity", Change::kUpdated, {{"StageName", "Closed Won"}})),
            "opportunity_closed");
  EXPECT_EQ(Signals(classifier,
                    CrmChange("Opportunity", Change::kUpdated, {{"StageName", "Needs Analysis"}})),
            "opportunity_moved");
  EXPECT_EQ(Signals(classifier, CrmChange("Event", Change::kCreated, {})), "meeting");
  EXPECT_EQ(Signals(classifier, CrmChange("Task", Change::kUpdated, {{"Status", "Completed"}})),
            "call_or_task");
  EXPECT_EQ(
      Signals(classifier, CrmChange("EmailMessage", Change::kCreated, {{"Incoming", "true"}})),
      "email_received");
}

TEST(DefaultCatalogueTest, WhatWeDoOurselvesWeighsLittle) {
  Classifier classifier = DefaultClassifier();
  int contacts = 0;
  for (const pb::SignalDefinition& signal : classifier.catalogue().signals()) {
    contacts += signal.contact() ? 1 : 0;
    EXPECT_TRUE(!signal.contact() || (signal.weight() <= 0.5 && signal.anchor() == -1));
    EXPECT_NE(signal.label(), signal.signal());
    EXPECT_NE(signal.topic(), "") << signal.signal();
  }
  EXPECT_EQ(contacts, 3);
}

}  // namespace
}  // namespace hotiron
