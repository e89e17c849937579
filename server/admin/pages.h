// Pages: what the admin port has to say, one route each, made from one snapshot each. Loop's
// thread. Read-only: nothing here changes the node.
#pragma once

#include <functional>
#include <vector>

#include "core/ports/web_page.h"
#include "server/admin/snapshot.h"

namespace spillgate::admin {

// /metrics /healthz /readyz /api/v1/stages /api/v1/status and / itself.
[[nodiscard]] std::vector<WebRoute> MakePages(const std::function<Snapshot()>& take);

// The page at /: the stage table and a list of `routes`. It fetches itself again every second.
[[nodiscard]] std::string StartPage(const Snapshot& snapshot, const std::vector<WebRoute>& routes);

[[nodiscard]] std::string EscapeHtml(std::string_view text);

}  // namespace spillgate::admin
