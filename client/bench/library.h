// What benchmarks that go through the client library share: a client as they want it, and its
// failures as plain errors. One thread.
#pragma once

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/stage_counts.h"
#include "client/lib/client.h"

namespace spillgate::bench {

// Tries nothing again: a refusal is an error of the benchmark. `tenant`: what it calls itself, if
// anything.
[[nodiscard]] Result<client::Client> ConnectLibrary(const Target& target, const Options& options,
                                                    const std::string& tenant = {});
[[nodiscard]] Error AsError(const client::Failure& failure);
[[nodiscard]] AskStages AskThrough(client::Client& client);

}  // namespace spillgate::bench
