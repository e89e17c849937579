// What "auto" comes to on this machine: plain numbers from a configuration and what the host gives.
// Pure; called while the node is wired.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"
#include "config/host.h"
#include "core/model/resources.h"

namespace spillgate::config {

// Threads that the pool starts: for exec one a CPU, for others no more than their stages can use.
[[nodiscard]] std::uint32_t ThreadsOf(const Config& config, const std::string& pool,
                                      const HostLimits& host);

// Threads or workers that may run while others are blocked in get: four for each CPU of the node.
[[nodiscard]] std::uint32_t ExtraBlocked(const Config& config, const HostLimits& host);

// Most worker processes: one for each CPU of the node, and the extra ones.
[[nodiscard]] std::uint32_t MostWorkers(const Config& config, const HostLimits& host);

// Unfinished tasks that a tenant may have: its own bound, or half the node's.
[[nodiscard]] std::uint32_t InFlightOf(const Config& config, const std::string& tenant);

// The kinds of this node, cpu, gpu and memory first, the custom ones by name; and how much of each
// it has.
struct Offered {
  ResourceNames names;
  Resources amounts;
};
[[nodiscard]] Offered OfferedBy(const Config& config, const HostLimits& host);

// What one run of a function holds by its [function.NAME], laid over what its library says.
[[nodiscard]] Resources ShapeOf(const FunctionConfig& function, const ResourceNames& names,
                                Resources declared);

}  // namespace spillgate::config
