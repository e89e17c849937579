#include "server/exec/hosts.h"

#include <utility>

#include "core/base/format.h"
#include "server/exec/function_library.h"
#include "server/exec/run_context.h"

namespace spillgate {
namespace {

bool IsInThisProcess(const Task& task) {
  return EntryOf(*task.function).native != nullptr;
}

}  // namespace

Hosts::Hosts(const Clock& clock, const ThreadExecutorOptions& threads, WorkerOptions workers,
             Reactor& reactor, const NodePorts& ports)
    : threads_(clock, threads, ports, ancestry_),
      workers_(clock, std::move(workers), reactor, ports, ancestry_) {}

void Hosts::RunHere(Task& task, Instant now) {
  if (IsInThisProcess(task)) return threads_.RunHere(task, now);
  EndFailed(task.outcome, Reason::kUnsupported,
            Format("{} is to run in the node's process, where its library is not loaded; give the "
                   "library host = \"in_process\" or the function host = \"worker\"",
                   task.function->name));
}

// A function that only workers have loaded runs there, whatever else was asked for.
void Hosts::Start(TaskPtr task, TaskId nested_in, Instant now) {
  const bool in_worker = task->function->host == Host::kWorker || !IsInThisProcess(*task);
  if (in_worker) {
    workers_.Start(std::move(task), nested_in, now);
  } else {
    threads_.Start(std::move(task), nested_in, now);
  }
}

void Hosts::Interrupt(TaskId task, Reason why, Instant now) {
  threads_.Interrupt(task, why, now);
  workers_.Interrupt(task, why, now);
}

void Hosts::Tick(Instant now) {
  threads_.Tick(now);
  workers_.Tick(now);
}

void Hosts::Stop() {
  threads_.Stop();
  workers_.Stop();
}

void Hosts::Apply(Nanos poll, WorkerOptions workers) {
  threads_.SetPoll(poll);
  workers_.Apply(std::move(workers));
}

void Hosts::Deliver(ConnectionId to, ByteView frames) {
  if ((to & kWorkerConnection) == kWorkerConnection) {
    workers_.Deliver(to, frames);
  } else if ((to & kTaskConnection) != 0) {
    threads_.Deliver(to, frames);
  }
}

}  // namespace spillgate
