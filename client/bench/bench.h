// RunBench: measures one thing of one node, and says what it found, each row as soon as it is
// there. Called by the command, on its main thread. Ends when it is done, when `options.stop` says
// so, or when the node is silent for too long; leaves no process, no thread and no task behind, and
// moves only processes that --pin is about.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "client/bench/options.h"
#include "client/bench/row.h"
#include "core/base/result.h"

namespace spillgate::bench {

// The node that is measured.
struct Target;
using UseOfNode = std::function<Status(const Target&)>;
struct Target {
  std::string address;
  std::string token_file;  // for TCP, with the client library
  pid_t process = 0;       // of a node that is there for this; 0: it is somebody's
  std::string profile;     // of its configuration, as far as it is known
  // Has another node like it, but with no controller at the door, for as long as the use of it
  // takes. Null where the node is somebody's.
  std::function<Status(const UseOfNode&)> beside;
};

using Report = std::function<void(const Row&)>;

// A row that is not verified is reported like any other; the error is that there is none.
[[nodiscard]] Status RunBench(const Benchmark& benchmark, const Options& options,
                              const Target& target, const Report& report);

}  // namespace spillgate::bench
