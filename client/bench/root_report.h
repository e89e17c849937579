// RootReport: what became of the roots of one run (root_stream.h). A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/bench/latencies.h"
#include "client/bench/root_cost.h"
#include "core/base/clock.h"

namespace spillgate::bench {

enum class RootFate : std::uint8_t {
  kSilent,   // no outcome came
  kGood,     // verified, and there by the deadline
  kLate,     // done, and not
  kExpired,  // accepted, and given up by the node
  kRefused,
  kHeld,   // its client had no credit to send it in time
  kWrong,  // anything else
};
inline constexpr std::size_t kRootFates = 7;

struct RootOutcome {
  Nanos due{0};  // from the beginning of the run
  RootFate fate = RootFate::kSilent;
};

struct RootReport {
  struct Mode {
    std::uint64_t offered = 0;
    std::array<std::uint64_t, kRootFates> fates{};
    Latencies times;  // as below
    [[nodiscard]] std::uint64_t Count(RootFate fate) const {
      return fates[static_cast<std::size_t>(fate)];
    }
  };
  std::array<Mode, kModes> modes;
  std::array<std::uint64_t, kRootFates> fates{};  // what became of each in the end
  std::uint64_t offered = 0;
  // Each time that they were sent: those that had a verdict while roots were due; of a phase, all
  // that have one.
  std::uint64_t received = 0;
  // Of all streams together, while roots were due: tasks that came to the node, by its own count.
  std::optional<std::uint64_t> node_received;
  std::uint64_t errors = 0;
  std::uint64_t again = 0;  // sent, of those above: a root counts once
  std::string problem;      // the first of the errors
  Nanos offered_work{0};
  Nanos good_work{0};
  Nanos done_work{0};                 // of roots and tasks that ended in success
  Nanos cut_short_work{0};            // of those that the node gave up while they ran, at most
  std::optional<Nanos> node_wasted;   // slot time of roots that failed, as the node counts it
  Nanos slots_cpu{0};                 // that a node of our own spent in its slots; 0: not known
  Latencies times;                    // of those accepted, from when they should have been sent
  Latencies refusals;                 // from sent to the verdict
  Latencies late_by;                  // of the sender itself
  std::vector<RootOutcome> outcomes;  // in the order in which they were due, if asked for
  std::vector<RootReport> parts;      // one for each phase, if asked for
  Nanos span{0};           // of the open loop's schedule; of the closed loop to its last result
  std::uint64_t seed = 0;  // that they were drawn from; of one stream

  [[nodiscard]] std::uint64_t Count(RootFate fate) const {
    return fates[static_cast<std::size_t>(fate)];
  }
  // Of another stream at the same time, or of a part; without outcomes and parts.
  void Add(const RootReport& other);
};

}  // namespace spillgate::bench
