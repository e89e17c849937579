// Submission: the only stage that refuses. Gives a verdict on each group of tasks from the fixed
// part of its frame, then decodes, recognises repeats, records, journals if asked, and
// acknowledges; what it accepts has its place in the node's in-flight bound. A spawn of a running
// task that finds no room waits here for it. Requests about tasks ride through to publication, in
// order. Sharded by session.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "core/tables/seen_window.h"
#include "schema/submit.h"
#include "stages/answers.h"
#include "stages/events.h"
#include "stages/shared.h"

namespace spillgate {

class Submission {
 public:
  using In = std::variant<Received, Durable, RoomFreed, SessionEnded>;
  struct Out {
    flow::Emit<Accepted> accepted;
    flow::Emit<Finished> abandoned;  // accepted, held here, and given up when the node stops
    flow::EmitBack<Asked> asked;
    flow::Departure done;  // frames leave here
  };

  // `self` is this stage's own inbox: its controller gives the verdicts.
  Submission(Shared& shared, flow::InboxBase& self, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);
  [[nodiscard]] bool Idle() const { return waiting_.empty() && unsynced_.empty(); }

  // Resolution has no place for it.
  void Keep(Accepted&& event) { kept_.push_back(std::move(event)); }

  // Restart: a number that the journal says was accepted.
  void Restore(TaskId id) { StateOf(id.session).Mark(id.seq); }

 private:
  // One frame that adds tasks, on its way through. Tasks [0, next) are dealt with; `admitted` more
  // have places.
  struct Group {
    Received from;
    wire::FrameView frame;
    wire::SubmitPreamble ask;
    wire::SubmitView view;
    const Function* function = nullptr;
    const Resources* shape = nullptr;
    Instant deadline = kNever;
    std::uint32_t next = 0;
    std::uint32_t admitted = 0;
    std::uint32_t bytes_each = 0;
    bool decoded = false;
    bool from_reserve = false;
    Reason refusal = Reason::kNone;  // of those after `next + admitted`
    Nanos retry_after{0};
    std::vector<TaskPtr> tasks;           // as many as `admitted`; null for a repeat
    std::vector<wire::Verdict> verdicts;  // on those dealt with
    std::uint64_t root_order = 0;         // of a spawn that has to wait

    [[nodiscard]] bool children() const { return (ask.flags & wire::kChild) != 0; }
    [[nodiscard]] std::uint32_t left() const { return ask.count - next; }
    [[nodiscard]] TaskId IdOf(std::uint32_t i) const;
    void AddVerdict(wire::VerdictStatus status, Reason reason, std::uint32_t count);
  };
  struct Unsynced {
    Lsn lsn;
    ConnectionId to;
    wire::Verdict verdict;
  };

  void OnReceived(Received&& received, Instant now);
  void OnSubmit(Received&& received, const wire::FrameView& frame, Instant now);
  void OnDurable(const Durable& durable);

  // The verdict, from the fixed part (submission.cc).
  void Admit(Group& group, Instant now);
  [[nodiscard]] Reason Judge(Group& group, Instant now) const;
  [[nodiscard]] bool KnowsAll(const Group& group);
  void TakePlaces(Group& group, Instant now);
  void GivePlacesBack(Group& group, std::uint32_t keep, Reason reason);
  void Decode(Group& group);
  [[nodiscard]] TaskPtr MakeTask(const Group& group, std::uint32_t i, Reason& reason) const;

  // The recording, under the table's lock (submission_accept.cc).
  void AcceptAll(Instant now);
  void Accept(Group& group, Instant now) REQUIRES(shared_.table.mutex());
  [[nodiscard]] Reason FindRoot(Group& group, Record*& parent, RootPtr& root)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] RootPtr NewRoot(const Group& group, const Task& task, const Session& session)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool IsRepeat(Group& group, const Task& task) REQUIRES(shared_.table.mutex());
  void Enter(Group& group, TaskPtr task, Session& session, const RootPtr& root, Record* parent,
             Instant now) REQUIRES(shared_.table.mutex());
  void Pin(const Task& task) REQUIRES(shared_.table.mutex());
  void Conclude(Group& group, Instant now);
  void RetryWaiting(Instant now);
  [[nodiscard]] bool MayUseReserve(const Group& group) REQUIRES(shared_.table.mutex());
  [[nodiscard]] SeenWindow& StateOf(SessionId session);

  Shared& shared_;
  flow::InboxBase& self_;
  Out out_;
  Answers answers_;
  HashMap<SessionId, std::unique_ptr<SeenWindow>> sessions_;
  std::vector<Group> groups_;
  std::vector<Accepted> accepted_;
  std::vector<Accepted> kept_;
  std::vector<Asked> asked_;
  std::deque<Unsynced> unsynced_;
  std::multimap<std::uint64_t, Group> waiting_;  // spawns without room, the oldest root first
  std::uint64_t next_root_order_ = 1;
};

}  // namespace spillgate
