#include "server/admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "tests/server/admin/toy_node.h"

namespace spillgate::admin {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

using LabelMap = std::map<std::string, std::string>;

struct Scrape {
  std::map<std::string, std::string> types;  // by family
  std::map<std::string, std::string> help;
  std::map<std::string, std::map<LabelMap, double>> series;  // by sample name

  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const auto& [name, children] : series) count += children.size();
    return count;
  }
  [[nodiscard]] double At(const std::string& name, const LabelMap& labels) const {
    const auto family = series.find(name);
    if (family == series.end() || !family->second.contains(labels)) return -1;
    return family->second.at(labels);
  }
};

// Takes NAME up to one of `ends` off `text`; what is found must be a name.
std::string TakeName(std::string_view& text, std::string_view ends) {
  const std::size_t size = std::min(text.find_first_of(ends), text.size());
  const std::string name(text.substr(0, size));
  EXPECT_FALSE(name.empty());
  EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos)
      << name;
  text.remove_prefix(size);
  return name;
}

bool Take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// {a="b",c="d"}, of values without escapes.
LabelMap TakeLabels(std::string_view& text) {
  LabelMap labels;
  if (!Take(text, "{")) return labels;
  do {
    const std::string name = TakeName(text, "=");
    EXPECT_TRUE(Take(text, "=\"")) << text;
    const std::size_t end = text.find('"');
    if (end == std::string_view::npos) break;
    EXPECT_TRUE(labels.emplace(name, text.substr(0, end)).second) << "twice: " << name;
    text.remove_prefix(end + 1);
  } while (Take(text, ","));
  EXPECT_TRUE(Take(text, "}")) << text;
  return labels;
}

// Reads the text format strictly: what this does not understand fails the test.
Scrape Parse(const std::string& text) {
  Scrape scrape;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = line;
    if (const bool help = Take(rest, "# HELP "); help || Take(rest, "# TYPE ")) {
      const std::string name = TakeName(rest, " ");
      auto& into = help ? scrape.help : scrape.types;
      EXPECT_TRUE(Take(rest, " ") && !rest.empty()) << line;
      EXPECT_TRUE(into.emplace(name, rest).second) << "twice: " << line;
      continue;
    }
    const std::string name = TakeName(rest, "{ ");
    const LabelMap labels = TakeLabels(rest);
    EXPECT_TRUE(Take(rest, " ")) << line;
    char* end = nullptr;
    const std::string number(rest);
    const double value = std::strtod(number.c_str(), &end);
    EXPECT_TRUE(!number.empty() && *end == '\0' && std::isfinite(value)) << line;
    EXPECT_TRUE(scrape.series[name].emplace(labels, value).second) << "twice: " << line;
  }
  return scrape;
}

Scrape ScrapeOf(const ToyNode& node) {
  return Parse(Metrics([&] { return node.Take(); }).Text());
}

std::string FamilyOf(const Scrape& scrape, const std::string& name) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string family = name.substr(0, name.size() - std::string(suffix).size());
    if (scrape.types.contains(family)) return family;
  }
  return name;
}

TEST(Metrics, EverySeriesIsThereFromTheStartAndZero) {
  const ToyNode node;
  const Scrape scrape = ScrapeOf(node);
  std::size_t checked = 0;
  for (const auto& [name, children] : scrape.series) {
    if (scrape.types.at(FamilyOf(scrape, name)) == "gauge" ||
        name.find("process") != std::string::npos ||
        name.find("config_generation") != std::string::npos) {
      continue;
    }
    for (const auto& [labels, value] : children) {
      EXPECT_EQ(value, 0) << name;
      ++checked;
    }
  }
  EXPECT_GT(checked, 800U);
  EXPECT_EQ(scrape.At("spillgate_stage_events_refused_total",
                      {{"stage", "submission"}, {"reason", "in_flight"}}),
            0);
  EXPECT_EQ(scrape.At("spillgate_tasks_finished_total", {{"outcome", "forwarded"}}), 0);
  EXPECT_EQ(scrape.At("spillgate_stage_wait_seconds_count",
                      {{"stage", "spillover"}, {"class", "sheddable"}}),
            0);
  EXPECT_LT(scrape.size(), 1100U);  // the budget: labels are closed sets, and few
}

