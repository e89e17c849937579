// Built-ins that only compute.
#include <string>

#include "core/base/digest.h"
#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"

namespace spillgate::functions {

// noop(…): nothing; an empty value.
void Noop(sdk::Context& /*context*/) {}

// echo(bytes…): each argument as the return of its number; none: an empty value.
void Echo(sdk::Context& context) {
  for (std::uint32_t i = 0; i < context.arg_count(); ++i) context.Return(i, context.Arg(i));
}

// sum(number…): their sum.
void Sum(sdk::Context& context) {
  std::int64_t total = 0;
  for (std::uint32_t i = 0; i < context.arg_count(); ++i) {
    const auto value = Number(context, i, "number", 0, INT64_MIN);
    if (!value.has_value()) return;
    if (__builtin_add_overflow(total, *value, &total)) {
      return context.Fail("the sum does not fit into 64 bits");
    }
  }
  context.Return(Format("{}", total));
}

// concat(bytes…): them, one after the other.
void Concat(sdk::Context& context) {
  std::string all;
  for (std::uint32_t i = 0; i < context.arg_count(); ++i) all += context.Arg(i);
  context.Return(all);
}

// hash(bytes…): 32 hexadecimal digits that depend on each argument and on where one ends and the
// next begins.
void Hash(sdk::Context& context) {
  Digest digest;
  for (std::uint32_t i = 0; i < context.arg_count(); ++i) digest.Add(context.Arg(i));
  context.Return(digest.Hex());
}

// fail(message): fails with it.
void Fail(sdk::Context& context) {
  context.Fail(context.arg_count() == 0 ? "it was asked to fail" : context.Arg(0));
}

// attempt(): which run of this task it is, from 1.
void Attempt(sdk::Context& context) {
  context.Return(Format("{}", context.attempt()));
}

// remaining(): microseconds to the task's deadline; -1: it has none.
void Remaining(sdk::Context& context) {
  const sdk::Duration left = context.Remaining();
  const bool none = left == sdk::Duration::max();
  context.Return(Format(
      "{}", none ? -1 : std::chrono::duration_cast<std::chrono::microseconds>(left).count()));
}

}  // namespace spillgate::functions
