// WorkerExecutor: the worker pool as any thread may use it. What is asked on the loop's thread is
// done at once; what is asked elsewhere is handed to the loop, in order. Made and destroyed on the
// loop's thread.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "core/base/mutex.h"
#include "server/exec/worker_pool.h"

namespace spillgate {

class WorkerExecutor {
 public:
  WorkerExecutor(const Clock& clock, WorkerOptions options, Reactor& reactor, NodePorts ports,
                 Ancestry& ancestry);
  ~WorkerExecutor();
  WorkerExecutor(const WorkerExecutor&) = delete;
  WorkerExecutor& operator=(const WorkerExecutor&) = delete;

  void Start(TaskPtr task, TaskId nested_in, Instant now);
  void Interrupt(TaskId task, Reason why, Instant now);
  void Tick(Instant now);
  // Reports what has not begun, asks all else to stop; ticks see to it that it does.
  void Stop();
  void Deliver(ConnectionId to, ByteView frames);
  // The loop's thread.
  void Apply(WorkerOptions options) { pool_.Apply(std::move(options), clock_.Now()); }

  // Any thread.
  [[nodiscard]] std::int32_t Left() const { return pool_.Left(); }
  // The loop's thread.
  [[nodiscard]] HostCounts Counts() const { return pool_.Counts(); }
  [[nodiscard]] std::uint32_t active() const { return pool_.active(); }
  [[nodiscard]] std::uint32_t processes() const { return pool_.processes(); }
  void List(std::vector<pid_t>& to) const { pool_.List(to); }

 private:
  struct StartAsked {
    TaskPtr task;
    TaskId nested_in;
  };
  struct InterruptAsked {
    TaskId task;
    Reason why;
  };
  struct Answered {
    ConnectionId to;
    Buffer frames;
  };
  struct TickAsked {};
  struct StopAsked {};
  using Request = std::variant<StartAsked, InterruptAsked, Answered, TickAsked, StopAsked>;

  [[nodiscard]] bool OnLoop() const { return std::this_thread::get_id() == loop_; }
  void HandOver(Request&& request) EXCLUDES(mutex_);
  void DoWaiting() EXCLUDES(mutex_);
  void Do(Request& request, Instant now);

  const Clock& clock_;
  Reactor& reactor_;
  const std::thread::id loop_;
  // Shared with the jobs that the loop may still hold when this is gone: they find it expired.
  const std::shared_ptr<WorkerExecutor*> self_;
  std::atomic<bool> has_requests_{false};
  std::atomic<bool> tick_asked_{false};
  Mutex mutex_;
  std::vector<Request> requests_ GUARDED_BY(mutex_);
  WorkerPool pool_;
};

}  // namespace spillgate
