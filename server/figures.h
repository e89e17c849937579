// What the daemon knows of itself and the stage runtime does not, for snapshots. Loop's thread.
#pragma once

#include "config/config.h"
#include "server/admin/node_figures.h"
#include "server/exec/hosts.h"
#include "server/journal/log.h"
#include "server/net/listener.h"
#include "server/node.h"

namespace spillgate {

struct FigureSources {
  Node& node;
  const Hosts& hosts;
  const net::Listener& listener;
  const journal::Log* log;  // null: no journal
  const config::Config& config;
  std::uint64_t config_generation;
  bool last_reload_ok;
};

[[nodiscard]] admin::NodeFigures CollectFigures(const FigureSources& sources);

}  // namespace spillgate
