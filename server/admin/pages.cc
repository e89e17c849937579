#include "server/admin/pages.h"

#include <memory>

#include "core/base/format.h"
#include "server/admin/json.h"
#include "server/admin/metrics.h"

namespace spillgate::admin {
namespace {

constexpr const char* kJsonType = "application/json";

WebPage Readiness(const Snapshot& snapshot) {
  if (snapshot.ready()) return {.body = "ready\n"};
  return {.status = 503, .body = "not ready: " + snapshot.why_not_ready() + "\n"};
}

}  // namespace

std::vector<WebRoute> MakePages(const std::function<Snapshot()>& take) {
  std::vector<WebRoute> routes{
      {"/metrics", "metrics, as Prometheus reads them",
       [metrics = std::make_shared<Metrics>(take)] {  // shared: functions must be copyable
         return WebPage{.type = kMetricsType, .body = metrics->Text()};
       }},
      {"/healthz", "200 while the node runs at all", [] { return WebPage{.body = "ok\n"}; }},
      {"/readyz", "200 while it takes new work, else 503 and why",
       [take] { return Readiness(take()); }},
      {"/api/v1/stages", "the stages, as JSON",
       [take] { return WebPage{.type = kJsonType, .body = StagesJson(take())}; }},
      {"/api/v1/status", "the node, its tasks and workers, as JSON",
       [take] { return WebPage{.type = kJsonType, .body = StatusJson(take())}; }},
  };
  routes.push_back({"/", "this page", [take, listed = routes] {
                      return WebPage{.type = "text/html; charset=utf-8",
                                     .body = StartPage(take(), listed)};
                    }});
  return routes;
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

}  // namespace spillgate::admin
