#include "app/backtest_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/json.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr size_t kOwnersShown = 10;  // in the summary

std::optional<double> UnitsOf(std::optional<Duration> duration, const TimeScale& scale) {
  return duration ? std::optional<double>(scale.UnitsIn(*duration)) : std::nullopt;
}

uint64_t Whole(size_t number) {
  return number;
}

void WriteCount(JsonWriter& json, const AlertCount& count) {
  json.Field("alerts", Whole(count.alerts)).Field("right", Whole(count.right));
  json.Field("false_alarms", Whole(count.false_alarms));
  json.Field("undecided", Whole(count.undecided()));
  json.Field("precision", count.precision());
}

void WriteTally(JsonWriter& json, const Backtest& backtest, const Tally& tally) {
  double periods = backtest.calendar.periods();
  json.BeginObject();
  json.Field("accounts", Whole(tally.accounts)).Field("buyers", Whole(tally.buyers));
  json.Field("others", Whole(tally.others));
  WriteCount(json, tally.count);
  json.Field("alerts_per_period", static_cast<double>(tally.count.alerts) / periods);
  json.Field("false_alarms_per_period", static_cast<double>(tally.count.false_alarms) / periods);
  json.Field("accounts_flagged", Whole(tally.flagged));
  json.Field("buyers_flagged", Whole(tally.flagged_buyers));
  json.Field("buyers_flagged_ahead", Whole(tally.ahead));
  double buyers = static_cast<double>(tally.buyers);
  json.Field("share_flagged", ShareOf(static_cast<double>(tally.flagged_buyers), buyers));
  json.Field("share_flagged_ahead", ShareOf(static_cast<double>(tally.ahead), buyers));
  json.Key("lead_units").BeginObject();
  for (int percent : {10, 25, 50, 75, 90}) {
    json.Field(fmt::format("p{}", percent),
               UnitsOf(QuantileOf(tally.leads, percent / 100.0), backtest.scale));
  }
  json.EndObject();
  json.Key("leads").BeginArray();
  for (Duration lead : tally.leads) {
    json.Value(backtest.scale.UnitsIn(lead));
  }
  json.EndArray();
  json.Key("periods").BeginArray();
  for (const PeriodTally& period : tally.periods) {
    json.BeginObject().Field("from", backtest.calendar.StartOf(period.period));
    WriteCount(json, period.count);
    json.EndObject();
  }
  json.EndArray();
  Halves halves = HalvesOf(tally);
  json.Key("drift").BeginObject();
  json.Field("precision_first_half", halves.first.precision());
  json.Field("precision_second_half", halves.second.precision());
  json.EndObject();
  json.Key("policies").BeginArray();
  for (const auto& [policy, count] : tally.policies) {
    if (policy.empty()) {
      continue;  // of a score's threshold
    }
    json.BeginObject().Field("policy", policy);
    WriteCount(json, count);
    json.EndObject();
  }
  json.EndArray();
  json.Key("owners").BeginArray();
  for (const OwnerTally& owner : tally.owners) {
    json.BeginObject().Field("owner", owner.owner);
    WriteCount(json, owner.count);
    json.Field("alerts_per_period", static_cast<double>(owner.count.alerts) / periods);
    json.Field("most_in_a_period", Whole(owner.most));
    json.EndObject();
  }
  json.EndArray();
  json.Key("stated").BeginObject().Field("alerts", Whole(tally.stated.number));
  json.Field("stated", tally.stated.number > 0 ? std::optional(tally.stated.stated) : std::nullopt);
  json.Field("happened",
             tally.stated.number > 0 ? std::optional(tally.stated.happened) : std::nullopt);
  json.EndObject().EndObject();
}

