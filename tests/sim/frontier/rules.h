// What nodes can do: rules of admission and order, run over a sample root by root. None interrupts
// a task, to go on with it later; between two tasks of a root it may run others. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/frontier/sample.h"

namespace spillgate::frontier {

enum class Order : std::uint8_t {
  kFifo,
  kLifo,
  kDeadline,  // the earliest first
};

enum class Bound : std::uint8_t {
  kTime,   // in mean costs of a root
  kSlack,  // in what its function's roots can wait at most
};

// A root is let in if a slot is free and nothing waits, or if it can expect to be started within
// the bound: when what waits and goes before it (of a LIFO, all that waits) has been run by all
// slots, and then the first of them is free. Rules know how the costs of a function are spread, for
// how long a task has been running, and from its first task on what a root costs.
struct Rule {
  Order order = Order::kFifo;
  Bound bound = Bound::kTime;
  double most_wait = 0;
  bool drops = false;  // roots that would miss their deadline, instead of starting them
  bool cuts = false;   // stops what still runs at its deadline
  bool lanes = false;  // functions ten times as long as the shortest leave it one slot
  // Knows what each root will cost, and so exactly when it would start and end; refuses what would
  // end late. It is a FIFO; there is nothing to drop or to cut, and no lanes.
  bool clairvoyant = false;

  [[nodiscard]] std::string Name() const;
};

// Sample::RatioOf the work that counts, of roots that ended by their deadline.
[[nodiscard]] double Goodput(const Rule& rule, const Sample& sample);
// The same, where the rule knows how costs are spread from another sample.
[[nodiscard]] double Goodput(const Rule& rule, const Sample& sample, const Sample& known);

struct Best {
  Rule rule;
  double goodput = -1;
};

// The best of a fixed list of rules that make sense for this sample, those that are clairvoyant or
// those that are not.
[[nodiscard]] Best BestOf(const Sample& sample, bool clairvoyant);

}  // namespace spillgate::frontier
