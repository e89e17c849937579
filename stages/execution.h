// Execution: runs what was placed, on its lease. Inline functions run here and now; the rest is
// started on the executor and comes back as Ran. A task whose worker died is run again after a
// backoff, a bounded number of times; one that kills worker after worker is poison. Sharded by
// slot: each shard has the tasks that it started.
#pragma once

#include <deque>
#include <queue>
#include <random>
#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "stages/events.h"
#include "stages/journal_writer.h"
#include "stages/shared.h"

namespace spillgate {

// An executor's report and notice, as events.
struct Ran {
  RunReport report;
};
struct Noticed {
  RunNotice notice;
};

inline void Arrive(Ran&, Instant) {}
[[nodiscard]] inline std::size_t RouteOf(const Ran& event) {
  return std::hash<TaskId>()(event.report.task->id);
}
[[nodiscard]] inline std::size_t RouteOf(const Noticed& event) {
  return std::hash<TaskId>()(event.notice.task);
}

class Execution {
 public:
  using In = std::variant<Placed, Ran, Noticed, CancelAsked, Durable, LeaseGranted>;
  struct Out {
    flow::Emit<Finished> finished;
    flow::EmitBack<SlotFreed> slot_freed;
    flow::EmitBack<SlotLent> slot_lent;
    flow::EmitBack<Returned> returned;
    flow::Departure departed;  // of what is returned
  };

  Execution(Shared& shared, ExecutionTally& tally, Executor& executor, std::uint64_t seed, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);

  // A finished task that publication has no place for (a fuse: its capacity covers all in flight).
  void Keep(Finished&& event) { kept_.push_back(std::move(event)); }

 private:
  using Lesson = SlotFreed::Lesson;
  // A sync that takes longer, as a rule: the disk stands still.
  static constexpr Nanos kLongestSync = std::chrono::milliseconds(100);
  struct Running {
    Resources held;
    const Function* function;
    std::uint32_t bytes;
    RootPtr root;
    Nanos estimated;
    std::int64_t units = 0;
    Instant since;
    Nanos earlier{0};  // slot time that it was held for before the run that goes on
    bool leased = false;
    bool prefetched = false;
    bool blocked = false;
  };
  struct Again {
    Instant at;
    std::uint64_t order;  // ties are run in the order of death
    TaskId task;
    bool operator<(const Again& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  void TellPlacesLeft();
  void OnPlaced(Placed&& event, Instant now);
  void OnRan(RunReport&& report, Instant now);
  void TurnAway(Task& task, const RunReport& report);
  void PutBack(TaskPtr task, Instant now);
  void OnGranted(TaskId id, Instant now);
  [[nodiscard]] bool WasGranted(TaskId id) const;
  void TakeBack(Task& task);
  void OnDeath(RunReport&& report, Nanos cost, Instant now);
  void OnNotice(const RunNotice& notice);
  void SetBlocked(Running& running, const RunNotice& notice);
  void OnCancel(TaskId id, Instant now);
  void Run(TaskPtr task, TaskId nested_in, Instant now);
  void Start(TaskPtr task, TaskId nested_in, Instant now);
  [[nodiscard]] static bool RunsHere(const Task& task);
  void CountRun(Task& task, Instant now);
  void EndSpent(Task& task, const std::string& detail);
  [[nodiscard]] bool MayRetry() const;
  [[nodiscard]] Nanos PauseAfter(int deaths);
  void Return(TaskPtr task, Instant now);
  [[nodiscard]] static bool MustBeNoted(const Task& task);
  void NoteBegin(Placed&& placed, Instant now);
  void CommitNoted(Instant now);
  void OnDurable(const Durable& durable, Instant now);
  [[nodiscard]] static bool LeavesSlot(const Placed& placed);
  void LeaveSlots(Instant now);
  void HasSynced(Instant now);
  void SetAside(TaskPtr task, Instant now);
  [[nodiscard]] bool WaitForDisk() const;
  void EndDoomedNoted(Instant now);
  void AbandonNoted(Instant now);
  void Free(TaskId id, Nanos cost, Lesson lesson, Nanos span = Nanos(0), TaskId handed_to = {});
  [[nodiscard]] Nanos SlotTimeOf(const Task& task, Nanos wall) const;
  void Rest(TaskPtr task, Nanos cost, Instant until, Instant now);
  [[nodiscard]] TaskPtr EndRest(HashMap<TaskId, TaskPtr>::iterator resting,
                                DeferralTally::Outcome how, Instant now);
  Nanos PayForWait(Task& task, Instant now);
  void Finish(TaskPtr task);
  void EmitAll(Instant now);

  Shared& shared_;
  ExecutionTally& tally_;
  Executor& executor_;
  std::mt19937_64 random_;
  Out out_;
  HashMap<TaskId, Running> running_;
  HashMap<TaskId, TaskPtr>
      resting_;  // died with their worker; keep their lease until they run again
  std::priority_queue<Again> again_;
  std::uint64_t deaths_ = 0;
  // Durable tasks that may run once at most: the journal has to know that they begin before they
  // do.
  struct Noted {
    Lsn lsn;
    Placed placed;
  };
  struct Aside {
    TaskPtr task;
    Instant since;
  };
  JournalWriter journal_;
  std::vector<Noted> uncommitted_;  // of this pass; `lsn` is a position
  std::deque<Noted> unsynced_;
  std::vector<Aside> aside_;  // without leases, while the disk stands
  Lsn owed_ = 0;              // the first note that is not synced; 0: none
  Instant owed_since_ = kNever;
  Nanos patience_ = kLongestSync;  // with a disk that owes a note
  bool stands_ = false;            // it has owed one for longer
  Instant noted_until_ = kNever;   // no deadline of those that wait is before it
  Instant look_again_;             // through many of them, no sooner
  bool noted_cancelled_ = false;   // one of those may be
  std::vector<Finished> finished_;
  std::vector<Finished> kept_;
  std::vector<SlotFreed> freed_;
  std::int64_t blocked_ = 0;  // of those that run
  std::vector<SlotLent> lent_;
  std::vector<Returned> returned_;
  // Grants that were here before their tasks, which come by another way: those of this tick, and
  // of the last one.
  std::vector<TaskId> early_grants_;
  std::vector<TaskId> older_grants_;
};

}  // namespace spillgate
