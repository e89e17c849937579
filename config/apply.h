// Lays one tree of settings (a file, a variable, a flag) over a configuration, through the table of
// knobs. Pure.
#pragma once

#include <string>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"

namespace spillgate::config {

// A configuration, and where each of its values comes from.
struct Loaded {
  Config config;
  Origins origins;
};

// Whatever is right is taken, whatever is wrong is added to `problems`. `origin` says what the tree
// is; each position in it is put into a copy.
void Apply(const Node& tree, const Origin& origin, Loaded& into, Problems& problems);

}  // namespace spillgate::config
