// Hosts: the executor of a node. Runs each task where its function is hosted: inline ones on the
// caller's thread, others on threads of this process or in worker processes. What a thread of an
// earlier process ran when that died runs in a worker. Made and destroyed on
// the loop's thread; all else is for any thread. Reports come on the caller's thread, on the
// threads that ran the tasks, or on the loop's.
#pragma once

#include "core/ports/executor.h"
#include "core/ports/reactor.h"
#include "server/exec/ancestry.h"
#include "server/exec/cpu_demand.h"
#include "server/exec/node_ports.h"
#include "server/exec/thread_executor.h"
#include "server/exec/worker_executor.h"

namespace spillgate {

class Hosts final : public Executor {
 public:
  // `clock`, `reactor` and what the ports reach outlive it.
  Hosts(const Clock& clock, const ThreadExecutorOptions& threads, WorkerOptions workers,
        Reactor& reactor, const NodePorts& ports);
  // Ends the workers, waits for the threads; what has no report yet gets one.
  ~Hosts() override = default;

  void RunHere(Task& task, Instant now) override;
  [[nodiscard]] std::uint8_t DeathsOf(TaskId task) const override;
  void Start(TaskPtr task, TaskId nested_in, Instant now) override;
  void Grant(TaskId task, Instant now) override { threads_.Grant(task, now); }
  void Interrupt(TaskId task, Reason why, Instant now) override;
  void Tick(Instant now) override;
  void Stop() override;

  // What a reload changes: how long threads look again before they park, and how workers are kept.
  // The loop's thread.
  void Apply(Nanos poll, WorkerOptions workers);
  // Answers to running tasks: for connections that have kTaskConnection.
  void Deliver(ConnectionId to, ByteView frames);
  // Whether tasks have the CPU: who waits for events should not keep it from them.
  [[nodiscard]] bool busy() const { return threads_.active() > 0 || workers_.active() > 0; }
  // Whether there are tasks that have begun, blocked ones included. The loop's thread.
  [[nodiscard]] bool HasRuns() const;
  // For people; that of workers on the loop's thread only.
  [[nodiscard]] HostCounts thread_counts() const { return threads_.Counts(); }
  [[nodiscard]] HostCounts worker_counts() const { return workers_.Counts(); }
  // Once a period, the loop's thread: how much CPU time tasks ask for, if somebody wants to know.
  void TellCpuDemand(Signals& signals, Instant now);
  // Likewise: whether all that run wait for others.
  void TellWhetherAllWait(Signals& signals, Instant now) const;
  [[nodiscard]] PlacesLeft Left() const override {
    return {.threads = threads_.Left().threads, .workers = workers_.Left()};
  }
  // Worker processes that have not ended. After Stop, none are left when this is 0.
  [[nodiscard]] std::uint32_t processes() const { return workers_.processes(); }

 private:
  Ancestry ancestry_;
  RunningPage* const page_;
  const OnReport report_;
  ThreadExecutor threads_;
  WorkerExecutor workers_;
  CpuDemand cpu_demand_;
};

}  // namespace spillgate
