// The page reads from the question to the doubts: how right and how early, at what load, how the
// probabilities held, what changed over time, and then some journeys to judge by eye.

#include "app/backtest_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/backtest_text.h"
#include "app/svg_plot.h"
#include "app/version.h"
#include "processors/trained_model_file.h"

namespace hotiron {
namespace {

constexpr double kHistogramBins = 16;
constexpr size_t kLanes = 7;  // signals told apart in an example
constexpr double kLaneHeight = 25;
constexpr size_t kOpeningsShown = 6;  // of an example
constexpr size_t kOwnerRowsMax = 30;
constexpr size_t kAlertsForARate = 20;  // decided ones
constexpr size_t kEventsShown = 2'000;  // of an example

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --page: #fff; --ink: #1c2430; --soft: #5b6675; --line: #dde2e9;
  --panel: #f6f8fb; --right: #1a7f5a; --wrong: #c2452d; --open: #b4bcc8; --accent: #1f5fd1;
  --probability: #1f5fd1; --progress: #a3620a; --points: #8a4fbf; --windowed_logistic: #0d7f86;
  --count: #75808f; --recency: #b0567f; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --ink: #e6eaf0; --soft: #9aa5b4;
  --line: #2c3440; --panel: #1a2029; --right: #45b58a; --wrong: #ec7a63; --open: #566070;
  --accent: #7aa7f5; --probability: #7aa7f5; --progress: #e0a04a; --points: #c295ea;
  --windowed_logistic: #4dbcc4; --count: #93a0b2; --recency: #e493b8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 19px; margin: 40px 0 6px; }
h3 { font-size: 15px; margin: 0 0 2px; }
p { margin: 4px 0 10px; max-width: 78ch; }
.soft, figcaption { color: var(--soft); }
.warning { border-left: 4px solid var(--wrong); padding: 6px 12px; background: var(--panel); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px;
  margin: 14px 0; }
.tile { background: var(--panel); border-radius: 8px; padding: 12px 14px; }
.tile b { display: block; font-size: 21px; line-height: 1.35; }
.tile span { color: var(--soft); font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr));
  gap: 22px; }
figure { margin: 12px 0 0; min-width: 0; }
figcaption { font-size: 13px; max-width: 70ch; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11.5px system-ui, "Segoe UI", "Noto Sans", sans-serif; fill: var(--soft); }
svg .label { font-size: 12px; }
.grid { stroke: var(--line); fill: none; }
.axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke: var(--soft); stroke-width: 2; stroke-linejoin: round; }
.rule { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
.bar { fill: var(--accent); }
.dot { fill: var(--accent); stroke: var(--page); stroke-width: 1.5; }
.diagonal { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
.right { fill: var(--right); } .wrong { fill: var(--wrong); } .open { fill: var(--open); }
.alert { stroke: var(--wrong); } text.alert { fill: var(--wrong); stroke: none; }
.ended { stroke: var(--ink); } text.ended { fill: var(--ink); stroke: none; }
.seen { fill: var(--ink); stroke: none; opacity: .7; }
svg .lane { font-size: 10.5px; }
.stated { stroke: var(--accent); } .happened { stroke: var(--right); }
.dot.mark0 { fill: var(--right); } .dot.mark1 { fill: var(--wrong); }
.dot.stated { fill: var(--accent); } .dot.happened { fill: var(--right); }
.rival { opacity: .55; }
.probability { stroke: var(--probability); stroke-width: 2.75; }
.progress { stroke: var(--progress); }
.points { stroke: var(--points); } .windowed_logistic { stroke: var(--windowed_logistic); }
.count { stroke: var(--count); } .recency { stroke: var(--recency); }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft); }
.key i { display: inline-block; width: 18px; height: 0; border-top: 3px solid; margin-right: 6px;
  vertical-align: middle; }
.key i.square { width: 11px; height: 11px; border: 0; border-radius: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; margin: 8px 0; }
th, td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
.why td { white-space: normal; text-align: left; vertical-align: top; }
.why td:first-child { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; max-width: 90ch; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); }
)css";

double At(EventTime time) {
  return static_cast<double>(ToMillis(time));
}

std::string Day(EventTime time) {
  return FormatTime(time).substr(0, 10);
}

// A round number that is at least this.
double RoundUp(double number) {
  double power = std::pow(10.0, std::floor(std::log10(std::max(number, 1e-9))));
  for (double factor : {1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0}) {
    if (power * factor >= number) {
      return power * factor;
    }
  }
  return power * 10;
}

std::string_view WordsOf(Scorer scorer) {
  switch (scorer) {
    case Scorer::kProbability:
      return "probability (the model)";
    case Scorer::kProgress:
      return "progress";
    case Scorer::kPoints:
      return "points";
    case Scorer::kWindowed:
      return "logistic on windowed counts";
    case Scorer::kCount:
      return "number of events";
    case Scorer::kRecency:
      return "recency";
  }
  return "";
}

