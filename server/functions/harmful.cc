// Built-ins that harm the process they run in.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"

namespace spillgate::functions {

// crash(signal, runs): ends the process by that signal, SIGSEGV if none is named. With `runs`, only
// in the first so many runs of this task; later ones return which run it was.
void Crash(sdk::Context& context) {
  const auto number = Number(context, 0, "signal", SIGSEGV, 1);
  const auto runs = Number(context, 1, "runs", INT64_MAX);
  if (!number.has_value() || !runs.has_value()) return;
  if (context.attempt() > *runs) return context.Return(Format("{}", context.attempt()));
  if (*number >= NSIG) return context.Fail(Format("there is no signal {}", *number));
  const int signal_number = static_cast<int>(*number);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
  context.Fail(Format("signal {} did not end the process", signal_number));
}

// exit(status): ends the process.
void Exit(sdk::Context& context) {
  const auto status = Number(context, 0, "status", 1);
  if (status.has_value()) _exit(static_cast<int>(*status & 0xFF));
}

// hang(): never returns, whatever it is asked.
void Hang(sdk::Context& /*context*/) {
  for (;;) pause();
}

// alloc(bytes): takes that much memory and writes to all of it; returns how much. More than there
// is: out of memory.
void Alloc(sdk::Context& context) {
  constexpr std::int64_t kBlock = 1 << 20;
  const auto bytes = Number(context, 0, "bytes", kBlock);
  if (!bytes.has_value()) return;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (std::int64_t taken = 0; taken < *bytes; taken += kBlock) {
    const auto size = static_cast<std::size_t>(std::min(kBlock, *bytes - taken));
    try {
      blocks.push_back(std::make_unique_for_overwrite<char[]>(size));
    } catch (const std::bad_alloc&) {
      blocks.clear();
      return context.Fail(Format("out of memory after {} bytes", taken));
    }
    std::memset(blocks.back().get(), 1, size);
  }
  context.Return(Format("{}", *bytes));
}

// flood(bytes): writes that much to stderr, in numbered lines; returns how much.
void Flood(sdk::Context& context) {
  const auto bytes = Number(context, 0, "bytes", 1 << 20);
  if (!bytes.has_value()) return;
  std::int64_t written = 0;
  for (std::int64_t line = 0; written < *bytes; ++line) {
    const std::string text = Format("flood: line {} of a lot of output that nobody reads\n", line);
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) return context.Fail("stderr is closed");
    written += static_cast<std::int64_t>(text.size());
  }
  context.Return(Format("{}", written));
}

}  // namespace spillgate::functions
