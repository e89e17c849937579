// Executor: runs placed tasks. RunHere is for functions hosted inline and returns when they have;
// everything else is started and reported back, exactly once a start, through the callback given at
// construction, even when the process it ran in dies. Called by the execution stage's thread only;
// reports may come on any thread.
//
// A prefetched task has no slot yet. It begins when a run that hands its own on (Task::hands_on)
// ends and has not been blocked, whose report names it, or when a slot is granted to it; of several
// the first that was started gets what is handed on. When one has waited for longer than
// kMostAhead, all that wait are given back (kHeldUp); so is one that no such run can help.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "core/base/clock.h"
#include "core/model/reason.h"
#include "core/model/task.h"

namespace spillgate {

enum class RunEnd : std::uint8_t {
  kEnded,       // the task's outcome is set
  kHostDied,    // the worker died under it: it may be run again; `detail` says how it died
  kTurnedAway,  // no thread or worker could take it; it has not run; `why` and `detail` tell more
  kHeldUp,  // prefetched, and the runs before it take long: it has not run and is to be placed anew
};

struct RunReport {
  TaskPtr task;
  RunEnd end = RunEnd::kEnded;
  Nanos wall{0};               // from start to end, without `blocked`
  std::string detail;          // cause of death and the last lines of stderr; empty if it ended
  Reason why = Reason::kNone;  // kTurnedAway: kDrained or kNoWorker
  bool began = true;           // kEnded: false if it was ended before it ran
  Nanos blocked{0};            // time that it waited in gets, its slot lent out
  TaskId handed_to;            // the prefetched task that has its slot now; none: it is free
};

// What a running task tells the node about itself.
struct RunNotice {
  enum class Kind : std::uint8_t {
    kBlocked,  // waits in a get: its slot is free for others, and `awaited` (if unstarted) may run
               // in its place
    kResumed,  // goes on; it counts against its slot again
  };
  Kind kind = Kind::kBlocked;
  TaskId task;
  TaskId awaited;  // one unstarted task that would help most; none if it does not want to run any
                   // in place
};

using OnReport = std::function<void(RunReport&&)>;
using OnNotice = std::function<void(const RunNotice&)>;

class Executor {
 public:
  static constexpr Nanos kMostAhead = std::chrono::milliseconds(1);

  virtual ~Executor() = default;
  // Runs an inline function to its end on this thread and sets the outcome. May not block.
  virtual void RunHere(Task& task, Instant now) = 0;
  // How many processes of this node have died while they ran the task, before this one.
  [[nodiscard]] virtual std::uint8_t DeathsOf(TaskId) const { return 0; }
  // `nested_in`: the blocked task on whose thread or worker this one should run, if that is still
  // blocked.
  virtual void Start(TaskPtr task, TaskId nested_in, Instant now) = 0;
  // A prefetched task that was started may begin, if it has not, and still waits.
  virtual void Grant(TaskId /*task*/, Instant /*now*/) {}
  // How many more tasks could begin at present, each on a thread or in a worker of its own; less
  // than 0: so many wait for one. What has no bound need not say.
  struct PlacesLeft {
    std::int32_t threads = std::numeric_limits<std::int32_t>::max();
    std::int32_t workers = std::numeric_limits<std::int32_t>::max();
  };
  [[nodiscard]] virtual PlacesLeft Left() const { return {}; }
  // Asks a started task to stop: its context says cancelled; a worker is interrupted, then killed.
  // Its report comes all the same. Nothing happens if it has ended.
  virtual void Interrupt(TaskId task, Reason why, Instant now) = 0;
  virtual void Tick(Instant now) = 0;
  // No more starts; ends what can be ended. Reports for all that was started come before it returns
  // or soon after.
  virtual void Stop() = 0;
};

}  // namespace spillgate
