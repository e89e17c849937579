#include "client/bench/root_cost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace spillgate::bench {
namespace {

constexpr double kMostFactor = 20;  // of the mean: an exponential has no end
constexpr double kSigma = 0.5;

struct Mode {
  double cost = 1;   // times that of the service
  double share = 1;  // of the roots
};
constexpr std::array kOne{Mode{}};
constexpr std::array kBimodal{Mode{.cost = 0.5, .share = 0.99}, Mode{.cost = 50.5, .share = 0.01}};
// Each carries a third of the work.
constexpr double kShares = 1 + 0.01 + 0.0001;
constexpr std::array kHeavy{Mode{.cost = 1, .share = 1 / kShares},
                            Mode{.cost = 100, .share = 0.01 / kShares},
                            Mode{.cost = 10'000, .share = 0.0001 / kShares}};
static_assert(kHeavy.size() <= kModes);

std::span<const Mode> TableOf(CostMix mix) {
  switch (mix) {
    case CostMix::kBimodal: return kBimodal;
    case CostMix::kHeavy: return kHeavy;
    case CostMix::kConstant:
    case CostMix::kExponential:
    case CostMix::kLogNormal: break;
  }
  return kOne;
}

double DrawFactor(CostMix mix, std::mt19937_64& random) {
  if (mix == CostMix::kExponential) {
    return std::min(std::exponential_distribution<double>(1.0)(random), kMostFactor);
  }
  if (mix == CostMix::kLogNormal) {
    // Its mean is exp(mu + sigma^2 / 2).
    std::lognormal_distribution<double> draw(-kSigma * kSigma / 2, kSigma);
    return std::min(draw(random), kMostFactor);
  }
  return 1;
}

Nanos Times(Nanos time, double factor) {
  return Nanos(std::llround(static_cast<double>(time.count()) * factor));
}

}  // namespace

std::size_t ModesOf(CostMix mix) {
  return TableOf(mix).size();
}

std::vector<Nanos> ServicesOf(const Options& options) {
  std::vector<Nanos> services;
  for (const Step& step : options.steps) {
    const bool known = std::find(services.begin(), services.end(), step.service) != services.end();
    if (step.service != Nanos(0) && !known) services.push_back(step.service);
  }
  return services;
}

std::size_t ModesOf(const Options& options) {
  return std::max(ModesOf(options.mix), 1 + ServicesOf(options).size());
}

Cost DrawCost(const Service& service, std::optional<std::uint8_t> mode, std::mt19937_64& random) {
  const std::span<const Mode> modes = TableOf(service.mix);
  std::uint8_t drawn = mode.value_or(0);
  if (!mode.has_value() && modes.size() > 1) {
    double at = std::uniform_real_distribution<double>(0, 1)(random);
    while (drawn + 1U < modes.size() && at >= modes[drawn].share) at -= modes[drawn++].share;
  }
  const double factor = modes[drawn].cost * DrawFactor(service.mix, random);
  const double us = std::chrono::duration<double, std::micro>(service.time).count() * factor;
  return {std::max(1U, static_cast<std::uint32_t>(std::lround(us))), drawn};
}

Cost Opposite(const Service& service, Cost cost) {
  const double unit = std::chrono::duration<double, std::micro>(service.time).count() *
                      TableOf(service.mix)[cost.mode].cost;
  const double factor = cost.us / unit;
  double other = factor;
  if (service.mix == CostMix::kExponential) {
    other = std::min(-std::log1p(-std::exp(-factor)), kMostFactor);
  } else if (service.mix == CostMix::kLogNormal) {
    other = std::min(std::exp(-kSigma * kSigma) / factor, kMostFactor);
  }
  return {std::max(1U, static_cast<std::uint32_t>(std::lround(unit * other))), cost.mode};
}

Nanos MeanCost(const Service& service) {
  double mean = 0;
  for (const Mode& mode : TableOf(service.mix)) mean += mode.cost * mode.share;
  return Times(service.time, mean);
}

Nanos LongestCost(const Service& service) {
  const bool open = service.mix == CostMix::kExponential || service.mix == CostMix::kLogNormal;
  return Times(service.time, open ? kMostFactor : TableOf(service.mix).back().cost);
}

}  // namespace spillgate::bench
