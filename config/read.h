// Reads one value of a configuration file as the knob that it belongs to takes it, and prints it
// back. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/knobs.h"

namespace spillgate::config {

struct Complaint {
  Position at;
  std::string message;  // without the place: "limits.in_flight = -1: expected 1 to 16777216"
};

// `path` is the knob's full name, for messages. A table is laid over `now`, entry by entry;
// anything else replaces it. All that is wrong goes into `complaints`; nothing then comes back.
[[nodiscard]] std::optional<Setting> Read(const Knob& knob, const std::string& path,
                                          const Node& node, const Setting& now,
                                          std::vector<Complaint>& complaints);

// What the knob takes, for messages and the manual: `1 to 4096`, `"auto" or 1 to 64`, `"none" |
// "bound"`.
[[nodiscard]] std::string Expected(const Kind& kind, bool takes_auto);
[[nodiscard]] std::string Expected(const Knob& knob);

// The setting as TOML; Read() of it gives the same setting.
[[nodiscard]] std::string Print(const Knob& knob, const Setting& setting);

}  // namespace spillgate::config
