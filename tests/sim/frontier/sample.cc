#include "tests/sim/frontier/sample.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <random>

namespace spillgate::frontier {
namespace {

constexpr double kSigma = 0.5;
constexpr double kShort = 0.5;
constexpr double kLong = 50.5;
constexpr double kLongShare = 0.01;

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

std::vector<Function> FunctionsOf(Mix mix, double limit) {
  switch (mix) {
    case Mix::kConstant: return {{.mean = 1, .patience = limit}};
    case Mix::kExponential: return {{.mean = 1, .patience = limit * std::numbers::ln2}};
    case Mix::kBimodal:
      return {{.mean = kShort, .patience = limit * kShort},
              {.mean = kLong, .patience = limit * kLong}};
    case Mix::kLognormal: return {{.mean = 1, .patience = limit * std::exp(-kSigma * kSigma / 2)}};
  }
  return {};
}

void DrawCost(Mix mix, Dice& dice, Root& root) {
  switch (mix) {
    case Mix::kConstant: root.cost = 1; break;
    case Mix::kExponential: root.cost = dice.Exponential(); break;
    case Mix::kBimodal:
      root.function = dice.Uniform() <= kLongShare ? 1 : 0;
      root.cost = root.function == 1 ? kLong : kShort;
      break;
    case Mix::kLognormal: root.cost = std::exp(kSigma * dice.Normal() - kSigma * kSigma / 2); break;
  }
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

Sample Draw(const Load& load) {
  Sample sample;
  sample.slots = load.slots;
  sample.x = load.x;
  sample.functions = FunctionsOf(load.mix, load.limit);
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

}  // namespace spillgate::frontier
