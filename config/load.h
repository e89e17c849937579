// The way in: a configuration file, the environment and the command line become a checked Config,
// or an Error that lists everything that is wrong, one "FILE:LINE:COLUMN: error: ..." a line.
// Called at start, by --check-config and at each reload, from any thread; the only thing here that
// reads a file.
#pragma once

#include <string>
#include <string_view>

#include "config/apply.h"
#include "config/overrides.h"
#include "core/base/result.h"

namespace spillgate::config {

// Defaults, then the file, then the overrides, then the checks. An empty path means that there is
// no file.
[[nodiscard]] Result<Loaded> Load(const std::string& path, const Overrides& overrides = {});

// The same with the text of the file; `file_name` is for messages and origins.
[[nodiscard]] Result<Loaded> Parse(std::string_view text, std::string_view file_name,
                                   const Overrides& overrides = {});

}  // namespace spillgate::config
