#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace hotiron {

struct TriggerSpec {
  std::string id = "t1";
  int revision = 1;
  std::string state = "opened";
  std::string account = "a:1";
  std::string owner = "anna";
  std::string segment = "small";
  double worth = 100;
  std::string as_of = "2026-03-03T10:00:00.000Z";
  std::string reason = {};
  double chance = 0;  // within 14 days, as a model with skill says; 0: there is none
};

// A record of <app>.triggers with what the view reads of it.
inline std::string TriggerJson(const TriggerSpec& spec) {
  std::string more = spec.reason.empty() ? "" : fmt::format(R"(,"reason":"{}")", spec.reason);
  if (spec.chance > 0) {
    more += fmt::format(
        R"(,"within":"14d","chances":[{{"within":"14d","probability":{},"skill":true}}])",
        spec.chance);
  }
  return fmt::format(
      R"({{"version":1,"id":"{}","revision":{},"state":"{}","account":"{}","name":"Initech",)"
      R"("owner":"{}","team":"","segment":"{}","policy":"strike",)"
      R"("opened":"2026-03-03T10:00:00.000Z","as_of":"{}","expires":"2026-03-10T10:00:00.000Z",)"
      R"("progress":64.5,"points":12.0,"stage":"comparing","sale":"solution",)"
      R"("expected_value":{}{}}})",
      spec.id, spec.revision, spec.state, spec.account, spec.owner, spec.segment, spec.as_of,
      spec.worth, more);
}

// A record of <app>.journeys; `chance`: of buying within 14 days, as a model with skill says.
inline std::string JourneyJson(std::string_view account, std::string_view as_of, double progress,
                               std::optional<double> chance = std::nullopt) {
  std::string forecast =
      chance ? fmt::format(R"(,"forecast":{{"model":"m1","chances":[{{"within":"14d",)"
                           R"("probability":{},"skill":true}}]}})",
                           *chance)
             : "";
  return fmt::format(
      R"({{"version":1,"account":"{}","as_of":"{}","stage":"comparing","progress":{},)"
      R"("customer":true,"opportunities":[{{"id":"7","stage":"Closed Lost","state":"lost"}},)"
      R"({{"id":"8","stage":"Proposal","state":"open"}}],"points":9.5{}}})",
      account, as_of, progress, forecast);
}

// The text, number or truth value at a path such as "/items/0/trigger/id"; "-" when there is none.
inline std::string At(std::string_view json, std::string_view path) {
  simdjson::dom::parser parser;
  simdjson::dom::element found;
  if (parser.parse(json.data(), json.size()).at_pointer(path).get(found) != simdjson::SUCCESS) {
    return "-";
  }
  std::string_view text;
  return found.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(found);
}

}  // namespace hotiron
