#include "app/intake.h"

#include <algorithm>
#include <numeric>

namespace hotiron {

uint64_t IntakeCounts::taken_in() const {
  return std::accumulate(rejected.begin(), rejected.end(), uint64_t{0}) +
         std::accumulate(ignored.begin(), ignored.end(), uint64_t{0}) + routed;
}

void Intake::Output::Clear() {
  routed.clear();
  times.clear();
  rejected.clear();
}

Result<Intake> Intake::Make(const Config& config, const std::string& person_key,
                            const pb::Catalogue& catalogue) {
  TRY_ASSIGN(Classifier classifier, Classifier::Make(catalogue));
  RouterOptions options;
  options.hasher = PersonHasher(person_key);
  options.free_mail = config.free_mail;
  options.ahead_max = config.clock == Config::Clock::kEvent ? kAheadMaxEvent : config.ahead_max;
  for (const auto& [subject_name, facts] : config.fields) {
    FactSubject subject = subject_name == "account"       ? FactSubject::kAccount
                          : subject_name == "opportunity" ? FactSubject::kOpportunity
                                                          : FactSubject::kPerson;
    for (const auto& [field, fact] : facts) {
      TRY(options.fields.Map(subject, field, fact));
    }
  }
  return Intake(config, std::move(classifier), std::move(options));
}

Intake::Intake(const Config& config, Classifier classifier, RouterOptions options)
    : classifier_(std::make_unique<Classifier>(std::move(classifier))), feedback_(options.hasher) {
  options.classifier = classifier_.get();
  router_ = std::make_unique<Router>(std::move(options));
  for (const InputConfig& input : config.inputs) {
    Format format = *ParseFormat(input.format);
    Source source{input, DefaultUnknownNames(format), nullptr};
    if (!input.unknown.empty()) {
      source.unknown = input.unknown == "keep" ? UnknownNames::kKeep : UnknownNames::kIgnore;
    }
    source.decoder = std::make_unique<Decoder>(
        DecoderOptions{.format = format,
                       .source = input.source,
                       .history = input.history,
                       .own_origins = config.own_origins,
                       .record_bytes_max = static_cast<size_t>(config.record_bytes_max)});
    sources_.emplace(input.topic, std::move(source));
  }
}

Result<void> Intake::UseCatalogue(const pb::Catalogue& catalogue) {
  TRY_ASSIGN(Classifier classifier, Classifier::Make(catalogue));
  auto next = std::make_unique<Classifier>(std::move(classifier));
  router_->UseClassifier(*next);
  classifier_ = std::move(next);
  return {};
}

void Intake::Reject(const InputRecord& record, const Rejection& rejection,
                    const std::string& source, Output& output) {
  ++counts_[source].rejected[static_cast<size_t>(rejection.reason)];
  output.rejected.push_back(MakeRejected(record, rejection, source));
}

void Intake::Take(const InputRecord& record, EventTime now, Output& output) {
  Source& source = sources_.find(record.topic)->second;
  source.decoder->Decode(record, decoded_);
  const std::string& name = source.config.source;
  IntakeCounts& counts = counts_[name];
  ++counts.records;
  counts.bytes += record.value ? record.value->size() : 0;
  for (size_t i = 0; i < kIgnoreReasons; ++i) {
    counts.ignored[i] += decoded_.ignored()[i];
  }
  for (const Rejection& rejection : decoded_.rejections()) {
    Reject(record, rejection, name, output);
  }
  for (const Observation& observation : decoded_.observations()) {
    size_t before = output.routed.size();
    Outcome outcome = router_->Route(observation, source.unknown, record, now, output.routed);
    output.times.resize(output.routed.size(), observation.time);
    CHECK(outcome.kind == Outcome::Kind::kRouted || output.routed.size() == before);
    switch (outcome.kind) {
      case Outcome::Kind::kRouted:
        ++counts.routed;
        counts.unknown_kept += outcome.unknown_kept ? 1 : 0;
        counts.lost_changes += observation.change == Observation::Change::kStale ? 1 : 0;
        counts.delays_ms.push_back((now - observation.time).count());
        counts.newest = std::max(counts.newest, observation.time);
        break;
      case Outcome::Kind::kIgnored:
        ++counts.ignored[static_cast<size_t>(outcome.ignored)];
        break;
      case Outcome::Kind::kRejected:
        Reject(record, outcome.rejection, name, output);
        break;
    }
  }
}

void Intake::TakeFeedback(const InputRecord& record, Output& output) {
  IntakeCounts& counts = counts_["feedback"];
  ++counts.records;
  counts.bytes += record.value ? record.value->size() : 0;
  Outcome outcome = feedback_.Decode(record, output.routed);
  while (output.times.size() < output.routed.size()) {
    output.times.push_back(
        FromMillis(output.routed[output.times.size()].record.feedback().time_ms()));
  }
  if (outcome.kind == Outcome::Kind::kRouted) {
    ++counts.routed;
    counts.newest = std::max(counts.newest, output.times.back());
  } else if (outcome.kind == Outcome::Kind::kIgnored) {
    ++counts.ignored[static_cast<size_t>(outcome.ignored)];
  } else {
    Reject(record, outcome.rejection, "feedback", output);
  }
}

Outcome Intake::Route(const Observation& observation, const InputRecord& record, EventTime now,
                      Output& output, UnknownNames unknown) {
  Outcome outcome = router_->Route(observation, unknown, record, now, output.routed);
  output.times.resize(output.routed.size(), observation.time);
  return outcome;
}

std::map<std::string, IntakeCounts> Intake::TakeCounts() {
  std::map<std::string, IntakeCounts> counts;
  counts.swap(counts_);
  return counts;
}

}  // namespace hotiron
