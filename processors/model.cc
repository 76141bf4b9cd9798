#include "processors/model.h"

namespace hotiron {

const std::vector<std::string>& DefaultStages() {
  static const std::vector<std::string> stages{"unaware", "aware", "exploring", "comparing",
                                               "deciding"};
  return stages;
}

Model::Model(pb::Catalogue catalogue, TimeScale scale)
    : catalogue_(std::move(catalogue)),
      scale_(scale),
      stages_(catalogue_.stages().begin(), catalogue_.stages().end()) {
  if (stages_.empty()) {
    stages_ = DefaultStages();
  }
  for (const pb::SignalDefinition& signal : catalogue_.signals()) {
    meanings_.emplace(signal.signal(),
                      Meaning{signal.anchor(), signal.contact(), signal.label(), signal.topic()});
  }
}

const Model::Meaning& Model::MeaningOf(std::string_view signal) const {
  static const Meaning unknown;
  auto at = meanings_.find(signal);
  return at == meanings_.end() ? unknown : at->second;
}

std::string_view Model::LabelOf(std::string_view signal) const {
  const Meaning& meaning = MeaningOf(signal);
  return meaning.label.empty() ? signal : std::string_view(meaning.label);
}

}  // namespace hotiron
