// Replay runs a workflow on a node as the dataflow that it is: each step a task whose arguments are
// the results of its parents, all of them in one root. Called by the command and by benchmarks;
// runs on the calling thread, and ends at its timeout at the latest. A node that is started again
// in the meantime costs time and nothing else, if the level is async or sync.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/lib/client.h"
#include "client/replay/plan.h"
#include "client/replay/workflow.h"

namespace spillgate::replay {

struct ReplayOptions {
  Scale scale;
  bool verify = false;  // compare each result with what it has to be
  bool spin = false;    // steps use the CPU, instead of waiting
  bool hints = false;   // tell the node beforehand how long each step will hold its slot
  Level level = Level::kNone;
  TaskClass cls = TaskClass::kNormal;
  std::string function = "step";  // that each step runs; see server/functions/step.cc
  std::uint32_t window = 1024;    // steps submitted and not ended, at most
  Nanos timeout = std::chrono::minutes(10);
  std::uint64_t seed = 1;      // of the jitter before refused steps are submitted again
  std::function<bool()> stop;  // asked every now and then, if there is one: whether to give up
};

struct ReplayReport {
  std::string name;
  std::uint64_t tasks = 0;
  std::uint64_t edges = 0;
  std::uint64_t verified = 0;  // results that were compared, each of them right
  std::uint64_t bytes = 0;     // of results
  Nanos makespan{0};           // from the first submission to the last result
  Nanos critical_path{0};
  Nanos work{0};
  std::uint64_t refused = 0;     // submissions that the node did not take the first time
  std::uint64_t reconnects = 0;  // connections that were lost and got back

  [[nodiscard]] double ratio() const;  // of the makespan to the critical path; 0: that has none
  [[nodiscard]] double tasks_per_s() const;
};

[[nodiscard]] client::Result<ReplayReport> Replay(client::Client& client, const Workflow& workflow,
                                                  const ReplayOptions& options);

}  // namespace spillgate::replay
