// Crew: who runs what. The threads of the executor as seats, the tasks that wait for one, and the
// rules by which the two come together; it starts, wakes and runs nothing itself. Any thread; one
// lock.
//
// At most `threads` seats are active: their innermost task runs and is not blocked. While others
// are blocked, further seats are made, `extra_blocked` at most. When those are used up, a task that
// waits for a seat runs on the stack of its blocked parent, to a depth of `nested_stack`. When
// nothing of that can be done for `nested_patience`, the newest blocked get is picked to fail.
//
// Prefetched runs stand in a line of their own and become waiting ones as leases are handed on: see
// Executor.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/flow/wake.h"
#include "core/model/task.h"
#include "server/exec/host_counts.h"
#include "server/exec/run_state.h"

namespace spillgate {

class RunningPage;

struct ThreadExecutorOptions {
  std::uint32_t threads = 1;        // that run tasks at the same time
  std::uint32_t extra_blocked = 8;  // further ones while others are blocked in a get
  std::uint32_t nested_stack = 64;  // tasks on one stack
  Nanos poll{0};                    // an idle or blocked thread looks again so long before it parks
  Nanos patience =
      std::chrono::microseconds(20);  // a get may take so long without giving up its slot
  Nanos nested_patience =
      std::chrono::seconds(1);  // nothing can run for so long: the newest get fails
  RunningPage* page = nullptr;  // where threads note what they run; null: nowhere
};

// One start of a task, from Add until it is freed. Its memory is used again.
struct Run {
  TaskPtr task;
  TaskId id;  // of the task; may be read under the crew's lock, whoever has the task
  TaskId parent;
  StopSign stop;
  Nanos blocked{0};  // time in which its slot was given away
  // It has a lease that goes on when it ends. Set under the crew's lock before a thread has it;
  // from then on that thread alone writes it, or `lent`.
  bool hands_on = false;
  bool lent = false;  // unless it has been blocked
  Instant added;      // prefetched: when
};

class Crew {
 public:
  // A thread. What other threads set is atomic; `stack` and `offered` belong to the crew's lock.
  struct Seat {
    explicit Seat(std::uint32_t number) : index(number) {}
    const std::uint32_t index;
    flow::Wake wake;
    std::atomic<Run*> assigned{
        nullptr};  // for a seat that was idle: its next run, on the stack already
    std::atomic<bool> nudged{false};  // something changed: look before parking
    bool started = false;             // its thread; the executor's own

   private:
    friend class Crew;
    struct Frame {
      Run* run;
      bool blocked = false;
      bool in_get = false;  // and not in a spawn, which waits for room
      Instant since{};
    };
    std::vector<Frame> stack;  // the innermost last
    Run* offered = nullptr;    // to run in place
    std::string give_up;       // the innermost get should fail, with this
  };

  explicit Crew(const ThreadExecutorOptions& options);

  // A run that may begin as soon as there is a seat, and, if it is prefetched, a lease; `wake` is
  // the seat to wake, null if it waits. False, and the task is still the caller's: the crew has
  // been stopped.
  [[nodiscard]] bool Add(TaskPtr& task, TaskId nested_in, Instant now, Seat*& wake)
      EXCLUDES(mutex_);
  // A prefetched one may begin; the seat to be woken, null if it waits, or is not one of these.
  [[nodiscard]] Seat* Grant(TaskId task) EXCLUDES(mutex_);
  // The innermost run of the seat has ended, which is not reported yet: the prefetched one to which
  // its lease goes, if any.
  [[nodiscard]] TaskId HandOn(Seat& seat) EXCLUDES(mutex_);
  // It has, and that is reported. If that was all, returns its next one; null: it is idle now.
  [[nodiscard]] Run* Finish(Seat& seat) EXCLUDES(mutex_);
  // A seat on which one more waiting task may begin, to be woken; call after anything that frees
  // one, until null.
  [[nodiscard]] Seat* Dispatch() EXCLUDES(mutex_);
  // The run that was offered to a blocked seat, now on its stack; null: none.
  [[nodiscard]] Run* TakeOffered(Seat& seat) EXCLUDES(mutex_);
  // The innermost run waits for others; false if it did so before.
  [[nodiscard]] bool Block(Seat& seat, bool in_get, Instant now) EXCLUDES(mutex_);
  void Resume(Seat& seat, Instant now) EXCLUDES(mutex_);
  // Whether there is room on the seat's stack for one more task.
  [[nodiscard]] bool HasDepth(const Seat& seat) const EXCLUDES(mutex_);
  // Why the innermost get of the seat should fail; empty: it should not.
  [[nodiscard]] std::string TakeGiveUp(Seat& seat) EXCLUDES(mutex_);

