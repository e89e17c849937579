#include "server/exec/hosts.h"

#include <algorithm>
#include <utility>

#include "core/base/format.h"
#include "server/exec/function_library.h"
#include "server/exec/run_context.h"
#include "server/exec/running_page.h"

namespace spillgate {
namespace {

bool IsInThisProcess(const Task& task) {
  return EntryOf(*task.function).native != nullptr;
}

}  // namespace

Hosts::Hosts(const Clock& clock, const ThreadExecutorOptions& threads, WorkerOptions workers,
             Reactor& reactor, const NodePorts& ports)
    : page_(threads.page),
      report_(ports.report),
      threads_(clock, threads, ports, ancestry_),
      workers_(clock, std::move(workers), reactor, ports, ancestry_) {}

std::uint8_t Hosts::DeathsOf(TaskId task) const {
  return page_ == nullptr ? std::uint8_t{0} : page_->DeathsOf(task);
}

void Hosts::RunHere(Task& task, Instant now) {
  if (IsInThisProcess(task)) return threads_.RunHere(task, now);
  EndFailed(task.outcome, Reason::kUnsupported,
            Format("{} is to run in the node's process, where its library is not loaded; give the "
                   "library host = \"in_process\" or the function host = \"worker\"",
                   task.function->name));
}

// A function that only workers have loaded runs there, whatever else was asked for; and so does a
// task that may have ended a process before.
void Hosts::Start(TaskPtr task, TaskId nested_in, Instant now) {
  task->deaths = std::max(task->deaths, DeathsOf(task->id));
  const bool in_worker =
      task->function->host == Host::kWorker || !IsInThisProcess(*task) || task->deaths > 0;
  if (in_worker && task->prefetched) {  // no worker hands its slot on
    report_({.task = std::move(task), .end = RunEnd::kHeldUp, .detail = {}});
  } else if (in_worker) {
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

bool Hosts::HasRuns() const {
  const auto has_runs = [](const HostCounts& counts) { return counts.busy + counts.blocked > 0; };
  return has_runs(thread_counts()) || has_runs(worker_counts());
}

void Hosts::Apply(Nanos poll, WorkerOptions workers) {
  threads_.SetPoll(poll);
  workers_.Apply(std::move(workers));
}

void Hosts::TellCpuDemand(Signals& signals, Instant now) {
  cpu_demand_.Tell(signals, now, [this] {
    CpuDemand::Hosting hosting;
    threads_.List(hosting.threads);
    workers_.List(hosting.processes);
    return hosting;
  });
}

void Hosts::TellWhetherAllWait(Signals& signals, Instant now) const {
  const HostCounts threads = threads_.Counts();
  const HostCounts workers = workers_.Counts();
  const bool moves = threads.busy + workers.busy + workers.starting > 0;
  const bool all_wait = !moves && threads.blocked + workers.blocked > 0;
  signals.all_waited_at.store(all_wait ? now : kNever, std::memory_order_relaxed);
}

void Hosts::Deliver(ConnectionId to, ByteView frames) {
  if ((to & kWorkerConnection) == kWorkerConnection) {
    workers_.Deliver(to, frames);
  } else if ((to & kTaskConnection) != 0) {
    threads_.Deliver(to, frames);
  }
}

}  // namespace spillgate
