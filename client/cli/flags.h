// Options that take more than plain text, read and checked the same way by every verb. They throw
// what the parser catches; nothing else here does. Called while the command line is described.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/model/class.h"
#include "core/model/level.h"

namespace spillgate::cli {

// "20ms", "1.5s", "2min"; more than nothing.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, Nanos& into,
                         const std::string& help);
// --watch, --watch=2s: how long to pause between two looks; not given: 0.
CLI::Option* AddWatch(CLI::App& app, Nanos& into);
// --set KEY=VALUE, again and again: settings of a node, over its config file.
CLI::Option* AddSets(CLI::App& app, std::vector<std::string>& into);
CLI::Option* AddClass(CLI::App& app, TaskClass& into);  // --class
CLI::Option* AddLevel(CLI::App& app, Level& into);      // --level

}  // namespace spillgate::cli