void WriteCalibration(JsonWriter& json, const Backtest& backtest, const Calibration& calibration) {
  json.BeginObject().Field("horizon", SayHorizon(calibration.horizon));
  const ForecastQuality& quality = calibration.quality;
  json.Field("n", Whole(quality.number));
  json.Field("base_rate", quality.base_rate);
  json.Field("auc", quality.auc);
  json.Field("brier", quality.brier);
  json.Field("ece", quality.ece);
  json.Key("bins").BeginArray();
  for (const ReliabilityBin& bin : calibration.bins) {
    json.BeginObject().Field("n", Whole(bin.number));
    json.Field("stated", bin.stated).Field("happened", bin.happened).EndObject();
  }
  json.EndArray();
  json.Key("periods").BeginArray();
  for (const ForecastPeriod& period : calibration.periods) {
    json.BeginObject().Field("from", backtest.calendar.StartOf(period.period));
    json.Field("n", Whole(period.number)).Field("stated", period.stated);
    json.Field("happened", period.happened).EndObject();
  }
  json.EndArray().EndObject();
}

void WritePoint(JsonWriter& json, const SweepPoint& point, double periods) {
  json.Field("threshold", point.threshold);
  json.Field("flagged_per_period", point.flagged / periods);
  json.Field("false_alarms_per_period", point.false_alarms / periods);
  json.Field("buyers", point.buyers).Field("buyers_ahead", point.ahead);
  json.Field("precision", point.precision());
}

