#include "server/functions/builtins.h"

#include "server/functions/entries.h"

namespace spillgate::functions {
namespace {

using sdk::Export;

constexpr sg_function kFunctions[] = {
    Export<Noop>("noop", SG_HOST_INLINE),
    Export<Echo>("echo", SG_HOST_INLINE),
    Export<Sum>("sum", SG_HOST_INLINE),
    Export<Concat>("concat", SG_HOST_INLINE),
    Export<Hash>("hash", SG_HOST_INLINE),
    Export<Fail>("fail", SG_HOST_INLINE),
    Export<Attempt>("attempt", SG_HOST_INLINE),
    Export<Remaining>("remaining", SG_HOST_INLINE),
    Export<Sleep>("sleep", SG_HOST_THREAD),
    Export<Spin>("spin", SG_HOST_THREAD),
    // The same under other names: what they cost is learned apart, and their slots are limited
    // apart.
    Export<Sleep>("sleep_long", SG_HOST_THREAD),
    Export<Sleep>("sleep_longest", SG_HOST_THREAD),
    Export<Spin>("spin_long", SG_HOST_THREAD),
    Export<Spin>("spin_longest", SG_HOST_THREAD),
    Export<Step>("step_long", SG_HOST_THREAD),
    Export<Step>("step_longest", SG_HOST_THREAD),
    Export<TreeLong>("tree_long", SG_HOST_THREAD),
    Export<TreeLongest>("tree_longest", SG_HOST_THREAD),
    Export<Fib>("fib", SG_HOST_THREAD),
    Export<Spawn>("spawn", SG_HOST_THREAD),
    Export<FirstOf>("first_of", SG_HOST_THREAD, 2),
    Export<Deadlock>("deadlock", SG_HOST_THREAD),
    Export<Step>("step", SG_HOST_THREAD),
    Export<Bomb>("bomb", SG_HOST_THREAD),
    Export<Tree>("tree", SG_HOST_THREAD),
    Export<Crash>("crash", SG_HOST_WORKER),
    Export<Exit>("exit", SG_HOST_WORKER),
    Export<Hang>("hang", SG_HOST_WORKER),
    Export<Alloc>("alloc", SG_HOST_WORKER),
    Export<Flood>("flood", SG_HOST_WORKER),
};

constexpr sg_library kLibrary{SG_ABI_VERSION, sizeof(sg_function), "builtin", kFunctions,
                              sizeof(kFunctions) / sizeof(sg_function)};

}  // namespace

const sg_library& Builtins() {
  return kLibrary;
}

}  // namespace spillgate::functions
