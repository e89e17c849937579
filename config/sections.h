// The sections of a configuration file. A plain one is [limits]; a named one is [stage.scheduling],
// with names that are fixed (stages, classes) or the user's (pools, tenants, functions, libraries).
// Constant; any thread may read it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/knobs.h"

namespace spillgate::config {

struct Section {
  std::string_view name;
  bool named = false;
  std::size_t most =
      0;  // instances that there may be if users name them; 0 if their names are fixed
  Change presence = Change::kLive;                             // of an instance that comes or goes
  std::vector<std::string> (*names)(const Config&) = nullptr;  // null if plain
  void (*add)(Config&, const std::string& name) = nullptr;     // null if names are fixed
};

[[nodiscard]] std::span<const Section> Sections();  // in the order in which they are printed
[[nodiscard]] const Section* FindSection(std::string_view name);  // or null

// The instances of a section: its names, or one "" if it is plain.
[[nodiscard]] std::vector<std::string> InstancesOf(const Section& section, const Config& config);

// "stage.scheduling" and "stage.scheduling.batch", quoted as TOML wants it.
[[nodiscard]] std::string PathOf(std::string_view section, std::string_view name);
[[nodiscard]] std::string PathOf(const Knob& knob, std::string_view name);

// What an instance may be called: 1 to 128 letters, digits and . _ - : / (functions' names have
// these).
[[nodiscard]] bool IsName(std::string_view text);

}  // namespace spillgate::config
