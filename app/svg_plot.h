#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace hotiron {

// Text as HTML and SVG show it, whatever it holds.
std::string EscapeMarkup(std::string_view text);

// A plot as inline SVG. Colours come from the page: elements carry the class that is given.
// Operation: construct, draw in the order in which things lie over one another, Finish.
class SvgPlot {
 public:
  struct Axis {
    std::string label;
    double min = 0;
    double max = 1;
    // Where a mark stands, and what it says; left out, round numbers are chosen.
    std::vector<std::pair<double, std::string>> ticks{};
    bool percent = false;  // numbers are shares
  };

  struct Size {
    double width = 560;
    double height = 300;
  };

  // `title` says what is shown to those who cannot see it.
  SvgPlot(std::string_view title, Axis x, Axis y, Size size);

  using Points = std::vector<std::pair<double, double>>;

  void Line(const Points& points, std::string_view css);
  void Dot(double x, double y, std::string_view css, std::string_view hint);
  // From (x0, y0) to (x1, y1) on the axes.
  void Bar(std::pair<double, double> x, std::pair<double, double> y, std::string_view css,
           std::string_view hint);
  // From edge to edge.
  void Upright(double x, std::string_view css, std::string_view label);
  void Level(double y, std::string_view css, std::string_view label);
  void Label(double x, double y, std::string_view css, std::string_view text);

  std::string Finish();

 private:
  double X(double x) const;
  double Y(double y) const;
  void DrawAxes();

  const Axis x_;
  const Axis y_;
  const Size size_;
  std::string out_;
};

// At most about `most` round numbers between two, with their texts.
std::vector<std::pair<double, std::string>> RoundTicks(double min, double max, size_t most,
                                                       bool percent);

// Dates between two moments, at most about `most`.
std::vector<std::pair<double, std::string>> DateTicks(EventTime from, EventTime until, size_t most);

}  // namespace hotiron
