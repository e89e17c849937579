#include "server/exec/crew.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/check.h"
#include "core/base/format.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostCompared =
    64;  // waiting tasks that are looked at for one that may run in place
constexpr std::size_t kMostNamed = 8;  // tasks in a message

}  // namespace

Crew::Crew(const ThreadExecutorOptions& options)
    : options_(options),
      most_seats_(options.threads + options.extra_blocked),
      seats_(std::make_unique<std::unique_ptr<Seat>[]>(most_seats_)) {
  SG_CHECK(options.threads > 0 && options.nested_stack > 0);
}

bool Crew::Add(TaskPtr& task, TaskId nested_in, Instant now, Seat*& wake) {
  MutexLock lock(mutex_);
  if (stopped()) return false;
  Run& run = NewRun();
  run.id = task->id;
  run.parent = task->parent;
  run.hands_on = task->hands_on;
  const bool waits = task->prefetched;
  run.task = std::move(task);
  if (waits) {
    run.added = now;
    ahead_.push_back(&run);
    ahead_size_.store(ahead_.size(), std::memory_order_relaxed);
    return true;
  }
  for (std::uint32_t i = 0; !nested_in.is_none() && i < made_; ++i) {
    Seat& seat = *seats_[i];
    if (!TakesOffers(seat) || seat.stack.back().run->id != nested_in) continue;
    wake = Offer(seat, run);
    return true;
  }
  Wait(run);
  wake = DispatchLocked();
  return true;
}

void Crew::Wait(Run& run) {
  queue_.push_back(&run);
  waiting_.fetch_add(1, std::memory_order_relaxed);
}

TaskId Crew::HandOn(Seat& seat) {
  MutexLock lock(mutex_);
  return HandOnLocked(*seat.stack.back().run);
}

// The run ends: its lease goes to the first of those that have none.
TaskId Crew::HandOnLocked(Run& run) {
  if (!std::exchange(run.hands_on, false) || run.lent || ahead_.empty()) return {};
  Run& heir = TakeAhead(ahead_.begin());
  Wait(heir);
  return heir.id;
}

Crew::Seat* Crew::Grant(TaskId task) {
  MutexLock lock(mutex_);
  const auto found = FindAhead(task);
  if (found == ahead_.end()) return nullptr;
  Wait(TakeAhead(found));
  return DispatchLocked();
}

std::vector<Run*>::iterator Crew::FindAhead(TaskId task) {
  return std::find_if(ahead_.begin(), ahead_.end(),
                      [task](const Run* run) { return run->id == task; });
}

Run& Crew::TakeAhead(std::vector<Run*>::iterator at) {
  Run& run = **at;
  ahead_.erase(at);
  ahead_size_.store(ahead_.size(), std::memory_order_relaxed);
  return run;
}

Crew::Seat* Crew::Dispatch() {
  if (!HasWaiting()) return nullptr;
  MutexLock lock(mutex_);
  return DispatchLocked();
}

Crew::Seat* Crew::DispatchLocked() {
  if (head_ == queue_.size() || active() >= options_.threads || stopped()) return nullptr;
  if (!idle_.empty()) {
    Seat* seat = idle_.back();
    idle_.pop_back();
    return Seated(*seat, TakeWaiting(head_));
  }
  if (made_.load(std::memory_order_relaxed) < most_seats_)
    return Seated(*NewSeat(), TakeWaiting(head_));
  return InPlace();
}

Crew::Seat* Crew::NewSeat() {
  const std::uint32_t index = made_.load(std::memory_order_relaxed);
  seats_[index] = std::make_unique<Seat>(index);
  seats_[index]->stack.reserve(options_.nested_stack);
  made_.store(index + 1, std::memory_order_release);
  return seats_[index].get();
}

Crew::Seat* Crew::Seated(Seat& seat, Run& run) {
  seat.stack.push_back({.run = &run});
  Activate(1);
  stuck_since_ = kNever;
  seat.assigned.store(&run, std::memory_order_release);
  return &seat;
}

Crew::Seat* Crew::Offer(Seat& seat, Run& run) {
  seat.offered = &run;
  Activate(1);
  stuck_since_ = kNever;
  seat.nudged.store(true, std::memory_order_release);
  return &seat;
}

bool Crew::TakesOffers(const Seat& seat) const {
  return !seat.stack.empty() && seat.stack.back().blocked && seat.offered == nullptr &&
         seat.give_up.empty() && seat.stack.size() < options_.nested_stack && !stopped();
}

