// The bytes of what is persisted or read by others, pinned: a change here is a change of format and
// needs a version, or a reason why the old bytes still read the same. To accept a wanted change run
// with HOTIRON_WRITE_GOLDEN=1 and review the difference.

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "fixture.h"
#include "processors/row_source.h"
#include "processors/summary.h"

namespace hotiron {
namespace {

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (size_t i = 0; i < bytes.size(); ++i) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
    hex += i % 32 == 31 ? "\n" : "";
  }
  return hex;
}

// What is written down under `name`, after writing `text` there when that is wanted.
std::string GoldenText(const std::string& name, const std::string& text) {
  std::string path = std::string(GOLDEN_DIR) + "/" + name;
  if (std::getenv("HOTIRON_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text << "\n";
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  return golden.str();
}

void ExpectGolden(const std::string& name, const std::string& text) {
  EXPECT_EQ(text + "\n", GoldenText(name, text)) << name;
}

// The last digit of a double may differ with the mathematics library.
void ExpectGoldenJson(const std::string& name, const std::string& text) {
  EXPECT_EQ(JsonDifference(text, GoldenText(name, text)), "") << name;
}

pb::TaskRecord FullRecord() {
  pb::TaskRecord record = MakeSignal("pricing_page", At("03-01 10:00"), {.id = 42, .sequence = 3});
  record.mutable_cause()->set_topic("web");
  record.mutable_cause()->set_partition(1);
  record.mutable_cause()->set_offset(7);
  record.mutable_cause()->set_timestamp_ms(1'772'359'200'000);
  record.set_hops(1);
  return record;
}

// To something that its number or name tells: of a oneof, the field at `choice`.
void SetEveryField(google::protobuf::Message& message, int choice) {
  const google::protobuf::Reflection& set = *message.GetReflection();
  using Field = google::protobuf::FieldDescriptor;
  for (int f = 0; f < message.GetDescriptor()->field_count(); ++f) {
    const Field& field = *message.GetDescriptor()->field(f);
    if (field.containing_oneof() != nullptr && field.index_in_oneof() != choice) {
      continue;
    }
    std::string value = fmt::format("{}", field.number() + 100);
    switch (field.cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        SetEveryField(field.is_repeated() ? *set.AddMessage(&message, &field)
                                          : *set.MutableMessage(&message, &field),
                      0);
        continue;
      case Field::CPPTYPE_STRING:
        value = fmt::format("\"{}\"", field.name());
        break;
      case Field::CPPTYPE_BOOL:
        value = "true";
        break;
      case Field::CPPTYPE_ENUM:
        value = field.enum_type()->value(field.enum_type()->value_count() - 1)->name();
        break;
      default:
        break;
    }
    google::protobuf::TextFormat::Parser parser;
    EXPECT_TRUE(parser.ParseFieldValueFromString(value, &field, &message)) << field.full_name();
  }
}

// A small history: folded entries, an open trigger, facts, an object that waits.
class Golden : public testing::Test {
 protected:
  Golden() {
    TaskOptions options;
    options.limits.entries = 4;
    runner_ = std::make_unique<Runner>(options);
    std::vector<Line> log{
        MakeLine(At("02-01 00:00"), "a:acme", MakeCatalogue(SmallCatalogue())),
        MakeLine(At("02-01 00:00"), "a:acme", MakePolicies(SmallPolicies())),
        MakeLine(At("03-01 09:00"), "a:acme",
                 MakeFact("", {{"name", "Acme"}, {"amount", "60000"}}, At("03-01 09:00"))),
        MakeLine(At("03-01 10:00"), "a:acme", FullRecord()),
        MakeLine(At("03-01 10:00"), "o:7", FullRecord())};
    for (int i = 0; i < 6; ++i) {
      EventTime time = At("03-01 11:00") + std::chrono::minutes{i * 20};
      log.push_back(MakeLine(time, "a:acme",
                             MakeSignal("docs_page", time, {.by = i % 2 == 0 ? "anna" : "ben"})));
    }
    // On a reference time the decayed sums are the weights, on every machine.
    EventTime reference = At("2026-05-07T00:00:00Z");
    log.push_back(
        MakeLine(reference, "a:row", MakeFact("", {{"status", "disqualified"}}, reference, 1)));
    for (uint64_t i = 0; i < 7; ++i) {
      log.push_back(MakeLine(reference, "a:row",
                             MakeSignal(i % 3 == 0 ? "docs_page" : "pricing_page", reference,
                                        {.by = i % 2 == 0 ? "anna" : "ben", .sequence = i})));
    }
    runner_->Run(log);
  }

  std::string Row(const std::string& key) { return runner_->rows.rows.at(key); }

  std::unique_ptr<Runner> runner_;
};

TEST_F(Golden, TaskRecord) {
  ExpectGolden("task_record.hex", ToHex(FullRecord().SerializeAsString()));
}

// Every message of base/records.proto with every field set, by its number and type: a line each,
// and one for each case of a oneof.
TEST_F(Golden, EveryFieldOfEveryMessage) {
  std::string lines;
  const google::protobuf::FileDescriptor& file = *pb::TaskRecord::descriptor()->file();
  for (int m = 0; m < file.message_type_count(); ++m) {
    const google::protobuf::Descriptor& type = *file.message_type(m);
    int cases = 1;
    for (int o = 0; o < type.oneof_decl_count(); ++o) {
      cases = std::max(cases, type.oneof_decl(o)->field_count());
    }
    for (int c = 0; c < cases; ++c) {
      std::unique_ptr<google::protobuf::Message> message(
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
      SetEveryField(*message, c);
      std::string hex = ToHex(message->SerializeAsString());
      std::erase(hex, '\n');
      lines += fmt::format("{} {}\n", type.name(), hex);
    }
  }
  ExpectGolden("every_message.txt", lines);
}

TEST_F(Golden, Rows) {
  ExpectGolden("account_row.hex", ToHex(Row("Aa:row")));
  ExpectGolden("slice.hex", ToHex(Row(std::string("Sa:row\0c:anna", 13))));
  ExpectGolden("offset_row.hex", ToHex(Row(std::string(kOffsetKey))));
  ExpectGolden("object_row.hex", ToHex(Row("Oo:7")));
  ExpectGolden("census_row.hex", ToHex(Row("C")));
}

TEST_F(Golden, TimerRow) {
  std::vector<Line> log{MakeLine(At("02-01 00:00"), "a:acme", MakeCatalogue(SmallCatalogue())),
                        MakeLine(At("02-01 00:00"), "a:acme", MakePolicies(SmallPolicies()))};
  for (int i = 0; i < 6; ++i) {
    EventTime time = At("03-01 11:00") + std::chrono::minutes{i};
    log.push_back(MakeLine(time, "a:acme",
                           MakeSignal("pricing_page", time, {.by = i % 2 == 0 ? "anna" : "ben"})));
  }
  Runner runner;
  runner.Run(log);
  auto timer = runner.rows.rows.lower_bound(std::string(1, kTimerRow));
  ASSERT_NE(timer, runner.rows.rows.end());
  ExpectGolden("timer_row.hex", ToHex(timer->first + timer->second));
}

TEST_F(Golden, Json) {
  ASSERT_FALSE(runner_->done.triggers.empty());
  ExpectGoldenJson("trigger.json", WriteTrigger(runner_->done.triggers[0]));
  ASSERT_EQ(runner_->done.summaries.size(), 2U);
  ExpectGoldenJson("summary.json", runner_->done.summaries[0].json);
}

// A row of a version that this program does not know stops the task, and says so.
TEST_F(Golden, ANewerVersionIsAClearError) {
  auto newer = [](auto record, const std::string& bytes) {
    EXPECT_TRUE(record.ParseFromString(bytes));
    record.set_version(2);
    return record.SerializeAsString();
  };
  std::string offset(kOffsetKey);
  MapRows rows = runner_->rows;
  rows.rows[offset] = newer(pb::OffsetRow(), rows.rows[offset]);
  EXPECT_EQ(Task({}, rows).Load().error().message,
            "row '!' has version 2; this program reads version 1");

  rows = runner_->rows;
  rows.rows["C"] = newer(pb::CensusRow(), rows.rows["C"]);
  EXPECT_EQ(Task({}, rows).Load().error().message,
            "row 'C' has version 2; this program reads version 1");

  auto processing = [&](const std::string& row, const std::string& key, auto record) {
    rows = runner_->rows;
    rows.rows[row] = newer(record, rows.rows[row]);
    TaskOptions options;
    options.limits.entries = 1;
    Task task(options, rows);
    EXPECT_TRUE(task.Load().ok());
    TaskOutputs outputs;
    std::string value = MakeSignal("quote", At("03-01 14:00")).SerializeAsString();
    Result<Task::Progress> done = task.Process({11, At("03-01 14:00"), key, value}, outputs);
    return done.ok() ? "no error" : done.error().message;
  };
  EXPECT_EQ(processing("Aa:acme", "a:acme", pb::AccountRow()),
            "account row has version 2; this program reads version 1");
  EXPECT_EQ(processing("Oo:7", "o:7", pb::ObjectRow()),
            "row 'O' has version 2; this program reads version 1");
  EXPECT_EQ(processing(std::string("Sa:acme\0c:anna", 14), "a:acme", pb::Slice()),
            "slice row has version 2; this program reads version 1");
}

}  // namespace
}  // namespace hotiron
