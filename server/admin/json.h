// A snapshot as JSON: what the command shows and what the admin port serves. The field "schema" is
// the contract: fields are added under it, never renamed. Durations are in microseconds and say so.
#pragma once

#include <string>
#include <string_view>

#include "server/admin/snapshot.h"

namespace spillgate::admin {

[[nodiscard]] std::string StagesJson(const Snapshot& snapshot);
[[nodiscard]] std::string StatusJson(const Snapshot& snapshot);

// For the wire's Stats frame: "stages" or "status"; anything else is answered with an object that
// has only "error", which says what there is.
[[nodiscard]] std::string StatsJson(const Snapshot& snapshot, std::string_view what);

}  // namespace spillgate::admin
