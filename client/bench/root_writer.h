// RootWriter: roots of known cost as frames of a connection, and whether what came back is their
// result. A single task; a chain or a fan, which a client submits piece by piece into a root that
// it has opened; or a tree of tasks that the first of them spawns. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/bench/graph.h"
#include "client/bench/nonce.h"
#include "client/bench/options.h"
#include "client/bench/wire_client.h"
#include "schema/submit.h"

namespace spillgate::bench {

[[nodiscard]] std::uint32_t TasksOf(RootShape shape);
// By which its tasks run; `work` is "spin" or "sleep".
[[nodiscard]] std::string RootFunction(RootShape shape, std::string_view work, std::size_t mode);

struct RootToSend {
  std::uint64_t first_seq = 0;
  FunctionId function = 0;
  std::uint32_t cost_us = 1;  // of each task
  TaskClass cls = TaskClass::kNormal;
  std::uint8_t retry = 0;
  std::uint64_t remaining_us = 0;  // 0: no deadline
  Instant now;
};

class RootWriter {
 public:
  RootWriter(RootShape shape, std::string_view work);

  // Numbers of the session that a root takes, one after the other. The verdict on the first is that
  // on the root; the result of the last is its own.
  [[nodiscard]] std::uint32_t numbers() const { return opens() ? tasks_ + 1 : 1; }
  // Of them, those that have a result each.
  [[nodiscard]] std::uint32_t results() const { return opens() ? tasks_ : 1; }
  // Tasks that have run when one of its results is there.
  [[nodiscard]] std::uint32_t tasks_a_result() const { return opens() ? 1 : tasks_; }
  [[nodiscard]] std::uint32_t tasks() const { return tasks_; }
  [[nodiscard]] bool opens() const { return !graph_.empty(); }

  // `slot_time`: what the client thinks that a task takes.
  void Write(const RootToSend& root, Nanos slot_time, WireClient& wire);
  // Whether this is the result of the root with that first number.
  [[nodiscard]] bool Matches(std::uint64_t first_seq, ByteView value);

 private:
  void WriteGraph(const RootToSend& root, Nanos slot_time, WireClient& wire);
  [[nodiscard]] std::string ResultOfGraph(std::uint64_t first_seq);

  const RootShape shape_;
  const std::string work_;
  const std::uint32_t tasks_;
  Graph graph_;
  Nonces nonces_{1, Nonces::kLeastSize};
  wire::SubmitWriter writer_;
  std::vector<std::string> values_;
};

}  // namespace spillgate::bench
