#include "server/exec/thread_executor.h"

#include <algorithm>
#include <utility>

#include "server/exec/function_library.h"
#include "server/exec/run_context.h"
#include "server/exec/running_page.h"

namespace spillgate {
namespace {

ThreadExecutorOptions Bounded(ThreadExecutorOptions options) {
  constexpr std::uint32_t kMost = ThreadExecutor::kMostThreads;
  options.threads = std::clamp(options.threads, 1U, kMost);
  options.extra_blocked = std::min(options.extra_blocked, kMost - options.threads);
  options.nested_stack = std::max(options.nested_stack, 1U);
  return options;
}

}  // namespace

ThreadExecutor::ThreadExecutor(const Clock& clock, ThreadExecutorOptions options, NodePorts ports,
                               Ancestry& ancestry)
    : shared_{.clock = clock,
              .options = Bounded(options),
              .ports = std::move(ports),
              .ancestry = ancestry,
              .crew = Crew(Bounded(options)),
              .poll = options.poll,
              .wake = [this](Crew::Seat& seat) { Wake(seat); }},
      by_seat_(std::make_unique<std::atomic<ExecThread*>[]>(shared_.options.threads +
                                                            shared_.options.extra_blocked)) {}

ThreadExecutor::~ThreadExecutor() {
  Stop();
  std::vector<std::unique_ptr<ExecThread>> threads;
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
  }
}

void ThreadExecutor::RunHere(Task& task, Instant /*now*/) {
  RunState state{.task = task.id,
                 .parent = task.parent,
                 .deadline = task.deadline,
                 .stop = &never_,
                 .attempt = task.attempt,
                 .depth = task.depth,
                 .returns = task.returns};
  const RunningPage::Note note(shared_.options.page, task);
  const Arguments arguments(task);
  RunContext context(state, arguments, task.outcome, shared_.clock, nullptr);
  context.Call(*EntryOf(*task.function).native);
}

void ThreadExecutor::Start(TaskPtr task, TaskId nested_in, Instant now) {
  Crew::Seat* seat = nullptr;
  if (!shared_.crew.Add(task, nested_in, now, seat)) {
    TurnAway(std::move(task));
  } else if (seat != nullptr) {
    Wake(*seat);
  }
}

void ThreadExecutor::Grant(TaskId task, Instant /*now*/) {
  if (!shared_.crew.HasPrefetched()) return;
  if (Crew::Seat* seat = shared_.crew.Grant(task)) Wake(*seat);
}

void ThreadExecutor::Interrupt(TaskId task, Reason why, Instant /*now*/) {
  Crew::Stopped stopped = shared_.crew.Interrupt(task, why);
  if (stopped.seat != nullptr) stopped.seat->wake.Notify();
  if (stopped.next != nullptr) Wake(*stopped.next);
  if (stopped.task == nullptr) return;
  EndStopped(stopped.task->outcome, why, "before it ran");
  shared_.ports.report({.task = std::move(stopped.task),
                        .end = RunEnd::kEnded,
                        .detail = {},
                        .began = false,
                        .handed_to = stopped.handed_to});
}

void ThreadExecutor::Tick(Instant now) {
  if (shared_.crew.HasPrefetched()) {
    for (TaskPtr& task : shared_.crew.TakeHeldUp(now - kMostAhead)) {
      shared_.ports.report({.task = std::move(task), .end = RunEnd::kHeldUp, .detail = {}});
    }
  }
  if (!shared_.crew.HasWaiting()) return;
  if (Crew::Seat* seat = shared_.crew.FindStuck(now)) seat->wake.Notify();
}

void ThreadExecutor::List(std::vector<pid_t>& to) const {
  for (std::uint32_t i = 0; i < shared_.crew.seats(); ++i) {
    const ExecThread* thread = by_seat_[i].load(std::memory_order_acquire);
    if (thread != nullptr && thread->number() != 0) to.push_back(thread->number());
  }
}

void ThreadExecutor::TurnAway(TaskPtr task) {
  shared_.ports.report({.task = std::move(task),
                        .end = RunEnd::kTurnedAway,
                        .wall = Nanos(0),
                        .detail = "the node is stopping",
                        .why = Reason::kDrained});
}

void ThreadExecutor::Stop() {
  for (TaskPtr& task : shared_.crew.StopAll()) {
    TurnAway(std::move(task));
  }
  for (std::uint32_t i = 0; i < shared_.crew.seats(); ++i) shared_.crew.SeatAt(i).wake.Notify();
}

void ThreadExecutor::Deliver(ConnectionId to, ByteView frames) {
  const ConnectionId number = to & ~kTaskConnection;
  if (number == 0 || number > shared_.crew.seats()) return;
  ExecThread* thread = by_seat_[number - 1].load(std::memory_order_acquire);
  if (thread != nullptr) Rouse(*thread, [&] { thread->Deliver(frames); });
}

// On a CPU of its own, if there is one.
void ThreadExecutor::Rouse(ExecThread& thread, const std::function<void()>& wake) {
  CpuSpread::Place& place = thread.place();
  if (place.at_work.load(std::memory_order_relaxed) != CpuSpread::kNowhere) return wake();
  const auto taken = [this](int cpu) {
    for (std::uint32_t i = 0; i < shared_.crew.seats(); ++i) {
      ExecThread* other = by_seat_[i].load(std::memory_order_acquire);
      if (other != nullptr && other->place().at_work.load(std::memory_order_relaxed) == cpu) {
        return true;
      }
    }
    return false;
  };
  const int cpu = spread_.Choose(place, taken);
  if (cpu == CpuSpread::kNowhere) {
    place.at_work.store(place.last.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return wake();
  }
  place.at_work.store(cpu, std::memory_order_relaxed);
  spread_.WakeOn(cpu, place, wake);
}

// Only one caller has a seat whose thread was not started yet.
void ThreadExecutor::Wake(Crew::Seat& seat) {
  if (seat.started) {
    if (ExecThread* thread = by_seat_[seat.index].load(std::memory_order_acquire)) {
      Rouse(*thread, [&] { seat.wake.Notify(); });
    }
    return;
  }
  seat.started = true;
  MutexLock lock(mutex_);
  ExecThread& thread = *threads_.emplace_back(std::make_unique<ExecThread>(shared_, seat));
  // It can be found before it runs, and so before anything can be an answer to it.
  by_seat_[seat.index].store(&thread, std::memory_order_release);
  thread.Begin();
  // One that is needed later is begun by any thread, and would run where that one may.
  if (threads_.size() > 1) thread.RunWhere(*threads_.front());
}

}  // namespace spillgate
