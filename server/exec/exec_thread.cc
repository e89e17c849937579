#include "server/exec/exec_thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <utility>

#include "core/base/log.h"
#include "core/tables/record.h"
#include "server/exec/function_library.h"
#include "server/exec/run_context.h"
#include "server/exec/running_page.h"

namespace spillgate {

void DispatchAll(ThreadShared& shared) {
  while (Crew::Seat* seat = shared.crew.Dispatch()) shared.wake(*seat);
}

ExecThread::ExecThread(ThreadShared& shared, Crew::Seat& seat)
    : shared_(shared),
      seat_(seat),
      connection_(kTaskConnection | (seat.index + 1)),
      client_(*this, shared.clock, shared.options.patience,
              [&shared](const RunState& run) { return shared.ancestry.RunningAbove(run.parent); }) {
}

ExecThread::~ExecThread() {
  if (thread_.joinable()) thread_.join();
}

void ExecThread::Begin() {
  thread_ = std::thread([this] { Main(); });
}

void ExecThread::Deliver(ByteView frames) {
  {
    MutexLock lock(mutex_);
    mail_.Append(frames);
    has_mail_.store(true, std::memory_order_release);
  }
  seat_.wake.Notify();
}

void ExecThread::Main() {
  number_.store(gettid(), std::memory_order_relaxed);
  pthread_setname_np(pthread_self(), "sg-exec");
  prctl(PR_SET_TIMERSLACK, 1UL);  // in ns: gets have patience for microseconds only
  while (Run* run = AwaitRun()) {
    RunTasks(run);
  }
}

// It, and what the seat gets next when it ends.
void ExecThread::RunTasks(Run* run) {
  while (run != nullptr) {
    Execute(*run);
    run = shared_.crew.Finish(seat_);
  }
  DispatchAll(shared_);
}

Run* ExecThread::AwaitRun() {
  const Crew& crew = shared_.crew;
  for (;;) {
    if (Run* run = seat_.assigned.exchange(nullptr, std::memory_order_acquire)) return run;
    if (crew.stopped()) return nullptr;
    seat_.nudged.store(false, std::memory_order_relaxed);
    // What comes too late for the task that asked is news as well, until it has been read.
    (void)TakeMail();
    Park(kNever);
  }
}

bool ExecThread::HasNews() const {
  return seat_.nudged.load(std::memory_order_acquire) ||
         seat_.assigned.load(std::memory_order_acquire) != nullptr ||
         has_mail_.load(std::memory_order_acquire) || shared_.crew.stopped();
}

// Until there is news or the time is over; it may also return early. While no task has the CPU, it
// looks again for a while before it parks.
void ExecThread::Park(Instant until) {
  const Nanos poll = shared_.poll.load(std::memory_order_relaxed);
  if (poll > Nanos(0) && shared_.crew.active() == 0) {
    const Instant end = std::min(until, After(shared_.clock.Now(), poll));
    while (shared_.clock.Now() < end) {
      if (HasNews()) return;
      sched_yield();
    }
  }
  place_.End();
  seat_.wake.Prepare();
  if (!HasNews()) {
    const Instant now = shared_.clock.Now();
    if (until == kNever) {
      seat_.wake.Wait(Nanos(-1));
    } else if (now < until) {
      seat_.wake.Wait(until - now);
    }
  }
  seat_.wake.Done();
  if (at_work_) place_.Begin();
}

void ExecThread::SetAtWork(bool at_work) {
  at_work_ = at_work;
  if (at_work) {
    place_.Begin();
  } else {
    place_.End();
  }
}

void ExecThread::Execute(Run& run) {
  const Instant begin = shared_.clock.Now();
  Task& task = *run.task;
  RunState state{.task = task.id,
                 .parent = task.parent,
                 .session = task.root ? task.root->session : 0,
                 .deadline = task.deadline,
                 .stop = &run.stop,
                 .attempt = task.attempt,
                 .depth = task.depth,
                 .returns = task.returns};
  const TaskId outer = std::exchange(innermost_, task.id);
  SetAtWork(true);
  Reason stop = state.Stopping(begin);
  // What was prefetched may have been cancelled since.
  const Record* record = task.record;
  if (stop == Reason::kNone && record != nullptr &&
      record->cancelled.load(std::memory_order_relaxed)) {
    stop = Reason::kCancelled;
  }
  if (stop != Reason::kNone) {
    EndStopped(task.outcome, stop, "before it ran");
  } else {
    const RunningPage::Note note(shared_.options.page, task);
    state.noted = note.noted();
    const Arguments arguments(task);
    RunContext context(state, arguments, task.outcome, shared_.clock, &client_);
    context.Call(*EntryOf(*task.function).native);
  }
  innermost_ = outer;
  if (state.recorded) shared_.ancestry.End(task.id);
  const Nanos wall = shared_.clock.Now() - begin - run.blocked;
  SetAtWork(false);
  // The node is to hear of that with its end, or it would give the lease out twice.
  const TaskId heir = run.hands_on ? shared_.crew.HandOn(seat_) : TaskId();
  shared_.ports.report({.task = std::move(run.task),
                        .end = RunEnd::kEnded,
                        .wall = wall,
                        .detail = {},
                        .began = stop == Reason::kNone,
                        .blocked = run.blocked,
                        .handed_to = heir});
}

void ExecThread::Send(RunState& run, Buffer frame) {
  if (run.spawned && !run.recorded) {
    run.recorded = true;
    shared_.ancestry.Add(run.task, run.parent);
  }
  shared_.ports.ask(connection_, run.session, std::move(frame));
}

Pumped ExecThread::Pump(Instant until) {
  for (;;) {
    if (TakeMail()) return Pumped::kWoken;
    if (seat_.nudged.exchange(false, std::memory_order_acquire)) {
      const std::string give_up = shared_.crew.TakeGiveUp(seat_);
      if (!give_up.empty()) client_.FailWait(innermost_, {Reason::kNestedLimit, give_up});
      Run* nested = shared_.crew.TakeOffered(seat_);
      if (nested == nullptr) return Pumped::kWoken;
      RunTasks(nested);
      return Pumped::kRanNested;
    }
    if (shared_.clock.Now() >= until) return Pumped::kTime;
    Park(until);
  }
}

bool ExecThread::TakeMail() {
  if (!has_mail_.load(std::memory_order_acquire)) return false;
  {
    MutexLock lock(mutex_);
    std::swap(mail_, read_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  if (!client_.Deliver(read_.view())) {
    log::Failure("exec", "a reply of this node to a task of its own is malformed; it is dropped");
  }
  read_.Clear();
  return true;
}

void ExecThread::Block(RunState& run, TaskId awaited, bool for_room) {
  const bool newly = shared_.crew.Block(seat_, !for_room, shared_.clock.Now());
  if (!shared_.crew.HasDepth(seat_)) awaited = {};
  if (newly || !awaited.is_none()) {
    shared_.ports.notice({.kind = RunNotice::Kind::kBlocked, .task = run.task, .awaited = awaited});
  }
  if (!newly) return;
  SetAtWork(false);
  if (run.noted) shared_.options.page->Unset();
  DispatchAll(shared_);
}

void ExecThread::Resume(RunState& run) {
  if (run.noted) shared_.options.page->Set(run.task, run.attempt);
  shared_.crew.Resume(seat_, shared_.clock.Now());
  SetAtWork(true);
  shared_.ports.notice({.kind = RunNotice::Kind::kResumed, .task = run.task, .awaited = {}});
  DispatchAll(shared_);
}

FunctionId ExecThread::FindFunction(RunState& /*run*/, std::string_view name) {
  return shared_.ports.find_function(name);
}

}  // namespace spillgate
