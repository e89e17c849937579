// RootLoad: which roots a benchmark sends, and when. A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "client/bench/root_cost.h"
#include "core/base/clock.h"
#include "core/model/class.h"

namespace spillgate::bench {

// A part of an open loop.
struct Phase {
  double rate = 0;  // roots a second
  Nanos time{0};
  std::optional<Cost> cost;  // of each of its roots; else as all others
};

struct RootLoad {
  double rate = 0;           // roots a second, by a Poisson process; 0: a closed loop
  std::uint32_t burst = 1;   // of that process: roots that come at the same time
  std::uint32_t window = 1;  // of the closed loop: under way
  Nanos time{0};
  Service service;
  TaskClass cls = TaskClass::kNormal;
  // From the time at which a root should have been sent, by its mode; 0: none.
  std::array<Nanos, kModes> deadlines{};
  std::optional<std::uint8_t> mode;  // nothing but roots of that
  bool cooperative = false;          // of an open loop
  Nanos turnaround{0};               // that a client takes which cooperates
  // Times that a root which was refused is sent again; of all that is sent at most this part again,
  // 0: any. Who does not cooperate also sends again what did not come in time, and at once: also
  // what the node has not answered by then.
  std::uint32_t retries = 0;
  double retry_budget = 0;
  std::uint64_t seed = 1;
  bool paired = false;  // each second root costs the opposite of the one before it
  // Of an open loop whose rate changes: in the place of `rate` and `time`. Then the outcome of each
  // root is reported.
  std::vector<Phase> phases;
  bool parts = false;  // and each phase apart
};

}  // namespace spillgate::bench