void WriteModel(JsonWriter& json, const Backtest& backtest, const JudgedModel& judged) {
  double periods = backtest.calendar.periods();
  double buyers = static_cast<double>(
      std::count(backtest.endings.begin(), backtest.endings.end(), Ending::kBought));
  json.BeginObject().Field("name", judged.name);
  json.Key("hash");
  judged.trained ? json.Value(judged.trained->hash) : json.Null();
  json.Key("horizon");
  judged.trained ? json.Value(SayHorizon(judged.trained->heads[judged.head].horizon)) : json.Null();
  json.Key("gate").BeginArray();
  for (size_t i = 0; judged.trained && i < judged.trained->heads.size(); ++i) {
    const Head& head = judged.trained->heads[i];
    json.BeginObject().Field("horizon", SayHorizon(head.horizon));
    json.Field("s", head.gate.slope).Field("se", head.gate.error).Field("open", head.gate.open);
    json.EndObject();
  }
  json.EndArray();
  json.Key("calibration").BeginArray();
  for (const Calibration& calibration : judged.calibrations) {
    WriteCalibration(json, backtest, calibration);
  }
  json.EndArray();
  json.Key("windowed_calibration");
  judged.windowed ? WriteCalibration(json, backtest, *judged.windowed) : void(json.Null());
  json.Key("loads").BeginArray();
  for (const JudgedModel::AtLoad& load : judged.loads) {
    json.BeginObject().Field("by", NameOf(load.scorer));
    json.Field("load", load.false_alarms ? "false_alarms" : "accounts_flagged");
    json.Field("per_period", load.per_period).Field("reached", load.reached);
    WritePoint(json, load.point, periods);
    json.Field("share_flagged", ShareOf(load.point.buyers, buyers));
    json.Field("share_flagged_ahead", ShareOf(load.point.ahead, buyers));
    json.Field("median_lead_units", UnitsOf(load.lead, backtest.scale));
    json.Field("median_lead_ahead_units", UnitsOf(load.lead_ahead, backtest.scale));
    if (load.tally) {
      json.Key("triggers");
      WriteTally(json, backtest, *load.tally);
    }
    json.EndObject();
  }
  json.EndArray();
  json.Key("curves").BeginArray();
  for (const JudgedModel::Curve& curve : judged.curves) {
    json.BeginObject().Field("by", NameOf(curve.scorer)).Key("points").BeginArray();
    for (const SweepPoint& point : curve.points) {
      json.BeginObject();
      WritePoint(json, point, periods);
      json.EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
}

using Lines = std::back_insert_iterator<std::string>;

void SayContender(const Backtest& backtest, const Contender& contender, Lines out) {
  const Tally& tally = contender.tally;
  double periods = backtest.calendar.periods();
  const std::string& period = backtest.period_name;
  fmt::format_to(out, "\n{}\n", contender.name);
  fmt::format_to(out, "  alerts            {} on {} accounts, {:.1f} per {}\n", tally.count.alerts,
                 tally.flagged, static_cast<double>(tally.count.alerts) / periods, period);
  fmt::format_to(out, "  precision         {} ({} right, {} false alarms, {} undecided)\n",
                 SayShare(tally.count.precision()), tally.count.right, tally.count.false_alarms,
                 tally.count.undecided());
  fmt::format_to(out, "  false alarms      {:.1f} per {}\n",
                 static_cast<double>(tally.count.false_alarms) / periods, period);
  double buyers = static_cast<double>(tally.buyers);
  fmt::format_to(out, "  buyers flagged    {} of {}, {} at least {} ahead\n",
                 SayShare(ShareOf(static_cast<double>(tally.flagged_buyers), buyers)), tally.buyers,
                 SayShare(ShareOf(static_cast<double>(tally.ahead), buyers)),
                 FormatDuration(backtest.scale.unit));
  fmt::format_to(out, "  lead time         median {}; a quarter below {}, a quarter above {}\n",
                 SayLead(QuantileOf(tally.leads, 0.5), backtest.scale),
                 SayLead(QuantileOf(tally.leads, 0.25), backtest.scale),
                 SayLead(QuantileOf(tally.leads, 0.75), backtest.scale));
  if (!contender.replayed.suppressed.empty()) {
    fmt::format_to(out, "  kept back         {}\n", SaySuppressed(contender.replayed));
  }
  Halves halves = HalvesOf(tally);
  fmt::format_to(out, "  drift             precision {} in the first half, {} in the second\n",
                 SayShare(halves.first.precision()), SayShare(halves.second.precision()));
  if (tally.stated.number > 0) {
    fmt::format_to(out, "  calibration       alerts stated {} on average, {} came true (of {})\n",
                   SayShare(tally.stated.stated), SayShare(tally.stated.happened),
                   tally.stated.number);
  }
  for (const auto& [policy, count] : tally.policies) {
    if (tally.policies.size() > 1) {
      fmt::format_to(out, "  {:<17} {} alerts, {:.1f} per {}, precision {}\n", "- " + policy,
                     count.alerts, static_cast<double>(count.alerts) / periods, period,
                     SayShare(count.precision()));
    }
  }
  for (size_t i = 0; i < std::min(tally.owners.size(), kOwnersShown); ++i) {
    const OwnerTally& owner = tally.owners[i];
    fmt::format_to(out, "  {:<17} {:.1f} per {}, at most {}, precision {}\n",
                   i == 0 ? "load by owner" : "", static_cast<double>(owner.count.alerts) / periods,
                   period, owner.most, SayShare(owner.count.precision()) + "  " + SayOwner(owner));
  }
  if (tally.owners.size() > kOwnersShown) {
    fmt::format_to(out, "  {:<17} and {} more, with fewer alerts\n", "",
                   tally.owners.size() - kOwnersShown);
  }
}

void SayModel(const Backtest& backtest, const JudgedModel& judged, Lines out) {
  double periods = backtest.calendar.periods();
  double buyers = static_cast<double>(
      std::count(backtest.endings.begin(), backtest.endings.end(), Ending::kBought));
  fmt::format_to(out, "\n{}\n", judged.name);
  for (const Calibration& calibration : judged.calibrations) {
    const ForecastQuality& quality = calibration.quality;
    size_t head = static_cast<size_t>(&calibration - judged.calibrations.data());
    fmt::format_to(
        out, "  bought within {:<5} {} forecasts, {} came true, AUC {}, ECE {}; {}\n",
        SayHorizon(calibration.horizon), quality.number, SayShare(quality.base_rate),
        quality.auc ? fmt::format("{:.3f}", *quality.auc) : "-",
        quality.ece ? fmt::format("{:.3f}", *quality.ece) : "-",
        judged.trained->heads[head].gate.open ? "gate open" : "gate closed, no demonstrated skill");
  }
  if (judged.windowed) {
    const ForecastQuality& quality = judged.windowed->quality;
    fmt::format_to(out, "  beside it, {}: logistic on windowed counts: AUC {}, ECE {}\n",
                   SayHorizon(judged.windowed->horizon),
                   quality.auc ? fmt::format("{:.3f}", *quality.auc) : "-",
                   quality.ece ? fmt::format("{:.3f}", *quality.ece) : "-");
  }
  // Side by side: every scorer at the same load.
  std::vector<const JudgedModel::AtLoad*> ordered;
  for (const JudgedModel::AtLoad& load : judged.loads) {
    ordered.push_back(&load);
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const JudgedModel::AtLoad* a, const JudgedModel::AtLoad* b) {
                     return a->false_alarms != b->false_alarms ? a->false_alarms < b->false_alarms
                                                               : a->per_period < b->per_period;
                   });
  double before = -1;
  bool by_false_alarms = false;
  for (const JudgedModel::AtLoad* load : ordered) {
    if (load->per_period != before || load->false_alarms != by_false_alarms) {
      fmt::format_to(
          out, "\n  at {:.4g} {} per {}\n  {:<18} {:>10} {:>10} {:>13} {:>9} {:>8} {:>12}  {}\n",
          load->per_period, load->false_alarms ? "false alarms" : "accounts flagged",
          backtest.period_name, "by", "threshold", "precision", "false alarms", "flagged", "ahead",
          "median lead", load->tally ? "precision, first and second half" : "");
      before = load->per_period;
      by_false_alarms = load->false_alarms;
    }
    fmt::format_to(
        out, "  {:<18} {:>10.4g} {:>10} {:>13.1f} {:>9} {:>8} {:>12}  {}{}\n", NameOf(load->scorer),
        load->point.threshold, SayShare(load->point.precision()),
        load->point.false_alarms / periods, SayShare(ShareOf(load->point.buyers, buyers)),
        SayShare(ShareOf(load->point.ahead, buyers)), SayLead(load->lead, backtest.scale),
        load->tally ? SayHalves(*load->tally) : "", load->reached ? "" : "  (all there is)");
  }
}

}  // namespace

