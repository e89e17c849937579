// What can be measured, and what a user may say about it. Plain values; Check tells in one sentence
// what does not fit together, before anything is started. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/class.h"
#include "core/model/level.h"

namespace spillgate::bench {

// How a benchmark goes about it.
enum class Method : std::uint8_t {
  kStream,        // frames over a raw connection, a window of them under way
  kOpenLoop,      // the same, at times that do not depend on the answers
  kRoundTrip,     // one task at a time over a raw connection, beside a bare echo
  kLoadedTrip,    // the same, with a spinning task beside it
  kLibraryBatch,  // as kStream, through the client library
  kLibraryTrip,   // as kRoundTrip, through the client library
  kGraph,         // graphs of tasks, through the client library
  kOverload,      // roots of known cost at multiples of what the node can do
  kSpike,         // the same in bursts
  kStorm,         // bursts, by clients that send again what is refused or late
  kFair,          // the same beside tenants that ask for little
  kBomb,          // a root that spawns without end, beside small ones
};

// Roots of known cost at multiples of what the node can do, in one way or another.
[[nodiscard]] constexpr bool IsLoad(Method method) {
  return method >= Method::kOverload && method <= Method::kBomb;
}

struct Benchmark {
  std::string_view name;
  Method method = Method::kStream;
  std::uint32_t batch = 1;   // tasks a frame, unless the user says otherwise
  std::uint32_t window = 1;  // frames under way, likewise
  Level level = Level::kNone;
  std::string_view help;
};

[[nodiscard]] std::span<const Benchmark> Benchmarks();
// By name; the error names those that there are. "all" is what the project is judged by; each is
// there once.
[[nodiscard]] Result<std::vector<Benchmark>> Choose(std::span<const std::string> names);

enum class Placement : std::uint8_t {
  kFree,    // where the system puts them
  kSame,    // client and node on one core
  kAcross,  // client on one core, node on another
  kSlots,   // the node's slots on all cores but the last, on that the rest of the node and client
};
inline constexpr std::string_view kPlacementNames[] = {"free", "same", "across", "slots"};
[[nodiscard]] std::string_view ToString(Placement placement);

enum class Shape : std::uint8_t {
  kChain,  // each task takes the result of the one before
  kFan,    // one, then many that take its result, then one that takes all of theirs
  kTree,   // each takes the results of two, down to those that take none
};
inline constexpr std::string_view kShapeNames[] = {"chain", "fan", "tree"};
[[nodiscard]] std::string_view ToString(Shape shape);

enum class CostMix : std::uint8_t {
  kConstant,     // every root costs the same
  kExponential,  // memoryless
  kBimodal,      // 99 of 100 half of the mean, by one function; one 50.5 times it, by another
  kLogNormal,    // with sigma 0.5
  kHeavy,        // one, a hundred and ten thousand times --service, each a third of the work
};
inline constexpr std::string_view kMixNames[] = {"constant", "exponential", "bimodal", "lognormal",
                                                 "heavy"};
[[nodiscard]] std::string_view ToString(CostMix mix);

enum class RootShape : std::uint8_t {
  kSingle,  // one task
  kChain,   // each takes the result of the one before
  kFan,     // one, then many that take its result, then one that takes all of theirs
  kNested,  // a task that spawns some, which spawn some
};
inline constexpr std::string_view kRootShapeNames[] = {"single", "chain", "fan", "nested"};
[[nodiscard]] std::string_view ToString(RootShape shape);

enum class Manners : std::uint8_t {
  kRaw,          // sends, whatever the node says
  kCooperative,  // holds back what it has no credit for, and comes again when it is told to
};
inline constexpr std::string_view kMannersNames[] = {"raw", "cooperative"};
[[nodiscard]] std::string_view ToString(Manners manners);

// A part of a run whose load changes.
struct Step {
  double x = 0;  // times the capacity
  Nanos time{0};
  Nanos service{0};  // of its roots, which are of a function of their own; 0: as all others
};

// A class beside `normal`, and how much of the node's capacity is offered in it.
struct ClassPart {
  TaskClass cls = TaskClass::kNormal;
  double part = 0;
};

// A root's deadline, in medians of what its function takes without load, unless the user says
// otherwise.
inline constexpr double kDeadlineRatio = 10;
// Unless the user says otherwise, of the one benchmark that each of these is for.
inline constexpr std::uint32_t kUsualTenants = 4;
inline constexpr std::uint32_t kUsualRetries = 3;
inline constexpr std::uint32_t kUsualSpikes = 20;
inline constexpr std::uint32_t kUsualChildren = 1'000'000;

struct Options {
  Nanos time = std::chrono::seconds(2);  // of each measurement
  // Unset: as the benchmark is meant.
  std::optional<std::uint32_t> batch;
  std::optional<std::uint32_t> window;
  std::optional<Level> level;
  std::optional<Placement> placement;
  std::uint32_t clients = 1;                     // connections, each with a thread
  std::uint32_t payload = 0;                     // bytes of a task's one argument; 0: it has none
  std::string function;                          // "": noop, or echo when there is a payload
  double rate = 0;                               // open: tasks a second
  std::vector<double> x{0.5, 0.7, 1, 2, 5, 10};  // overload: times the node's capacity
  std::vector<Step> steps;                       // overload: one run, in the place of `x`
  Nanos service = std::chrono::milliseconds(1);  // overload: mean cost of a task; bomb: of a child
  CostMix mix = CostMix::kConstant;              // overload: how costs are spread
  RootShape root = RootShape::kSingle;           // overload: what a root is
  Manners manners = Manners::kRaw;               // overload: of its clients
  Nanos turnaround{0};                           // overload: that cooperative ones take
  std::uint32_t burst = 1;                       // overload: roots that come at a time
  // overload: each on a connection of its own; what is left of `x`, or next to nothing, is normal.
  std::vector<ClassPart> classes;
  double deadline_ratio = kDeadlineRatio;  // of a load
  std::uint32_t unloaded_roots = 20;       // overload: at least, that are timed without load
  std::optional<std::uint32_t> tenants;    // fair: that ask for little
  std::optional<std::uint32_t> retries;    // storm: of each root
  double retry_budget = 0;                 // storm: of what is sent, at most; 0: any
  std::optional<std::uint32_t> spikes;     // spike and storm: short ones
  std::optional<std::uint32_t> children;   // bomb: of the root that grows
  Shape shape = Shape::kTree;
  std::uint32_t size = 255;                        // tasks of a graph
  Nanos poll = std::chrono::microseconds(20);      // clients look again for so long, then block
  Nanos answer_within = std::chrono::seconds(30);  // silence for so long is a failure
  std::uint64_t seed = 1;                          // of nonces and of the open loop's gaps
  std::function<bool()> stop;  // asked every now and then, if there is one: whether to give up

  [[nodiscard]] bool stopped() const { return stop && stop(); }
};

// Whether these options make sense for that benchmark.
[[nodiscard]] Status Check(const Benchmark& benchmark, const Options& options);

// What is measured, after all: the user's word or the benchmark's own.
[[nodiscard]] std::uint32_t BatchOf(const Benchmark& benchmark, const Options& options);
[[nodiscard]] std::uint32_t WindowOf(const Benchmark& benchmark, const Options& options);
[[nodiscard]] Level LevelOf(const Benchmark& benchmark, const Options& options);
[[nodiscard]] std::string_view FunctionOf(const Options& options);

}  // namespace spillgate::bench
