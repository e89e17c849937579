// ReadySet: the tasks that could run and wait for resources, in the order in which they deserve
// them. Scheduling owns it and is its only caller, on its thread. It owns its tasks until they
// leave by Pop, Remove or Expire. What stands first and is out of reach of its deadline, by the
// time that its function is known to take, may be dropped instead of popped: it would only take the
// room of what can still be in time. If nothing of its root has begun, all of the root goes with
// it.
//
// The order: class first, but each class keeps its least share; then start-time fair queueing over
// the tenants of the class, by weight, then over the roots of the tenant, both in estimated slot
// time that is corrected when the work has ended; within a root work that was begun first, then the
// earliest deadline, then the order of arrival. The roots of a tenant stand in lines by how long
// they can wait (slack_lines.h): each line goes before those behind it, which together have half of
// the slot time of both while both wait, from when on their deadlines ask for it. Class and tenant
// are those of the root. Roots are served one after the other until they have had some times what
// roots of their line mostly have, as to share the time among all would make all of them late; then
// in fair shares. While the account says so, the newest root goes first, behind those that have
// begun. Who has used less than the share may be ahead of it for a little: else those who want
// little would wait for each of the greedy ones' tasks in turn, as if they wanted as much (as
// borrowed virtual time, Duda and Cheriton, SOSP 1999). What a tenant had beyond its share while
// nobody waited is no debt, as in SFQ (Goyal, Vin and Cheng, SIGCOMM 1996). What stands first but
// does not fit is passed by others for `reserve_after`; then what it needs is kept free for it. A
// function at its slot limit is passed over and holds up nobody: the config's, one learned from how
// its runs fare (slot_limit.h), or the one that long functions share while short work comes
// (kept_slot.h).
//
// All that waits here is in the account, which other threads may read.
//
// Deterministic: the same calls give the same order. Every call costs O(log n) at most and in the
// common case, where roots are served as they came, O(1). No allocation once its parts have grown
// to the load.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/clock.h"
#include "core/base/hash_map.h"
#include "core/base/ids.h"
#include "core/model/cost_model.h"
#include "core/model/kept_slot.h"
#include "core/model/ready_parts.h"
#include "core/model/ready_shares.h"
#include "core/model/slot_limit.h"
#include "core/model/task.h"
#include "core/model/work_account.h"

namespace spillgate {

class ReadySet {
 public:
  struct Options {
    std::array<std::uint32_t, kClasses> shares{
        0, 5, 5, 5};  // percent of the slot time, at least, while it waits
    Nanos share_window = std::chrono::seconds(1);  // slot time that a class may save up
    Nanos reserve_after = std::chrono::milliseconds(100);
    Nanos most_lag = std::chrono::milliseconds(100);   // virtual time that a tenant or root which
                                                       // was kept from running may make up for
    Nanos most_saved = std::chrono::milliseconds(10);  // of the share that it did not use, for
                                                       // what cannot wait, of a tenant or before
                                                       // others of it that can
    std::array<Nanos, kClasses> targets{};  // that short work of a class waits at most; 0: none
    bool learned_limits = true;
  };

  // Has no bound of its own: whoever pushes has reserved the place. `costs` and `account` outlive
  // the set; nobody else writes what waits into the account.
  ReadySet(const CostModel& costs, WorkAccount& account, const Options& options);
  ~ReadySet();
  ReadySet(const ReadySet&) = delete;
  ReadySet& operator=(const ReadySet&) = delete;

  // May be called at any time; tasks that wait are not moved.
  void Apply(const Options& options);
  // What the node gives out at present; at first it is what it has.
  void SetTotal(const Resources& total) { total_ = total; }
  void SetWeight(TenantId tenant, std::uint32_t weight);  // 1 unless set; 0 counts as 1

  // Task::estimate is the client's hint when the function is unknown; 0 is none. The root outlives
  // its tasks here.
  void Push(TaskPtr task, Instant now);

