#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/catalogue.h"
#include "ingest/decoder.h"
#include "ingest/router.h"

namespace hotiron {

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string Sample(const std::string& name) {
  return ReadText(std::string(HOTIRON_SOURCE_DIR "/tests/ingest/samples/") + name);
}

inline EventTime At(std::string_view text) {
  return ParseTime(text).value();
}

inline InputRecord Record(std::string_view value) {
  InputRecord record;
  record.value = value;
  record.topic = "web";
  record.partition = 3;
  record.offset = 42;
  record.timestamp = At("2026-03-03T12:00:00Z");
  return record;
}

inline Decoded Decode(DecoderOptions options, std::string_view text) {
  Decoder decoder(std::move(options));
  Decoded out;
  decoder.Decode(Record(text), out);
  return out;
}

inline Decoded Decode(Format format, std::string_view text) {
  DecoderOptions options;
  options.format = format;
  options.source = "web";
  return Decode(options, text);
}

// The one observation that the text is; a failure and an empty one otherwise.
inline Observation One(Format format, std::string_view text) {
  Decoded out = Decode(format, text);
  EXPECT_EQ(out.observations().size(), 1U);
  EXPECT_EQ(out.taken_in(), 1U);
  for (const Rejection& rejection : out.rejections()) {
    ADD_FAILURE() << Name(rejection.reason) << ": " << rejection.detail;
  }
  return out.observations().empty() ? Observation{} : out.observations()[0];
}

// The reason why the text as a whole is rejected, with the detail: "bad_field time: ...".
inline std::string WhyNot(Format format, std::string_view text) {
  Decoded out = Decode(format, text);
  EXPECT_EQ(out.taken_in(), 1U);
  if (out.rejections().empty()) {
    return "not rejected";
  }
  const Rejection& rejection = out.rejections()[0];
  return std::string(Name(rejection.reason)) + " " + rejection.detail;
}

inline uint32_t Ignored(const Decoded& out, IgnoreReason reason) {
  return out.ignored()[static_cast<size_t>(reason)];
}

inline std::string ValueOf(const Observation& observation, std::string_view name) {
  for (const Field& field : observation.fields) {
    if (field.name == name) {
      return field.value;
    }
  }
  return "(absent)";
}

inline std::string ValueOf(const pb::Fact& fact, std::string_view name) {
  for (const pb::FactField& field : fact.fields()) {
    if (field.name() == name) {
      return field.value();
    }
  }
  return "(absent)";
}

inline Classifier DefaultClassifier() {
  std::string path = HOTIRON_SOURCE_DIR "/deploy/catalogue.yaml";
  Result<pb::Catalogue> catalogue = ParseCatalogue(ReadText(path), "catalogue.yaml");
  EXPECT_TRUE(catalogue.ok()) << (catalogue.ok() ? "" : catalogue.error().message);
  Result<Classifier> classifier = Classifier::Make(std::move(catalogue).value());
  EXPECT_TRUE(classifier.ok());
  return std::move(classifier).value();
}

}  // namespace hotiron
