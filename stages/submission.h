// Submission: the only stage that refuses. Gives a verdict on each group of tasks from the fixed
// part of its frame, then decodes, recognises repeats, records, journals if asked, and
// acknowledges; what it accepts has its place in the node's in-flight bound. A spawn of a running
// task that finds no room waits here for it. Requests about tasks ride through to publication, in
// order. Sharded by session.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "schema/messages.h"
#include "schema/submit.h"
#include "stages/admission.h"
#include "stages/answers.h"
#include "stages/build_task.h"
#include "stages/events.h"
#include "stages/journal_writer.h"
#include "stages/promise_times.h"
#include "stages/served_since.h"
#include "stages/shared.h"

namespace spillgate {

class Submission {
 public:
  using In = std::variant<Received, ConnectionGone, Durable, RoomFreed>;
  struct Out {
    flow::Emit<Accepted> accepted;
    flow::Emit<Finished> ended;  // accepted, and found doomed before resolution had it
    flow::EmitBack<Asked> asked;
    std::vector<flow::EmitBack<ConnectionGone>> gone;  // to every shard of publication
    flow::Departure done;                              // frames leave here
  };

  // `self` is this stage's own inbox: its controller gives the verdicts.
  Submission(Shared& shared, flow::AnyInbox& self, SubmissionTally& tally, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);
  // Of what this shard is asked, on its thread.
  [[nodiscard]] Admission& admission() { return admission_; }
  [[nodiscard]] bool Idle() const {
    return waiting_.empty() && asking_.empty() && kept_.empty() && ended_.empty() &&
           unsynced_[0].empty() && unsynced_[1].empty() && promises_.empty() && !HasToObserve();
  }

  // Resolution has no place for it.
  void Keep(Accepted&& event) { kept_.push_back(std::move(event)); }
  // Its controller found it doomed.
  void Drop(Accepted&& event);
  void KeepEnded(Finished&& event) { ended_.push_back(std::move(event)); }

 private:
  // One frame that adds tasks, on its way through. Tasks [0, next) are dealt with; the ruling
  // is on those after them.
  struct Group : TaskGroup {
    ConnectionId connection = 0;
    TenantId tenant = 0;
    Nanos transit{0};
    std::size_t bytes = 0;  // of the frame as it came
    bool exceeds_credit = false;
    wire::FrameView parts;
    Instant arrived;
    std::uint32_t next = 0;
    std::uint32_t counted = 0;  // of those, in the stage's figures
    std::uint32_t behind = 0;   // the last so many are refused only because of one before them
    bool decoded = false;
    bool from_reserve = false;
    std::vector<TaskPtr> tasks;           // as many as `admitted`; null for a repeat
    std::vector<wire::Verdict> verdicts;  // on those dealt with
    std::uint64_t root_order = 0;         // of a spawn that has to wait
    bool waited = false;
    Instant stuck_since = kNever;            // it waits, nothing moves, and the reserve is spent
    std::uint32_t position = 0;              // of its record in this pass
    std::shared_ptr<const Lineage> lineage;  // what the journal has of it; shared with the records

    [[nodiscard]] std::uint32_t left() const { return ask.count - next; }
    [[nodiscard]] Asking asking() const;
    void AddVerdict(wire::VerdictStatus status, Reason reason, std::uint32_t count);
  };
  // A verdict that waits for the disk.
  struct Unsynced {
    Lsn lsn;
    Instant since;
    ConnectionId to;
    wire::Verdict verdict;
  };

  // The controller goes by what becomes of those that it let in, and not all of that is known.
  [[nodiscard]] bool HasToObserve() const {
    return self_.Observes() && (!observed_all_ || shared_.unfinished() > 0);
  }
  void OnReceived(Received&& received, Instant now);
  void OnSubmit(Received&& received, const wire::FrameView& frame, Instant now);
  void OnDurable(const Durable& durable);
  // Sends a verdict once what it promises is on the disk. The position is of a record of this pass;
  // none: of what was committed before.
  void Promise(ConnectionId to, const wire::Verdict& verdict, std::optional<std::uint32_t> position,
               Instant now);
  void Commit();
  void NoteDisk();

  // What makes no task, or only a root (submission_objects.cc).
  void OnPut(const Received& received, const wire::FrameView& frame, Instant now);
  void OnOpenRoot(const Received& received, const wire::FrameView& frame, Instant now);
  void OnCloseRoot(const Received& received, const wire::FrameView& frame);
  void Close(Root& root) REQUIRES(shared_.table.mutex());
  void CloseLateRoots(Instant now) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool HasTooManyRoots(TenantId tenant) REQUIRES(shared_.table.mutex());
  void WriteDownClosed();
  [[nodiscard]] wire::Verdict JudgePut(const Received& received, const wire::FrameView& frame,
                                       const wire::Put& put, Instant now,
                                       std::optional<std::uint32_t>& position);
  [[nodiscard]] wire::Verdict JudgeRoot(const Received& received, const wire::OpenRoot& asked,
                                        Instant now, std::optional<std::uint32_t>& position,
                                        RootPtr& opened);
  [[nodiscard]] Reason MayAdd(const Session* session, Level level) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool KeepsTooManyChildren(const Session& session) REQUIRES(shared_.table.mutex());
  void Answer(ConnectionId to, const wire::Verdict& verdict, std::optional<std::uint32_t> position,
              Instant now);
  [[nodiscard]] bool IntroduceSession(Session& session, Level level)
      REQUIRES(shared_.table.mutex());
  void EmitAll(Instant now);

