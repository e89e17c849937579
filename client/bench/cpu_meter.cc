#include "client/bench/cpu_meter.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

CpuTimes ParseCpuTimes(std::string_view stat) {
  std::istringstream fields{std::string(stat)};
  std::string name;
  fields >> name;
  if (name != "cpu") return {};
  // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user and nice already.
  std::array<std::uint64_t, 8> ticks{};
  for (std::uint64_t& each : ticks) fields >> each;
  CpuTimes times{.busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], .steal = ticks[7]};
  for (const std::uint64_t each : ticks) times.all += each;
  return times;
}

std::uint64_t ParseProcessTime(std::string_view stat) {
  const std::size_t end = stat.rfind(')');
  if (end == std::string_view::npos) return 0;
  std::istringstream fields{std::string(stat.substr(end + 1))};
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return user + system;
}

Nanos ThreadTime(pid_t process, std::string_view name) {
  Nanos time{0};
  std::error_code gone;
  const std::string tasks = Format("/proc/{}/task", process);
  for (const auto& thread : std::filesystem::directory_iterator(tasks, gone)) {
    if (FirstLine(thread.path() / "comm") != name) continue;
    std::istringstream fields{FirstLine(thread.path() / "schedstat")};
    std::int64_t ns = 0;  // on a CPU; then the time in which it waited for one
    if (fields >> ns) time += Nanos(ns);
  }
  return time;
}

CpuShares SharesOf(const CpuTimes& from, const CpuTimes& to, std::uint64_t own) {
  const auto all = static_cast<double>(to.all - from.all);
  if (to.all <= from.all) return {};
  const std::uint64_t busy = to.busy - from.busy;
  return {.steal = 100 * static_cast<double>(to.steal - from.steal) / all,
          .foreign = 100 * static_cast<double>(busy - std::min(busy, own)) / all};
}

CpuMeter::CpuMeter(std::vector<pid_t> others)
    : others_(std::move(others)),
      began_(ParseCpuTimes(FirstLine("/proc/stat"))),
      own_began_(Own()) {}

std::uint64_t CpuMeter::Own() const {
  std::uint64_t ticks = ParseProcessTime(FirstLine("/proc/self/stat"));
  for (const pid_t other : others_) {
    ticks += ParseProcessTime(FirstLine(Format("/proc/{}/stat", other)));
  }
  return ticks;
}

CpuShares CpuMeter::Read() const {
  return SharesOf(began_, ParseCpuTimes(FirstLine("/proc/stat")), Own() - own_began_);
}

}  // namespace spillgate::bench
