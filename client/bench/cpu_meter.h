// CpuMeter: how quiet the machine was while something was measured: the share of its CPU that the
// host took away, and that programs other than ours used. From the kernel's counters, whose grain
// is 10 ms. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace spillgate::bench {

// In ticks, of all cores.
struct CpuTimes {
  std::uint64_t all = 0;
  std::uint64_t busy = 0;  // with programs
  std::uint64_t steal = 0;
};

// In percent, of all cores: beyond, a load is not what it was meant to be.
inline constexpr double kMostSteal = 5;

struct CpuShares {  // percent of all cores
  double steal = 0;
  double foreign = 0;
};

class CpuMeter {
 public:
  // From now on. Ours are this process and `others`, the node above all.
  explicit CpuMeter(std::vector<pid_t> others);
  [[nodiscard]] CpuShares Read() const;

 private:
  [[nodiscard]] std::uint64_t Own() const;

  const std::vector<pid_t> others_;
  const CpuTimes began_;
  const std::uint64_t own_began_;
};

// The first line of /proc/stat; zeros if it is none.
[[nodiscard]] CpuTimes ParseCpuTimes(std::string_view stat);
// User and system time in /proc/PID/stat, whose second field may hold blanks and parentheses.
[[nodiscard]] std::uint64_t ParseProcessTime(std::string_view stat);
// CPU time of those threads of a process that bear this name; 0 if there are none, or no such
// process.
[[nodiscard]] Nanos ThreadTime(pid_t process, std::string_view name);
[[nodiscard]] CpuShares SharesOf(const CpuTimes& from, const CpuTimes& to, std::uint64_t own);

}  // namespace spillgate::bench
