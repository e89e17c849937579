// The built-ins by the file they are in. For the list in builtins.cc only.
#pragma once

#include "client/sdk/spillgate/function.h"

namespace spillgate::functions {

// simple.cc: microseconds each, anywhere.
void Noop(sdk::Context& context);
void Echo(sdk::Context& context);
void Sum(sdk::Context& context);
void Concat(sdk::Context& context);
void Hash(sdk::Context& context);
void Fail(sdk::Context& context);
void Attempt(sdk::Context& context);
void Remaining(sdk::Context& context);

// busy.cc: take time, or wait for others.
void Sleep(sdk::Context& context);
void Spin(sdk::Context& context);
void Fib(sdk::Context& context);
void Spawn(sdk::Context& context);
void FirstOf(sdk::Context& context);
void Deadlock(sdk::Context& context);

// step.cc: one task of a workflow.
void Step(sdk::Context& context);

// bomb.cc: a root that grows.
void Bomb(sdk::Context& context);

// tree.cc: a root of nested tasks.
void Tree(sdk::Context& context);
void TreeLong(sdk::Context& context);
void TreeLongest(sdk::Context& context);

// harmful.cc: in worker processes only.
void Crash(sdk::Context& context);
void Exit(sdk::Context& context);
void Hang(sdk::Context& context);
void Alloc(sdk::Context& context);
void Flood(sdk::Context& context);

}  // namespace spillgate::functions
