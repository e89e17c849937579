// The roots that a frontier is computed for: when they come, what they cost, and by when they have
// to be done, drawn from a seed. Time is in mean costs of a root. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace spillgate::frontier {

// How costs are spread around their mean, which is 1.
enum class Mix : std::uint8_t {
  kConstant,     // every root costs the same
  kExponential,  // memoryless
  kBimodal,      // 99 of 100 cost a half, one costs 50.5; each mode is a function of its own
  kLognormal,    // of sigma 0.5
  kHeavy,        // three functions, 1, 100 and 10'000 times the shortest, each a third of the work
};
inline constexpr std::string_view kMixNames[] = {"constant", "exponential", "bimodal", "lognormal",
                                                 "heavy"};
[[nodiscard]] std::string_view ToString(Mix mix);
[[nodiscard]] std::optional<Mix> MixOf(std::string_view name);
[[nodiscard]] std::size_t CountFunctions(Mix mix);

// What is asked for.
struct Load {
  std::uint32_t slots = 1;
  Mix mix = Mix::kConstant;
  // A root's deadline after its arrival, in medians of its function: the same for all functions, or
  // one for each.
  std::vector<double> limits{10};
  double x = 1;             // work that comes, to the work that the slots can do
  std::uint32_t tasks = 1;  // of a root: they cost the same, and run one after the other
  std::uint32_t arrivals = 60'000;
  std::uint64_t seed = 1;
};

struct Function {
  double mean = 1;
  double patience = 0;  // from a root's arrival to its deadline
};

struct Root {
  double arrival = 0;
  double cost = 0;             // of all its tasks
  std::uint32_t function = 0;  // in Sample::functions
};

// A Poisson process over [0, span), stretched so that its work is exactly x times what the slots
// can do in that time: a sample that happens to bring too little would pass for a rule that does.
struct Sample {
  std::uint32_t slots = 1;
  double x = 1;
  std::uint32_t tasks = 1;  // of each root
  double span = 0;
  bool is_whole = false;  // nothing comes after the span, and what is done then counts as well
  std::vector<Function> functions;
  std::vector<Root> roots;  // by arrival

  [[nodiscard]] const Function& FunctionOf(const Root& root) const {
    return functions[root.function];
  }
  [[nodiscard]] double DeadlineOf(const Root& root) const {
    return root.arrival + FunctionOf(root).patience;
  }
  [[nodiscard]] double TaskOf(const Root& root) const { return root.cost / tasks; }
  [[nodiscard]] double CountsUntil() const {
    return is_whole ? std::numeric_limits<double>::infinity() : span;
  }
  // Of work that counts: to what can be done within the span, or was to come if that is less.
  [[nodiscard]] double RatioOf(double work) const {
    return work / (slots * span * (x < 1 ? x : 1));
  }
};

[[nodiscard]] Sample Draw(const Load& load);

// A measurement of `spillgate bench overload`, from which its roots can be drawn again.
struct Measured {
  std::uint64_t seed = 0;
  double per_s = 0;           // roots, as they were to come
  double seconds = 0;         // for so long
  double service_us = 0;      // as the benchmark has it: the mean, or of a heavy mix the shortest
  std::uint32_t burst = 1;    // roots that come at the same time
  double capacity_per_s = 0;  // roots of the mean cost
};

// The very roots that came then. What is done of them by their deadline counts, also after the last
// has come, as it does there.
[[nodiscard]] Sample DrawAgain(const Load& load, const Measured& measured);

}  // namespace spillgate::frontier