TEST(Metrics, NamesHaveThePrefixAHelpATypeAndTheirUnit) {
  const Scrape scrape = ScrapeOf(ToyNode());
  std::set<std::string> families;
  for (const auto& [name, children] : scrape.series) families.insert(FamilyOf(scrape, name));
  EXPECT_GT(families.size(), 50U);
  for (const std::string& name : families) {
    EXPECT_TRUE(name.starts_with("spillgate_")) << name;
    ASSERT_TRUE(scrape.types.contains(name) && scrape.help.contains(name)) << name;
    EXPECT_EQ(scrape.types.at(name) == "counter", name.ends_with("_total")) << name;
    EXPECT_EQ(name.find("_ms"), std::string::npos) << name;
    EXPECT_EQ(name.find("_ns"), std::string::npos) << name;
  }
  const std::set<std::string> allowed{"stage", "class",    "reason",  "pool", "outcome",
                                      "state", "resource", "version", "le"};
  for (const auto& [name, children] : scrape.series) {
    for (const auto& [labels, value] : children) {
      for (const auto& [label, text] : labels) EXPECT_TRUE(allowed.contains(label)) << name;
    }
  }
}

TEST(Metrics, ShowTheCountersOfTheNode) {
  ToyNode node;
  node.Arrive(4, 7);
  node.Pass(milliseconds(1));
  node.Pass(milliseconds(1500));
  node.tally.submission[0].refused[std::size_t(Reason::kQuota)].Add(3);
  node.tally.submission[0].roots_refused[Index(TaskClass::kCritical)].Add(6);
  node.tally.publication[0].ended[std::size_t(Fate::kDone)].Add(11);
  node.tally.publication[0].unsuccessful[std::size_t(Reason::kPoison)].Add(2);
  node.tally.publication[0].wasted_ns[Index(TaskClass::kHigh)].Add(1'500'000'000);
  node.tally.publication[0].saved_ns[Index(TaskClass::kNormal)].Add(250'000'000);
  node.inboxes[4]->stats().busy_ns.Add(2'500'000'000);
  node.figures.in_flight = {.count = 5, .count_limit = 10, .bytes = 50, .bytes_limit = 100};
  node.figures.workers.idle = 4;
  node.figures.value_bytes = 77;
  node.figures.value_bytes_limit = 512;
  node.figures.journal = {.written = 40, .syncs = 3};
  node.figures.resources =
      ListResources({.amount = {2000, 500, 1 << 20}}, {.amount = {1500, 0, 4096}}, {});
  const Scrape scrape = ScrapeOf(node);
  const LabelMap execution{{"stage", "execution"}};
  EXPECT_EQ(scrape.At("spillgate_stage_queue_depth", execution), 7);
  EXPECT_EQ(scrape.At("spillgate_stage_capacity", execution), 100);
  EXPECT_EQ(scrape.At("spillgate_stage_bytes", execution), 70);
  EXPECT_EQ(scrape.At("spillgate_stage_events_arrived_total", execution), 7);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_stage_oldest_event_age_seconds", execution), 1.5);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_stage_busy_seconds_total", execution), 2.5);
  EXPECT_EQ(scrape.At("spillgate_stage_events_refused_total",
                      {{"stage", "submission"}, {"reason", "quota"}}),
            3);
  EXPECT_EQ(scrape.At("spillgate_roots_refused_total", {{"class", "critical"}}), 6);
  EXPECT_EQ(scrape.At("spillgate_roots_refused_total", {{"class", "normal"}}), 0);
  EXPECT_EQ(scrape.At("spillgate_tasks_finished_total", {{"outcome", "done"}}), 11);
  EXPECT_EQ(scrape.At("spillgate_tasks_unsuccessful_total", {{"reason", "poison"}}), 2);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_work_wasted_seconds_total", {{"class", "high"}}), 1.5);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_work_saved_seconds_total", {{"class", "normal"}}), 0.25);
  EXPECT_EQ(scrape.At("spillgate_tasks_in_flight", {}), 5);
  EXPECT_EQ(scrape.At("spillgate_tasks_in_flight_limit_bytes", {}), 100);
  EXPECT_EQ(scrape.At("spillgate_workers", {{"state", "idle"}}), 4);
  EXPECT_EQ(scrape.At("spillgate_values_bytes", {}), 77);
  EXPECT_EQ(scrape.At("spillgate_values_limit_bytes", {}), 512);
  EXPECT_EQ(scrape.At("spillgate_journal_written_records_total", {}), 40);
  EXPECT_EQ(scrape.At("spillgate_journal_syncs_total", {}), 3);
  EXPECT_EQ(scrape.At("spillgate_ready", {}), 1);
  EXPECT_EQ(scrape.At("spillgate_build_info", {{"version", "0.1.0"}}), 1);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_resource_units", {{"resource", "cpu"}, {"state", "free"}}),
                   1.5);
  EXPECT_EQ(scrape.At("spillgate_resource_units", {{"resource", "memory"}, {"state", "free"}}),
            4096);
}