  // The next task of those that fit into what is free, with its estimate read anew; null when there
  // is none. Follow it by Pay if it will run: nobody has paid for it yet. What it finds out of
  // reach goes to `dropped`, if given; when those are kMostDropped it finds nothing more.
  static constexpr std::size_t kMostDropped = 1024;
  [[nodiscard]] TaskPtr Pop(const Resources& free, Instant now,
                            std::vector<TaskPtr>* dropped = nullptr);
  // As Pop, where blocked tasks await some that it holds: one of those goes before all else of its
  // root. Of other roots only rivals go before it in their turn, by where they run; but then null
  // is returned if there is no `dropped`. Null as well where none of the awaited fits.
  enum class Rival : std::uint8_t { kAny, kThatNeverWaits, kNone };
  using Rivals = std::array<Rival, kHosts>;
  [[nodiscard]] TaskPtr PopBeside(std::span<Task* const> awaited, const Resources& free,
                                  const Rivals& rivals, Instant now, std::vector<TaskPtr>* dropped);
  // Where long runs have all CPU slots and short work comes: the next task of a function whose runs
  // always are short, that fits into this; else null. It is for a place beside the slots, so what
  // is said of Pop holds, but room is kept for nobody and no one is passed.
  [[nodiscard]] TaskPtr PopShort(const Resources& place, Instant now,
                                 std::vector<TaskPtr>* dropped = nullptr);
  // The task that comes first, whether or not anything is free, if it is one to be prefetched; else
  // null: so no room is taken that is kept for one before it. One that may wait for others is not:
  // on its stack, or in its place, those run that it waits for, and who is to be the next is known
  // when it blocks. What it finds out of reach goes to `dropped`.
  [[nodiscard]] TaskPtr PopToPrefetch(Instant now, std::vector<TaskPtr>& dropped);
  // The time from its beginning to its end, as far as it is known, and, before anything of its root
  // has begun, that of the longest chain of the root's tasks if that is more.
  [[nodiscard]] Nanos TimeNeeded(const Task& task) const;

  // Which runs find no CPU slot, as one is kept from them.
  [[nodiscard]] KeptSlot::ShutOut ShutOutNow(Instant now) const {
    return options_.learned_limits ? kept_slot_.ShutOutNow(total_, now) : KeptSlot::ShutOut{};
  }
  // What the runs of a function count as; KeptSlot::kUnknown until one has ended.
  [[nodiscard]] KeptSlot::Length LengthOf(const Function& function) {
    return StateOf(function).length;
  }

  // A task is to run, also one that never was here: its tenant and root pay its estimate.
  void Pay(const Task& task);
  // A run has a slot, also one that had given its slot back while it waited, free or not: its
  // function has one less.
  void Begun(const Function& function, const Resources& held);
  // The slot is free again.
  void Ended(const Function& function, const Resources& held);
  // A run of it has given its slot back while it waits for others.
  void Waits(const Function& function);
  // One has, ever.
  [[nodiscard]] bool MayWait(const Function& function) { return StateOf(function).waits; }
  // The cost model has learned from a run.
  void Learned(const Function& function);
  // A run ended now; before Ended. `done`: it was not cut short.
  void Ran(const Function& function, bool done, Instant now);
  // A run of its tasks took so long, where so much was known of the function before.
  static void Fared(Root& root, Nanos known, Nanos took) {
    root.ready.foreseen += known;
    root.ready.took += took;
  }
  // What was paid and what it cost in the end; `actual` 0 if it never ran.
  void Correct(Root& root, Nanos estimated, Nanos actual);

