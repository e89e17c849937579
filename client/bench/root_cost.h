// How much the tasks of roots cost, for benchmarks of load: by which function, and drawn from which
// distribution. Who knows the seed knows the work. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "client/bench/options.h"
#include "core/base/clock.h"

namespace spillgate::bench {

// Each mode of a mix is a function of its own name, as its cost is one that can be learned.
inline constexpr std::size_t kModes = 3;
[[nodiscard]] std::size_t ModesOf(CostMix mix);
// What steps have in the place of --service, each once: of the second mode, and the third.
[[nodiscard]] std::vector<Nanos> ServicesOf(const Options& options);
// The same with these.
[[nodiscard]] std::size_t ModesOf(const Options& options);

struct Service {
  Nanos time = std::chrono::milliseconds(1);  // the mean; where it is heavy, the shortest
  CostMix mix = CostMix::kConstant;
};

struct Cost {
  std::uint32_t us = 1;  // of one task
  std::uint8_t mode = 0;
};

// `mode`: of that alone.
[[nodiscard]] Cost DrawCost(const Service& service, std::optional<std::uint8_t> mode,
                            std::mt19937_64& random);
// The other one of a pair: as probable as `cost` on the other side of its mode's median, so that
// of few pairs half are below it. A cost that does not vary is its own.
[[nodiscard]] Cost Opposite(const Service& service, Cost cost);
[[nodiscard]] Nanos MeanCost(const Service& service);
[[nodiscard]] Nanos LongestCost(const Service& service);

}  // namespace spillgate::bench