  // The verdict, unless the door has one already (submission.cc).
  void Admit(Group& group, Instant now);
  [[nodiscard]] bool MayRepeat(Group& group);
  void AnswerRepeats(Group& group);
  void SkipRepeats(Group& group, const Session& session) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool Verify(Group& group);
  void Decode(Group& group);
  void KeepPart(Group& group);

  // That spawns hold in the node's in-flight bound: this group, or all from it to the pass's last.
  [[nodiscard]] static std::int64_t SpawnPlacesOf(const Group& group) {
    return group.children() && !group.from_reserve ? group.admitted : 0;
  }
  [[nodiscard]] std::int64_t SpawnPlacesFrom(const Group& first) const;
  void GivePlacesBack(Group& group, std::uint32_t keep, Reason reason);

  // The recording, under the table's lock (submission_accept.cc).
  void AcceptAll(Instant now);
  void AcceptGroups(Instant now);
  void Accept(Group& group, Instant now) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool IsKnown(const Group& group, TaskId id, const Session& session)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool IsRepeat(Group& group, const Task& task, const Session& session)
      REQUIRES(shared_.table.mutex());
  void RepeatVerdict(Group& group, std::uint32_t i) REQUIRES(shared_.table.mutex());
  [[nodiscard]] std::string_view ShapeName(const Group& group) const;
  [[nodiscard]] bool WriteDown(Group& group, Session& session) REQUIRES(shared_.table.mutex());
  void Enter(Group& group, std::uint32_t i, TaskPtr task, Session& session, const RootPtr& root,
             Record* parent, Instant now) REQUIRES(shared_.table.mutex());
  void Conclude(Group& group, Instant now);
  [[nodiscard]] bool MoreMayWait(const Group& group) const;

  // The roots that tasks join, or are (submission_roots.cc).
  [[nodiscard]] Reason FindRoot(Group& group, Record*& parent, RootPtr& root)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] static bool GoesOn(const Group& group, const Record* parent);
  void JoinByArguments(Group& group, Session& session, Instant now) REQUIRES(shared_.table.mutex());
  [[nodiscard]] static std::uint32_t BehindRoots(const Group& group, std::uint32_t from);
  [[nodiscard]] RootPtr NewRoot(const Group& group, const Task& task, const Session& session)
      REQUIRES(shared_.table.mutex());
  void JoinsRoot(const RootPtr& root, bool added, Instant now) REQUIRES(shared_.table.mutex());
  void NoteAdded(const RootPtr& root, Instant now) REQUIRES(shared_.table.mutex());

  // Quotas of clients and tenants (submission_quotas.cc). The first so many of the group are within
  // them.
  void HoldToQuotas(Group& group, Session& session, Instant now) REQUIRES(shared_.table.mutex());
  void PayForRate(Session& session, std::uint32_t tasks) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool ClientIsFull(SessionId id) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool TenantIsFull(TenantId id, std::int64_t held) REQUIRES(shared_.table.mutex());
  // How many of the group are within them and within the window of its root, and what holds back
  // the rest.
  struct QuotaRoom {
    std::uint32_t tasks = 0;
    Reason bound = Reason::kNone;
  };
  [[nodiscard]] QuotaRoom RoomByQuotas(const Group& group, Instant now)
      EXCLUDES(shared_.table.mutex());

  // Spawns without room (submission_waiting.cc).
  using WaitingGroups = std::multimap<std::uint64_t, Group>;
  void CountIn(const Group& group);
  void CountOut(const Group& group);
  void ShowWaiting();
  void RetryWaiting(Instant now);
  bool RetryNext(WaitingGroups::iterator& at, bool& oldest, bool& full, Instant now);
  [[nodiscard]] bool MayWaitOn(const Group& group, Instant now, Reason& refusal);
  [[nodiscard]] bool IsOldestOfNode(std::uint64_t order) const;
  [[nodiscard]] bool NothingHasEnded(Instant since, Instant now);
  void TakeReserve(Group& group, Instant now);

  Shared& shared_;
  flow::AnyInbox& self_;
  SubmissionTally& tally_;
  Out out_;
  Answers answers_;
  std::vector<Group> groups_;
  std::vector<Accepted> accepted_;
  std::vector<Accepted> kept_;
  std::vector<Finished> ended_;
  // Requests, and behind them the end of their connection: what it had asked before is dealt with.
  std::deque<std::variant<Received, ConnectionGone>> asking_;
  std::vector<Asked> asked_;  // of those, what passes now
  std::vector<ConnectionGone> gone_;
  std::deque<TaskId> closed_;  // roots of which the journal does not know that yet
  Admission admission_;
  PromiseTimes promises_;       // of roots to which their clients add
  std::vector<RootPtr> grown_;  // of those, in this pass
  ServedSince served_;
  bool observed_all_ = true;  // that was let in before this pass
  JournalWriter journal_;
  Lsn committed_ = 0;                                 // last record of this stage
  Durable durable_;                                   // as it was last told
  std::vector<Unsynced> uncommitted_;                 // of this pass; `lsn` is a position
  std::array<std::deque<Unsynced>, 2> unsynced_;      // level async, level sync
  WaitingGroups waiting_;                             // spawns without room, the oldest root first
  std::int64_t waiting_tasks_ = 0;                    // in them
  std::int64_t waiting_bytes_ = 0;                    // of their frames
  std::multiset<Instant> waiting_since_;              // when each of these came
  WaitingGroups::iterator look_on_ = waiting_.end();  // where the next round looks behind the first
  std::uint64_t have_ended_ = 0;                      // tasks of the node, when that was looked at
  Instant moved_at_{};                                // since when no further one has
};

}  // namespace spillgate