  struct Stopped {
    TaskPtr task;          // it had not begun, and is the caller's now
    Seat* seat = nullptr;  // it runs here: wake it
    TaskId handed_to;      // the prefetched one that has its lease
    Seat* next = nullptr;  // a waiting one may begin here in its place: as from Dispatch
  };
  [[nodiscard]] Stopped Interrupt(TaskId id, Reason why) EXCLUDES(mutex_);
  // All prefetched ones, if the first of them was added before that.
  [[nodiscard]] std::vector<TaskPtr> TakeHeldUp(Instant before) EXCLUDES(mutex_);
  // All that waits, and a stop sign for all that runs. Nothing begins after that.
  [[nodiscard]] std::vector<TaskPtr> StopAll() EXCLUDES(mutex_);
  // Looks whether nothing can run any more; the seat whose innermost get should fail then.
  [[nodiscard]] Seat* FindStuck(Instant now) EXCLUDES(mutex_);

  [[nodiscard]] std::uint32_t active() const { return active_.load(std::memory_order_relaxed); }
  [[nodiscard]] HostCounts Counts() const EXCLUDES(mutex_);
  // Seats for further tasks, less those that wait for one.
  [[nodiscard]] std::int32_t Left() const EXCLUDES(mutex_);
  [[nodiscard]] bool HasWaiting() const { return waiting_.load(std::memory_order_relaxed) > 0; }
  [[nodiscard]] bool HasPrefetched() const {
    return ahead_size_.load(std::memory_order_relaxed) > 0;
  }
  [[nodiscard]] bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  // Seats made so far; numbers below that are good for SeatAt, from any thread.
  [[nodiscard]] std::uint32_t seats() const { return made_.load(std::memory_order_acquire); }
  [[nodiscard]] Seat& SeatAt(std::uint32_t index) { return *seats_[index]; }

 private:
  [[nodiscard]] Seat* DispatchLocked() REQUIRES(mutex_);
  [[nodiscard]] Seat* InPlace() REQUIRES(mutex_);
  [[nodiscard]] Seat* NewSeat() REQUIRES(mutex_);
  [[nodiscard]] Seat* Seated(Seat& seat, Run& run) REQUIRES(mutex_);
  [[nodiscard]] Seat* Offer(Seat& seat, Run& run) REQUIRES(mutex_);
  [[nodiscard]] bool TakesOffers(const Seat& seat) const REQUIRES(mutex_);
  [[nodiscard]] Run& NewRun() REQUIRES(mutex_);
  void Free(Run& run) REQUIRES(mutex_);
  [[nodiscard]] Stopped Discard(Run& run) REQUIRES(mutex_);
  void Wait(Run& run) REQUIRES(mutex_);
  [[nodiscard]] TaskId HandOnLocked(Run& run) REQUIRES(mutex_);
  [[nodiscard]] std::vector<Run*>::iterator FindAhead(TaskId task) REQUIRES(mutex_);
  [[nodiscard]] Run& TakeAhead(std::vector<Run*>::iterator at) REQUIRES(mutex_);
  [[nodiscard]] std::vector<TaskPtr> TakeAllAhead() REQUIRES(mutex_);
  [[nodiscard]] Run& TakeWaiting(std::size_t position) REQUIRES(mutex_);
  void Activate(int by) {
    active_.fetch_add(static_cast<std::uint32_t>(by), std::memory_order_relaxed);
  }
  [[nodiscard]] std::string WhyStuck(const Seat& victim) const REQUIRES(mutex_);

  const ThreadExecutorOptions options_;
  std::atomic<std::uint32_t> active_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> ahead_size_{0};
  std::atomic<std::uint32_t> made_{0};
  std::atomic<bool> stopped_{false};
  const std::uint32_t most_seats_;
  const std::unique_ptr<std::unique_ptr<Seat>[]> seats_;  // the first `made_` are set, for good

  mutable Mutex mutex_;
  std::vector<Seat*> idle_
      GUARDED_BY(mutex_);  // the last one that became so is the next to be used
  std::vector<Run*> queue_ GUARDED_BY(mutex_);  // those from `head_` on
  std::size_t head_ GUARDED_BY(mutex_) = 0;
  std::vector<Run*> ahead_ GUARDED_BY(mutex_);  // prefetched, without a lease
  std::vector<std::unique_ptr<Run>> runs_ GUARDED_BY(mutex_);
  std::vector<Run*> free_ GUARDED_BY(mutex_);
  Instant stuck_since_ GUARDED_BY(mutex_) = kNever;
};

}  // namespace spillgate
