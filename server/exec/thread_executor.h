// ThreadExecutor: runs native functions in this process: inline ones on the caller's thread, the
// others on threads of its own. A crash of such a function is a crash of the node, and is on its
// running page (options.page) for the next one; one that never returns keeps its thread.
//
// Reports and notices come on the threads that run the tasks; nothing is called with a lock held.
// Wall times in reports are without the time in which the task was blocked and its slot was
// somebody else's.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/ports/executor.h"
#include "server/exec/exec_thread.h"

namespace spillgate {

class ThreadExecutor final : public Executor {
 public:
  // Threads are started when there is work for them; `threads + extra_blocked` is cut to
  // kMostThreads.
  ThreadExecutor(const Clock& clock, ThreadExecutorOptions options, NodePorts ports,
                 Ancestry& ancestry);
  ~ThreadExecutor() override;  // stops, and waits until what runs has returned

  static constexpr std::uint32_t kMostThreads = 192;

  void RunHere(Task& task, Instant now) override;
  void Start(TaskPtr task, TaskId nested_in, Instant now) override;
  void Grant(TaskId task, Instant now) override;
  [[nodiscard]] PlacesLeft Left() const override { return {.threads = shared_.crew.Left()}; }
  void Interrupt(TaskId task, Reason why, Instant now) override;
  void Tick(Instant now) override;
  // Reports what has not begun, raises the stop sign for what has, and does not wait for it.
  void Stop() override;

  // How long threads look again before they park, from now on. Any thread.
  void SetPoll(Nanos poll) { shared_.poll.store(poll, std::memory_order_relaxed); }
  // Answers to a running task. Any thread.
  void Deliver(ConnectionId to, ByteView frames);
  // Threads whose innermost task runs and is not blocked. Any thread.
  [[nodiscard]] HostCounts Counts() const { return shared_.crew.Counts(); }
  [[nodiscard]] std::uint32_t active() const { return shared_.crew.active(); }
  // Adds the system's numbers of the threads.
  void List(std::vector<pid_t>& to) const;

 private:
  void TurnAway(TaskPtr task);
  void Wake(Crew::Seat& seat) EXCLUDES(mutex_);
  void Rouse(ExecThread& thread, const std::function<void()>& wake);

  ThreadShared shared_;
  const CpuSpread spread_;
  const StopSign never_;  // for inline functions
  const std::unique_ptr<std::atomic<ExecThread*>[]> by_seat_;
  Mutex mutex_;
  std::vector<std::unique_ptr<ExecThread>> threads_ GUARDED_BY(mutex_);
};

}  // namespace spillgate
