#include "processors/curve.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace hotiron {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

// "03-01 10:00 40 | 03-01 11:00 20"
std::string Drawn(const Curve& curve) {
  std::string line;
  for (const CurvePoint& point : curve.Points()) {
    line += fmt::format("{}{} {}", line.empty() ? "" : " | ", Short(point.time), point.progress);
  }
  return line;
}

TEST(Curve, IsWhatWasTold) {
  Curve curve;
  curve.Note({.time = At("03-01 10:00"), .progress = 12.3, .points = 4.56});
  curve.Note({.time = At("03-01 11:00"),
              .progress = 40,
              .points = 20,
              .chances = {0.2, std::nullopt, 0.004}});
  ASSERT_EQ(Drawn(curve), "03-01 10:00 12.5 | 03-01 11:00 40");
  std::vector<CurvePoint> points = curve.Points();
  EXPECT_NEAR(points[0].points, 4.6, 1e-9);
  EXPECT_EQ(points[0].chances[0], std::nullopt);
  EXPECT_NEAR(*points[1].chances[0], 0.2, 0.005);
  EXPECT_EQ(points[1].chances[1], std::nullopt);
  EXPECT_NEAR(*points[1].chances[2], 0.004, 0.0002);  // a rare purchase is told as finely
}

TEST(Curve, TheLastWordOfAMinuteCounts) {
  Curve curve;
  curve.Note({.time = At("03-01 10:00"), .progress = 10});
  curve.Note({.time = At("03-01 10:00") + std::chrono::seconds{30}, .progress = 50});
  EXPECT_EQ(Drawn(curve), "03-01 10:00 50");
}

TEST(Curve, ChancesOfOtherHorizonsGo) {
  Curve curve;
  curve.Note({.time = At("03-01 10:00"), .progress = 10, .chances = {0.2}, .horizons = 7});
  curve.Note({.time = At("03-01 11:00"), .progress = 20});  // no model was in force
  EXPECT_TRUE(curve.Points()[0].chances[0]);
  curve.Note({.time = At("03-01 12:00"), .progress = 30, .chances = {0.4}, .horizons = 8});
  EXPECT_FALSE(curve.Points()[0].chances[0]);
  EXPECT_TRUE(curve.Points()[2].chances[0]);
}

TEST(Curve, WhatIsBeforeTheLastPointSaysNothing) {
  Curve curve;
  curve.Note({.time = At("03-01 10:00"), .progress = 10});
  curve.Note({.time = At("02-01 10:00"), .progress = 50});
  EXPECT_EQ(Drawn(curve), "03-01 10:00 10");
}

TEST(Curve, WhileNothingMovesTwoPointsAreEnough) {
  Curve curve;
  for (int hour = 0; hour < 50; ++hour) {
    curve.Note({.time = At("03-01 00:00") + hours{hour}, .progress = 30 + hour % 2 * 0.5});
  }
  EXPECT_EQ(Drawn(curve), "03-01 00:00 30 | 03-03 01:00 30.5");
  // Progress may stay where it is while the chance of buying moves: that is a point, too.
  curve.Note({.time = At("03-03 02:00"), .progress = 30, .chances = {0.2}});
  curve.Note({.time = At("03-03 03:00"), .progress = 30, .chances = {0.4}});
  EXPECT_EQ(curve.Points().size(), 4U);
}

// A slow slope is no flat line, however little two neighbours differ.
TEST(Curve, ASlopeIsKept) {
  Curve curve;
  for (int hour = 0; hour <= 200; ++hour) {
    curve.Note({.time = At("03-01 00:00") + hours{hour}, .progress = 50 - hour * 0.25});
  }
  std::vector<CurvePoint> points = curve.Points();
  EXPECT_EQ(points.front().progress, 50);
  EXPECT_EQ(points.back().progress, 0);
  for (const CurvePoint& point : points) {
    double hour = static_cast<double>((point.time - At("03-01 00:00")) / hours{1});
    EXPECT_NEAR(point.progress, 50 - hour * 0.25, 1.0);
  }
}

TEST(Curve, AFullOneKeepsItsEndsAndItsPeak) {
  Curve curve;
  for (int i = 0; i < 1'000; ++i) {
    double progress = i == 417 ? 95 : 20 + i % 3 * 2;
    curve.Note({.time = At("03-01 00:00") + minutes{30 * i}, .progress = progress});
    EXPECT_LE(curve.Points().size(), Curve::kPointsMax);
  }
  std::vector<CurvePoint> points = curve.Points();
  EXPECT_EQ(points.size(), Curve::kPointsMax);
  EXPECT_EQ(points.front().time, At("03-01 00:00"));
  EXPECT_EQ(points.back().time, At("03-01 00:00") + minutes{30 * 999});
  auto peak = std::max_element(points.begin(), points.end(), [](const auto& a, const auto& b) {
    return a.progress < b.progress;
  });
  EXPECT_EQ(peak->progress, 95);
  EXPECT_EQ(peak->time, At("03-01 00:00") + minutes{30 * 417});
}

TEST(Curve, ReadsBackFromItsRow) {
  Curve curve;
  pb::AccountRow row;
  curve.WriteTo(row);
  EXPECT_EQ(row.SerializeAsString(), "");
  for (int i = 0; i < 40; ++i) {
    curve.Note({.time = At("03-01 00:00") + hours{i},
                .progress = i % 7 * 14.0,
                .points = i * 3.0,
                .chances = {std::nullopt, i / 50.0}});
  }
  curve.WriteTo(row);
  Result<Curve> read = Curve::ReadFrom(row);
  ASSERT_TRUE(read.ok());
  pb::AccountRow again;
  read.value().WriteTo(again);
  EXPECT_EQ(again.SerializeAsString(), row.SerializeAsString());
  EXPECT_LE(row.ByteSizeLong(), Curve::kPointsMax * 10);
  row.add_curve_points(1);
  EXPECT_FALSE(Curve::ReadFrom(row).ok());
}

}  // namespace
}  // namespace hotiron
