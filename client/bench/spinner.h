// Spinner: a task that has a core of the node to itself for as long as it lives; what a client then
// sees is the latency beside real work. One thread.
#pragma once

#include "client/bench/bench.h"
#include "client/lib/client.h"

namespace spillgate::bench {

class Spinner {
 public:
  // Returns when the task runs.
  [[nodiscard]] static Result<Spinner> Start(const Target& target, Nanos within);
  Spinner(Spinner&&) noexcept = default;
  Spinner& operator=(Spinner&&) = delete;
  ~Spinner();  // cancels it and waits for its end

  // It is one task, which the node's stages count like any other.
  static constexpr std::uint64_t kTasks = 1;

 private:
  Spinner(client::Client client, client::Future task)
      : client_(std::move(client)), task_(std::move(task)) {}

  client::Client client_;
  client::Future task_;
};

}  // namespace spillgate::bench
