// The built-in that stands for one task of a recorded workflow: takes as long, and returns as much.
#include "core/base/digest.h"
#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"
#include "server/functions/spin_for.h"

namespace spillgate::functions {
namespace {

constexpr std::int64_t kMostBytes = 64 << 20;  // of one result
constexpr std::uint32_t kFirstParent = 4;

}  // namespace

// step(work, microseconds, bytes, id, result…): sleeps or spins for so long; returns 32 hexadecimal
// digits that depend on the id and on all of the results, which are those of other steps, and
// behind them as many bytes that depend on these as make `bytes` in all. So each result proves
// which steps ran before it, in which order, and that what they returned came through unchanged.
void Step(sdk::Context& context) {
  if (context.arg_count() < kFirstParent) {
    return context.Fail(
        Format("step takes work, microseconds, bytes, id and results; there are {} "
               "arguments",
               context.arg_count()));
  }
  const auto time = Micros(context, 1, "microseconds", 0);
  if (!time.has_value()) return;
  const auto bytes = Number(context, 2, "bytes", 0);
  if (!bytes.has_value()) return;
  if (*bytes > kMostBytes) {
    return context.Fail(Format("argument 2 (bytes) is {}, the most is {}", *bytes, kMostBytes));
  }
  if (!WorkFor(context, context.Arg(0), *time)) return;
  Digest digest;
  for (std::uint32_t i = kFirstParent - 1; i < context.arg_count(); ++i) digest.Add(context.Arg(i));
  context.Return(digest.Stretch(static_cast<std::size_t>(*bytes)));
}

}  // namespace spillgate::functions