  [[nodiscard]] bool Holds(const Task& task) const { return task.ready.bundle != nullptr; }
  // Takes out a task that it holds.
  [[nodiscard]] TaskPtr Remove(Task& task);
  // Takes out tasks whose deadline has passed, earliest first, `most` at most; true if there are
  // more.
  bool Expire(Instant now, std::size_t most, std::vector<TaskPtr>& out);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t Size(TaskClass cls) const { return classes_[Index(cls)].size; }
  [[nodiscard]] Nanos Work(TaskClass cls) const { return classes_[Index(cls)].work; }
  [[nodiscard]] std::size_t Size(TaskClass cls, TenantId tenant) const;
  [[nodiscard]] Nanos Work(TaskClass cls,
                           TenantId tenant) const;  // estimates from when the tasks came
  [[nodiscard]] std::uint32_t Running(FunctionId function) const;
  [[nodiscard]] std::uint32_t LearnedLimit(FunctionId function) const {
    return function < functions_.size() ? functions_[function].limit.limit() : SlotLimit::kNone;
  }
  // Functions that have one.
  [[nodiscard]] std::uint32_t limited() const { return limited_; }
  // When the task that is here for longest came; kNever when empty.
  [[nodiscard]] Instant OldestArrival() const {
    return oldest_ == nullptr ? kNever : oldest_->ready.since;
  }

 private:
  static constexpr std::size_t kDueQueues = 8;
  // Lanes looked at in one scan, unless none of them serves: where more have work, the next scan
  // goes on from there. And groups of a flow.
  static constexpr std::size_t kMostScanned = 64;

  struct FunctionState {
    bool seen = false;
    std::uint32_t running = 0;
    std::uint32_t shared = 0;    // of its waiting tasks, those in lanes that others share
    std::int64_t held_back = 0;  // of them, those that found it at its limit
    bool waits = false;          // runs of it have been blocked
    bool apart = false;          // it may have to be passed over, so it gets lanes of its own
    KeptSlot::Length length = KeptSlot::kUnknown;
    Nanos p95 = Nanos::max();
    Resources held;  // by what runs
    ready::Kind* recent = nullptr;
    SlotLimit limit;
    Instant tries_at = kNever;  // one that never had a chance, by what was learned
  };
  using Tenant = std::array<ready::Flow, kClasses>;
  struct Turns;
  struct Room;
  struct Found {
    ready::Group* group = nullptr;
    bool owed = false;
  };

  // ready_set.cc: what is where.
  FunctionState& StateOf(const Function& function);
  Tenant& TenantOf(TenantId tenant);
  [[nodiscard]] const ready::Flow* FindFlow(TaskClass cls, TenantId tenant) const;
  ready::Flow& FlowOf(const Root& root) { return TenantOf(root.tenant)[Index(root.cls)]; }
  ready::Kind& KindOf(const Task& task);
  void DropUnusedKinds();
  void SetApart(FunctionState& state);
  [[nodiscard]] std::int64_t SlotsOf(const ready::Kind& kind) const;
  void MoveApart();
  [[nodiscard]] bool IsMisplaced(ready::Group& group);
  ready::Group& GroupOf(ready::Flow& flow, ready::Lane& lane);
  void FreeGroup(ready::Group& group);
  ready::Bundle& BundleOf(Root& root, ready::Group& group);
  void AddBundle(ready::Bundle& bundle, Root& root, ready::Group& group);
  void DropBundle(ready::Bundle& bundle);
  void JoinLine(ready::Flow& flow, Task& task);
  static void LeaveLine(ready::Flow& flow, SlackLine line, Task& task);
  void Track(Task& task, Instant now);
  void Detach(Task& task);
  void Forget(Task& task);
  void Account(const ready::Flow& flow, const ready::Lane& lane, const Task& task, int by);
  void CountHeldBack(const ready::Flow& flow, const ready::Lane& lane, const Task& task, int by);
  void Hold(FunctionState& state, const Resources& held);
  void LetGo(FunctionState& state, const Resources& held);
  void Show(const ready::Flow& flow);
  [[nodiscard]] std::int64_t EarliestTag(const Root& root) const;
  void FollowDoor();
  static void GoFirst(ready::RootQueue& line, ReadyRoot& root);
  static void Give(ReadyRoot& root, std::int64_t slot_time);
  void ChargeRoot(ready::RootQueue& line, ReadyRoot& root, std::int64_t slot_time,
                  std::int64_t each);
  static void Charge(ready::Flow& flow, std::int64_t slot_time);
  static void MoveForward(ready::Flow& flow);
  static void MoveForward(ReadyRoot& root);

