#include "ingest/history.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "tests/ingest/testing.h"
#include "tests/temp_dir.h"

namespace hotiron {
namespace {

class HistoryTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    return directory_.Write(name, text);
  }

  // Every row as "account signal", every error as its message without the directory.
  std::vector<std::string> ReadAll(const std::string& text) {
    Result<HistoryReader> reader = HistoryReader::Open(Write("h.csv", text), {});
    if (!reader.ok()) {
      return {Shorten(reader.error().message)};
    }
    return Drain(reader.value());
  }

  template <typename Reader>
  std::vector<std::string> Drain(Reader& reader) {
    std::vector<std::string> rows;
    Observation row;
    for (;;) {
      Result<bool> next = reader.Next(row);
      if (!next.ok()) {
        rows.push_back(Shorten(next.error().message));
      } else if (next.value()) {
        rows.push_back(row.account + " " + row.name);
      } else {
        return rows;
      }
    }
  }

  std::string Shorten(const std::string& message) {
    size_t at = message.find(directory_.path().string());
    return at == std::string::npos ? message
                                   : message.substr(at + directory_.path().string().size() + 1);
  }

  TempDir directory_;
};

using Rows = std::vector<std::string>;

TEST_F(HistoryTest, ReadsARow) {
  std::string path = Write("h.csv",
                           "account,contact,ts,source,signal,value\n"
                           "1,applicant,2011-09-30T22:38:44.546000+00:00,crm,A_SUBMITTED,20000\n");
  Result<HistoryReader> reader = HistoryReader::Open(path, {});
  ASSERT_TRUE(reader.ok());
  Observation row;
  ASSERT_TRUE(reader.value().Next(row).value());
  EXPECT_EQ(row.kind, Observation::Kind::kEvent);
  EXPECT_EQ(row.account, "1");
  EXPECT_EQ(row.contact, "applicant");
  EXPECT_EQ(row.time, At("2011-09-30T22:38:44.546Z"));
  EXPECT_EQ(row.source, "crm");
  EXPECT_EQ(row.name, "A_SUBMITTED");
  EXPECT_EQ(row.sequence, 1U);
  EXPECT_EQ(row.id.size(), 16U);
  EXPECT_TRUE(row.history);
  EXPECT_FALSE(reader.value().Next(row).value());
  EXPECT_EQ(reader.value().progress().bytes_read, reader.value().progress().bytes_total);
  EXPECT_EQ(reader.value().progress().bytes_total, std::filesystem::file_size(path));
}

TEST_F(HistoryTest, ColumnsStandInAnyOrderAndMayBeFew) {
  EXPECT_EQ(ReadAll("signal,ts,extra,account\nA,2020-01-01,x,1\r\n\r\nB,2020-01-02,y,2"),
            (Rows{"1 A", "2 B"}));
}

TEST_F(HistoryTest, QuotesAsInRfc4180) {
  EXPECT_EQ(ReadAll("\xEF\xBB\xBF\"account\",ts,signal\n\"a,\"\"b\"\"\",2020-01-01,\"two\nlines\"\n"
                    "x,never,y\n"),
            (Rows{"a,\"b\" two\nlines",
                  "h.csv:4: ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100"}));
}

TEST_F(HistoryTest, ARowThatCannotBeUsedIsAnErrorWithItsLine) {
  EXPECT_EQ(ReadAll("account,ts,signal\n1,2020-01-01,A\n1,2020-01-01\n,2020-01-01,A\n"
                    "2,1999-01-01,A\n3,2020-01-01,\n4,2020-01-01,B\n"),
            (Rows{"1 A", "h.csv:3: the row has 2 values, the header 3", "h.csv:4: account is empty",
                  "h.csv:5: ts must be ISO 8601 (2026-03-03T10:05:01Z), between 2000 and 2100",
                  "h.csv:6: signal is empty", "4 B"}));
  EXPECT_EQ(ReadAll("account,ts,signal\n1,2020-01-01,\"A\n2,2020-01-01,B\n"),
            (Rows{"h.csv:2: a quoted value is not closed before the end of the file"}));
}

TEST_F(HistoryTest, ARowHasABound) {
  std::string huge(kCsvRowBytesMax + 10, 'x');
  EXPECT_EQ(ReadAll("account,ts,signal\n" + huge + "\n1,2020-01-01,A\n"),
            (Rows{"h.csv:2: the row has more than 65536 bytes", "1 A"}));
}

TEST_F(HistoryTest, TheHeaderIsNeeded) {
  EXPECT_EQ(ReadAll(""),
            (Rows{"h.csv:1: the header must name the columns account, ts and signal (and may name "
                  "contact, source and value); 'account' is missing"}));
  EXPECT_EQ(ReadAll("account,ts\n"),
            (Rows{"h.csv:1: the header must name the columns account, ts and signal (and may name "
                  "contact, source and value); 'signal' is missing"}));
  EXPECT_EQ(ReadAll("account,ts,signal,ts\n"), (Rows{"h.csv:1: the header names 'ts' twice"}));
  EXPECT_FALSE(HistoryReader::Open((directory_.path() / "none.csv").string(), {}).ok());
  EXPECT_FALSE(HistoryReader::Open(directory_.path().string(), {}).ok());
}

TEST_F(HistoryTest, ReadsGzipAndSaysWhenItIsCut) {
  std::string text = "account,ts,signal\n";
  for (int i = 0; i < 50'000; ++i) {
    text += std::to_string(i * 7919) + ",2020-01-01,A\n";
  }
  std::string path = (directory_.path() / "h.csv.gz").string();
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  Result<HistoryReader> whole = HistoryReader::Open(path, {});
  EXPECT_EQ(Drain(whole.value()).size(), 50'000U);
  EXPECT_EQ(whole.value().progress().bytes_read, std::filesystem::file_size(path));

  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  Result<HistoryReader> cut = HistoryReader::Open(path, {});
  Rows rows = Drain(cut.value());
  EXPECT_LT(rows.size(), 50'000U);
  EXPECT_NE(rows.back().find("it ends in the middle of compressed data"), std::string::npos)
      << rows.back();
}

TEST_F(HistoryTest, SameRowsHaveDifferentIdsAndAFileReadTwiceTheSame) {
  std::string path = Write("h.csv", "account,ts,signal\n1,2020-01-01,A\n1,2020-01-01,A\n");
  std::vector<std::string> ids;
  for (int pass = 0; pass < 2; ++pass) {
    Result<HistoryReader> reader = HistoryReader::Open(path, {});
    Observation row;
    while (reader.value().Next(row).value()) {
      ids.push_back(row.id);
    }
  }
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[1], ids[3]);
}

TEST_F(HistoryTest, FilesAreMergedByTime) {
  std::string a =
      Write("a.csv", "account,ts,signal\na,2020-01-01,1\na,2020-01-04,2\na,2020-01-02,3\n");
  std::string b = Write("b.csv", "account,ts,signal\nb,2020-01-01,1\nbad\nb,2020-01-03,2\n");
  Result<MergedHistory> merged = MergedHistory::Open({a, b}, {});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(
      Drain(merged.value()),
      (Rows{"a 1", "b 1", "b.csv:3: the row has 1 values, the header 3", "b 2", "a 2", "a 3"}));
  EXPECT_EQ(merged.value().progress().bytes_total,
            std::filesystem::file_size(a) + std::filesystem::file_size(b));
}

}  // namespace
}  // namespace hotiron