std::string SaySuppressed(const Replayed& replayed) {
  std::string text;
  for (const auto& [reason, number] : replayed.suppressed) {
    text += fmt::format("{}{} ({} times)", text.empty() ? "" : ", ", reason, number);
  }
  return text;
}

std::string SayShare(std::optional<double> share) {
  return share ? fmt::format("{:.1f} %", 100 * *share) : "-";
}

std::string SayHalves(const Tally& tally) {
  Halves halves = HalvesOf(tally);
  return fmt::format("{} -> {}", SayShare(halves.first.precision()),
                     SayShare(halves.second.precision()));
}

std::string SayLead(std::optional<Duration> lead, const TimeScale& scale) {
  if (!lead) {
    return "-";
  }

  struct Scale {
    Duration unit;
    const char* name;
  };

  constexpr Scale kScales[] = {{std::chrono::days{1}, "days"},
                               {std::chrono::hours{1}, "hours"},
                               {std::chrono::minutes{1}, "minutes"},
                               {std::chrono::seconds{1}, "seconds"}};
  const Scale* named = std::find_if(std::begin(kScales), std::end(kScales),
                                    [&](const Scale& one) { return scale.unit >= one.unit; });
  named = named == std::end(kScales) ? named - 1 : named;
  return fmt::format("{:.1f} {}",
                     static_cast<double>(lead->count()) / static_cast<double>(named->unit.count()),
                     named->name);
}

std::string SayOwner(const OwnerTally& owner) {
  return owner.owner.empty() ? "(nobody)" : owner.owner;
}

std::string SayPeriods(const Backtest& backtest) {
  double periods = backtest.calendar.periods();
  return backtest.period_name == "week"
             ? fmt::format("{:.1f} weeks", periods)
             : fmt::format("{:.1f} periods of {}", periods, backtest.period_name);
}

std::optional<double> ShareOf(double part, double whole) {
  return whole > 0 ? std::optional<double>(part / whole) : std::nullopt;
}

