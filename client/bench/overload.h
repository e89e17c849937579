// What a node makes of more than it can do: roots of known cost at multiples of its capacity, each
// with the same deadline, and how much of their work was of use. Definitions: docs/benchmarks.md.
// Called by RunBench.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "client/bench/bench.h"

namespace spillgate::bench {

// `method` is kOverload or kFair. A row for each of `options.x`, in order, all of them against the
// capacity that was measured before the first and after the last: so they are reported together.
[[nodiscard]] Status MeasureOverload(Method method, const Options& options, const Target& target,
                                     const std::function<void(Row&)>& report);

// What is offered in each class at `x` times the capacity: `normal` first, with what the classes of
// the options leave of it; where they leave nothing, a thousandth of the capacity.
[[nodiscard]] std::vector<ClassPart> PartsOf(const Options& options, double x);

// How even the shares are: 1 when all are the same, 1/n when one has it all (Jain, Chiu, Hawe
// 1984).
[[nodiscard]] double JainIndex(std::span<const double> shares);
// What each is entitled to of 1, by max-min fairness: what it asks for, but no more than an even
// share of what others leave.
[[nodiscard]] std::vector<double> Entitlements(std::span<const double> demands);

}  // namespace spillgate::bench