class Page {
 public:
  explicit Page(const Backtest& backtest)
      : backtest_(backtest),
        periods_(backtest.calendar.periods()),
        period_(backtest.period_name),
        unit_(backtest.scale.unit == std::chrono::days{1}
                  ? "days"
                  : "units of " + FormatDuration(backtest.scale.unit)),
        buyers_(static_cast<double>(backtest.contenders.front().tally.buyers)) {}

  std::string Write() {
    out_ = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\"><title>Hotiron backtest</title><style>{}</style></head>"
        "<body><main>",
        kStyle);
    Head();
    for (const Contender& contender : backtest_.contenders) {
      Headline(contender);
    }
    Timelines();
    Loads();
    for (const JudgedModel& judged : backtest_.models) {
      Calibrations(judged);
    }
    Owners();
    Examples();
    Meaning();
    out_ += "</main></body></html>\n";
    return std::move(out_);
  }

 private:
  void Head() {
    const Tally& tally = backtest_.contenders.front().tally;
    out_ += fmt::format(
        "<h1>Would these triggers have been right?</h1><p class=\"soft\">{} accounts that started "
        "from {} on, judged as known on {} ({}): {} bought, {} did not, {} are "
        "undecided.</p>",
        tally.accounts, Day(backtest_.calendar.from), Day(backtest_.calendar.until),
        SayPeriods(backtest_), tally.buyers, tally.others,
        tally.accounts - tally.buyers - tally.others);
    if (backtest_.in_sample) {
      out_ +=
          "<p class=\"warning\"><b>In sample.</b> The model has learnt from some of these "
          "accounts: its figures flatter it.</p>";
    }
  }

  void Tile(std::string_view value, std::string_view words) {
    out_ += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", EscapeMarkup(value),
                        EscapeMarkup(words));
  }

  void Headline(const Contender& contender) {
    const Tally& tally = contender.tally;
    out_ += fmt::format("<h2>{}</h2><div class=\"tiles\">", EscapeMarkup(contender.name));
    Tile(SayShare(tally.count.precision()),
         fmt::format("precision: {} right, {} false alarms, {} undecided", tally.count.right,
                     tally.count.false_alarms, tally.count.undecided()));
    Tile(SayShare(ShareOf(static_cast<double>(tally.ahead), buyers_)),
         fmt::format("of buyers flagged at least {} ahead; {} at any time",
                     FormatDuration(backtest_.scale.unit),
                     SayShare(ShareOf(static_cast<double>(tally.flagged_buyers), buyers_))));
    Tile(SayLead(QuantileOf(tally.leads, 0.5), backtest_.scale),
         "median lead, from the first trigger to the purchase");
    Tile(fmt::format("{:.1f}", static_cast<double>(tally.count.alerts) / periods_),
         fmt::format("triggers per {}, {:.1f} of them false alarms", period_,
                     static_cast<double>(tally.count.false_alarms) / periods_));
    Halves halves = HalvesOf(tally);
    Tile(fmt::format("{} → {}", SayShare(halves.first.precision()),
                     SayShare(halves.second.precision())),
         "drift: precision in the first half and in the second");
    if (tally.stated.number > 0) {
      Tile(fmt::format("{} → {}", SayShare(tally.stated.stated), SayShare(tally.stated.happened)),
           "what triggers stated on average, and what came true");
    }
    out_ += "</div>";
    if (!contender.replayed.suppressed.empty()) {
      out_ += fmt::format(
          "<p class=\"soft\">Kept back although the level was reached: {}. So a policy's triggers "
          "may lie below the curve of its score.</p>",
          EscapeMarkup(SaySuppressed(contender.replayed)));
    }
    Policies(tally);
    if (tally.count.alerts > 0) {
      return;
    }
    out_ += "<p class=\"warning\">No trigger opened. ";
    for (const std::string& remark : backtest_.remarks) {
      if (remark.rfind("no trigger opened", 0) == 0) {
        out_ += EscapeMarkup(remark) + ".";
      }
    }
    out_ += "</p>";
  }

  // What each policy of a file with several did.
  void Policies(const Tally& tally) {
    if (tally.policies.size() < 2) {
      return;
    }
    out_ += fmt::format(
        "<div class=\"scroll\"><table><tr><th>policy</th><th>triggers</th><th>per {}</th>"
        "<th>precision</th></tr>",
        period_);
    for (const auto& [policy, count] : tally.policies) {
      out_ += fmt::format(
          "<tr><td>{}</td><td>{}</td><td>{:.1f}</td><td>{}</td></tr>", EscapeMarkup(policy),
          count.alerts, static_cast<double>(count.alerts) / periods_, SayShare(count.precision()));
    }
    out_ += "</table></div>";
  }

  void Figure(std::string_view heading, const std::string& svg, std::string_view caption,
              std::string_view key = "") {
    out_ += fmt::format("<figure><h3>{}</h3>{}{}<figcaption>{}</figcaption></figure>",
                        EscapeMarkup(heading), key, svg, caption);
  }

  void Timelines() {
    out_ += fmt::format("<h2>How early, and when</h2><div class=\"plots\">");
    for (const Contender& contender : backtest_.contenders) {
      std::string of = backtest_.contenders.size() > 1 ? ": " + contender.name : "";
      LeadHistogram(contender.tally, of);
      Timeline(contender.tally, of);
    }
    out_ += "</div>";
  }

  void LeadHistogram(const Tally& tally, const std::string& of) {
    if (tally.leads.empty()) {
      out_ +=
          fmt::format("<p class=\"soft\">No buyer was flagged{}: there is no lead time.</p>", of);
      return;
    }
    double longest = backtest_.scale.UnitsIn(*QuantileOf(tally.leads, 0.98));
    double width = RoundUp(std::max(longest, 1e-3) / kHistogramBins);
    size_t bins = static_cast<size_t>(longest / width) + 1;
    std::vector<size_t> counts(bins, 0);
    std::vector<size_t> late(bins, 0);
    for (Duration lead : tally.leads) {
      size_t bin = std::min(static_cast<size_t>(backtest_.scale.UnitsIn(lead) / width), bins - 1);
      ++counts[bin];
      late[bin] += lead < backtest_.scale.unit ? 1U : 0U;
    }
    double highest = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
    SvgPlot plot("Lead times of flagged buyers",
                 {.label = unit_ + " from the first trigger to the purchase",
                  .min = 0,
                  .max = width * static_cast<double>(bins)},
                 {.label = "buyers", .min = 0, .max = RoundUp(highest)}, {});
    for (size_t i = 0; i < bins; ++i) {
      double from = width * static_cast<double>(i);
      double too_late = static_cast<double>(late[i]);
      std::string hint =
          fmt::format("{:g} to {:g} {}: {} buyers", from, from + width, unit_, counts[i]);
      plot.Bar({from, from + width}, {0, too_late}, "open", hint);
      plot.Bar({from, from + width}, {too_late, static_cast<double>(counts[i])}, "right", hint);
    }
    plot.Upright(backtest_.scale.UnitsIn(*QuantileOf(tally.leads, 0.5)), "ended", "median");
    Figure(
        "Lead time" + of, plot.Finish(),
        fmt::format("{} of {} buyers were flagged. Grey: less than {} ahead, too late to matter; "
                    "the last bar holds all that is longer.",
                    tally.flagged_buyers, tally.buyers, FormatDuration(backtest_.scale.unit)));
  }

  void Timeline(const Tally& tally, const std::string& of) {
    double highest = 1;
    for (const PeriodTally& period : tally.periods) {
      highest = std::max(highest, static_cast<double>(period.count.alerts));
    }
    const Calendar& calendar = backtest_.calendar;
    EventTime from = calendar.StartOf(tally.periods.front().period);
    EventTime until = calendar.StartOf(tally.periods.back().period + 1);
    SvgPlot plot("Triggers by " + period_,
                 {.label = period_ == "week" ? "week" : "period of " + period_,
                  .min = At(from),
                  .max = At(until),
                  .ticks = DateTicks(from, until, 6)},
                 {.label = "triggers", .min = 0, .max = RoundUp(highest)}, {});
    for (const PeriodTally& period : tally.periods) {
      std::pair<double, double> x{At(calendar.StartOf(period.period)),
                                  At(calendar.StartOf(period.period + 1))};
      std::string hint = fmt::format(
          "from {}: {} right, {} false alarms, {} undecided, precision {}",
          Day(calendar.StartOf(period.period)), period.count.right, period.count.false_alarms,
          period.count.undecided(), SayShare(period.count.precision()));
      double right = static_cast<double>(period.count.right);
      double wrong = right + static_cast<double>(period.count.false_alarms);
      plot.Bar(x, {0, right}, "right", hint);
      plot.Bar(x, {right, wrong}, "wrong", hint);
      plot.Bar(x, {wrong, static_cast<double>(period.count.alerts)}, "open", hint);
    }
    Figure("Triggers by " + period_ + of, plot.Finish(),
           "Undecided: the account is still open and young. The last periods therefore look better "
           "or worse than they will.",
           Key({{"right", "right: bought afterwards"},
                {"wrong", "false alarm"},
                {"open", "undecided"}},
               true));
  }

  static std::string Key(const std::vector<std::pair<std::string, std::string>>& entries,
                         bool squares) {
    std::string key = "<div class=\"key\">";
    for (const auto& [colour, words] : entries) {
      key += fmt::format("<span><i{} style=\"{}:var(--{})\"></i>{}</span>",
                         squares ? " class=\"square\"" : "",
                         squares ? "background" : "border-color", colour, words);
    }
    return key + "</div>";
  }

  // Where the curves are cut: a team is seldom after thrice what it can take.
  double LoadShown() const {
    double load = 1;
    double most = 1;
    for (const JudgedModel& judged : backtest_.models) {
      for (const JudgedModel::AtLoad& at : judged.loads) {
        load = std::max(load, at.per_period * 3);
      }
      for (const JudgedModel::Curve& curve : judged.curves) {
        if (!curve.points.empty()) {
          most = std::max(most, curve.points.back().flagged / periods_);
        }
      }
    }
    for (const Contender& contender : backtest_.contenders) {
      load = std::max(load, static_cast<double>(contender.tally.flagged) / periods_ * 1.1);
    }
    return RoundUp(std::min(load, most));
  }

  void Loads() {
    out_ +=
        "<h2>Precision against load</h2><p>Had each account been flagged once, when a score first "
        "reached a threshold: every point of a curve is a threshold. Compare scores above one "
        "another, at the same load.</p><div class=\"plots\">";
    double most = LoadShown();
    for (const JudgedModel& judged : backtest_.models) {
      std::string of = Of(judged);
      LoadPlot(judged, "Precision" + of, "precision", most,
               [](const SweepPoint& point) { return point.precision(); });
      LoadPlot(judged, "Buyers flagged ahead" + of,
               fmt::format("buyers flagged {} ahead", FormatDuration(backtest_.scale.unit)), most,
               [this](const SweepPoint& point) { return ShareOf(point.ahead, buyers_); });
    }
    out_ += "</div>";
    for (const JudgedModel& judged : backtest_.models) {
      LoadTable(judged);
    }
    out_ += "<div class=\"plots\">";
    for (const JudgedModel& judged : backtest_.models) {
      for (double load : LoadsWithTally(judged)) {
        LeadCurves(judged, load);
        PrecisionOverTime(judged, load);
      }
    }
    out_ += "</div>";
  }

  // What a heading says where there are two models.
  std::string Of(const JudgedModel& judged) const {
    return backtest_.models.size() > 1 ? ": " + judged.name : "";
  }

  static std::vector<double> LoadsWithTally(const JudgedModel& judged) {
    std::vector<double> loads;
    for (const JudgedModel::AtLoad& at : judged.loads) {
      if (at.tally && std::find(loads.begin(), loads.end(), at.per_period) == loads.end()) {
        loads.push_back(at.per_period);
      }
    }
    return loads;
  }

  // Every score at the same load: which share of the buyers it flagged so long ahead.
  void LeadCurves(const JudgedModel& judged, double load) {
    constexpr int kSteps = 60;
    std::vector<std::pair<std::string, std::string>> key;
    std::vector<std::pair<Scorer, const std::vector<Duration>*>> leads;
    double longest = 1;
    for (const JudgedModel::AtLoad& at : judged.loads) {
      if (at.tally && at.per_period == load && !at.tally->leads.empty()) {
        key.emplace_back(NameOf(at.scorer), WordsOf(at.scorer));
        leads.emplace_back(at.scorer, &at.tally->leads);
        longest = std::max(longest, backtest_.scale.UnitsIn(*QuantileOf(at.tally->leads, 0.95)));
      }
    }
    if (leads.empty()) {
      return;
    }
    longest = RoundUp(longest);
    SvgPlot plot("Buyers flagged so long ahead",
                 {.label = unit_ + " before the purchase, or more", .min = 0, .max = longest},
                 {.label = "of all buyers", .min = 0, .max = 1, .percent = true}, {});
    for (auto line = leads.rbegin(); line != leads.rend(); ++line) {
      SvgPlot::Points points;
      for (int i = 0; i <= kSteps; ++i) {
        double units = longest * i / kSteps;
        auto early = std::count_if(line->second->begin(), line->second->end(), [&](Duration lead) {
          return backtest_.scale.UnitsIn(lead) >= units;
        });
        points.emplace_back(units, static_cast<double>(early) / std::max(buyers_, 1.0));
      }
      plot.Line(points, NameOf(line->first));
    }
    Figure(fmt::format("Lead time, at {:.4g} accounts flagged per {}{}", load, period_, Of(judged)),
           plot.Finish(), "How early each score would have flagged those who bought.",
           Key(key, false));
  }

  // Every score at the same load, as time goes on.
  void PrecisionOverTime(const JudgedModel& judged, double load) {
    const Calendar& calendar = backtest_.calendar;
    std::vector<std::pair<std::string, std::string>> key;
    std::vector<std::pair<Scorer, SvgPlot::Points>> lines;
    double highest = 0.05;
    EventTime until = calendar.from + Duration{1};
    for (const JudgedModel::AtLoad& at : judged.loads) {
      if (!at.tally || at.per_period != load) {
        continue;
      }
      SvgPlot::Points points;
      AlertCount so_far;
      for (const PeriodTally& period : at.tally->periods) {
        so_far.right += period.count.right;
        so_far.false_alarms += period.count.false_alarms;
        so_far.alerts += period.count.alerts;
        if (so_far.right + so_far.false_alarms >= kAlertsForARate) {
          double precision = *so_far.precision();
          highest = std::max(highest, precision);
          points.emplace_back(At(calendar.StartOf(period.period + 1)), precision);
          so_far = {};
        }
      }
      until = std::max(until, calendar.StartOf(at.tally->periods.back().period + 1));
      if (points.size() > 1) {
        key.emplace_back(NameOf(at.scorer), WordsOf(at.scorer));
        lines.emplace_back(at.scorer, std::move(points));
      }
    }
    if (lines.empty()) {
      return;
    }
    SvgPlot plot(
        "Precision over time",
        {.label = "",
         .min = At(calendar.from),
         .max = At(until),
         .ticks = DateTicks(calendar.from, until, 6)},
        {.label = "precision", .min = 0, .max = std::min(1.0, RoundUp(highest)), .percent = true},
        {});
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      plot.Line(line->second, NameOf(line->first));
    }
    Figure(
        fmt::format("Precision over time, at {:.4g} accounts flagged per {}{}", load, period_,
                    Of(judged)),
        plot.Finish(),
        fmt::format("A point for every {} or more alerts whose outcome is known.", kAlertsForARate),
        Key(key, false));
  }

  // Where a curve begins: with a small part of what the highest threshold flags.
  static SweepPoint FirstFew(const SweepPoint& point) {
    constexpr double kFew = 1e-6;
    return {.threshold = point.threshold,
            .flagged = kFew * point.flagged,
            .buyers = kFew * point.buyers,
            .ahead = kFew * point.ahead,
            .false_alarms = kFew * point.false_alarms};
  }

  // What its triggers did, as a point of a curve.
  static SweepPoint ReachedBy(const Contender& contender) {
    const Tally& tally = contender.tally;
    return {.flagged = static_cast<double>(tally.flagged),
            .buyers = static_cast<double>(tally.count.right),
            .ahead = static_cast<double>(tally.ahead),
            .false_alarms = static_cast<double>(tally.count.false_alarms)};
  }

  template <typename Value>
  void LoadPlot(const JudgedModel& judged, const std::string& heading, const std::string& label,
                double most, const Value& value) {
    double highest = 0.05;
    std::vector<std::pair<std::string, std::string>> key;
    for (const JudgedModel::Curve& curve : judged.curves) {
      key.emplace_back(NameOf(curve.scorer), WordsOf(curve.scorer));
      for (const SweepPoint& point : curve.points) {
        if (point.flagged / periods_ <= most) {
          highest = std::max(highest, value(point).value_or(0));
        }
      }
    }
    for (const Contender& contender : backtest_.contenders) {
      highest = std::max(highest, value(ReachedBy(contender)).value_or(0));
    }
    SvgPlot plot(
        heading, {.label = "accounts flagged per " + period_, .min = 0, .max = most},
        {.label = label, .min = 0, .max = std::min(1.0, RoundUp(highest)), .percent = true}, {});
    // The model's own curve lies on top.
    for (auto curve = judged.curves.rbegin(); curve != judged.curves.rend(); ++curve) {
      SvgPlot::Points points;
      auto add = [&](const SweepPoint& point) {
        std::optional<double> y = value(point);
        if (y && (points.empty() || points.back().first <= most)) {
          points.emplace_back(point.flagged / periods_, *y);
        }
      };
      if (!curve->points.empty()) {
        add(FirstFew(curve->points.front()));
      }
      for (const SweepPoint& point : curve->points) {
        add(point);
      }
      if (points.size() > 1 && points.back().first > most) {
        auto& last = points.back();
        const auto& before = points[points.size() - 2];
        double share = (most - before.first) / (last.first - before.first);
        last = {most, before.second + share * (last.second - before.second)};
      }
      plot.Line(points, NameOf(curve->scorer));
    }
    std::string dots;
    for (size_t i = 0; i < backtest_.contenders.size(); ++i) {
      const Contender& contender = backtest_.contenders[i];
      SweepPoint reached = ReachedBy(contender);
      std::optional<double> y = value(reached);
      if (y && reached.flagged > 0 && &backtest_.models[contender.model] == &judged) {
        plot.Dot(reached.flagged / periods_, *y, fmt::format("mark{}", i), contender.name);
        dots += fmt::format("{} dot: what the triggers of {} did. ", i == 0 ? "Green" : "Red",
                            EscapeMarkup(contender.name));
      }
    }
    Figure(heading, plot.Finish(),
           dots + "Where scores are equal, the curve is what drawing lots among them gives.",
           Key(key, false));
  }

  void LoadTable(const JudgedModel& judged) {
    std::vector<JudgedModel::AtLoad> loads = judged.loads;
    std::stable_sort(loads.begin(), loads.end(),
                     [](const JudgedModel::AtLoad& a, const JudgedModel::AtLoad& b) {
                       return a.false_alarms != b.false_alarms ? a.false_alarms < b.false_alarms
                                                               : a.per_period < b.per_period;
                     });
    out_ += "<div class=\"scroll\"><table>";
    std::string before;
    for (const JudgedModel::AtLoad& load : loads) {
      std::string at =
          fmt::format("at {:.4g} {} per {}", load.per_period,
                      load.false_alarms ? "false alarms" : "accounts flagged", period_);
      if (at != before) {
        out_ += fmt::format(
            "<tr><th>{}</th><th>threshold</th><th>precision</th><th>false alarms</th>"
            "<th>buyers flagged</th><th>{} ahead</th><th>{}</th><th>{}</th></tr>",
            at, FormatDuration(backtest_.scale.unit),
            load.tally ? "lead: quartiles" : "lead: median",
            load.tally ? "drift of precision" : "");
        before = at;
      }
      out_ += fmt::format(
          "<tr><td>{}{}</td><td>{:.4g}</td><td>{}</td><td>{:.1f}</td><td>{}</td><td>{}</td>"
          "<td>{}</td><td>{}</td></tr>",
          WordsOf(load.scorer), load.reached ? "" : " (all there is)", load.point.threshold,
          SayShare(load.point.precision()), load.point.false_alarms / periods_,
          SayShare(ShareOf(load.point.buyers, buyers_)),
          SayShare(ShareOf(load.point.ahead, buyers_)), SayLeads(load),
          load.tally ? SayHalves(*load.tally) : "");
    }
    out_ += "</table></div>";
  }

  // The middle half of the lead times and their median; of a load without a tally the median.
  std::string SayLeads(const JudgedModel::AtLoad& load) const {
    if (!load.tally || load.tally->leads.empty()) {
      return SayLead(load.lead, backtest_.scale);
    }
    auto units = [&](double share) {
      return backtest_.scale.UnitsIn(*QuantileOf(load.tally->leads, share));
    };
    return fmt::format("{:.1f} · <b>{:.1f}</b> · {:.1f} {}", units(0.25), units(0.5), units(0.75),
                       unit_);
  }

  void Calibrations(const JudgedModel& judged) {
    out_ += fmt::format("<h2>Do the probabilities hold?</h2><p class=\"soft\">{}</p>",
                        EscapeMarkup(judged.name));
    if (!judged.trained) {
      out_ += "<p>There is no model: points and progress are evidence, not odds.</p>";
      return;
    }
    out_ += fmt::format(
        "<div class=\"scroll\"><table><tr><th>bought within</th><th>forecasts</th><th>came "
        "true</th><th>AUC</th><th>Brier</th><th>ECE</th><th>gate</th></tr>");
    auto row = [&](const Calibration& calibration, std::string_view gate) {
      const ForecastQuality& quality = calibration.quality;
      auto say = [](const std::optional<double>& number) {
        return number ? fmt::format("{:.3f}", *number) : std::string("-");
      };
      out_ += fmt::format(
          "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
          SayHorizon(calibration.horizon), quality.number, SayShare(quality.base_rate),
          say(quality.auc), say(quality.brier), say(quality.ece), gate);
    };
    for (size_t i = 0; i < judged.calibrations.size(); ++i) {
      row(judged.calibrations[i],
          judged.trained->heads[i].gate.open ? "open" : "closed: no demonstrated skill");
    }
    if (judged.windowed) {
      row(*judged.windowed, "of the logistic on windowed counts, which has none");
    }
    out_ += "</table></div>";
    const Calibration& calibration = judged.calibrations[judged.head];
    if (calibration.bins.empty()) {
      out_ += "<p class=\"soft\">No forecast has an outcome that is known.</p>";
      return;
    }
    out_ += "<div class=\"plots\">";
    Reliability(calibration);
    Drift(calibration);
    out_ += "</div>";
  }

  void Reliability(const Calibration& calibration) {
    double highest = 0.01;
    for (const ReliabilityBin& bin : calibration.bins) {
      highest = std::max({highest, bin.stated, bin.happened});
    }
    highest = std::min(1.0, RoundUp(highest * 1.02));
    SvgPlot plot("Stated probability against what came true",
                 {.label = "stated", .min = 0, .max = highest, .percent = true},
                 {.label = "came true", .min = 0, .max = highest, .percent = true}, {});
    plot.Line({{0, 0}, {highest, highest}}, "diagonal");
    SvgPlot::Points points;
    for (const ReliabilityBin& bin : calibration.bins) {
      points.emplace_back(bin.stated, bin.happened);
    }
    plot.Line(points, "stated");
    for (const ReliabilityBin& bin : calibration.bins) {
      plot.Dot(bin.stated, bin.happened, "stated",
               fmt::format("stated {}, came true {}, of {}", SayShare(bin.stated),
                           SayShare(bin.happened), bin.number));
    }
    Figure("Bought within " + SayHorizon(calibration.horizon), plot.Finish(),
           fmt::format("Every open account at the beginning of every {}, in tenths by probability. "
                       "On the dashed line what was stated came true.",
                       period_));
  }

  void Drift(const Calibration& calibration) {
    double highest = 0.01;
    SvgPlot::Points stated;
    SvgPlot::Points happened;
    for (const ForecastPeriod& period : calibration.periods) {
      highest = std::max({highest, period.stated, period.happened});
      double x = At(backtest_.calendar.StartOf(period.period));
      stated.emplace_back(x, period.stated);
      happened.emplace_back(x, period.happened);
    }
    EventTime from = backtest_.calendar.StartOf(calibration.periods.front().period);
    EventTime until = backtest_.calendar.StartOf(calibration.periods.back().period);
    SvgPlot plot("Stated and true shares over time",
                 {.label = "forecasts of the " + period_,
                  .min = At(from),
                  .max = At(std::max(until, from + Duration{1})),
                  .ticks = DateTicks(from, until, 6)},
                 {.label = "share that buys",
                  .min = 0,
                  .max = std::min(1.0, RoundUp(highest)),
                  .percent = true},
                 {});
    plot.Line(happened, "happened");
    plot.Line(stated, "stated");
    for (const ForecastPeriod& period : calibration.periods) {
      double x = At(backtest_.calendar.StartOf(period.period));
      plot.Dot(x, period.happened, "happened",
               fmt::format("{}: {} came true, {} was stated, of {}",
                           Day(backtest_.calendar.StartOf(period.period)),
                           SayShare(period.happened), SayShare(period.stated), period.number));
    }
    Figure("Over time", plot.Finish(),
           "Where the two part for good, the model describes a market that is no more: train it "
           "anew.",
           Key({{"accent", "stated, on average"}, {"right", "came true"}}, false));
  }

  void Owners() {
    const Contender& contender = backtest_.contenders.front();
    if (contender.tally.owners.empty()) {
      return;
    }
    out_ += fmt::format(
        "<h2>Load by owner{0}</h2><div class=\"scroll\"><table><tr><th>owner</th><th>triggers</th>"
        "<th>per {1}</th><th>most in a {1}</th><th>precision</th></tr>",
        backtest_.contenders.size() > 1 ? ": " + EscapeMarkup(contender.name) : "", period_);
    for (size_t i = 0; i < std::min(contender.tally.owners.size(), kOwnerRowsMax); ++i) {
      const OwnerTally& owner = contender.tally.owners[i];
      out_ += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.1f}</td><td>{}</td><td>{}</td></tr>",
                          EscapeMarkup(SayOwner(owner)), owner.count.alerts,
                          static_cast<double>(owner.count.alerts) / periods_, owner.most,
                          SayShare(owner.count.precision()));
    }
    out_ += "</table></div>";
    if (contender.tally.owners.size() > kOwnerRowsMax) {
      out_ += fmt::format("<p class=\"soft\">and {} more, with fewer triggers</p>",
                          contender.tally.owners.size() - kOwnerRowsMax);
    }
  }

  void Examples() {
    out_ +=
        "<h2>Journeys</h2><p>Each dot is an event, by signal; the line is what was known then."
        "</p><div class=\"plots\">";
    for (const Contender& contender : backtest_.contenders) {
      for (const Example& example : contender.examples) {
        ShowExample(contender, example);
      }
    }
    out_ += "</div>";
  }

  void ShowExample(const Contender& contender, const Example& example) {
    const PastAccount& account = backtest_.judged.accounts[example.account];
    const JudgedModel& judged = backtest_.models[contender.model];
    EventTime from = account.events.front().time;
    EventTime until =
        std::min(account.closed.value_or(backtest_.calendar.until), backtest_.calendar.until);
    double highest = judged.trained ? 0.02 : 1;
    for (double value : example.course.values) {
      highest = std::max(highest, value);
    }
    highest = judged.trained ? std::min(1.0, RoundUp(highest)) : RoundUp(highest);
    // The upper part is the course; below it every signal has a lane.
    std::vector<uint32_t> lanes = LanesOf(account);
    double course = 170;  // of the plot's height, and kLaneHeight for each lane
    double lane = highest * kLaneHeight / course;
    double floor = -lane * (static_cast<double>(lanes.size()) + 0.4);
    std::vector<std::pair<double, std::string>> ticks =
        RoundTicks(0, highest, 4, judged.trained.has_value());
    SvgPlot plot(
        "Journey of one account",
        {.label = "",
         .min = At(from),
         .max = At(std::max(until, from + Duration{1})),
         .ticks = DateTicks(from, until, 5)},
        {.label = judged.trained
                      ? "P(" + SayHorizon(judged.trained->heads[judged.head].horizon) + ")"
                      : "points",
         .min = floor,
         .max = highest,
         .ticks = ticks},
        {.width = 560, .height = course + 70 + kLaneHeight * static_cast<double>(lanes.size())});
    size_t shown = std::min(account.events.size(), kEventsShown);
    for (size_t i = 0; i < shown; ++i) {
      auto at = std::find(lanes.begin(), lanes.end(), account.events[i].signal);
      double y = -lane * (static_cast<double>(at - lanes.begin()) + 1);
      plot.Dot(At(account.events[i].time), y, "seen",
               backtest_.judged.signals[account.events[i].signal]);
    }
    for (size_t i = 0; i < lanes.size(); ++i) {
      plot.Label(At(from) + 0.012 * (At(until) - At(from)), -lane * (static_cast<double>(i) + 0.52),
                 "lane", LaneName(lanes[i]));
    }
    SvgPlot::Points points;
    for (size_t i = 0; i < example.course.times.size(); ++i) {
      points.emplace_back(At(example.course.times[i]), example.course.values[i]);
    }
    plot.Line(points, judged.trained ? "probability" : "points");
    std::string_view shown_measure = judged.trained ? "probability" : "points";
    if (!example.openings.empty() && example.openings.front().measure == shown_measure) {
      plot.Level(example.openings.front().threshold, "alert", "threshold");
    }
    for (const Opening& opening : example.openings) {
      plot.Upright(At(opening.alert.opened), "alert", opening.alert.policy);
    }
    bool bought = backtest_.endings[example.account] == Ending::kBought;
    if (account.closed) {
      plot.Upright(At(*account.closed), "ended", bought ? "bought" : "closed");
    }
    std::string caption =
        fmt::format("Account {}, {} to {}.", EscapeMarkup(account.name), Day(from), Day(until));
    if (shown < account.events.size()) {
      caption += fmt::format(" The first {} of {} events.", shown, account.events.size());
    }
    Figure(example.title, plot.Finish(), caption + Reasons(example));
  }

  std::string LaneName(uint32_t signal) const {
    if (signal == kOtherLane) {
      return "other signals";
    }
    return backtest_.judged.signals[signal];
  }

  // The most frequent signals of an account, the first seen first; what is left shares one lane.
  static std::vector<uint32_t> LanesOf(const PastAccount& account) {
    std::map<uint32_t, size_t> counts;
    std::vector<uint32_t> lanes;
    for (const PastEvent& event : account.events) {
      if (counts[event.signal]++ == 0) {
        lanes.push_back(event.signal);
      }
    }
    while (lanes.size() > kLanes) {
      lanes.erase(std::min_element(lanes.begin(), lanes.end(),
                                   [&](uint32_t a, uint32_t b) { return counts[a] < counts[b]; }));
    }
    if (counts.size() > lanes.size()) {
      lanes.push_back(kOtherLane);
    }
    return lanes;
  }

  static std::string Reasons(const Example& example) {
    if (example.openings.empty()) {
      return "";
    }
    std::string table = "<div class=\"scroll\"><table class=\"why\">";
    for (size_t i = 0; i < std::min(example.openings.size(), kOpeningsShown); ++i) {
      const Opening& opening = example.openings[i];
      table += fmt::format("<tr><td>{}</td><td>{}{}</td></tr>",
                           FormatTime(opening.alert.opened).substr(0, 16).replace(10, 1, " "),
                           EscapeMarkup(opening.why),
                           opening.alert.probability
                               ? fmt::format(" <b>{}</b>", SayShare(opening.alert.probability))
                               : "");
    }
    return table + "</table></div>";
  }

  void Meaning() {
    out_ += "<h2>What the words mean</h2><dl>";
    auto say = [&](std::string_view word, const std::string& meaning) {
      out_ += fmt::format("<dt>{}</dt><dd>{}</dd>", word, EscapeMarkup(meaning));
    };
    say("right", "a trigger that opened before its account bought, however long before");
    say("false alarm",
        fmt::format("a trigger on an account that did not buy: it was lost, or was still open at "
                    "the end of the history and older than {}, by when 95 % of outcomes have come",
                    SayLead(backtest_.maturity, backtest_.scale)));
    say("undecided", "a trigger on an account that is open and younger; it counts nowhere else");
    say("precision", "right / (right + false alarms)");
    say("lead time", "from an account's first trigger to its purchase");
    say("ECE", "mean gap between stated and true rates, over tenths of the forecasts");
    out_ += "</dl>";
    if (!backtest_.remarks.empty()) {
      out_ += "<h2>What was left out, and why</h2><ul class=\"soft\">";
      for (const std::string& remark : backtest_.remarks) {
        out_ += fmt::format("<li>{}</li>", EscapeMarkup(remark));
      }
      out_ += "</ul>";
    }
    const Replayed& replayed = backtest_.contenders.front().replayed;
    out_ += fmt::format(
        "<p class=\"soft\">hotiron {} backtest; data {}; {} events replayed through the live "
        "pipeline's own core. Masks, outcomes and limits: docs/MODEL.md.</p>",
        kVersion, backtest_.data_hash, replayed.events);
  }

  static constexpr uint32_t kOtherLane = UINT32_MAX;

  const Backtest& backtest_;
  const double periods_;
  const std::string period_;
  const std::string unit_;
  const double buyers_;
  std::string out_;
};

}  // namespace

std::string BacktestReport(const Backtest& backtest) {
  return Page(backtest).Write();
}

}  // namespace hotiron