std::optional<Duration> QuantileOf(const std::vector<Duration>& sorted, double share) {
  if (sorted.empty()) {
    return std::nullopt;
  }
  return sorted[static_cast<size_t>(std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

Halves HalvesOf(const Tally& tally) {
  Halves halves;
  for (size_t i = 0; i < tally.periods.size(); ++i) {
    const AlertCount& count = tally.periods[i].count;
    AlertCount& half = 2 * i < tally.periods.size() ? halves.first : halves.second;
    half.alerts += count.alerts;
    half.right += count.right;
    half.false_alarms += count.false_alarms;
  }
  return halves;
}

std::string BacktestJson(const Backtest& backtest) {
  JsonWriter json;
  json.BeginObject();
  json.Field("from", backtest.calendar.from).Field("until", backtest.calendar.until);
  json.Field("time_unit", FormatDuration(backtest.scale.unit));
  json.Field("period", FormatDuration(backtest.calendar.period));
  json.Field("periods", backtest.calendar.periods());
  json.Field("maturity", FormatDuration(backtest.maturity));
  json.Field("data_hash", backtest.data_hash);
  json.Field("accounts_in_history", backtest.accounts);
  json.Field("accounts_judged", Whole(backtest.judged.accounts.size()));
  json.Field("in_sample", backtest.in_sample);
  json.Key("contenders").BeginArray();
  for (const Contender& contender : backtest.contenders) {
    json.BeginObject().Field("name", contender.name);
    json.Field("policy_version", contender.policies.version());
    json.Field("model", Whole(contender.model));
    json.Field("events", contender.replayed.events);
    json.Field("seconds", contender.replayed.seconds);
    json.Key("suppressed").BeginObject();
    for (const auto& [reason, number] : contender.replayed.suppressed) {
      json.Field(reason, number);
    }
    json.EndObject();
    json.Key("triggers");
    WriteTally(json, backtest, contender.tally);
    json.EndObject();
  }
  json.EndArray();
  json.Key("models").BeginArray();
  for (const JudgedModel& judged : backtest.models) {
    WriteModel(json, backtest, judged);
  }
  json.EndArray();
  json.Key("remarks").BeginArray();
  for (const std::string& remark : backtest.remarks) {
    json.Value(remark);
  }
  json.EndArray().EndObject();
  return std::string(json.text());
}

std::string BacktestHeadline(const Backtest& backtest) {
  const Tally& tally = backtest.contenders.front().tally;
  return fmt::format(
      "  backtest  learnt from the first accounts, tried on {} later ones ({} bought): {} "
      "triggers, "
      "{} of those decided were right\n"
      "            {} of {} buyers were flagged a day or more ahead; the first trigger came {} "
      "before the purchase (median)\n",
      tally.accounts, tally.buyers, tally.count.alerts, SayShare(tally.count.precision()),
      tally.ahead, tally.buyers, SayLead(QuantileOf(tally.leads, 0.5), backtest.scale));
}

std::string BacktestSummary(const Backtest& backtest) {
  std::string text;
  Lines out(text);
  const Tally& tally = backtest.contenders.front().tally;
  fmt::format_to(out,
                 "judged {} accounts of {} ({} bought, {} did not, {} undecided), {} to {}: "
                 "{}\n",
                 tally.accounts, backtest.accounts, tally.buyers, tally.others,
                 tally.accounts - tally.buyers - tally.others, FormatTime(backtest.calendar.from),
                 FormatTime(backtest.calendar.until), SayPeriods(backtest));
  if (backtest.in_sample) {
    fmt::format_to(out, "IN SAMPLE: the model has learnt from some of these accounts\n");
  }
  for (const Contender& contender : backtest.contenders) {
    SayContender(backtest, contender, out);
  }
  for (const JudgedModel& judged : backtest.models) {
    SayModel(backtest, judged, out);
  }
  const Replayed& replayed = backtest.contenders.front().replayed;
  fmt::format_to(out, "\nreplayed {} events (of {} rows) in {:.2f} s: {:.0f} rows/s\n",
                 replayed.events, replayed.rows, replayed.seconds,
                 static_cast<double>(replayed.rows) / std::max(replayed.seconds, 1e-9));
  return text;
}

}  // namespace hotiron
