// What a reload would change, and whether it may: all or nothing. A setting that sizes memory,
// opens a socket or starts a thread cannot change while the node runs; if one of those differs,
// nothing is applied and the error names all of them. Pure; called on SIGHUP with the running
// configuration and a newly loaded one.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "core/base/result.h"

namespace spillgate::config {

struct Difference {
  std::string path;  // "stage.scheduling.batch", or "tenant.ada" for one that comes or goes
  std::string from;  // as TOML; "" for what was not there
  std::string to;    // likewise
};

struct ReloadPlan {
  std::vector<Difference> changes;  // in the order of the file; empty if there is nothing to do
};

[[nodiscard]] Result<ReloadPlan> Compare(const Config& running, const Config& next);

}  // namespace spillgate::config
