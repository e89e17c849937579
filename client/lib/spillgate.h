// The Spillgate client library: all that a program includes.
//
//   using namespace spillgate;
//   auto client = client::Client::Connect();                 // $SPILLGATE_ADDRESS, or our own node
//   auto sum = client.value().Find("sum");
//   client::Future f = client.value().Submit(sum.value(), {"1", "2"}, {.deadline = 50ms});
//   client::Future g = client.value().Submit(sum.value(), {f, "3"});   // runs when f has
//   client::Result<Value> six = g.Get(1s);
//   if (!six.ok()) std::cerr << six.error().message;
//
// A task is the node's, and will end once whatever becomes of us, when it has accepted it:
// WaitAccepted waits for that, Future::accepted tells. At level `sync` it is on the disk by then.
//
// Errors are values: Result<T> is a T or a Failure, whose `kind` says whether it ran (kTaskFailed),
// did not run (kShed, kRefused), or cannot be known (kOutcomeUnknown). A task runs at least once
// and has one result: after a lost worker or node it may run again. Units are in the types.
//
// Threads: everything may be called from any thread; one Future at a time from one. Callbacks run
// on the client's own thread. Speed: one Submit and Get from one thread is one write and one read;
// many tasks are fastest in SubmitBatch. docs/protocol.md says what goes over the wire.
#pragma once

#include "client/lib/address.h"  // IWYU pragma: export
#include "client/lib/client.h"   // IWYU pragma: export
#include "client/lib/failure.h"  // IWYU pragma: export
#include "client/lib/future.h"   // IWYU pragma: export
#include "client/lib/options.h"  // IWYU pragma: export