  // ready_set_pick.cc: who is next.
  [[nodiscard]] Turns BeginPick(Instant now);
  [[nodiscard]] Turns TurnsNow();
  [[nodiscard]] Nanos Quantum(std::size_t cls) const;
  [[nodiscard]] bool AtLimit(const ready::Kind& kind) const;
  [[nodiscard]] Found First(const Turns& turns, const Room* room);
  [[nodiscard]] ready::Group* Scan(std::size_t turn, const Turns& turns, const Room* room);
  [[nodiscard]] Room RoomNow(const Turns& turns, const Resources& free) const;
  void Pass(Task& task, Instant now);
  [[nodiscard]] bool MayGoFrom(const ready::Flow& flow, SlackLine line) const;
  void TakeTurn(ready::Flow& flow, SlackLine line, std::int64_t cost) const;
  void Settle(ready::Flow& flow, SlackLine line, bool is_before, std::int64_t cost) const;
  [[nodiscard]] bool Claims(const ready::Flow& flow, SlackLine line) const;
  Instant Claim(const ready::Flow& flow, SlackLine line) const;
  [[nodiscard]] Nanos TimeOfLine(const ready::Flow& flow, SlackLine line) const;
  void HearOfTurnedAway();
  [[nodiscard]] Found Find(const Resources& free, Instant now);
  [[nodiscard]] Task* FirstOf(std::span<Task* const> awaited, const Resources& free,
                              const Task* like);
  [[nodiscard]] bool IsRival(const Task& task);
  [[nodiscard]] TaskPtr Take(Task& task, bool owed);
  void NoteGiven(const ready::Group& group, bool owed, Nanos cost);

  // ready_set_reach.cc: what can no longer be in time.
  [[nodiscard]] Nanos LeftOfGraph(const Task& task) const;
  [[nodiscard]] bool IsOutOfReach(const Task& task, Instant now) const;
  [[nodiscard]] bool MayTry(const Task& task, Instant now);
  void Drop(Task& task, std::vector<TaskPtr>& dropped);

  const CostModel& costs_;
  WorkAccount& account_;
  Options options_;
  ready::ClassShares shares_;

  std::array<ready::ClassQueue, kClasses> classes_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::vector<FunctionState> functions_;
  HashMap<ready::KindName, std::unique_ptr<ready::Kind>> kinds_;
  std::size_t most_kinds_ = 1024;               // look for unused ones when there are as many
  HashMap<ready::Pair, ready::Group*> groups_;  // by flow and lane
  HashMap<ready::Pair, ready::Bundle*> further_bundles_;  // by root and group
  ready::Pool<ready::Group> free_groups_;
  ready::Pool<ready::Bundle> free_bundles_;

  std::array<ready::OrderedQueue<Task, ready::DueOrder>, kDueQueues> due_;
  Task* oldest_ = nullptr;
  Task* newest_ = nullptr;
  Task* kept_for_ = nullptr;  // the task for which room is kept
  Resources total_;
  Resources taken_;  // by functions of which some tasks are held back
  KeptSlot kept_slot_;
  std::array<std::int64_t, kClasses> heard_of_{};  // roots that the door refused: when, in ns
  Instant now_{};                                  // of this call
  bool newest_first_ = false;                      // as the door wanted it last
  bool short_only_ = false;                        // it is a PopShort
  const Rivals* rivals_ = nullptr;                 // it is a PopBeside
  Instant apart_at_{};                             // when tasks were last put in lanes of their own
  int apart_left_ = 0;                             // that may be, then
  std::size_t misplaced_ = 0;  // tasks of functions that are apart, in lanes that others share
  std::uint32_t limited_ = 0;
  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace spillgate
