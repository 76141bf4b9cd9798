// Mutates the samples, thousands of times from a fixed seed, and takes each result through the
// whole of ingest: nothing crashes, everything has an outcome, and what is routed can be read back.

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "ingest/feedback.h"
#include "ingest/native.h"
#include "tests/ingest/testing.h"

namespace hotiron {
namespace {

constexpr unsigned kSeed = 20260303;
constexpr int kRounds = 4'000;

constexpr std::array<std::string_view, 24> kPieces{"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "\\",
                                                   "\\u0000",
                                                   "\\ud800",
                                                   "\\udc00",
                                                   "1e999",
                                                   "-1",
                                                   "null",
                                                   "true",
                                                   "\xff",
                                                   "\xC3",
                                                   "\xEF\xBB\xBF",
                                                   "99999999999999999999",
                                                   "\"batch\":[{}],",
                                                   "\"type\":\"page\",",
                                                   "{\"payload\":",
                                                   "[[[[[[[[",
                                                   "\"\":\"\","};

class Mutator {
 public:
  std::string operator()(std::string text) {
    for (int left = 1 + Pick(4); left > 0; --left) {
      size_t at = static_cast<size_t>(Pick(static_cast<int>(text.size()) + 1));
      switch (Pick(6)) {
        case 0:
          text.insert(at, kPieces[static_cast<size_t>(Pick(kPieces.size()))]);
          break;
        case 1:
          text.erase(at, static_cast<size_t>(Pick(20)));
          break;
        case 2:
          text.resize(at);
          break;
        case 3:
          text.insert(at, text.substr(static_cast<size_t>(Pick(static_cast<int>(text.size()) + 1)),
                                      static_cast<size_t>(Pick(200))));
          break;
        case 4: {
          std::string_view piece = kPieces[static_cast<size_t>(Pick(kPieces.size()))];
          text.replace(at, piece.size(), piece);
          break;
        }
        default:
          if (at < text.size()) {
            text[at] = static_cast<char>(Pick(256));
          }
      }
    }
    return text;
  }

 private:
  int Pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  int Pick(size_t count) { return Pick(static_cast<int>(count)); }

  std::mt19937 random_{kSeed};
};

TEST(MutationTest, EverythingHasAnOutcome) {
  std::vector<std::string> seeds;
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(HOTIRON_SOURCE_DIR "/tests/ingest/samples")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    seeds.push_back(ReadText(file.string()));
  }
  seeds.push_back(R"({"batch":[)" + Sample("segment_track.json") + "," +
                  Sample("segment_identify.json") + "]}");
  Observation native = One(Format::kSegment, Sample("segment_track.json"));
  seeds.push_back(WriteNative(native));
  seeds.push_back(R"({"batch":[)" + WriteNative(native) + "," + WriteNative(native) + "]}");
  seeds.push_back(R"({"trigger":"t","account":"a:1","action":"accept"})");

  Classifier classifier = DefaultClassifier();
  RouterOptions options;
  options.classifier = &classifier;
  Router router(std::move(options));
  FeedbackDecoder feedback(PersonHasher("k"));
  std::vector<Decoder> decoders;
  for (Format format : {Format::kNative, Format::kSegment, Format::kSalesforce}) {
    decoders.emplace_back(DecoderOptions{format, "web", false, {}, size_t{1} << 20});
  }
  Mutator mutate;
  Decoded decoded;
  std::vector<RoutedRecord> routed;
  std::array<size_t, 3> outcomes{};
  size_t read = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text = mutate(seeds[static_cast<size_t>(round) % seeds.size()]);
    InputRecord record = Record(text);
    for (Decoder& decoder : decoders) {
      decoder.Decode(record, decoded);
      ASSERT_GE(decoded.taken_in(), 1U) << "round " << round << "\n" << text;
      for (const Rejection& rejection : decoded.rejections()) {
        MakeRejected(record, rejection, "web");
      }
      for (const Observation& observation : decoded.observations()) {
        routed.clear();
        Outcome outcome =
            router.Route(observation, UnknownNames::kKeep, record, record.timestamp, routed);
        ++outcomes[static_cast<size_t>(outcome.kind)];
        ASSERT_EQ(routed.empty(), outcome.kind != Outcome::Kind::kRouted);
        for (const RoutedRecord& one : routed) {
          pb::TaskRecord back;  // strings of a protobuf message must be UTF-8
          ASSERT_TRUE(back.ParseFromString(one.record.SerializeAsString()))
              << "round " << round << "\n"
              << text;
          ++read;
        }
      }
    }
    routed.clear();
    Outcome outcome = feedback.Decode(record, routed);
    ASSERT_EQ(routed.empty(), outcome.kind != Outcome::Kind::kRouted);
  }
  EXPECT_GT(outcomes[static_cast<size_t>(Outcome::Kind::kRouted)], 100U);
  EXPECT_GT(read, 100U);
}

}  // namespace
}  // namespace hotiron
