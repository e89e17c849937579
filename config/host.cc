#include "config/host.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include "core/base/format.h"

namespace spillgate::config {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first number in the text; "max", -1 and what is not there give nothing.
std::optional<std::uint64_t> NumberIn(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// Every directory from `path` up to the root of its hierarchy, which is "": limits hold at each of
// them.
std::vector<std::string> UpFrom(std::string path) {
  std::vector<std::string> all;
  while (!path.empty() && path != "/") {
    all.push_back(path);
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  all.emplace_back();
  return all;
}

struct Least {
  std::optional<std::uint64_t> value;
  void Take(std::optional<std::uint64_t> other) {
    if (other && (!value || *other < *value)) value = other;
  }
};

struct Quotas {
  Least cpu;     // thousandths
  Least memory;  // bytes
};

std::optional<std::uint64_t> Thousandths(std::optional<std::uint64_t> quota,
                                         std::optional<std::uint64_t> period) {
  constexpr std::uint64_t kMost = 1ULL << 50;  // far beyond any machine; keeps the product in range
  if (!quota || !period || *period == 0 || *quota > kMost) return std::nullopt;
  return *quota * 1000 / *period;
}

void ReadUnified(const std::string& mount, const std::string& group, Quotas& quotas) {
  for (const std::string& directory : UpFrom(group)) {
    const std::string cpu =
        Slurp(mount + directory + "/cpu.max");  // "200000 100000" or "max 100000"
    const std::size_t space = cpu.find(' ');
    if (space != std::string::npos) {
      quotas.cpu.Take(
          Thousandths(NumberIn(cpu), NumberIn(std::string_view(cpu).substr(space + 1))));
    }
    quotas.memory.Take(NumberIn(Slurp(mount + directory + "/memory.max")));
  }
}

void ReadCpuController(const std::string& mount, const std::string& group, Quotas& quotas) {
  for (const std::string& directory : UpFrom(group)) {
    const std::string at = mount + directory;
    quotas.cpu.Take(Thousandths(NumberIn(Slurp(at + "/cpu.cfs_quota_us")),
                                NumberIn(Slurp(at + "/cpu.cfs_period_us"))));
  }
}

void ReadMemoryController(const std::string& mount, const std::string& group, Quotas& quotas) {
  for (const std::string& directory : UpFrom(group)) {
    quotas.memory.Take(NumberIn(Slurp(mount + directory + "/memory.limit_in_bytes")));
  }
}

bool Lists(std::string_view controllers, std::string_view wanted) {
  std::istringstream names{std::string(controllers)};
  for (std::string name; std::getline(names, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

// Lines of /proc/self/cgroup: "0::/path" for version 2, "4:cpu,cpuacct:/path" for a hierarchy of
// version 1.
Quotas ReadQuotas(const std::string& root) {
  Quotas quotas;
  const std::string mounts = root + "/sys/fs/cgroup";
  std::istringstream lines(Slurp(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      ReadUnified(mounts, group, quotas);
      ReadUnified(mounts + "/unified", group, quotas);
    } else if (Lists(controllers, "cpu")) {
      ReadCpuController(mounts + "/cpu", group, quotas);
      if (controllers != "cpu")
        ReadCpuController(Format("{}/{}", mounts, controllers), group, quotas);
    } else if (Lists(controllers, "memory")) {
      ReadMemoryController(mounts + "/memory", group, quotas);
    }
  }
  return quotas;
}

std::optional<std::uint64_t> MemoryOfMachine(const std::string& root) {
  std::istringstream lines(Slurp(root + "/proc/meminfo"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("MemTotal:")) continue;
    const std::size_t digit = line.find_first_of("0123456789");
    if (digit == std::string::npos) return std::nullopt;
    const auto kib = NumberIn(std::string_view(line).substr(digit));
    return kib ? std::optional(*kib * 1024) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::uint32_t HostLimits::WholeCpus() const {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(1, (cpu + 999) / 1000));
}

std::uint32_t CpusByAffinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

HostLimits MeasureHost(const std::string& root, std::uint32_t cpus) {
  Quotas quotas = ReadQuotas(root);
  quotas.cpu.Take(std::uint64_t{cpus} * 1000);
  quotas.memory.Take(MemoryOfMachine(root));  // an unlimited group of version 1 says 2^63
  HostLimits host;
  host.cpu = std::max<std::int64_t>(1, static_cast<std::int64_t>(quotas.cpu.value.value_or(1000)));
  host.memory = Bytes{quotas.memory.value.value_or(0)};
  return host;
}

}  // namespace spillgate::config
