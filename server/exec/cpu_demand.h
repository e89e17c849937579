// CpuDemand: how much CPU time tasks asked for, which is what their threads ran and what they
// waited to run. So on a machine that others use as well, a task that computes asks for a whole
// CPU, however little of one it gets, and one that waits for something outside asks for none. The
// loop's thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/tables/signals.h"

namespace spillgate {

class CpuDemand {
 public:
  // `proc` is where the system tells of its threads; a test brings its own.
  explicit CpuDemand(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // Whose threads run tasks: threads of this process, and worker processes with all of theirs.
  struct Hosting {
    std::vector<pid_t> threads;
    std::vector<pid_t> processes;
  };

  // Thousandths of a CPU since the last call; nothing the first time, and where the system does not
  // say. To look at a thread takes some microseconds, so of many only some are looked at, for all,
  // and after a second others.
  [[nodiscard]] std::optional<std::uint32_t> Read(const Hosting& hosting, Instant now);

  // Once a period: reads and tells it, while somebody wants to know, and once more when nobody does
  // any longer. `list` gives the Hosting.
  template <class List>
  void Tell(Signals& signals, Instant now, List list) {
    const bool wanted = signals.slots_wanted.exchange(false, std::memory_order_relaxed);
    const bool last = was_wanted_ && !wanted;
    was_wanted_ = wanted;
    if (!wanted && !last) return last_.clear();
    const std::optional<std::uint32_t> busy = Read(list(), now);
    if (!busy) return;
    const CpuPeriod period = signals.cpu.load(std::memory_order_relaxed);
    signals.cpu.store({.number = period.number + 1, .busy = *busy}, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kMostLooks = 128;
  static constexpr std::size_t kMostOfOne = 64;
  static constexpr std::uint32_t kStays = 10;
  // Which of many are looked at: as many as there is time for, from that one on.
  struct Sample {
    std::size_t from = 0;
    std::uint32_t reads = 0;
  };
  template <class ThreadsOfOne>
  [[nodiscard]] double Asked(std::span<const pid_t> hosts, Sample& sample, std::size_t most,
                             ThreadsOfOne threads_of, std::map<pid_t, std::uint64_t>& found) const;
  [[nodiscard]] std::vector<pid_t> ThreadsOf(pid_t process, std::size_t most) const;
  [[nodiscard]] std::optional<std::uint64_t> AskedBy(pid_t thread) const;

  const std::string proc_;
  std::map<pid_t, std::uint64_t> last_;  // ns
  Sample threads_;
  Sample processes_;
  Instant at_{};
  bool was_wanted_ = false;
};

}  // namespace spillgate