TEST(Metrics, EveryDeferralHasAReasonAnAgeAndAnOutcome) {
  ToyNode node;
  ExecutionTally& execution = node.tally.execution[0];
  execution.disk_deferrals.Count(DeferralTally::kRun, milliseconds(3000), 2);
  execution.disk_deferrals.Count(DeferralTally::kExpired, milliseconds(500));
  execution.retry_deferrals.Count(DeferralTally::kCancelled, milliseconds(40));
  execution.retry_deferrals.Count(DeferralTally::kRun, microseconds(40));  // hardly one
  execution.aside.Set(7);
  execution.resting.Set(2);
  node.figures.journal.stands = true;
  auto& sockets = node.tally.sockets.deferrals;
  sockets[SocketTally::kRefusals].Count(DeferralTally::kRun, milliseconds(10));
  sockets[SocketTally::kFull].Count(DeferralTally::kRun, milliseconds(2));
  sockets[SocketTally::kLarge].Count(DeferralTally::kCancelled, milliseconds(6));
  sockets[SocketTally::kUnread].Count(DeferralTally::kExpired, milliseconds(10'250));
  node.figures.connections_not_read = 3;
  const Scrape scrape = ScrapeOf(node);
  std::map<std::string, double> ended;
  for (const auto& [labels, count] : scrape.series.at("spillgate_deferrals_total")) {
    if (count > 0) ended[labels.at("reason") + " " + labels.at("outcome")] = count;
  }
  EXPECT_EQ(ended, (std::map<std::string, double>{{"disk run", 2},
                                                  {"disk expired", 1},
                                                  {"retry cancelled", 1},
                                                  {"socket_refusals run", 1},
                                                  {"socket_full run", 1},
                                                  {"socket_large cancelled", 1},
                                                  {"socket_unread expired", 1}}));
  EXPECT_EQ(scrape.At("spillgate_deferral_seconds_count", {{"reason", "disk"}}), 3);
  EXPECT_NEAR(scrape.At("spillgate_deferral_seconds_sum", {{"reason", "disk"}}), 6.5, 1e-6);
  EXPECT_NEAR(scrape.At("spillgate_deferral_seconds_sum", {{"reason", "retry"}}), 0.04, 1e-6);
  EXPECT_EQ(scrape.At("spillgate_deferral_seconds_count", {{"reason", "slack"}}), 0);
  EXPECT_NEAR(scrape.At("spillgate_deferral_seconds_sum", {{"reason", "socket_unread"}}), 10.25,
              1e-6);
  EXPECT_EQ(scrape.At("spillgate_connections_not_read", {}), 3);
  EXPECT_EQ(scrape.At("spillgate_tasks_aside", {}), 7);
  EXPECT_EQ(scrape.At("spillgate_tasks_resting", {}), 2);
  EXPECT_EQ(scrape.At("spillgate_journal_stands", {}), 1);
}

TEST(Metrics, ShowTheSpawnsThatWaitOfAllShards) {
  ToyNode node(2);
  node.tally.submission[0].waiting.Set(7);
  node.tally.submission[0].waiting_bytes.Set(700);
  node.tally.submission[0].waiting_since.Set(node.clock.Now().time_since_epoch().count());
  node.tally.submission[1].waiting.Set(2);
  node.tally.submission[1].waiting_bytes.Set(100);
  node.Pass(milliseconds(1500));
  node.tally.submission[1].waiting_since.Set(node.clock.Now().time_since_epoch().count());
  const Scrape scrape = ScrapeOf(node);
  EXPECT_EQ(scrape.At("spillgate_spawns_waiting", {}), 9);
  EXPECT_EQ(scrape.At("spillgate_spawns_waiting_bytes", {}), 800);
  EXPECT_DOUBLE_EQ(scrape.At("spillgate_spawns_oldest_age_seconds", {}), 1.5);
  EXPECT_EQ(ScrapeOf(ToyNode()).At("spillgate_spawns_oldest_age_seconds", {}), 0);
}

TEST(Metrics, ShowWhatTheControllerOnTrialWouldRefuse) {
  ToyNode node(2);
  EXPECT_FALSE(ScrapeOf(node).types.contains("spillgate_controller_dry_run_refused_tasks_total"));
  for (std::size_t shard = 0; shard < 2; ++shard) {
    node.inboxes[shard]->UseDryRun(flow::MakeController("codel"));
    node.inboxes[shard]->dry_run()->refused[3].Add(4);
  }
  const Scrape scrape = ScrapeOf(node);
  const auto at = [&](const char* cls) {
    return scrape.At("spillgate_controller_dry_run_refused_tasks_total",
                     {{"stage", "submission"}, {"class", cls}, {"controller", "codel"}});
  };
  EXPECT_EQ(at("sheddable"), 8);
  EXPECT_EQ(at("critical"), 0);
}

// A reason that no list foresaw must not disappear from the sum.
TEST(Metrics, AnUnlistedReasonIsShownOnceItCounts) {
  ToyNode node;
  const LabelMap odd{{"stage", "submission"}, {"reason", "too_many_waiters"}};
  EXPECT_EQ(ScrapeOf(node).At("spillgate_stage_events_refused_total", odd), -1);
  node.tally.submission[0].refused[std::size_t(Reason::kTooManyWaiters)].Add(1);
  EXPECT_EQ(ScrapeOf(node).At("spillgate_stage_events_refused_total", odd), 1);
}

TEST(Metrics, HistogramsAreCumulativeAndExact) {
  ToyNode node;
  flow::Histogram& wait = node.inboxes[1]->stats().wait[2];
  flow::Histogram& service = node.inboxes[1]->stats().service[2];
  // Around every power of two, so that a bound which is off by one bucket shows.
  std::vector<double> values;
  for (int e = 5; e < 40; ++e) {
    for (const std::int64_t ns : {(std::int64_t{1} << e) - 1, (std::int64_t{3} << e) / 2}) {
      wait.Add(Nanos(ns));
      service.Add(Nanos(ns));
      values.push_back(static_cast<double>(ns) / 1e9);
    }
  }
  const Scrape scrape = ScrapeOf(node);
  for (const std::string name :
       {"spillgate_stage_wait_seconds", "spillgate_stage_service_seconds"}) {
    std::map<double, double> buckets;
    for (const auto& [labels, count] : scrape.series.at(name + "_bucket")) {
      if (labels.at("stage") != "resolution" || labels.at("class") != "normal") continue;
      const std::string le = labels.at("le");
      buckets[le == "+Inf" ? INFINITY : std::stod(le)] = count;
    }
    ASSERT_GE(buckets.size(), 9U) << name;
    EXPECT_LT(buckets.begin()->first, 10e-6) << name;
    EXPECT_GT(std::prev(buckets.end(), 2)->first, 8) << name;
    double before = 0;
    for (const auto& [le, count] : buckets) {
      EXPECT_GE(count, before) << name << " " << le;
      before = count;
      const auto within =
          std::count_if(values.begin(), values.end(), [&](double v) { return v <= le; });
      EXPECT_EQ(count, static_cast<double>(within)) << name << " " << le;
    }
    const LabelMap child{{"stage", "resolution"}, {"class", "normal"}};
    EXPECT_EQ(scrape.At(name + "_count", child), static_cast<double>(values.size()));
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    EXPECT_NEAR(scrape.At(name + "_sum", child), sum, 1e-6);
  }
}

}  // namespace
}  // namespace spillgate::admin
