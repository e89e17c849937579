// WorkerPool: the worker processes of a node, and the tasks that wait for one. Keeps some warm,
// starts more as tasks need them, ends those that are idle for long. While a task is blocked in a
// get, others run on other workers, `max` in all; beyond that its children run in its place, to a
// depth of `nested_stack`; when nothing of that can be done for `nested_patience`, the newest get
// fails. The loop's thread only, but for the counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/hash_map.h"
#include "server/exec/host_counts.h"
#include "server/exec/worker.h"

namespace spillgate {

class WorkerPool final : public Worker::Owner {
 public:
  WorkerPool(const Clock& clock, WorkerOptions options, Reactor& reactor, NodePorts ports,
             Ancestry& ancestry);
  ~WorkerPool() override;  // kills what is left, and reports it

  void Start(TaskPtr task, TaskId nested_in, Instant now);
  void Interrupt(TaskId id, Reason why, Instant now);
  void Deliver(ConnectionId to, ByteView frames);
  void Tick(Instant now);
  // In the place of those it was made with; see there which may differ.
  void Apply(WorkerOptions options, Instant now);
  void Stop(Instant now);
  [[nodiscard]] HostCounts Counts() const;
  // Workers for further tasks, with those that may be started, less the tasks that wait for one.
  // Any thread.
  [[nodiscard]] std::int32_t Left() const { return left_.load(std::memory_order_relaxed); }
  // Adds the system's numbers of the processes.
  void List(std::vector<pid_t>& to) const;

  // Any thread. Workers whose task has the CPU; processes that have not been waited for; before
  // when Tick has nothing to do.
  [[nodiscard]] std::uint32_t active() const { return active_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t processes() const {
    return processes_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] Instant due() const { return Instant(Nanos(due_.load(std::memory_order_relaxed))); }

  void OnReady(Worker& worker) override;
  void OnEnded(Worker& worker, RunReport&& report) override;
  void OnBlocked(Worker& worker) override;
  void OnResumed(Worker& worker, TaskPtr unbegun, Reason stop) override;
  void OnDeath(Worker& worker, std::vector<WorkerRun> runs, const std::string& how) override;
  void OnGone(Worker& worker) override;
  void OnTimer(Instant at) override;

 private:
  struct Waiting {
    TaskPtr task;
    TaskId id;
    TaskId parent;
  };

  [[nodiscard]] std::vector<Worker*> Alive() const;
  void Begin(Worker& worker, TaskPtr task, Instant now);
  void Settle(Instant now);
  void Dispatch(Instant now);
  void PlaceInBlocked(Instant now);
  [[nodiscard]] Worker* IdleFor(FunctionId function);
  [[nodiscard]] Worker* BlockedOn(TaskId task);
  [[nodiscard]] TaskPtr TakeWaiting(std::size_t position);
  void ReportUnbegun(TaskPtr task);
  void TurnAway(TaskPtr task, Reason why, std::string detail);

  // worker_supply.cc: how many there are.
  void Grow(Instant now);
  void StartOne(Instant now);
  void OnFailedStart(std::string why, Instant now);
  void TurnAllAway(const std::string& why);
  [[nodiscard]] bool Broken(Instant now) const;
  [[nodiscard]] std::uint32_t Starting() const;
  [[nodiscard]] std::vector<Worker*> Idle() const;
  void EndSurplus(Instant now);
  void EndIdle(Instant now);
  void CheckStuck(Instant now);
  [[nodiscard]] std::string WhyStuck(const Worker& victim) const;

  WorkerSurroundings around_;
  std::map<ConnectionId, std::unique_ptr<Worker>> workers_;  // alive
  std::vector<std::unique_ptr<Worker>> dead_;                // and not waited for yet
  std::deque<Waiting> waiting_;
  HashMap<TaskId, Worker*> running_;
  std::uint64_t last_number_ = 0;
  std::uint32_t failed_starts_ = 0;  // since the last one that said hello
  Instant no_start_before_{};
  std::string why_no_start_;
  Instant stuck_since_ = kNever;
  bool stopping_ = false;
  std::uint64_t started_ = 0;
  std::uint64_t died_ = 0;  // other than as asked
  std::atomic<std::uint32_t> active_{0};
  std::atomic<std::int32_t> left_{std::numeric_limits<std::int32_t>::max()};
  std::atomic<std::uint32_t> processes_{0};
  std::atomic<std::int64_t> due_{0};
};

}  // namespace spillgate
