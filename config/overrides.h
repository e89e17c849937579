// Settings that come from outside the file: SPILLGATE__STAGE__SCHEDULING__BATCH=128 in the
// environment and
// --set stage.scheduling.batch=128 on the command line. Used once, at load.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/apply.h"
#include "config/problems.h"

namespace spillgate::config {

inline constexpr std::string_view kVariablePrefix = "SPILLGATE__";

struct Overrides {
  // Variables, whole: names that begin with the prefix, and their values. They are applied in this
  // order, and names are matched without regard to case.
  std::vector<std::pair<std::string, std::string>> environment;
  // What stands after each --set: KEY=VALUE. Later ones win, and all win over the environment.
  std::vector<std::string> flags;
};

// The variables of this process with the prefix, sorted by name; `environment` is `environ` or its
// like.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> VariablesFrom(
    const char* const* environment);

void ApplyOverrides(const Overrides& overrides, Loaded& into, Problems& problems);

}  // namespace spillgate::config
