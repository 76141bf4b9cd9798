#include "app/serve_probe.h"

#include <prometheus/text_serializer.h>

#include <chrono>
#include <vector>

#include "app/boards.h"

namespace hotiron {
namespace {

const std::vector<std::string> kCodes{"2xx", "3xx", "4xx", "5xx"};

std::vector<std::string> RouteNames() {
  std::vector<std::string> names;
  for (size_t route = 0; route < kRoutes; ++route) {
    names.emplace_back(RouteName(static_cast<Route>(route)));
  }
  return names;
}

prometheus::MetricFamily One(const char* name, const char* help, prometheus::MetricType type,
                             double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  metric.counter.value = value;
  return {name, help, type, {metric}};
}

}  // namespace

ServeProbe::ServeProbe()
    : requests_(prometheus::BuildCounter()
                    .Name("hotiron_serve_requests_total")
                    .Help("Requests to the strike list that were answered.")
                    .Register(registry_),
                {MetricLabel::Closed("route", RouteNames()), MetricLabel::Closed("code", kCodes)}) {
}

void ServeProbe::Answered(Route route, int status) {
  size_t code = static_cast<size_t>(std::min(5, std::max(2, status / 100)) - 2);
  requests_.At({RouteName(route), kCodes[code]}).Increment();
}

std::string ServeProbe::Text(const StrikeServer::Numbers& numbers) const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(One(name, help, MetricType::Gauge, value));
  };
  auto counter = [&](const char* name, const char* help, uint64_t value) {
    families.push_back(One(name, help, MetricType::Counter, static_cast<double>(value)));
  };
  gauge("hotiron_serve_streams", "Event streams that are open.",
        static_cast<double>(numbers.streams));
  gauge("hotiron_serve_accounts", "Accounts in the strike list's view.",
        static_cast<double>(numbers.accounts));
  gauge("hotiron_serve_live_triggers", "Triggers in the view that may still be acted on.",
        static_cast<double>(numbers.live_triggers));
  gauge("hotiron_serve_complete", "1 once the view has read its topics to their ends.",
        numbers.freshness.complete ? 1 : 0);
  gauge("hotiron_serve_connected", "1 while the brokers answer the view's reader.",
        numbers.freshness.connected ? 1 : 0);
  gauge("hotiron_serve_behind_seconds", "How far what is shown is behind what was written.",
        std::chrono::duration<double>(numbers.freshness.behind).count());
  counter("hotiron_serve_failed_logins_total", "Wrong tokens that were tried.",
          numbers.failed_logins);
  counter("hotiron_serve_unreadable_total", "Records that the view could not read.",
          numbers.unreadable);
  counter("hotiron_serve_evicted_total", "Accounts and triggers dropped to keep the view's bounds.",
          numbers.evicted);
  return prometheus::TextSerializer().Serialize(families);
}

std::string ProcessText(uint64_t memory_budget_bytes) {
  return prometheus::TextSerializer().Serialize(ProcessBoard(memory_budget_bytes).Collect());
}

}  // namespace hotiron
