// What ingest costs per record, on one thread.
//
//   Decode*     bytes of a record to observations, per format
//   Classify*   one observation against the default catalogue
//   Route*      one observation to records of <app>.events, classification included
//   Whole*      all of it: decode, classify, route

#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/catalogue.h"
#include "ingest/decoder.h"
#include "ingest/native.h"
#include "ingest/router.h"

namespace hotiron {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream file(std::string(HOTIRON_SOURCE_DIR) + "/" + path, std::ios::binary);
  CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Sample(const char* name) {
  return ReadText(std::string("tests/ingest/samples/") + name);
}

Classifier DefaultClassifier() {
  Result<pb::Catalogue> catalogue =
      ParseCatalogue(ReadText("deploy/catalogue.yaml"), "catalogue.yaml");
  CHECK(catalogue.ok());
  Result<Classifier> classifier = Classifier::Make(std::move(catalogue).value());
  CHECK(classifier.ok());
  return std::move(classifier).value();
}

// Everything that one record goes through.
class Ingest {
 public:
  Ingest(Format format, std::string text)
      : text_(std::move(text)),
        classifier_(DefaultClassifier()),
        decoder_(DecoderOptions{format, "web", false, {}, size_t{1} << 20}),
        router_(Options()) {
    record_.value = text_;
    record_.topic = "web";
    record_.timestamp = FromMillis(1'772'600'000'000);
  }

  size_t bytes() const { return text_.size(); }

  void Decode() { decoder_.Decode(record_, decoded_); }

  void Classify() {
    for (const Observation& observation : decoded_.observations()) {
      classifier_.Classify(observation, matches_);
      benchmark::DoNotOptimize(matches_.data());
    }
  }

  void Route() {
    routed_.clear();
    for (const Observation& observation : decoded_.observations()) {
      Outcome outcome =
          router_.Route(observation, UnknownNames::kIgnore, record_, record_.timestamp, routed_);
      CHECK(outcome.kind == Outcome::Kind::kRouted);
    }
    benchmark::DoNotOptimize(routed_.data());
  }

 private:
  RouterOptions Options() const {
    RouterOptions options;
    options.classifier = &classifier_;
    options.hasher = PersonHasher("a key of the installation");
    return options;
  }

  std::string text_;
  InputRecord record_;
  Classifier classifier_;
  Decoder decoder_;
  Router router_;
  Decoded decoded_;
  std::vector<const pb::SignalDefinition*> matches_;
  std::vector<RoutedRecord> routed_;
};

Ingest Segment(const char* sample) {
  return {Format::kSegment, Sample(sample)};
}

Ingest Salesforce(const char* sample) {
  return {Format::kSalesforce, Sample(sample)};
}

Ingest Native() {
  Observation observation;
  observation.source = "crm_stage";
  observation.id = "0123456789abcdef";
  observation.time = FromMillis(1'772'600'000'000);
  observation.sequence = 17;
  observation.history = true;
  observation.account = "173688";
  observation.contact = "applicant";
  observation.name = "Demo Requested";
  return {Format::kNative, WriteNative(observation)};
}

void Decode(benchmark::State& state, Ingest ingest) {
  for (auto _ : state) {
    ingest.Decode();
  }
  state.SetBytesProcessed(static_cast<int64_t>(ingest.bytes()) * state.iterations());
}

void Classify(benchmark::State& state, Ingest ingest) {
  ingest.Decode();
  for (auto _ : state) {
    ingest.Classify();
  }
}

void Route(benchmark::State& state, Ingest ingest) {
  ingest.Decode();
  for (auto _ : state) {
    ingest.Route();
  }
}

void Whole(benchmark::State& state, Ingest ingest) {
  for (auto _ : state) {
    ingest.Decode();
    ingest.Route();
  }
  state.SetItemsProcessed(state.iterations());
}

void Register(const std::string& name, void (*run)(benchmark::State&, Ingest), Ingest (*make)()) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [run, make](benchmark::State& state) { run(state, make()); });
}

}  // namespace
}  // namespace hotiron

int main(int argc, char** argv) {
  using hotiron::Ingest;

  struct Case {
    const char* name;
    Ingest (*make)();
  };

  const std::vector<Case> cases{
      {"SegmentTrack", [] { return hotiron::Segment("segment_track.json"); }},
      {"SegmentPage", [] { return hotiron::Segment("segment_page.json"); }},
      {"SegmentIdentify", [] { return hotiron::Segment("segment_identify.json"); }},
      {"SalesforceOpportunity",
       [] { return hotiron::Salesforce("salesforce_cdc_opportunity_update.json"); }},
      {"SalesforceContact",
       [] { return hotiron::Salesforce("salesforce_cdc_contact_create.json"); }},
      {"Native", [] { return hotiron::Native(); }},
  };
  for (const Case& one : cases) {
    hotiron::Register(std::string("Decode/") + one.name, hotiron::Decode, one.make);
    hotiron::Register(std::string("Classify/") + one.name, hotiron::Classify, one.make);
    hotiron::Register(std::string("Route/") + one.name, hotiron::Route, one.make);
    hotiron::Register(std::string("Whole/") + one.name, hotiron::Whole, one.make);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
