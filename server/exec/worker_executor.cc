#include "server/exec/worker_executor.h"

#include <utility>

namespace spillgate {

WorkerExecutor::WorkerExecutor(const Clock& clock, WorkerOptions options, Reactor& reactor,
                               NodePorts ports, Ancestry& ancestry)
    : clock_(clock),
      reactor_(reactor),
      loop_(std::this_thread::get_id()),
      self_(std::make_shared<WorkerExecutor*>(this)),
      pool_(clock, std::move(options), reactor, std::move(ports), ancestry) {}

// What others asked for at the last moment is done, so that each start has its report.
WorkerExecutor::~WorkerExecutor() {
  pool_.Stop(clock_.Now());
  DoWaiting();
}

void WorkerExecutor::HandOver(Request&& request) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = requests_.empty();
    requests_.push_back(std::move(request));
    has_requests_.store(true, std::memory_order_release);
  }
  if (!first) return;
  reactor_.Post([self = std::weak_ptr<WorkerExecutor*>(self_)] {
    if (const auto alive = self.lock()) (*alive)->DoWaiting();
  });
}

void WorkerExecutor::DoWaiting() {
  if (!has_requests_.load(std::memory_order_acquire)) return;
  std::vector<Request> requests;
  {
    MutexLock lock(mutex_);
    requests.swap(requests_);
    has_requests_.store(false, std::memory_order_relaxed);
  }
  const Instant now = clock_.Now();
  for (Request& request : requests) Do(request, now);
}

void WorkerExecutor::Do(Request& request, Instant now) {
  if (auto* start = std::get_if<StartAsked>(&request)) {
    pool_.Start(std::move(start->task), start->nested_in, now);
  } else if (const auto* interrupt = std::get_if<InterruptAsked>(&request)) {
    pool_.Interrupt(interrupt->task, interrupt->why, now);
  } else if (const auto* answered = std::get_if<Answered>(&request)) {
    pool_.Deliver(answered->to, answered->frames.view());
  } else if (std::holds_alternative<TickAsked>(request)) {
    tick_asked_.store(false, std::memory_order_relaxed);
    pool_.Tick(now);
  } else {
    pool_.Stop(now);
  }
}

void WorkerExecutor::Start(TaskPtr task, TaskId nested_in, Instant now) {
  if (!OnLoop()) return HandOver(StartAsked{std::move(task), nested_in});
  DoWaiting();
  pool_.Start(std::move(task), nested_in, now);
}

void WorkerExecutor::Interrupt(TaskId task, Reason why, Instant now) {
  if (!OnLoop()) return HandOver(InterruptAsked{task, why});
  DoWaiting();
  pool_.Interrupt(task, why, now);
}

void WorkerExecutor::Tick(Instant now) {
  if (now < pool_.due()) return;
  if (OnLoop()) return pool_.Tick(now);
  if (!tick_asked_.exchange(true, std::memory_order_relaxed)) HandOver(TickAsked{});
}

void WorkerExecutor::Stop() {
  if (!OnLoop()) return HandOver(StopAsked{});
  DoWaiting();
  pool_.Stop(clock_.Now());
}

void WorkerExecutor::Deliver(ConnectionId to, ByteView frames) {
  if (!OnLoop()) return HandOver(Answered{to, Buffer::CopyOf(frames)});
  DoWaiting();
  pool_.Deliver(to, frames);
}

}  // namespace spillgate