// A waiting child of a task that is blocked on some stack, above which nothing runs: it cannot wait
// for anything that needs this stack, other than by waiting for its own ancestor.
Crew::Seat* Crew::InPlace() {
  const std::size_t end = std::min(queue_.size(), head_ + kMostCompared);
  for (std::size_t at = head_; at < end; ++at) {
    if (queue_[at]->parent.is_none()) continue;
    for (std::uint32_t i = 0; i < made_; ++i) {
      Seat& seat = *seats_[i];
      if (TakesOffers(seat) && seat.stack.back().run->id == queue_[at]->parent) {
        return Offer(seat, TakeWaiting(at));
      }
    }
  }
  return nullptr;
}

Run* Crew::TakeOffered(Seat& seat) {
  MutexLock lock(mutex_);
  Run* run = std::exchange(seat.offered, nullptr);
  if (run != nullptr) seat.stack.push_back({.run = run});
  return run;
}

Run* Crew::Finish(Seat& seat) {
  MutexLock lock(mutex_);
  Free(*seat.stack.back().run);
  seat.stack.pop_back();
  Activate(-1);
  if (!seat.stack.empty()) return nullptr;
  if (head_ == queue_.size() || active() >= options_.threads || stopped()) {
    idle_.push_back(&seat);
    return nullptr;
  }
  Run& next = TakeWaiting(head_);
  seat.stack.push_back({.run = &next});
  Activate(1);
  return &next;
}

bool Crew::Block(Seat& seat, bool in_get, Instant now) {
  MutexLock lock(mutex_);
  Seat::Frame& frame = seat.stack.back();
  if (frame.blocked) return false;
  frame.blocked = true;
  frame.in_get = in_get;
  frame.since = now;
  Activate(-1);
  frame.run->lent = true;
  return true;
}

void Crew::Resume(Seat& seat, Instant now) {
  MutexLock lock(mutex_);
  Seat::Frame& frame = seat.stack.back();
  frame.blocked = false;
  frame.run->blocked += now - frame.since;
  seat.give_up.clear();
  stuck_since_ = kNever;
  Run* offered = std::exchange(seat.offered, nullptr);
  if (offered == nullptr) {
    Activate(1);
    return;
  }
  // Its activity passes to the run that goes on; it waits for another seat.
  queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(head_), offered);
  waiting_.fetch_add(1, std::memory_order_relaxed);
}

bool Crew::HasDepth(const Seat& seat) const {
  MutexLock lock(mutex_);
  return seat.stack.size() < options_.nested_stack;
}

// A seat that is neither idle nor active is blocked.
HostCounts Crew::Counts() const {
  MutexLock lock(mutex_);
  const std::uint32_t made = made_.load(std::memory_order_relaxed);
  const auto idle = static_cast<std::uint32_t>(idle_.size());
  return {.idle = idle,
          .busy = active(),
          .blocked = made - std::min(made, idle + active()),
          .limit = most_seats_,
          .started = made};
}

std::int32_t Crew::Left() const {
  MutexLock lock(mutex_);
  const std::size_t seats = idle_.size() + most_seats_ - made_.load(std::memory_order_relaxed);
  return static_cast<std::int32_t>(seats) - static_cast<std::int32_t>(queue_.size() - head_);
}

std::string Crew::TakeGiveUp(Seat& seat) {
  MutexLock lock(mutex_);
  return std::exchange(seat.give_up, {});
}

Crew::Stopped Crew::Interrupt(TaskId id, Reason why) {
  MutexLock lock(mutex_);
  for (std::size_t at = head_; at < queue_.size(); ++at) {
    if (queue_[at]->id != id) continue;
    return Discard(TakeWaiting(at));
  }
  if (const auto found = FindAhead(id); found != ahead_.end()) {
    Run& run = TakeAhead(found);
    TaskPtr task = std::move(run.task);
    Free(run);
    return {.task = std::move(task)};
  }
  for (std::uint32_t i = 0; i < made_; ++i) {
    Seat& seat = *seats_[i];
    if (seat.offered != nullptr && seat.offered->id == id) {
      Run& run = *std::exchange(seat.offered, nullptr);
      Activate(-1);
      return Discard(run);
    }
    for (const Seat::Frame& frame : seat.stack) {
      if (frame.run->id != id) continue;
      frame.run->stop.Raise(why);
      seat.nudged.store(true, std::memory_order_release);
      return {.task = nullptr, .seat = &seat};
    }
  }
  return {};
}

