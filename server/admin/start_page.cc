// The page at /: plain HTML without scripts, so that a text browser shows it too.
#include <array>
#include <chrono>

#include "core/base/format.h"
#include "server/admin/pages.h"

namespace spillgate::admin {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Spillgate</title>
<meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
td{font-variant-numeric:tabular-nums}
</style></head><body>
)";

std::string Duration(Nanos nanos) {
  const auto ns = static_cast<double>(nanos.count());
  if (ns == 0) return "0";
  if (ns < 1e3) return Format("{:.0f} ns", ns);
  if (ns < 1e6) return Format("{:.1f} µs", ns / 1e3);
  if (ns < 1e9) return Format("{:.1f} ms", ns / 1e6);
  return Format("{:.1f} s", ns / 1e9);
}

std::string Row(const Stage& stage) {
  const StageFigures& x = stage.all;
  Durations wait;
  for (const Durations& durations : x.wait) wait.Add(durations);
  return Format(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0f} %</td>"
      "<td>{:.0f}</td><td>{:.0f}</td><td>{:.0f}</td><td>{} / {}</td></tr>\n",
      EscapeHtml(stage.name), ToString(x.state), x.queued, x.held, x.capacity,
      Duration(x.oldest_age), 100 * x.rates.utilisation, x.rates.in_per_s, x.rates.out_per_s,
      x.rates.shed_per_s, Duration(wait.Quantile(0.5)), Duration(wait.Quantile(0.99)));
}

}  // namespace

std::string StartPage(const Snapshot& snapshot, const std::vector<WebRoute>& routes) {
  std::string page(kHead);
  const std::string state =
      snapshot.ready() ? "ready" : "not ready: " + EscapeHtml(snapshot.why_not_ready());
  const std::uint64_t ended = [&] {
    std::uint64_t sum = 0;
    for (std::size_t fate = 1; fate < kFates; ++fate) sum += snapshot.tasks.ended[fate];
    return sum;
  }();
  page += Format(
      "<h1>Spillgate {}</h1>\n<p>version {}, up {}, {}; {} of {} tasks in flight, {} parked, {} "
      "ended; {} connections, {} sessions.</p>\n",
      EscapeHtml(snapshot.node_name), EscapeHtml(snapshot.version), Duration(snapshot.uptime),
      state, snapshot.node.in_flight.count, snapshot.node.in_flight.count_limit,
      snapshot.node.park.count, ended, snapshot.node.connections, snapshot.node.sessions);
  page +=
      "<div class=\"wide\"><table><thead><tr><th>stage</th><th>state</th><th>inbox</th><th>held"
      "</th><th>capacity</th><th>oldest</th><th>busy</th><th>in/s</th><th>out/s</th><th>shed/s"
      "</th><th>wait p50 / p99</th></tr></thead><tbody>\n";
  for (const Stage& stage : snapshot.stages) page += Row(stage);
  page += "</tbody></table></div>\n<h2>For programs</h2>\n<ul>\n";
  for (const WebRoute& route : routes) {
    page += Format("<li><a href=\"{0}\">{0}</a>: {1}</li>\n", EscapeHtml(route.path),
                   EscapeHtml(route.about));
  }
  page += "</ul>\n</body></html>\n";
  return page;
}

}  // namespace spillgate::admin
