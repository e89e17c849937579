// ExecThread: one thread that runs native tasks, and the link by which they reach their node:
// frames go out through the node's ports, answers come into a mailbox. While its innermost task is
// blocked, other tasks may run on its stack. Made and joined by the thread executor; Deliver is for
// any thread.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "schema/out_buffer.h"
#include "server/exec/ancestry.h"
#include "server/exec/cpu_spread.h"
#include "server/exec/crew.h"
#include "server/exec/node_ports.h"
#include "server/exec/task_client.h"
#include "server/exec/task_link.h"

namespace spillgate {

// What all threads of an executor share.
struct ThreadShared {
  const Clock& clock;
  const ThreadExecutorOptions options;
  const NodePorts ports;
  Ancestry& ancestry;
  Crew crew;
  std::atomic<Nanos> poll;                // as in the options, until it is changed
  std::function<void(Crew::Seat&)> wake;  // starts the seat's thread if it has none yet
};

// Lets waiting tasks begin wherever there are seats for them.
void DispatchAll(ThreadShared& shared);

class ExecThread final : public TaskLink {
 public:
  ExecThread(ThreadShared& shared, Crew::Seat& seat);
  ~ExecThread() override;  // waits for what it runs

  void Begin();
  // Where that one may run, whoever has begun this one.
  void RunWhere(ExecThread& other) {
    CpuSpread::Follow(other.place_, other.thread_.native_handle(), place_, thread_.native_handle());
  }

  void Deliver(ByteView frames) EXCLUDES(mutex_);

  // For whoever wakes it.
  [[nodiscard]] CpuSpread::Place& place() { return place_; }
  // The system's, 0 until it runs.
  [[nodiscard]] pid_t number() const { return number_.load(std::memory_order_relaxed); }

  void Send(RunState& run, Buffer frame) override;
  [[nodiscard]] Pumped Pump(Instant until) override;
  void Look() override {}  // stop signs are raised from outside
  void Block(RunState& run, TaskId awaited, bool for_room) override;
  void Resume(RunState& run) override;
  [[nodiscard]] FunctionId FindFunction(RunState& run, std::string_view name) override;

 private:
  void Main();
  [[nodiscard]] Run* AwaitRun();
  void RunTasks(Run* run);
  void Execute(Run& run);
  [[nodiscard]] bool TakeMail() EXCLUDES(mutex_);
  [[nodiscard]] bool HasNews() const;
  void Park(Instant until);
  void SetAtWork(bool at_work);

  ThreadShared& shared_;
  Crew::Seat& seat_;
  const ConnectionId connection_;
  TaskClient client_;
  TaskId innermost_;
  bool at_work_ = false;  // and neither idle nor blocked
  CpuSpread::Place place_;
  std::atomic<pid_t> number_{0};
  wire::OutBuffer read_;  // mail that is being read
  Mutex mutex_;
  wire::OutBuffer mail_ GUARDED_BY(mutex_);
  std::atomic<bool> has_mail_{false};
  std::thread thread_;
};

}  // namespace spillgate
