// Worker: one worker process as its node sees it: the process, the frames to and from it, the stack
// of tasks that it runs, the last of its output, and how long it may take for what. What it says is
// checked; a worker that says what it may not is killed. No policy: its owner decides what it runs.
// The loop's thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/hash_map.h"
#include "core/ports/executor.h"
#include "core/ports/reactor.h"
#include "schema/messages.h"
#include "schema/worker_messages.h"
#include "server/exec/ancestry.h"
#include "server/exec/frame_socket.h"
#include "server/exec/node_ports.h"
#include "server/exec/output_tail.h"
#include "server/exec/worker_options.h"
#include "server/exec/worker_process.h"

namespace spillgate {

// What all workers of a node share; outlives them.
struct WorkerSurroundings {
  const Clock& clock;
  WorkerOptions options;  // changed by WorkerPool::Apply
  Reactor& reactor;
  const NodePorts ports;
  Ancestry& ancestry;
};

// A task that was sent to a worker.
struct WorkerRun {
  TaskPtr task;
  TaskId id;
  TaskId parent;
  SessionId session = 0;
  Instant begin;
  Instant deadline = kNever;
  std::uint32_t wait = 0;   // number of the wait in which it is blocked; 0: it is not
  std::uint32_t asked = 0;  // correlation of its last question, if that was a get or wait; else 0
  bool gave_up = false;     // this wait was told to fail
  Instant blocked_since{};
  Nanos blocked{0};             // before that
  Reason stop = Reason::kNone;  // it was asked to stop
  Instant signal_at = kNever;   // then it is interrupted, and
  Instant kill_at = kNever;     // killed
  bool recorded = false;        // in the ancestry
};

class Worker {
 public:
  // Called from within the calls below and from the reactor. May begin runs; may not destroy the
  // worker but in OnGone, which is the last thing that it does.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnReady(Worker& worker) = 0;                      // said hello: it takes tasks
    virtual void OnEnded(Worker& worker, RunReport&& report) = 0;  // its innermost run has
    virtual void OnBlocked(Worker& worker) = 0;                    // its innermost run newly is
    // It goes on with the run below; `unbegun` was to run in its place and never will here.
    virtual void OnResumed(Worker& worker, TaskPtr unbegun, Reason stop) = 0;
    // It is dead, or as good as dead. The runs are the owner's to report, the innermost last.
    virtual void OnDeath(Worker& worker, std::vector<WorkerRun> runs, const std::string& how) = 0;
    virtual void OnGone(Worker& worker) = 0;  // after its death: the process has been waited for
    virtual void OnTimer(Instant at) = 0;     // Tick should be called then
  };

  Worker(WorkerSurroundings& around, Owner& owner, std::uint64_t number,
         std::unique_ptr<WorkerProcess> process);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Begins to watch and talk to it. False: it cannot be watched.
  [[nodiscard]] bool Open(Instant now);

  [[nodiscard]] ConnectionId connection() const { return connection_; }
  [[nodiscard]] pid_t process_number() const { return process_->pid(); }
  [[nodiscard]] bool starting() const { return state_ == State::kStarting; }
  [[nodiscard]] bool idle() const { return state_ == State::kServing && stack_.empty(); }
  [[nodiscard]] bool busy() const { return !stack_.empty() && stack_.back().wait == 0; }
  [[nodiscard]] bool blocked() const { return !stack_.empty() && stack_.back().wait != 0; }
  // It takes nothing more; what it has may still come to its end.
  [[nodiscard]] bool leaving() const { return state_ == State::kLeaving; }
  [[nodiscard]] bool said_hello() const { return said_hello_; }
  [[nodiscard]] bool was_asked_to_leave() const { return asked_to_leave_; }
  [[nodiscard]] Instant idle_since() const { return idle_since_; }
  [[nodiscard]] bool HasLoaded(FunctionId function) const { return loaded_.contains(function); }
  [[nodiscard]] const std::vector<WorkerRun>& stack() const { return stack_; }
  // Whether a task may run in the place of its innermost one.
  [[nodiscard]] bool TakesNested() const;

  // Runs a task whose arguments fit into a frame: it is idle, or takes nested ones.
  void Begin(TaskPtr task, Instant now);
  // Asks a run to stop: by a frame, by a signal, by SIGKILL.
  void Interrupt(TaskId id, Reason why, Instant now);
  // Fails the get or wait in which its innermost run is blocked.
  void FailWait(const std::string& why);
  void Deliver(ByteView frames);
  void Leave(Instant now);  // asks it to end; it has nothing to do
  void Kill(const std::string& why);
  // Does what is due; when to come again.
  [[nodiscard]] Instant Tick(Instant now);

 private:
  enum class State : std::uint8_t { kStarting, kServing, kLeaving, kDead };
  using ReadState = FrameSocket::State;

  void OnSocket(unsigned states);
  void OnOutput();
  void OnProcessEnd();
  void OnClosed();
  void OnFrames();
  void ReadToEnd();
  void Flush();
  void WatchSocket();
  bool ReadOutput();
  void StopWatching(Reactor::WatchId& watch);
  void GiveUntil(Instant limit, std::string otherwise);
  void Die(const std::string& how);
  void Overflow();

  // worker_dialogue.cc: what it says.
  void OnFrame(ByteView bytes);
  void OnHello(const wire::FrameView& frame);
  void OnDone(const wire::FrameView& frame);
  void OnRegistered(const wire::FrameView& frame);
  void OnBlocked(const wire::FrameView& frame);
  void OnResumed(const wire::FrameView& frame);
  void OnRegister(const wire::FrameView& frame);
  void OnQuestion(const wire::FrameView& frame, ByteView bytes);
  [[nodiscard]] bool TakeOutcome(const wire::FrameView& frame, const wire::Done& done,
                                 WorkerRun& run, Instant now) const;
  [[nodiscard]] TaskId AncestorIn(const wire::FrameView& frame, const WorkerRun& run) const;
  void AnswerError(std::uint32_t correlation, Reason reason, std::string message);

  WorkerSurroundings& around_;
  Owner& owner_;
  const ConnectionId connection_;
  const wire::Token token_;
  const std::unique_ptr<WorkerProcess> process_;
  FrameSocket socket_;
  OutputTail tail_;
  State state_ = State::kStarting;
  bool said_hello_ = false;
  bool asked_to_leave_ = false;
  bool paused_ = false;  // it is not read: too much is on its way to it
  std::vector<WorkerRun> stack_;
  HashSet<FunctionId> loaded_;
  std::uint32_t loads_ = 0;  // under way
  Instant idle_since_{};
  Instant limit_ = kNever;  // then it is killed, because it
  std::string otherwise_;
  unsigned socket_states_ = 0;
  Reactor::WatchId socket_watch_ = 0;
  Reactor::WatchId output_watch_ = 0;
  Reactor::WatchId end_watch_ = 0;
};

}  // namespace spillgate