std::vector<TaskPtr> Crew::TakeHeldUp(Instant before) {
  MutexLock lock(mutex_);
  if (ahead_.empty() || ahead_.front()->added >= before) return {};
  return TakeAllAhead();
}

std::vector<TaskPtr> Crew::TakeAllAhead() {
  std::vector<TaskPtr> tasks;
  for (Run* run : ahead_) {
    tasks.push_back(std::move(run->task));
    Free(*run);
  }
  ahead_.clear();
  ahead_size_.store(0, std::memory_order_relaxed);
  return tasks;
}

std::vector<TaskPtr> Crew::StopAll() {
  MutexLock lock(mutex_);
  stopped_.store(true, std::memory_order_relaxed);
  std::vector<TaskPtr> left = TakeAllAhead();
  while (head_ < queue_.size()) {
    Run& run = TakeWaiting(head_);
    left.push_back(std::move(run.task));
    Free(run);
  }
  for (std::uint32_t i = 0; i < made_; ++i) {
    Seat& seat = *seats_[i];
    if (seat.offered != nullptr) {
      Activate(-1);
      left.push_back(std::move(seat.offered->task));
      Free(*std::exchange(seat.offered, nullptr));
    }
    for (const Seat::Frame& frame : seat.stack) {
      if (frame.run->stop.why() == Reason::kNone) frame.run->stop.Raise(Reason::kDrained);
    }
    seat.nudged.store(true, std::memory_order_release);
  }
  return left;
}

Crew::Seat* Crew::FindStuck(Instant now) {
  MutexLock lock(mutex_);
  const bool stuck =
      head_ < queue_.size() && active() == 0 && idle_.empty() && made_ == most_seats_;
  if (!stuck) {
    stuck_since_ = kNever;
    return nullptr;
  }
  if (stuck_since_ == kNever) stuck_since_ = now;
  if (now - stuck_since_ < options_.nested_patience) return nullptr;
  Seat* newest = nullptr;
  for (std::uint32_t i = 0; i < made_; ++i) {
    Seat& seat = *seats_[i];
    if (seat.stack.empty() || !seat.stack.back().blocked || !seat.stack.back().in_get) continue;
    if (newest == nullptr || seat.stack.back().since > newest->stack.back().since) newest = &seat;
  }
  stuck_since_ = kNever;
  if (newest == nullptr) return nullptr;
  newest->give_up = WhyStuck(*newest);
  newest->nudged.store(true, std::memory_order_release);
  return newest;
}

std::string Crew::WhyStuck(const Seat& victim) const {
  std::string chain;
  std::size_t named = 0;
  for (auto frame = victim.stack.rbegin(); frame != victim.stack.rend() && named < kMostNamed;
       ++frame, ++named) {
    chain += Format("{}{}", named == 0 ? "" : ", in the place of ", ToString(frame->run->id));
  }
  std::string others;
  for (std::uint32_t i = 0; i < made_ && named < 2 * kMostNamed; ++i, ++named) {
    if (seats_[i].get() == &victim || seats_[i]->stack.empty()) continue;
    others += Format(" {}", ToString(seats_[i]->stack.back().run->id));
  }
  return Format(
      "all {} threads ({} and {} extra) are blocked, none has room for what waits to run; this get "
      "is the newest: {}; others:{}. Let tasks wait for fewer, or raise workers.extra_blocked or "
      "workers.nested_stack",
      most_seats_, options_.threads, options_.extra_blocked, chain, others);
}

Run& Crew::NewRun() {
  if (free_.empty()) {
    runs_.push_back(std::make_unique<Run>());
    free_.push_back(runs_.back().get());
    free_.reserve(runs_.size());
  }
  Run& run = *free_.back();
  free_.pop_back();
  return run;
}

// It gives up its lease before it has begun.
Crew::Stopped Crew::Discard(Run& run) {
  Stopped stopped{.task = std::move(run.task), .handed_to = HandOnLocked(run)};
  Free(run);
  stopped.next = DispatchLocked();
  return stopped;
}

void Crew::Free(Run& run) {
  run.stop.Lower();
  run.hands_on = run.lent = false;
  run.blocked = Nanos(0);
  run.id = {};
  free_.push_back(&run);
}

Run& Crew::TakeWaiting(std::size_t position) {
  Run& run = *queue_[position];
  if (position == head_) {
    ++head_;
  } else {
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(position));
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  // The part before `head_` is cut off when it is the larger one, so each task is moved once at
  // most on average.
  if (head_ * 2 > queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return run;
}

}  // namespace spillgate
