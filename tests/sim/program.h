// Programs: what a simulated function does, drawn from a few bytes that the task carries as its
// first argument, so that a run that is repeated does the same again. A program works, spawns, gets
// and waits; whether and where a run dies, hangs or is turned away is drawn from its attempt as
// well, and so is what a further run spawns that strays from the first. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/clock.h"

namespace spillgate::sim {

// The first argument of every task.
struct Seeded {
  std::uint64_t seed = 0;
  std::uint32_t generations = 0;  // of tasks that it may still have below it
  std::uint32_t flavour = 0;      // Flavour
};

enum Flavour : std::uint32_t {
  kMixedWork = 0,
  kRecursion = 1,  // spawns two or three, gets them, to the bottom: what fills windows
  kPoison = 2,     // kills whatever runs it
  kLeaf = 3,       // spawns nothing
};

// The functions that a node of the simulation has, in this order; their ids follow from 1.
enum Name : std::uint32_t {
  kInlineQuick,
  kThreadOne,
  kThreadHalf,
  kThreadTwo,
  kLimited,   // slot_limit 1
  kUnleased,  // needs nothing
  kNeedsGpu,
  kThreadLeaf,  // short as a rule, and waits for nobody: it is prefetched
  kNames,
};

[[nodiscard]] std::string_view NameOf(Name name);

struct ChildPlan {
  Name name = kThreadOne;
  Seeded seeded;
  std::vector<std::uint32_t> uses;  // earlier children of the run, as arguments
  std::uint8_t returns = 1;
};

struct Step {
  enum class Kind : std::uint8_t { kWork, kSpawn, kGet, kWait, kCancel, kRelease };
  Kind kind = Kind::kWork;
  Nanos time{0};                    // of work
  std::vector<ChildPlan> children;  // of a spawn
  std::vector<std::uint32_t> of;    // children, by their order
  std::uint32_t needed = 0;
  Nanos timeout = Nanos::max();
};

struct Odds {  // in a thousand
  std::uint32_t dies = 70;
  std::uint32_t dies_blocked = 20;
  std::uint32_t hangs = 15;
  std::uint32_t fails = 60;
  std::uint32_t turned_away = 8;
  std::uint32_t large_value = 100;
  std::uint32_t strays = 900;  // of the runs after the first
};

struct Program {
  std::vector<Step> steps;
  std::uint32_t dies_at = UINT32_MAX;  // before that step; steps.size(): at the end
  std::uint32_t hangs_at = UINT32_MAX;
  bool dies_blocked = false;  // once it is blocked
  bool turned_away = false;
  bool fails = false;
  std::uint32_t value_size = 8;
};

// Nothing if the bytes are no Seeded.
[[nodiscard]] std::optional<Seeded> ReadSeeded(ByteView bytes);
[[nodiscard]] ByteView BytesOf(const Seeded& seeded);
[[nodiscard]] Program MakeProgram(const Seeded& seeded, std::uint8_t attempt, const Odds& odds);

}  // namespace spillgate::sim
