#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hotiron {
namespace {

TEST(JsonWriterTest, WritesFields) {
  JsonWriter json;
  json.BeginObject().Field("text", "a\"b\n").Field("number", 0.1).Field("whole", int64_t{-3});
  json.Field("truth", true).Field("nothing", std::nan("")).EndObject();
  EXPECT_EQ(json.text(),
            R"({"text":"a\"b\n","number":0.1,"whole":-3,"truth":true,"nothing":null})");
}

TEST(JsonWriterTest, PutsCommasBetweenItemsOnly) {
  JsonWriter json;
  json.BeginObject().Key("none").BeginArray().EndArray().Key("some").BeginArray();
  json.Value(1.0).Value("").BeginObject().EndObject().Null().EndArray().Field("last", 7u);
  json.EndObject();
  EXPECT_EQ(json.text(), R"({"none":[],"some":[1.0,"",{},null],"last":7})");
}

TEST(JsonWriterTest, EscapesWhatJsonDoesNotTake) {
  JsonWriter json;
  json.Value(std::string_view("\x01 \x1f \t \\ / \x7f \0 \xc3\xa9", 16));
  EXPECT_EQ(json.text(), "\"\\u0001 \\u001F \\t \\\\ / \x7f \\u0000 \xc3\xa9\"");
}

TEST(JsonWriterTest, ReplacesWhatIsNotUtf8) {
  JsonWriter json;
  json.Value("ok \xc3\xa9 bad \xff\xc3");
  EXPECT_EQ(json.text(), "\"ok \xc3\xa9 bad \xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonWriterTest, WhatIsJsonAlreadyStaysAsItIs) {
  JsonWriter json;
  json.BeginObject().Key("a").Raw(R"({"b":[1, 2]})").Field("c", 3).EndObject();
  EXPECT_EQ(json.text(), R"({"a":{"b":[1, 2]},"c":3})");
}

}  // namespace
}  // namespace hotiron
