#include "delivery/event_hub.h"

#include <gtest/gtest.h>

namespace hotiron {
namespace {

std::string Drain(HttpStream& stream, size_t block = 4'096) {
  std::string text;
  std::string buffer(block, '\0');
  while (size_t got = stream.Read(buffer.data(), buffer.size())) {
    text.append(buffer, 0, got);
  }
  return text;
}

TEST(EventHub, TellsWhatComesAfterTheListener) {
  EventHub hub("e", 2);
  hub.Publish("trigger", "{\"old\":1}");
  std::unique_ptr<HttpStream> stream = hub.Listen("");
  EXPECT_EQ(Drain(*stream), "retry: 2000\n\n");
  hub.Publish("trigger", "{\"new\":1}");
  EXPECT_EQ(Drain(*stream, 7), "id: e-2\nevent: trigger\ndata: {\"new\":1}\n\n");
  EXPECT_EQ(Drain(*stream), "");
}

TEST(EventHub, WhoComesBackGetsWhatWasMissed) {
  EventHub hub("e", 2);
  for (const char* data : {"1", "2", "3"}) {
    hub.Publish("n", data);
  }
  std::unique_ptr<HttpStream> stream = hub.Listen("e-1");
  EXPECT_EQ(Drain(*stream),
            "retry: 2000\n\nid: e-2\nevent: n\ndata: 2\n\nid: e-3\nevent: n\ndata: 3\n\n");
}

TEST(EventHub, WhoMissedTooMuchOrAnotherProcessStartsAnew) {
  EventHub hub("e", 20);
  for (size_t i = 0; i < EventHub::kEventsMax + 10; ++i) {
    hub.Publish("n", "1");
  }
  for (const char* last : {"e-2", "other-4000", "nonsense", "e-99999999", "e-"}) {
    std::unique_ptr<HttpStream> stream = hub.Listen(last);
    std::string text = Drain(*stream);
    EXPECT_NE(text.find("event: reset\n"), std::string::npos) << last;
    EXPECT_EQ(text.find("event: n\n"), std::string::npos) << last;
  }
}

TEST(EventHub, ASlowReaderIsResetInsteadOfQueuedFor) {
  EventHub hub("e", 2);
  std::unique_ptr<HttpStream> stream = hub.Listen("");
  std::string big(1 << 20, 'x');
  for (int i = 0; i < 40; ++i) {
    hub.Publish("n", big);
  }
  EXPECT_EQ(Drain(*stream), "retry: 2000\n\nid: e-40\nevent: reset\ndata: {}\n\n");
}

TEST(EventHub, StreamsAreCounted) {
  EventHub hub("e", 2);
  std::unique_ptr<HttpStream> one = hub.Listen("");
  std::unique_ptr<HttpStream> two = hub.Listen("");
  EXPECT_EQ(hub.Listen(""), nullptr);
  one.reset();
  EXPECT_EQ(hub.streams(), 1U);
  EXPECT_NE(hub.Listen(""), nullptr);
}

}  // namespace
}  // namespace hotiron
