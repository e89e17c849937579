// Publication: where every accepted task ends, exactly once. Records the outcome, answers whoever
// waits in one batched frame per connection and pass, announces the object to resolution, and frees
// the task's place in flight. Also answers requests about tasks: get, wait, cancel, release,
// status. Sharded by task (finished tasks) and by session (requests); what the shards share is in
// the task table.
#pragma once

#include <array>
#include <deque>
#include <span>
#include <variant>
#include <vector>

#include "core/flow/emit.h"
#include "schema/messages.h"
#include "stages/answers.h"
#include "stages/events.h"
#include "stages/journal_writer.h"
#include "stages/shared.h"

namespace spillgate {

class Publication {
 public:
  using In = std::variant<Finished, Asked, Durable, PushAgain, SessionEnded, ConnectionGone>;
  struct Out {
    flow::EmitBack<ObjectReady> object_ready;
    std::vector<flow::EmitBack<CancelAsked>> cancel;    // to every stage that holds tasks
    std::vector<flow::EmitBack<RoomFreed>> room_freed;  // to every shard of submission
    flow::Departure done;
  };

  Publication(Shared& shared, PublicationTally& tally, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);
  // From now on durable tasks do not fail: see GoesOn. On the stage's thread, or before or after
  // it.
  void BeginStop() { stopping_ = true; }
  // Gets and waits end in time, and sessions and cancelled trees go, although nothing is held.
  [[nodiscard]] bool Idle() const;

 private:
  struct Unsynced {
    Lsn lsn;
    TaskPtr task;
  };

  // All under the table's lock.
  void OnFinished(TaskPtr task, Instant now) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool GoesOn(const Task& task) const;
  void Leave(TaskPtr task, Instant now);
  void CountServed(const Task& task, Instant now);
  void Settle(TaskPtr task, Instant now) REQUIRES(shared_.table.mutex());
  void CountLate(const Task& task, Instant now) REQUIRES(shared_.table.mutex());
  void CountWork(const Task& task, Instant now) REQUIRES(shared_.table.mutex());
  void LearnRoot(const Task& task, Instant now) REQUIRES(shared_.table.mutex());
  void BoundValue(Task& task) REQUIRES(shared_.table.mutex());
  void AnswerWaiters(Record& record) REQUIRES(shared_.table.mutex());
  void AnswerOrDelay(ConnectionId to, const Record& record, std::uint32_t index,
                     std::uint32_t correlation, Instant deadline) REQUIRES(shared_.table.mutex());
  void AnswerDelayed(Instant now) REQUIRES(shared_.table.mutex());
  void Push(Record& record) REQUIRES(shared_.table.mutex());
  void WriteDown(TaskPtr task) REQUIRES(shared_.table.mutex());
  void WriteDownHeld() REQUIRES(shared_.table.mutex());
  void Commit();
  void OnDurable(const Durable& durable, Instant now) REQUIRES(shared_.table.mutex());
  void OnPushAgain(const PushAgain& event) REQUIRES(shared_.table.mutex());
  void OnSessionEnded(SessionId id) REQUIRES(shared_.table.mutex());
  void OnConnectionGone(const ConnectionGone& event, Instant now) REQUIRES(shared_.table.mutex());
  void EndSessions() REQUIRES(shared_.table.mutex());

  void OnAsked(const Asked& asked, Instant now) REQUIRES(shared_.table.mutex());
  void OnGet(const Asked& asked, const wire::FrameView& frame, Instant now)
      REQUIRES(shared_.table.mutex());
  void OnWait(const Asked& asked, const wire::FrameView& frame, Instant now)
      REQUIRES(shared_.table.mutex());
  void OnCancel(const Asked& asked, const wire::FrameView& frame) REQUIRES(shared_.table.mutex());
  void OnRelease(const Asked& asked, const wire::FrameView& frame) REQUIRES(shared_.table.mutex());
  bool ReleaseRange(const wire::Range& range) REQUIRES(shared_.table.mutex());
  void OnStatus(const Asked& asked, const wire::FrameView& frame, Instant now)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool CancelSome(Record& top) REQUIRES(shared_.table.mutex());
  void CancelTree(Record& top) REQUIRES(shared_.table.mutex());
  void CancelLater(Record& top) REQUIRES(shared_.table.mutex());
  void CancelOn() REQUIRES(shared_.table.mutex());
  void CancelOnWithout(const Record& top) REQUIRES(shared_.table.mutex());
  void CancelUnmatched(const Record& parent, std::uint32_t run) REQUIRES(shared_.table.mutex());
  void CancelRoot(Root& root) REQUIRES(shared_.table.mutex());
  void CancelInRoots() REQUIRES(shared_.table.mutex());
  void CancelAll(Session& session) REQUIRES(shared_.table.mutex());
  void ExpireRequests(Instant now) REQUIRES(shared_.table.mutex());
  template <class Id>
  void FindNamed(const Asked& asked, std::span<const Id> ids) REQUIRES(shared_.table.mutex());
  [[nodiscard]] Reason WhyAbsent(TaskId id) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool IsFewIds(const Asked& asked, const wire::FrameView& frame, std::size_t ids);
  [[nodiscard]] bool MayWait(const Asked& asked, const wire::FrameView& frame, std::size_t ids)
      REQUIRES(shared_.table.mutex());
  void AnswerWait(Request& request, bool timed_out) REQUIRES(shared_.table.mutex());
  void Refuse(const Asked& asked, const wire::FrameView& frame, Reason reason,
              std::string_view message);

  void EmitAll(Instant now);

  Shared& shared_;
  PublicationTally& tally_;
  Out out_;
  Answers answers_;
  JournalWriter journal_;
  bool stopping_ = false;
  std::deque<TaskPtr> held_;                            // for which the journal had no room
  std::vector<Unsynced> uncommitted_;                   // of this pass; `lsn` is a position
  std::array<std::deque<Unsynced>, 2> unsynced_;        // level async, level sync; in order of LSN
  std::deque<TaskId> cancelling_;                       // trees that were too large for one pass
  std::vector<SessionId> sessions_of_cancelled_roots_;  // of this pass
  // Looks at records that cancels may take in this pass: they mark few where much has ended.
  static constexpr std::size_t kMostCancelLooks = 32768;
  std::size_t cancel_looks_ = kMostCancelLooks;
  std::vector<SessionId> ending_;
  std::vector<TaskPtr> done_;
  std::vector<ObjectReady> announced_;
  std::vector<TaskId> cancelled_;
  std::vector<Record*> named_;  // of the ids of the request under way
  // Results that a connection has asked for and has no room for: the values are not copied before
  // it has. Few connections at a time.
  struct Delayed {
    ObjectId object;
    std::uint32_t correlation;
    Instant deadline;
  };
  struct Queue {
    ConnectionId to;
    std::deque<Delayed> results;
    Instant earliest = kNever;  // no deadline of them is before it
  };
  void ExpireDelayed(Queue& queue, Instant now) REQUIRES(shared_.table.mutex());
  std::vector<Queue> delayed_;
  // Places that came free in this pass.
  struct Freed {
    std::int64_t count = 0;
    std::int64_t bytes = 0;
  };
  Freed freed_;          // in flight
  Freed freed_reserve_;  // of the reserve for spawns
};

}  // namespace spillgate
