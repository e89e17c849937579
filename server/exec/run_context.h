// RunContext: one run of a native function, as the function sees it through the SDK's table of
// calls, and what becomes of it: Call runs the function and leaves the outcome set. The same for
// inline functions, threads and worker processes. Made on the stack of the thread that runs the
// function; allocates nothing for small values.
#pragma once

#include <pthread.h>

#include <atomic>
#include <span>
#include <string>

#include "client/sdk/spillgate/function.h"
#include "core/base/clock.h"
#include "core/model/outcome.h"
#include "core/model/task.h"
#include "schema/worker_messages.h"
#include "server/exec/run_state.h"
#include "server/exec/task_client.h"

namespace spillgate {

// Where the bytes of a run's arguments are.
class Arguments {
 public:
  explicit Arguments(const Task& task) : task_(&task) {}
  Arguments(ByteView payload, std::span<const wire::Slice> slices)
      : payload_(payload), slices_(slices) {}

  [[nodiscard]] std::uint32_t count() const {
    return static_cast<std::uint32_t>(task_ != nullptr ? task_->args.size() : slices_.size());
  }
  [[nodiscard]] ByteView At(std::uint32_t index) const;

 private:
  const Task* task_ = nullptr;
  ByteView payload_;
  std::span<const wire::Slice> slices_;
};

// Ends a run that did not come to an end by itself: with the fate and the sentence that `why`
// stands for.
void EndStopped(Outcome& outcome, Reason why, std::string_view when);
void EndFailed(Outcome& outcome, Reason why, std::string message);

class RunContext {
 public:
  // `client` is null where a function may not block.
  RunContext(RunState& run, const Arguments& args, Outcome& outcome, const Clock& clock,
             TaskClient* client)
      : run_(run), args_(args), outcome_(outcome), clock_(clock), client_(client) {}

  void Call(const sg_function& function);

 private:
  friend struct Calls;  // the functions behind the table

  std::uint32_t Tell(const Answer& answer);
  [[nodiscard]] bool MayWait();
  void SetReturn(std::uint32_t index, ByteView value);
  [[nodiscard]] bool Cancelled();
  void Settle();

  RunState& run_;
  const Arguments& args_;
  Outcome& outcome_;
  const Clock& clock_;
  TaskClient* client_;
  const pthread_t thread_ = pthread_self();
  std::atomic<Reason> saw_stop_{Reason::kNone};
  bool returned_since_ = false;  // a value was set after it saw that it should stop
  bool failed_ = false;
  std::string failure_;
  std::string last_error_;
};

}  // namespace spillgate
