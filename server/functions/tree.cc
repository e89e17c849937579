// The built-in that stands for a root of nested tasks: each works, then waits for some of its own.
#include <string>
#include <vector>

#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"
#include "server/functions/spin_for.h"

namespace spillgate::functions {
namespace {

constexpr std::int64_t kMostChildren = 1000;
constexpr std::int64_t kMostDepth = 64;
constexpr std::uint32_t kArguments = 5;

// What a child returned, if it is what it should be: how many tasks there were.
std::int64_t CountIn(std::string_view value, std::string_view tag) {
  if (!value.starts_with(tag)) return -1;
  return ParseNumber(value.substr(tag.size())).value_or(-1);
}

void Grow(sdk::Context& context, std::string_view function) {
  if (context.arg_count() != kArguments) {
    return context.Fail(
        Format("{} takes work, microseconds, children, depth and tag; there are {} arguments",
               function, context.arg_count()));
  }
  const auto time = Micros(context, 1, "microseconds", 0);
  const auto children = Number(context, 2, "children", 0);
  const auto depth = Number(context, 3, "depth", 0);
  if (!time.has_value() || !children.has_value() || !depth.has_value()) return;
  if (*children > kMostChildren || *depth > kMostDepth) {
    return context.Fail(
        Format("{} children and {} generations were asked for, the most is {} and {}", *children,
               *depth, kMostChildren, kMostDepth));
  }
  if (!WorkFor(context, context.Arg(0), *time)) return;
  const std::string_view tag = context.Arg(4);
  std::int64_t tasks = 1;
  if (*depth > 0) {
    const std::string below = Format("{}", *depth - 1);
    sdk::Batch batch(function);
    for (std::int64_t i = 0; i < *children; ++i) {
      batch.Add({context.Arg(0), context.Arg(1), context.Arg(2), below, tag});
    }
    for (const std::string& value : context.Get(context.Submit(batch))) {
      const std::int64_t more = CountIn(value, tag);
      if (more < 0) return context.Fail("a child returned what is not its own");
      tasks += more;
    }
  }
  context.Return(Format("{}{}", tag, tasks));
}

}  // namespace

// tree(work, microseconds, children, depth, tag): sleeps or spins for so long, then has `children`
// tasks of its own do the same, one generation less, and waits for them. Returns the tag, and
// behind it how many tasks there were, which proves that all of them ran.
void Tree(sdk::Context& context) {
  Grow(context, "tree");
}
void TreeLong(sdk::Context& context) {
  Grow(context, "tree_long");
}
void TreeLongest(sdk::Context& context) {
  Grow(context, "tree_longest");
}

}  // namespace spillgate::functions
