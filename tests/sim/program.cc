#include "tests/sim/program.h"

#include <array>
#include <cstring>
#include <random>
#include <type_traits>

#include "core/base/ids.h"

namespace spillgate::sim {
namespace {

using Random = std::mt19937_64;

bool Chance(Random& random, std::uint32_t in_a_thousand) {
  return random() % 1000 < in_a_thousand;
}

Nanos Micros(std::uint64_t us) {
  return std::chrono::microseconds(us);
}

constexpr Name kNamesOfChildren[] = {kInlineQuick, kThreadOne, kThreadHalf, kThreadOne,
                                     kLimited,     kUnleased,  kThreadLeaf, kThreadLeaf};

Name NameOfChild(Random& random) {
  return kNamesOfChildren[random() % std::size(kNamesOfChildren)];
}

ChildPlan MakeChild(Random& random, const Seeded& parent, std::uint32_t earlier) {
  ChildPlan child;
  child.name = parent.flavour == kRecursion ? kThreadOne : NameOfChild(random);
  child.seeded = {.seed = random(),
                  .generations = parent.generations - 1,
                  .flavour = parent.flavour == kPoison ? kMixedWork : parent.flavour};
  if (child.name == kThreadLeaf) child.seeded.flavour = kLeaf;
  if (earlier > 0 && Chance(random, 250)) child.uses.push_back(random() % earlier);
  if (Chance(random, 150)) child.returns = 2;
  return child;
}

Step Spawn(Random& random, const Seeded& seeded, std::uint32_t earlier) {
  Step step{.kind = Step::Kind::kSpawn};
  const std::uint32_t count = seeded.flavour == kRecursion ? 2 + random() % 2 : 1 + random() % 4;
  for (std::uint32_t i = 0; i < count; ++i) {
    step.children.push_back(MakeChild(random, seeded, earlier + i));
  }
  return step;
}

Step Look(Random& random, const Seeded& seeded, std::uint32_t children) {
  Step step;
  for (std::uint32_t i = 0; i < children; ++i) step.of.push_back(i);
  if (seeded.flavour == kRecursion) {
    step.kind = Step::Kind::kGet;
    return step;
  }
  switch (random() % 10) {
    case 0:
      step.kind = Step::Kind::kCancel;
      step.of = {static_cast<std::uint32_t>(random() % children)};
      return step;
    case 1:
      step.kind = Step::Kind::kRelease;
      step.of = {static_cast<std::uint32_t>(random() % children)};
      return step;
    case 2:
    case 3:
    case 4:
      step.kind = Step::Kind::kWait;
      step.needed = 1 + random() % children;
      break;
    default: step.kind = Step::Kind::kGet; break;
  }
  if (Chance(random, 300)) step.timeout = Micros(random() % 3000);
  return step;
}

// As of a search that spawns by time: the same so far, and then something else.
void Stray(Random& random, Program& program) {
  for (Step& step : program.steps) {
    for (ChildPlan& child : step.children) {
      switch (random() % 7) {
        case 0: child.seeded.seed = random(); break;
        case 1: child.name = NameOfChild(random); break;
        case 2: child.returns = static_cast<std::uint8_t>(3 - child.returns); break;
        case 3: child.uses.clear(); break;
        case 4: std::swap(child.seeded, step.children.front().seeded); break;
        default: break;
      }
    }
  }
}

}  // namespace

std::string_view NameOf(Name name) {
  static constexpr std::array<std::string_view, kNames> kAll{
      "inline_quick", "thread_one", "thread_half", "thread_two",
      "limited",      "unleased",   "needs_gpu",   "thread_leaf"};
  return kAll[name];
}

static_assert(std::is_trivially_copyable_v<Seeded> && sizeof(Seeded) == 16);

std::optional<Seeded> ReadSeeded(ByteView bytes) {
  if (bytes.size() != sizeof(Seeded)) return std::nullopt;
  Seeded seeded;
  std::memcpy(&seeded, bytes.data(), sizeof(seeded));
  return seeded;
}

ByteView BytesOf(const Seeded& seeded) {
  return std::as_bytes(std::span(&seeded, 1));
}

Program MakeProgram(const Seeded& seeded, std::uint8_t attempt, const Odds& odds) {
  Random random(seeded.seed);
  Program program;
  const bool recursion = seeded.flavour == kRecursion;
  const auto work = [&](std::uint64_t most_us) {
    program.steps.push_back({.kind = Step::Kind::kWork, .time = Micros(random() % most_us)});
  };
  const bool leaf = seeded.flavour == kLeaf;
  if (leaf) {
    work(Chance(random, 80) ? 5000 : 100);
  } else {
    work(recursion ? 50 : 600);
  }
  std::uint32_t children = 0;
  const bool spawns = !leaf && seeded.generations > 0 && (recursion || Chance(random, 600));
  const std::uint32_t rounds = spawns ? 1 + (recursion ? 0 : random() % 2) : 0;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    program.steps.push_back(Spawn(random, seeded, children));
    children += static_cast<std::uint32_t>(program.steps.back().children.size());
    if (Chance(random, 300)) work(300);
    if (recursion || Chance(random, 750)) program.steps.push_back(Look(random, seeded, children));
  }
  if (!leaf) work(100);
  program.fails = Chance(random, odds.fails);
  if (Chance(random, odds.large_value)) program.value_size = 64 + random() % 4000;

  // From here on each attempt has its own luck.
  Random luck(Mix(seeded.seed + attempt));
  const auto somewhere = [&] {
    return static_cast<std::uint32_t>(luck() % (program.steps.size() + 1));
  };
  if (seeded.flavour == kPoison || Chance(luck, odds.dies)) program.dies_at = somewhere();
  if (Chance(luck, odds.hangs)) program.hangs_at = somewhere();
  program.dies_blocked = Chance(luck, odds.dies_blocked);
  program.turned_away = Chance(luck, odds.turned_away);
  if (attempt > 1 && Chance(luck, odds.strays)) Stray(luck, program);
  return program;
}

}  // namespace spillgate::sim
