// Built-ins that take time, or that wait for children of theirs.
#include <algorithm>
#include <string>
#include <vector>

#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"
#include "server/functions/spin_for.h"

namespace spillgate::functions {
namespace {

constexpr std::int64_t kMostChildren = 10'000;
constexpr std::int64_t kMostDepth = 64;

std::int64_t TotalOf(sdk::Context& context, const std::vector<sdk::Future>& futures) {
  std::int64_t total = 0;
  for (const std::string& value : context.Get(futures)) total += ParseNumber(value).value_or(0);
  return total;
}

}  // namespace

// sleep(microseconds): waits; returns its arguments from the second on.
void Sleep(sdk::Context& context) {
  const auto time = Micros(context, 0, "microseconds", 1000);
  if (!time.has_value()) return;
  context.Sleep(*time);
  for (std::uint32_t i = 1; i < context.arg_count(); ++i) context.Return(i - 1, context.Arg(i));
}

// spin(microseconds): has the CPU for so long, and looks every now and then whether it should stop;
// returns its arguments from the second on.
void Spin(sdk::Context& context) {
  const auto time = Micros(context, 0, "microseconds", 1000);
  if (!time.has_value()) return;
  if (!SpinFor(context, *time)) return;
  for (std::uint32_t i = 1; i < context.arg_count(); ++i) context.Return(i - 1, context.Arg(i));
}

// fib(n): the n-th Fibonacci number, by two children each: as many tasks as its own value, most of
// them waiting.
void Fib(sdk::Context& context) {
  const auto n = Number(context, 0, "n", 1);
  if (!n.has_value()) return;
  if (*n > kMostDepth) return context.Fail(Format("n is {}, the most is {}", *n, kMostDepth));
  if (*n < 2) return context.Return(Format("{}", *n));
  sdk::Batch children("fib");
  const std::string first = Format("{}", *n - 1);
  const std::string second = Format("{}", *n - 2);
  children.Add({first});
  children.Add({second});
  context.Return(Format("{}", TotalOf(context, context.Submit(children))));
}

// spawn(children, depth, microseconds): a tree of tasks, `children` to each for `depth`
// generations, whose leaves sleep that long (0: not at all); returns the number of leaves.
void Spawn(sdk::Context& context) {
  const auto children = Number(context, 0, "children", 2);
  const auto depth = Number(context, 1, "depth", 1);
  const auto leaf = Micros(context, 2, "microseconds", 0);
  if (!children.has_value() || !depth.has_value() || !leaf.has_value()) return;
  if (*children > kMostChildren || *depth > kMostDepth) {
    return context.Fail(
        Format("{} children and {} generations were asked for, the most is {} and {}", *children,
               *depth, kMostChildren, kMostDepth));
  }
  if (*depth == 0) {
    if (*leaf > sdk::Duration(0)) context.Sleep(*leaf);
    return context.Return("1");
  }
  const std::string below = Format("{}", *depth - 1);
  sdk::Batch batch("spawn");
  for (std::int64_t i = 0; i < *children; ++i) {
    std::vector<sdk::Argument> arguments{context.Arg(0), below};
    if (context.arg_count() > 2) arguments.emplace_back(context.Arg(2));
    batch.Add(arguments);
  }
  context.Return(Format("{}", TotalOf(context, context.Submit(batch))));
}

// first_of(needed, of, microseconds, timeout): sleeps in `of` children, 1 to `of` times that long,
// and waits for the first `needed`, at most for `timeout` microseconds. Returns how many had ended,
// and how many it then cancelled.
void FirstOf(sdk::Context& context) {
  const auto needed = Number(context, 0, "needed", 1, 1);
  const auto of = Number(context, 1, "of", 2, 1);
  const auto each = Micros(context, 2, "microseconds", 1000);
  const auto timeout = Micros(context, 3, "timeout", 1'000'000);
  if (!needed.has_value() || !of.has_value() || !each.has_value() || !timeout.has_value()) return;
  if (*of > kMostChildren)
    return context.Fail(Format("of {} is too many, the most is {}", *of, kMostChildren));
  std::vector<std::string> times;
  for (std::int64_t i = 1; i <= *of; ++i) times.push_back(Format("{}", each->count() / 1000 * i));
  sdk::Batch batch("sleep");
  for (const std::string& time : times) batch.Add({time});
  const std::vector<sdk::Future> futures = context.Submit(batch);
  const std::vector<bool> ready =
      context.Wait(futures, static_cast<std::uint32_t>(*needed), *timeout);
  std::vector<sdk::Future> late;
  for (std::size_t i = 0; i < futures.size(); ++i) {
    if (!ready[i]) late.push_back(futures[i]);
  }
  if (!late.empty()) context.Cancel(late);
  context.Return(0, Format("{}", futures.size() - late.size()));
  context.Return(1, Format("{}", late.size()));
}

// deadlock(): waits for a child that waits for it. Returns what the child was told, which is at
// once. deadlock(session, seq) is that child: gets the task of this id.
void Deadlock(sdk::Context& context) {
  if (context.arg_count() < 2) {
    const std::string session = Format("{}", static_cast<std::int64_t>(context.task().session));
    const std::string seq = Format("{}", static_cast<std::int64_t>(context.task().seq));
    return context.Return(context.Get(context.Submit("deadlock", session, seq)));
  }
  const auto session = Number(context, 0, "session", 0, INT64_MIN);
  const auto seq = Number(context, 1, "seq", 0, INT64_MIN);
  if (!session.has_value() || !seq.has_value()) return;
  const sdk::Future parent{static_cast<std::uint64_t>(*session), static_cast<std::uint64_t>(*seq),
                           0, 0};
  const sdk::Result result = context.TryGet({parent}).front();
  context.Return(Format("{} {}", result.reason, result.bytes));
}

}  // namespace spillgate::functions
