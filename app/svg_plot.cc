#include "app/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace hotiron {
namespace {

// Around the plot, for numbers and labels.
constexpr double kLeft = 64;
constexpr double kRight = 14;
constexpr double kTop = 14;
constexpr double kBottom = 44;
constexpr double kCharacter = 6.5;  // width of one, about

std::string Hint(std::string_view hint) {
  return hint.empty() ? "" : fmt::format("<title>{}</title>", EscapeMarkup(hint));
}

}  // namespace

std::string EscapeMarkup(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

SvgPlot::SvgPlot(std::string_view title, Axis x, Axis y, Size size)
    : x_(std::move(x)), y_(std::move(y)), size_(size) {
  out_ = fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\">", size.width,
                     size.height, EscapeMarkup(title));
  DrawAxes();
}

double SvgPlot::X(double x) const {
  double share = (std::clamp(x, x_.min, x_.max) - x_.min) / std::max(x_.max - x_.min, 1e-12);
  return kLeft + share * (size_.width - kLeft - kRight);
}

double SvgPlot::Y(double y) const {
  double share = (std::clamp(y, y_.min, y_.max) - y_.min) / std::max(y_.max - y_.min, 1e-12);
  return size_.height - kBottom - share * (size_.height - kTop - kBottom);
}

void SvgPlot::DrawAxes() {
  double floor = Y(y_.min);
  auto y_ticks = y_.ticks.empty() ? RoundTicks(y_.min, y_.max, 5, y_.percent) : y_.ticks;
  for (const auto& [value, text] : y_ticks) {
    out_ += fmt::format(
        "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>"
        "<text class=\"tick\" text-anchor=\"end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
        kLeft, Y(value), size_.width - kRight, kLeft - 7, Y(value) + 4, EscapeMarkup(text));
  }
  auto x_ticks = x_.ticks.empty() ? RoundTicks(x_.min, x_.max, 7, x_.percent) : x_.ticks;
  for (const auto& [value, text] : x_ticks) {
    bool at_edge = X(value) + kCharacter * static_cast<double>(text.size()) / 2 > size_.width;
    out_ += fmt::format(
        "<path class=\"axis\" d=\"M{0:.1f} {1:.1f}v4\"/>"
        "<text class=\"tick\" text-anchor=\"{4}\" x=\"{5:.1f}\" y=\"{2:.1f}\">{3}</text>",
        X(value), floor, floor + 17, EscapeMarkup(text), at_edge ? "end" : "middle",
        at_edge ? size_.width : X(value));
  }
  out_ += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kLeft, floor,
                      size_.width - kRight);
  out_ += fmt::format(
      "<text class=\"label\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
      (kLeft + size_.width - kRight) / 2, size_.height - 8, EscapeMarkup(x_.label));
  double middle = (kTop + floor) / 2;
  out_ += fmt::format(
      "<text class=\"label\" text-anchor=\"middle\" x=\"12\" y=\"{0:.1f}\" "
      "transform=\"rotate(-90 12 {0:.1f})\">{1}</text>",
      middle, EscapeMarkup(y_.label));
}

void SvgPlot::Line(const Points& points, std::string_view css) {
  std::string path;
  for (const auto& [x, y] : points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", X(x), Y(y));
  }
  out_ += fmt::format("<path class=\"line {}\" d=\"{}\"/>", css, path);
}

void SvgPlot::Dot(double x, double y, std::string_view css, std::string_view hint) {
  out_ += fmt::format("<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\">{}</circle>",
                      css, X(x), Y(y), Hint(hint));
}

void SvgPlot::Bar(std::pair<double, double> x, std::pair<double, double> y, std::string_view css,
                  std::string_view hint) {
  double width = std::max(1.0, X(x.second) - X(x.first));
  double gap = width > 6 ? 1.5 : 0.0;
  out_ += fmt::format(
      "<rect class=\"bar {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
      "height=\"{:.1f}\">{}</rect>",
      css, X(x.first) + gap / 2, Y(y.second), width - gap, std::max(0.0, Y(y.first) - Y(y.second)),
      Hint(hint));
}

void SvgPlot::Upright(double x, std::string_view css, std::string_view label) {
  out_ += fmt::format("<path class=\"rule {}\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", css, X(x), kTop,
                      Y(y_.min));
  if (!label.empty()) {
    bool left = X(x) > size_.width * 0.7;
    out_ += fmt::format(
        "<text class=\"tick {}\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", css,
        left ? "end" : "start", X(x) + (left ? -5 : 5), kTop + 9, EscapeMarkup(label));
  }
}

void SvgPlot::Level(double y, std::string_view css, std::string_view label) {
  out_ += fmt::format("<path class=\"rule {}\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", css, kLeft, Y(y),
                      size_.width - kRight);
  if (!label.empty()) {
    out_ += fmt::format(
        "<text class=\"tick {}\" text-anchor=\"end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", css,
        size_.width - kRight - 3, Y(y) - 5, EscapeMarkup(label));
  }
}

void SvgPlot::Label(double x, double y, std::string_view css, std::string_view text) {
  out_ += fmt::format("<text class=\"tick {}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", css, X(x),
                      Y(y), EscapeMarkup(text));
}

std::string SvgPlot::Finish() {
  return std::move(out_) + "</svg>";
}

std::vector<std::pair<double, std::string>> RoundTicks(double min, double max, size_t most,
                                                       bool percent) {
  std::vector<std::pair<double, std::string>> ticks;
  double rough = std::max(max - min, 1e-9) / static_cast<double>(most);
  double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power * 10;
  for (double factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= rough) {
      step = power * factor;
      break;
    }
  }
  for (double i = std::ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i += 1) {
    double value = i * step + 0.0;  // never -0
    ticks.emplace_back(
        value, percent ? fmt::format("{:.4g} %", 100 * value) : fmt::format("{:.6g}", value));
  }
  return ticks;
}

std::vector<std::pair<double, std::string>> DateTicks(EventTime from, EventTime until,
                                                      size_t most) {
  using std::chrono::days;
  using std::chrono::hours;
  using std::chrono::minutes;
  static const std::array<Duration, 18> kSteps{
      minutes{1}, minutes{5}, minutes{15}, hours{1},  hours{3},   hours{6},
      days{1},    days{2},    days{7},     days{14},  days{28},   days{56},
      days{91},   days{182},  days{364},   days{728}, days{1820}, days{3640}};
  Duration wanted = (until - from) / static_cast<int64_t>(most);
  auto step =
      std::find_if(kSteps.begin(), kSteps.end(), [&](Duration each) { return each >= wanted; });
  Duration each = step == kSteps.end() ? kSteps.back() : *step;
  std::vector<std::pair<double, std::string>> ticks;
  int64_t first = (ToMillis(from) + each.count() - 1) / each.count();
  for (int64_t i = first; i * each.count() <= ToMillis(until); ++i) {
    std::string text = FormatTime(FromMillis(i * each.count()));  // 2026-03-03T10:05:01.249Z
    ticks.emplace_back(
        static_cast<double>(i * each.count()),
        each >= days{1} ? text.substr(0, 10) : text.substr(5, 11).replace(5, 1, " "));
  }
  return ticks;
}

}  // namespace hotiron
