// The configuration that is in effect, as a TOML file: every knob with its value and, as a comment,
// where the value comes from. Parsing it gives the same configuration. For --print-config; pure.
#pragma once

#include <string>

#include "config/apply.h"

namespace spillgate::config {

[[nodiscard]] std::string PrintEffective(const Config& config, const Origins& origins);

}  // namespace spillgate::config
