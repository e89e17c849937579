#include "tests/sim/frontier/sample.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <numbers>
#include <random>
#include <span>

#include "client/bench/root_schedule.h"

namespace spillgate::frontier {
namespace {

constexpr double kSigma = 0.5;

// A function of a mix: all else is relative to the mean of the whole.
struct Kind {
  double mean = 1;
  double median = 1;
  double share = 1;  // of the roots
};
constexpr std::array kConstant{Kind{}};
constexpr std::array kExponential{Kind{.median = std::numbers::ln2}};
constexpr std::array kBimodal{Kind{.mean = 0.5, .median = 0.5, .share = 0.99},
                              Kind{.mean = 50.5, .median = 50.5, .share = 0.01}};
constexpr std::array kLognormal{Kind{.median = 0.88249690258459546}};  // e^(-sigma^2 / 2)
// As client/bench/root_cost.cc has them, which counts in the shortest and not in the mean.
constexpr double kShares = 1 + 0.01 + 0.0001;
constexpr Kind Heavy(double times) {
  const double cost = times * kShares / 3;
  return {.mean = cost, .median = cost, .share = 1 / (times * kShares)};
}
constexpr std::array kHeavy{Heavy(1), Heavy(100), Heavy(10'000)};

std::span<const Kind> KindsOf(Mix mix) {
  switch (mix) {
    case Mix::kConstant: return kConstant;
    case Mix::kExponential: return kExponential;
    case Mix::kBimodal: return kBimodal;
    case Mix::kLognormal: return kLognormal;
    case Mix::kHeavy: return kHeavy;
  }
  return {};
}

// By hand and not by the library's distributions, which differ from one library to the next.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  // In (0, 1].
  double Uniform() { return (static_cast<double>(random_() >> 11) + 1) * 0x1p-53; }
  double Exponential() { return -std::log(Uniform()); }
  double Normal() {
    const double radius = std::sqrt(2 * Exponential());
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  std::mt19937_64 random_;
};

bench::CostMix CostMixOf(Mix mix) {
  switch (mix) {
    case Mix::kConstant: return bench::CostMix::kConstant;
    case Mix::kExponential: return bench::CostMix::kExponential;
    case Mix::kBimodal: return bench::CostMix::kBimodal;
    case Mix::kLognormal: return bench::CostMix::kLogNormal;
    case Mix::kHeavy: return bench::CostMix::kHeavy;
  }
  return bench::CostMix::kConstant;
}

std::vector<Function> FunctionsOf(Mix mix, std::span<const double> limits) {
  std::vector<Function> functions;
  for (const Kind& kind : KindsOf(mix)) {
    const double limit = limits[limits.size() == 1 ? 0 : functions.size()];
    functions.push_back({.mean = kind.mean, .patience = limit * kind.median});
  }
  return functions;
}

std::uint32_t DrawFunction(std::span<const Kind> kinds, Dice& dice) {
  auto drawn = static_cast<std::uint32_t>(kinds.size() - 1);
  if (drawn == 0) return 0;
  double at = dice.Uniform();
  while (drawn > 0 && at > kinds[drawn].share) at -= kinds[drawn--].share;
  return drawn;
}

void DrawCost(Mix mix, Dice& dice, Root& root) {
  const std::span<const Kind> kinds = KindsOf(mix);
  root.function = DrawFunction(kinds, dice);
  root.cost = kinds[root.function].mean;
  if (mix == Mix::kExponential) root.cost = dice.Exponential();
  if (mix == Mix::kLognormal) root.cost = std::exp(kSigma * dice.Normal() - kSigma * kSigma / 2);
}

}  // namespace

std::string_view ToString(Mix mix) {
  return kMixNames[static_cast<std::size_t>(mix)];
}

std::optional<Mix> MixOf(std::string_view name) {
  const auto* found = std::find(std::begin(kMixNames), std::end(kMixNames), name);
  if (found == std::end(kMixNames)) return std::nullopt;
  return static_cast<Mix>(found - std::begin(kMixNames));
}

std::size_t CountFunctions(Mix mix) {
  return KindsOf(mix).size();
}

Sample Draw(const Load& load) {
  Sample sample;
  sample.slots = load.slots;
  sample.x = load.x;
  sample.tasks = load.tasks;
  sample.functions = FunctionsOf(load.mix, load.limits);
  sample.roots.resize(load.arrivals);
  Dice dice(load.seed);
  double time = 0;
  double work = 0;
  for (Root& root : sample.roots) {
    time += dice.Exponential();
    root.arrival = time;
    DrawCost(load.mix, dice, root);
    work += root.cost;
  }
  time += dice.Exponential();  // the span does not end with an arrival
  sample.span = work / (load.x * load.slots);
  for (Root& root : sample.roots) root.arrival *= sample.span / time;
  return sample;
}

Sample DrawAgain(const Load& load, const Measured& measured) {
  const double per_unit = load.slots / measured.capacity_per_s;  // seconds of a slot, for 1 of work
  const bench::Service service{.time = Nanos(std::llround(measured.service_us * 1e3)),
                               .mix = CostMixOf(load.mix)};
  const double mean_us =
      std::chrono::duration<double, std::micro>(bench::MeanCost(service)).count();
  const Nanos end(std::llround(measured.seconds * 1e9));
  Sample sample{.slots = load.slots,
                .x = load.x,
                .tasks = load.tasks,
                .span = measured.seconds / per_unit,
                .is_whole = true,
                .functions = FunctionsOf(load.mix, load.limits),
                .roots = {}};
  bench::RootSchedule schedule({.rate = measured.per_s,
                                .burst = measured.burst,
                                .time = end,
                                .service = service,
                                .seed = measured.seed});
  while (schedule.due() < end) {
    const double due = std::chrono::duration<double>(schedule.due()).count();
    const bench::Cost cost = schedule.Take();
    sample.roots.push_back(
        {.arrival = due / per_unit, .cost = cost.us / mean_us, .function = cost.mode});
  }
  return sample;
}

}  // namespace spillgate::frontier
