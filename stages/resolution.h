// Resolution: lets a task pass when, and only when, all its arguments exist. Others are parked
// until the objects they wait for are announced. An argument that will never exist fails its
// dependants, which in turn fail theirs through publication: no recursion. Serial: one owner of the
// park and of the table of who waits for what.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "core/model/parked_work.h"
#include "stages/events.h"
#include "stages/park.h"
#include "stages/shared.h"

namespace spillgate {

class Resolution {
 public:
  using In = std::variant<Accepted, ObjectReady, CancelAsked>;
  struct Out {
    flow::Emit<Resolved> resolved;         // holds a place in this stage
    flow::Emit<Resolved> unparked;         // holds none
    flow::Emit<Finished> finished;         // of a task that holds a place here
    flow::Emit<Finished> finished_parked;  // of one that holds none
    flow::Departure parked;                // gives the place back when a task is parked
  };

  Resolution(Shared& shared, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);
  [[nodiscard]] bool Idle() const {
    return park_.size() == 0 && kept_unparked_.empty() && kept_failed_parked_.empty();
  }

  // A task that the next stage has no place for comes back here.
  // `parked`: it holds no place in this stage.
  void Keep(Resolved&& event, bool parked) {
    (parked ? kept_unparked_ : kept_).push_back(std::move(event));
  }
  void Drop(Resolved&& event, bool parked);
  void KeepEnded(Finished&& event, bool parked) {
    (parked ? kept_failed_parked_ : kept_failed_).push_back(std::move(event));
  }

  [[nodiscard]] const Park& park() const { return park_; }

 private:
  enum class Arguments : std::uint8_t { kHere, kAwaited, kFailed };

  void HandOnKept(Instant now);
  void DropDoomed(std::vector<Resolved>& kept, bool parked, Instant now);
  void OnAccepted(TaskPtr task, Instant now) REQUIRES(shared_.table.mutex());
  void OnReady(TaskId object, Instant now) REQUIRES(shared_.table.mutex());
  void OnCancel(TaskId id, Instant now);
  void Await(std::vector<TaskId>& dependants, TaskId id);
  [[nodiscard]] Nanos PathOf(const Record& argument) const;
  Arguments Look(Task& task) REQUIRES(shared_.table.mutex());
  Arguments LookAgain(Task& task, TaskId object) REQUIRES(shared_.table.mutex());
  Arguments LookAtOne(Task& task, std::size_t arg) REQUIRES(shared_.table.mutex());
  [[nodiscard]] Park::Left TakeOut(TaskId id, DeferralTally::Outcome how, Instant now);
  [[nodiscard]] Park::Left Unstick(Park::Left left, DeferralTally::Outcome how, Instant now);
  void EndOf(Park::Left left);
  void CountParked(const flow::Meta& meta, Instant now);
  void EmitAll(Instant now);

  Shared& shared_;
  Park park_;
  ParkedWork work_;
  Out out_;
  HashMap<TaskId, std::vector<TaskId>> awaited_;  // object's task → parked tasks that wait for it
  std::vector<Resolved> kept_;
  std::vector<Resolved> kept_unparked_;
  std::vector<Finished> kept_failed_;
  std::vector<Finished> kept_failed_parked_;
  // Collected under the table's lock, emitted after it.
  std::vector<Resolved> resolved_;
  std::vector<Resolved> unparked_;
  std::vector<Finished> failed_;
  std::vector<Finished> failed_parked_;
};

}  // namespace spillgate
