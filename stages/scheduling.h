// Scheduling: holds the ready set and decides what runs next, here or elsewhere. Takes tasks in
// fair order, fits them to what is free, lets smaller ones pass a task that does not fit for a
// bounded time, and says at once what can never fit. Serial: one owner of the ready set and of the
// node's resources.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "core/model/busy_slots.h"
#include "core/model/cost_model.h"
#include "core/model/extra_slots.h"
#include "core/model/prefetch.h"
#include "core/model/ready_set.h"
#include "core/ports/peer_link.h"
#include "stages/early_spawns.h"
#include "stages/events.h"
#include "stages/shared.h"

namespace spillgate {

class Scheduling {
 public:
  using In = std::variant<Resolved, Returned, SlotFreed, SlotLent, CancelAsked>;
  struct Out {
    flow::Emit<Placed> placed;
    flow::Emit<Spilled> spilled;
    flow::Emit<Finished> finished;
    flow::EmitBack<LeaseGranted> granted;
  };
  struct Options {
    Resources total;
    ResourceNames names;
    std::int64_t most_slots = 0;  // for tasks that take one CPU, while CPUs are idle
  };

  Scheduling(Shared& shared, const PeerLink& peers, Options options, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);

  // Execution has no place for it: it is ready again, and its lease is free.
  void Unplace(Placed&& event, Instant now);
  void DropPlaced(Placed&& event);
  void DropSpilled(Spilled&& event);
  // The next stage had no place for an ended task.
  void Keep(Finished&& event) { kept_.push_back(std::move(event)); }
  // Spillover has no place for it: it stays.
  void KeepSpilled(Spilled&& event) { kept_spilled_.push_back(std::move(event)); }

  [[nodiscard]] Instant Oldest() const { return ready_.OldestArrival(); }
  [[nodiscard]] bool Idle() const { return early_spawns_.empty(); }
  [[nodiscard]] const Resources& free() const { return free_; }
  [[nodiscard]] const ReadySet& ready() const { return ready_; }

 private:
  void OnTask(TaskPtr task, Instant now);
  void OnFreed(const SlotFreed& event, Instant now);
  void LearnOfOpenRoot(const SlotFreed& event);
  void OnLent(const SlotLent& event, Instant now);
  void OnCancel(TaskId id, Instant now);
  void Hold(TaskPtr task, Instant now);
  bool PlaceBesideAwaited(Instant now);
  [[nodiscard]] bool StandsStill() const;
  void PlaceAwaited(TaskPtr task, Instant now);
  [[nodiscard]] bool IsDoneFirst(const Task& task, Instant now) const;
  [[nodiscard]] Resources FreeForAll(Instant now) const;
  [[nodiscard]] ReadySet::Rivals RivalsOfAwaited(Instant now) const;
  void EndDropped(Instant now);
  void SpillKept(Instant now);
  void Place(TaskPtr task, TaskId nested_in, Instant now);
  void PlaceHeld(TaskPtr task, TaskId nested_in, Instant now);  // one that left the ready set
  void Charge(Task& task, Instant now);
  void TakeBack(const Task& task);
  void Dispatch(Instant now);
  [[nodiscard]] bool HasPlaceForShort() const;
  void PlaceShort(Instant now);
  void PlacePrefetched(Instant now);
  void GiveLease(const Function& function, BusySlots::Run run);
  void Lease(Task& task, bool in_place, Instant now);
  void Lease(const Prefetch::Waiting& to, Instant now);
  void LeaseHome(const SlotFreed& event, TaskId heir, Instant now);
  void GrantLeases(Instant now);
  [[nodiscard]] static Instant DeferredSince(const Task& task);
  void CountDeferral(Instant since, DeferralTally::Outcome how, Instant now);
  void ReadLimits();
  void FollowCpus();
  void ReadWeights();
  [[nodiscard]] Instant BusyUntil(std::size_t kind, Instant now) const;
  void TellWhatIsBusy(Instant now);
  void EmitAll(Instant now);

  Shared& shared_;
  const PeerLink& peers_;
  const Options options_;
  Out out_;
  Resources free_;
  ExtraSlots extra_slots_;
  std::uint32_t cpu_period_ = 0;  // the last one that was looked at
  bool slots_wanted_ = false;     // in this one
  std::int64_t most_held_ = 0;    // CPU slots, in this one
  struct InPlace {
    TaskId child;
    Instant since;
  };
  HashMap<TaskId, InPlace> in_place_;  // by the blocked task
  std::vector<Task*> awaited_;         // of these, the children that are here, in a pass
  std::vector<Task*> late_;            // those that have waited for a while
  std::vector<Task*> stranded_;        // and that can have no turn
  Instant turn_of_waiting_{};          // of what may wait itself, beside these
  Instant moved_at_{};                 // when something was last placed, or heard of what runs
  std::uint32_t weights_read_ = 0;     // changes of the tenants that are in effect here
  std::uint32_t limits_read_;          // and of the limits
  ReadySet ready_;
  EarlySpawns early_spawns_;
  BusySlots busy_slots_;
  Prefetch prefetch_;
  HashMap<TaskId, Task*> held_;   // what is in the ready set, for cancel and for running in place
  std::vector<TaskPtr> dropped_;  // of this pass, out of reach of their deadlines
  std::vector<Placed> placed_;
  std::vector<LeaseGranted> granted_;
  std::vector<Spilled> spilled_;
  std::vector<Finished> finished_;
  std::vector<Finished> kept_;
  std::vector<Spilled> kept_spilled_;  // fit nowhere here, so they are never ready
};

}  // namespace spillgate
