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

TEST(JsonWriterTest, ReplacesWhatIsNotUtf8) {
  JsonWriter json;
  json.Value("ok \xc3\xa9 bad \xff\xc3");
  EXPECT_EQ(json.text(), "\"ok \xc3\xa9 bad \xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace hotiron
