// How worker processes are kept and bounded. The node fills it from its config; these are not its
// defaults. A reload may change `prestart`, `max`, `idle`, `kill_grace` and, for workers that are
// started from then on, `poll`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace spillgate {

struct WorkerOptions {
  std::string program;                    // of the workers; absolute
  std::uint32_t prestart = 1;             // kept alive without work
  std::uint32_t max = 4;                  // in all, those included whose task is blocked in a get
  Nanos idle = std::chrono::seconds(60);  // without work, those beyond `prestart` end
  Nanos kill_grace = std::chrono::milliseconds(500);  // from asking to killing
  Nanos hello_within = std::chrono::seconds(10);      // from its start
  Nanos load_within = std::chrono::seconds(60);       // a library, into one worker
  Nanos poll{0};  // a worker looks again so long before it blocks
  Nanos patience =
      std::chrono::microseconds(20);  // a get may take so long without giving up its slot
  Nanos nested_patience =
      std::chrono::seconds(1);         // nothing can run for so long: the newest get fails
  std::uint32_t nested_stack = 64;     // tasks on one stack
  std::uint64_t memory = 0;            // bytes of address space of one worker; 0: no limit
  std::size_t stderr_tail = 16 << 10;  // bytes of its last output that are kept
  std::size_t egress = 8 << 20;        // bytes to one worker; beyond, it is not read until it reads
  std::size_t egress_most = 256 << 20;  // what its task asked for beyond that fails the task
  // Variables that workers inherit; nothing else, least of all what the node needs to log in
  // somewhere.
  std::vector<std::string> environment{"PATH",
                                       "HOME",
                                       "USER",
                                       "LANG",
                                       "LC_ALL",
                                       "LC_CTYPE",
                                       "TZ",
                                       "TMPDIR",
                                       "PYTHONPATH",
                                       "VIRTUAL_ENV",
                                       "LD_LIBRARY_PATH",
                                       "CUDA_VISIBLE_DEVICES",
                                       "OMP_NUM_THREADS",
                                       "ASAN_OPTIONS",
                                       "UBSAN_OPTIONS",
                                       "TSAN_OPTIONS",
                                       "LSAN_OPTIONS"};
};

}  // namespace spillgate
