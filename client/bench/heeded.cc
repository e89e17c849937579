#include "client/bench/heeded.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

// A bit for each of them.
constexpr std::uint32_t Of(std::initializer_list<Method> methods) {
  std::uint32_t set = 0;
  for (const Method each : methods) set |= 1U << static_cast<std::uint32_t>(each);
  return set;
}

// What sends such roots as the options describe. Those beside a bomb are its own.
constexpr std::uint32_t kRoots =
    Of({Method::kOverload, Method::kFair, Method::kSpike, Method::kStorm});
constexpr std::uint32_t kLoads = kRoots | Of({Method::kBomb});

struct Heeded {
  std::string_view option;
  std::uint32_t by;
  bool (*given)(const Options&);  // otherwise than it is anyway
};

constexpr Heeded kHeeded[] = {
    // A storm has a load of its own.
    {"--x", Of({Method::kOverload, Method::kFair, Method::kSpike}),
     [](const Options& options) { return options.x != Options().x; }},
    {"--service", kLoads,  // of a bomb: what a child costs
     [](const Options& options) { return options.service != Options().service; }},
    {"--mix", kRoots, [](const Options& options) { return options.mix != CostMix::kConstant; }},
    {"--shape", kRoots | Of({Method::kGraph}),
     [](const Options& options) { return options.root != RootShape::kSingle; }},
    {"--burst", kRoots, [](const Options& options) { return options.burst != 1; }},
    {"--turnaround", Of({Method::kOverload, Method::kFair, Method::kSpike}),
     [](const Options& options) { return options.turnaround != Nanos(0); }},
    {"--unloaded-roots", kLoads,
     [](const Options& options) { return options.unloaded_roots != Options().unloaded_roots; }},
    {"--tenants", Of({Method::kFair}),
     [](const Options& options) { return options.tenants.has_value(); }},
    {"--retries", Of({Method::kStorm}),
     [](const Options& options) { return options.retries.has_value(); }},
    {"--retry-budget", Of({Method::kStorm}),
     [](const Options& options) { return options.retry_budget != 0; }},
    {"--spikes", Of({Method::kSpike, Method::kStorm}),
     [](const Options& options) { return options.spikes.has_value(); }},
    {"--children", Of({Method::kBomb}),
     [](const Options& options) { return options.children.has_value(); }},
};

bool IsBy(const Heeded& option, const Benchmark& benchmark) {
  return (option.by & Of({benchmark.method})) != 0;
}

}  // namespace

Status CheckHeeded(const Benchmark& benchmark, const Options& options) {
  for (const Heeded& each : kHeeded) {
    if (IsBy(each, benchmark) || !each.given(options)) continue;
    std::string others;
    for (const Benchmark& other : Benchmarks()) {
      if (IsBy(each, other)) others += Format("{}{}", others.empty() ? "" : ", ", other.name);
    }
    return Error{Code::kInvalid, Format("{} does not heed {}, which is for {}", benchmark.name,
                                        each.option, others)};
  }
  return {};
}

}  // namespace spillgate::bench
