// WorkerSession: a worker process as seen from inside: reads what the node says, loads libraries,
// runs one task at a time (and others in its place, while it waits), and says how each ended. The
// link of the tasks to their node. All on one thread: what the node says is heard while waiting and
// whenever a task looks whether it should stop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/sdk/spillgate/function.h"
#include "core/base/clock.h"
#include "schema/worker_messages.h"
#include "server/exec/frame_socket.h"
#include "server/exec/function_library.h"
#include "server/exec/task_client.h"
#include "server/exec/task_link.h"

namespace spillgate {

class WorkerSession final : public TaskLink {
 public:
  struct Options {
    Nanos poll{0};      // looks again so long before it blocks
    Nanos patience{0};  // a get may take so long without giving up its slot
  };
  // `socket` to the node is the caller's.
  WorkerSession(int socket, const sg_library& builtins, const Clock& clock, Options options);
  ~WorkerSession() override;

  // Until the node says so, or is gone.
  void Serve();

  void Send(RunState& run, Buffer frame) override;
  [[nodiscard]] Pumped Pump(Instant until) override;
  void Look() override;
  void Block(RunState& run, TaskId awaited, bool for_room) override;
  void Resume(RunState& run) override;
  [[nodiscard]] FunctionId FindFunction(RunState& run, std::string_view name) override;

 private:
  struct Loaded {
    const sg_function* function = nullptr;
    std::string problem;  // why there is none
  };
  struct Active {  // on the stack of the task that it is
    TaskId task;
    StopSign stop;
    std::uint32_t wait = 0;  // number of the wait in which others may run in its place; 0: none
  };

  void ReadOrLeave();
  [[nodiscard]] bool OnFrames();
  void OnFrame(ByteView bytes);
  void OnLoad(const wire::FrameView& frame);
  void OnInterrupt(const wire::FrameView& frame);
  [[nodiscard]] bool HasRun();
  void RunNext();
  void SendDone(const wire::Run& run, Outcome&& outcome);
  void Flush();
  void WaitForSocket(Instant until);
  [[nodiscard]] Loaded Find(const wire::Load& load);

  const int socket_fd_;
  const Clock& clock_;
  const Options options_;
  FrameSocket socket_;
  TaskClient client_;
  std::map<std::string, Result<FunctionLibrary>> libraries_;  // by path
  std::map<FunctionId, Loaded> functions_;
  std::deque<Buffer> runs_;            // frames of tasks that have not begun
  std::vector<Active*> active_;        // the innermost last
  std::uint32_t waits_ = 0;            // of tasks in gets and spawns, so far
  std::vector<TaskId> unbegun_stops_;  // of `runs_`, asked to stop
  std::uint32_t asked_for_ = 0;        // correlation of a Register that is waited for
  std::optional<FunctionId> registered_;
  Instant last_look_{};
  bool stop_ = false;
};

}  // namespace spillgate
