// RootReport: what became of the roots of one run (root_stream.h). A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "client/bench/latencies.h"
#include "core/base/clock.h"

namespace spillgate::bench {

// The functions of a mix: its own, and another for the long roots of one with two modes.
inline constexpr std::size_t kModes = 2;
inline constexpr double kShortCost = 0.5;  // of the mean
inline constexpr double kLongCost = 50.5;
inline constexpr double kLongShare = 0.01;

enum class RootFate : std::uint8_t { kSilent, kGood, kLate, kExpired, kRefused };
struct RootOutcome {
  Nanos due{0};  // from the beginning of the run
  RootFate fate = RootFate::kSilent;
};

struct RootReport {
  struct Mode {
    std::uint64_t offered = 0;
    std::uint64_t good = 0;
    Latencies times;  // of those done
  };
  std::array<Mode, kModes> modes;
  std::uint64_t offered = 0;
  std::uint64_t received = 0;  // have a verdict
  std::uint64_t good = 0;      // verified, and there by the deadline
  std::uint64_t late = 0;      // done, and not
  std::uint64_t refused = 0;
  std::uint64_t expired = 0;  // accepted, and given up by the node
  std::uint64_t silent = 0;   // no outcome came
  std::uint64_t errors = 0;   // anything else
  std::uint64_t again = 0;    // sent, of those above: a root counts once
  std::string problem;        // the first of those
  Nanos offered_work{0};
  Nanos good_work{0};
  Nanos spent_work{0};  // of those that ran; of those that were cut short too, at most
  Latencies times;      // of those done, from when they should have been sent
  Latencies refusals;   // from sent to the verdict
  Latencies late_by;    // of the sender itself
  std::vector<RootOutcome> outcomes;  // in the order in which they were due, if asked for
  Nanos span{0};  // of the open loop's schedule; of the closed loop to its last result

  void Add(const RootReport& other);  // of another stream at the same time; without its outcomes
};

}  // namespace spillgate::bench
