#include "config/resolve.h"

#include <algorithm>

#include "config/check_stages.h"

namespace spillgate::config {
namespace {

constexpr std::uint32_t kExtraPerCpu = 4;
constexpr std::int64_t kOneCpu = 1000;  // thousandths

HostLimits ForTasks(const Config& config, const HostLimits& host) {
  HostLimits given = host;
  given.cpu = config.node.resources.cpu.value_or(host.cpu);
  return given;
}

// core/model keeps the order of kinds; the position of a name without asking for a declared one.
std::size_t IndexOf(const ResourceNames& names, const std::string& name) {
  const auto found = std::find(names.names.begin(), names.names.end(), name);
  return static_cast<std::size_t>(found - names.names.begin());
}

void Lay(const Amounts& custom, const ResourceNames& names, Resources& over) {
  for (const auto& [name, amount] : custom) {
    const std::size_t index = IndexOf(names, name);
    if (index < names.names.size() && index < kResourceKinds) over.amount[index] = amount;
  }
}

}  // namespace

std::uint32_t ThreadsOf(const Config& config, const std::string& pool, const HostLimits& host) {
  const auto found = config.pools.find(pool);
  const std::optional<std::uint32_t> threads =
      found == config.pools.end() ? 1 : found->second.threads;
  if (threads) return *threads;
  const std::uint32_t cpus = ForTasks(config, host).WholeCpus();
  if (pool == kExecPool) return cpus;
  return std::clamp(UsableThreads(config, pool), 1U, std::max(1U, cpus));
}

std::uint32_t ExtraBlocked(const Config& config, const HostLimits& host) {
  return config.workers.extra_blocked.value_or(kExtraPerCpu * ForTasks(config, host).WholeCpus());
}

std::uint32_t MostWorkers(const Config& config, const HostLimits& host) {
  const std::uint32_t most = ForTasks(config, host).WholeCpus() + ExtraBlocked(config, host);
  return config.workers.max.value_or(std::max(most, config.workers.prestart));
}

std::uint32_t InFlightOf(const Config& config, const std::string& tenant) {
  const auto found = config.tenants.find(tenant);
  const std::uint32_t own = found == config.tenants.end() ? 0 : found->second.in_flight;
  return own != 0 ? own : std::max(1U, config.limits.in_flight / 2);
}

Offered OfferedBy(const Config& config, const HostLimits& host) {
  const NodeResources& resources = config.node.resources;
  Offered offered;
  offered.amounts.amount[kCpu] = resources.cpu.value_or(host.cpu);
  offered.amounts.amount[kGpu] = resources.gpu;
  const Bytes memory = resources.memory.value_or(Bytes{host.memory / 5 * 4});
  offered.amounts.amount[kMemory] = static_cast<std::int64_t>(memory.count);
  for (const auto& [name, amount] : resources.custom) {
    if (offered.names.names.size() < kResourceKinds) offered.names.names.push_back(name);
  }
  Lay(resources.custom, offered.names, offered.amounts);
  return offered;
}

// What its library says of the CPU is for the host that it names. Runs inline are done when they
// have begun, and nobody times them: one that held a CPU would be an unknown function for ever. And
// elsewhere a run that holds none would take its turn with nobody.
Resources ShapeOf(const FunctionConfig& function, const ResourceNames& names, Resources declared) {
  std::int64_t& cpu = declared.amount[kCpu];
  if (function.host == Host::kInline) {
    cpu = 0;
  } else if (function.host && cpu == 0) {
    cpu = kOneCpu;
  }
  if (function.cpu) declared.amount[kCpu] = *function.cpu;
  if (function.gpu) declared.amount[kGpu] = *function.gpu;
  if (function.memory) declared.amount[kMemory] = static_cast<std::int64_t>(function.memory->count);
  Lay(function.custom, names, declared);
  return declared;
}

}  // namespace spillgate::config
