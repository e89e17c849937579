// The park: accepted tasks that wait for something other than their turn. Bounded in count and
// bytes; every stay has an end. Those inside are counted in flight, but without a stage's credit;
// who finds no room waits at its gate, with its place in the stage, and is let in in order. One
// owner, no locks.
#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "core/base/hash_map.h"
#include "core/model/task.h"
#include "core/tables/limits.h"

namespace spillgate {

class Park {
 public:
  // One that is not here any more, whether it was inside, and when it came.
  struct Left {
    TaskPtr task;
    bool inside = false;
    Instant since;
  };

  // Its bounds are limits.park, park_bytes and park_ttl. What is larger than all of it gets in when
  // it is empty.
  explicit Park(const Limits& limits) : limits_(limits) {}

  // True if it is inside, false if at the gate. Its stay begins now.
  bool Put(TaskPtr task, Instant now);
  // The next one at the gate, which is inside from now on; null if there is none or no room.
  [[nodiscard]] const Task* LetIn(Instant now);
  // Of those inside and those at the gate.
  [[nodiscard]] Task* Find(TaskId id);
  // The task must be here.
  [[nodiscard]] Left TakeOut(TaskId id);
  // One whose stay is over: its deadline has passed (`expired`) or it has been here for the time to
  // live. Null when there is none.
  [[nodiscard]] Left NextOver(Instant now, bool& expired);
  [[nodiscard]] Left Any();  // for giving up what is held; null when there is none

  // Of those inside.
  [[nodiscard]] std::size_t size() const { return inside_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t at_gate() const { return here_.size() - inside_; }
  // Since when the one that is inside for longest is there; kNever when empty.
  [[nodiscard]] Instant Oldest();

 private:
  struct Stay {
    TaskPtr task;
    bool inside = false;
    Instant since;
  };
  struct Over {
    Instant at;
    TaskId task;
    bool operator<(const Over& other) const { return at > other.at; }  // nearest on top
  };
  struct Arrival {
    Instant since;
    TaskId task;
  };

  [[nodiscard]] bool HasRoomFor(const Task& task) const;
  void Enter(Stay& stay, Instant now);
  void ForgetThoseThatLeft();

  const Limits& limits_;
  HashMap<TaskId, Stay> here_;
  // Entries of tasks that left are skipped when met.
  std::priority_queue<Over> over_;
  std::deque<Arrival> arrivals_;  // of those inside, in order
  std::deque<TaskId> gate_;       // in order
  std::size_t inside_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace spillgate
