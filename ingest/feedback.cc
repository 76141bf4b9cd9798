#include "ingest/feedback.h"

#include <array>
#include <utility>

#include "base/identity.h"
#include "ingest/json_walk.h"

namespace hotiron {
namespace {

constexpr size_t kFeedbackBytesMax = size_t{64} * 1024;

constexpr std::array<std::pair<std::string_view, pb::Feedback::Action>, 5> kActions{
    {{"accept", pb::Feedback::ACCEPT},
     {"snooze", pb::Feedback::SNOOZE},
     {"dismiss", pb::Feedback::DISMISS},
     {"outcome", pb::Feedback::OUTCOME},
     {"undo", pb::Feedback::UNDO}}};

struct Fields {
  std::string id;
  std::string trigger;
  std::string account;
  std::string action;
  std::string reason;
  std::string by;
  std::string undoes;
  std::optional<EventTime> until;
  std::optional<EventTime> at;
};

simdjson::error_code Read(std::string_view text, Fields& fields, json::Problem& problem) {
  // Feedback is rare: a parser and a copy of its own for each.
  simdjson::ondemand::parser parser;
  simdjson::padded_string padded(text);
  simdjson::ondemand::document document;
  if (simdjson::error_code error = parser.iterate(padded).get(document)) {
    return error;
  }
  simdjson::ondemand::object root;
  if (simdjson::error_code error = document.get_object().get(root)) {
    return error;
  }
  const std::array<std::pair<std::string_view, std::string*>, 7> texts{
      {{"id", &fields.id},
       {"trigger", &fields.trigger},
       {"account", &fields.account},
       {"action", &fields.action},
       {"reason", &fields.reason},
       {"by", &fields.by},
       {"undoes", &fields.undoes}}};
  if (simdjson::error_code error = json::EachField(
          root,
          [&](std::string_view name, simdjson::ondemand::value value) -> simdjson::error_code {
            if (name == "until") {
              return json::ReadTime(value, name, fields.until, problem);
            }
            if (name == "at") {
              return json::ReadTime(value, name, fields.at, problem);
            }
            for (const auto& [key, target] : texts) {
              if (name == key) {
                return json::ReadText(value, name, *target, problem);
              }
            }
            return simdjson::SUCCESS;
          })) {
    return error;
  }
  const char* rest = nullptr;  // one record is one document
  return document.current_location().get(rest) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

bool InRange(EventTime time) {
  return time >= kEarliestTime && time <= kLatestTime;
}

// Sets what is wrong with the fields together, if anything.
void Check(const Fields& fields, pb::Feedback::Action action, EventTime at,
           json::Problem& problem) {
  if (fields.trigger.empty()) {
    problem.Set(RejectReason::kMissingField, "trigger", "is missing");
  } else if (IsJunkId(fields.trigger)) {
    problem.Set(RejectReason::kBadField, "trigger", "is no trigger id");
  }
  if (fields.account.empty()) {
    problem.Set(RejectReason::kMissingField, "account", "is missing");
  } else if (fields.account.size() < 3 || fields.account[1] != ':' || !IsCompany(fields.account) ||
             IsJunkId(IdOf(fields.account))) {
    problem.Set(RejectReason::kBadField, "account",
                "must be the account of a trigger (a:... or d:...)");
  }
  if (fields.action.empty()) {
    problem.Set(RejectReason::kMissingField, "action", "is missing");
  } else if (action == pb::Feedback::UNKNOWN) {
    problem.Set(RejectReason::kBadField, "action",
                "must be accept, snooze, dismiss, outcome "
                "or undo");
  }
  if (action == pb::Feedback::SNOOZE && !fields.until) {
    problem.Set(RejectReason::kMissingField, "until", "is missing: a snooze ends");
  }
  if ((action == pb::Feedback::DISMISS || action == pb::Feedback::OUTCOME) &&
      fields.reason.empty()) {
    problem.Set(RejectReason::kMissingField, "reason", "is missing: dismiss and outcome have one");
  }
  if (action == pb::Feedback::UNDO && fields.undoes.empty()) {
    problem.Set(RejectReason::kMissingField, "undoes", "is missing: the id of what is taken back");
  }
  if (!InRange(at) || (fields.until && !InRange(*fields.until))) {
    problem.Set(RejectReason::kTimeOutOfRange, "at or until", "not between 2000 and 2100");
  }
}

}  // namespace

Outcome FeedbackDecoder::Decode(const InputRecord& input, std::vector<RoutedRecord>& out) const {
  if (!input.value) {
    return Outcome::Rejected(RejectReason::kNullValue, "the record has no value");
  }
  if (input.value->empty()) {
    return Outcome::Rejected(RejectReason::kEmpty, "the value is empty");
  }
  if (input.value->size() > kFeedbackBytesMax) {
    return Outcome::Rejected(RejectReason::kTooLarge, "feedback has at most 64 KiB");
  }
  Fields fields;
  json::Problem problem;
  if (simdjson::error_code error = Read(*input.value, fields, problem)) {
    return Outcome::Rejected(
        error == simdjson::UTF8_ERROR ? RejectReason::kNotUtf8 : RejectReason::kNotJson,
        error == simdjson::INCORRECT_TYPE ? "the value is not a JSON object"
                                          : simdjson::error_message(error));
  }
  pb::Feedback::Action action = pb::Feedback::UNKNOWN;
  for (const auto& [name, value] : kActions) {
    if (fields.action == name) {
      action = value;
    }
  }
  EventTime at = fields.at.value_or(input.timestamp);
  Check(fields, action, at, problem);
  if (problem) {
    Outcome outcome;
    outcome.kind = Outcome::Kind::kRejected;
    outcome.rejection = problem.Take();
    return outcome;
  }
  RoutedRecord& routed = out.emplace_back();
  routed.key = fields.account;
  SetCause(input, routed.record);
  pb::Feedback* feedback = routed.record.mutable_feedback();
  feedback->set_trigger(fields.trigger);
  feedback->set_action(action);
  feedback->set_reason(std::string(CutText(fields.reason, kFactValueBytesMax)));
  feedback->set_time_ms(ToMillis(at));
  if (fields.until) {
    feedback->set_until_ms(ToMillis(*fields.until));
  }
  if (!IsJunkId(fields.by)) {
    feedback->set_by(hasher_(fields.by));
  }
  if (!fields.undoes.empty()) {
    feedback->set_undoes(Hash64(fields.undoes));
  }
  feedback->set_id(Hash64(fields.id.empty() ? *input.value : std::string_view(fields.id)));
  return {};
}

}  // namespace hotiron
