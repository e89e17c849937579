// What this machine gives this process: CPUs by affinity and by the quota of its control groups
// (version 1 and 2, all the way up), memory likewise. This is what "auto" means. Read once at
// start, because a quota that shrinks later is no reason to take slots from running tasks.
#pragma once

#include <cstdint>
#include <string>

#include "config/bytes.h"

namespace spillgate::config {

struct HostLimits {
  std::int64_t cpu = 1000;  // thousandths of a CPU; at least 1
  Bytes memory;             // 0 if the system does not say

  [[nodiscard]] std::uint32_t WholeCpus()
      const;  // rounded up, at least 1: how many threads can run
  friend bool operator==(const HostLimits&, const HostLimits&) = default;
};

[[nodiscard]] std::uint32_t CpusByAffinity();

// `root` is put before /proc and /sys, so that a test can bring its own; `cpus` is what affinity
// allows.
[[nodiscard]] HostLimits MeasureHost(const std::string& root, std::uint32_t cpus);
[[nodiscard]] inline HostLimits MeasureHost() {
  return MeasureHost("", CpusByAffinity());
}

}  // namespace spillgate::config
