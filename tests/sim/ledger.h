// Ledger: an outside account of one simulated node. It is told all that clients and running tasks
// send, sees every frame that the node answers and every start and end of a run, and holds the node
// to DESIGN's promises: each breach becomes one sentence. It never looks into the node but for
// CheckEmpty, when all is said to be over.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/outcome.h"
#include "core/model/resources.h"
#include "core/model/task.h"
#include "core/ports/executor.h"
#include "schema/frame.h"
#include "schema/messages.h"
#include "schema/replies.h"

namespace spillgate::sim {

// What a frame adds: tasks, a put or a root.
struct Sending {
  enum class Broken : std::uint8_t { kNo, kBody, kFixedPart };

  ConnectionId connection = 0;
  std::uint32_t correlation = 0;
  std::uint64_t first_seq = 0;  // as in its verdicts
  std::vector<TaskId> ids;
  std::vector<std::vector<ObjectId>> args;  // of each
  TaskId parent;                            // of a task's children
  std::uint32_t run = 0;                    // of that task
  TaskId root;                              // that they were to join; none: each its own
  bool is_root = false;                     // an OpenRoot
  std::optional<std::string> put;           // the value of a put
  Broken broken = Broken::kNo;
};

// What a frame asks.
struct Asking {
  ConnectionId connection = 0;
  std::uint32_t correlation = 0;
  wire::FrameType type{};
  std::vector<ObjectId> ids;
  std::uint32_t needed = 0;
  Nanos timeout{0};  // of a get or wait; Nanos::max() for one without
  bool broken = false;
};

class Ledger {
 public:
  Ledger(std::string node, Resources total) : node_(std::move(node)), total_(total) {}

  // ---- clients and running tasks
  void OnSent(Sending sending);
  void OnAsked(Asking asking, Instant now);
  void OnReleased(TaskId id);
  void OnConnectionGone(ConnectionId connection);
  void OnSessionEnded(SessionId session) { ended_sessions_.insert(session); }

  // ---- the node's answers, as they leave it
  void OnAnswer(ConnectionId to, const wire::FrameView& frame, Instant now);

  // ---- runs
  // `in_place`: of a blocked task, whose slot it has or, after a while, does without.
  void OnStart(const Task& task, bool in_place, Instant now);
  void OnBlocked(TaskId id);
  void OnInterrupted(TaskId id);
  // The run is over; the outcome is set, unless its host died or it was turned away.
  void OnEnd(const Task& task, RunEnd end);

  // ---- time
  // The node has nothing left to do at this moment: what was asked is in its tables, and running
  // tasks that were cancelled have been interrupted.
  void OnNodeIdle(Instant now);
  // The node was ticked: no get and no wait may be open whose time is over, but those of
  // connections that do not read their answers.
  void OnTick(const std::function<bool(ConnectionId)>& reads, Instant now);

  // ---- at the end: no answer is missing.
  void CheckAnswered();

  // Its cancel was acknowledged before `then`, and it does not run: so it should have ended.
  [[nodiscard]] bool CancelledBefore(TaskId id, Instant then) const;
  [[nodiscard]] bool Accepted(TaskId id) const;
  [[nodiscard]] bool Known(TaskId id) const { return entries_.contains(id); }
  [[nodiscard]] std::size_t unreleased() const;  // accepted by clients, of sessions that live
  [[nodiscard]] bool any_cancelled() const { return any_cancelled_; }
  [[nodiscard]] std::size_t open() const { return sendings_.size() + askings_.size(); }
  [[nodiscard]] const std::vector<TaskId>& forwarded() const { return forwarded_; }
  [[nodiscard]] const std::vector<std::string>& breaches() const { return breaches_; }
  void Breach(std::string what);

 private:
  struct Entry {
    bool accepted = false;
    bool is_root = false;
    bool is_put = false;
    bool released = false;
    bool again = false;          // it was forgotten, and made again
    Instant cancelled = kNever;  // the node has said so while it was unfinished
    bool interrupted = false;    // the run that goes on
    bool running = false;
    bool counted = false;  // its lease, in `committed_`
    bool exempt = false;   // it may hold more than was free
    bool reported = false;
    bool forwarded = false;
    std::uint32_t runs = 0;
    std::uint32_t spawned_in = 0;  // the last run of its parent that has sent it
    TaskId parent;
    TaskId root;
    std::vector<ObjectId> args;
    std::set<TaskId> too_early;  // arguments that had not been accepted when it was
    Resources held;
    const Function* function = nullptr;
    // As reported by the executor.
    Fate fate = Fate::kOpen;
    Reason reason = Reason::kNone;
    std::vector<std::string> values;
    // As first told to anybody.
    Fate told = Fate::kOpen;
    Reason told_reason = Reason::kNone;
    std::map<std::uint32_t, std::string> told_bytes;
  };
  struct Open {  // a sending or asking that is not fully answered
    Sending sending;
    std::vector<std::uint8_t> verdicts;
    bool error = false;
  };
  struct OpenAsking {
    Asking asking;
    std::vector<bool> answered;
    std::vector<bool>
        accepted;           // when it was asked; the others may be ready because nobody has them
    Instant seen = kNever;  // the node had it by then
  };
  using Key = std::pair<ConnectionId, std::uint32_t>;

  void OnVerdict(ConnectionId to, const wire::Verdict& verdict, Instant now);
  void OnForgotten(TaskId id, Entry& entry);
  void OnOneVerdict(const Sending& sending, std::size_t i, const wire::Verdict& verdict);
  void OnResult(ConnectionId to, const wire::ResultHead& head, ByteView bytes, Instant now);
  void OnNoResult(const wire::ResultHead& head);
  void Told(const wire::ResultHead& head, ByteView bytes);
  void CheckTold(TaskId id, const Entry& entry, const wire::ResultHead& head, ByteView bytes);
  void CheckCause(TaskId id, const Entry& entry, TaskId cause);
  void OnWaitDone(ConnectionId to, const wire::FrameView& frame);
  void OnCancelled(ConnectionId to, const wire::FrameView& frame, Instant now);
  void OnStatuses(ConnectionId to, const wire::FrameView& frame);
  void OnError(ConnectionId to, const wire::FrameView& frame);
  void CheckArguments(const Task& task);
  [[nodiscard]] bool ReachedByCancel(const Entry& entry, Instant then = kNever) const;
  struct Reached {
    bool yes = false;
    bool excused = false;  // by a return that it does not have, or before it was accepted
  };
  void Reach(const Entry& from, TaskId cause, std::set<TaskId>& seen, Reached& reached) const;
  void Count(Entry& entry, int by);
  [[nodiscard]] const Entry* Find(TaskId id) const;

  const std::string node_;
  const Resources total_;
  std::unordered_map<TaskId, Entry> entries_;
  std::map<Key, Open> sendings_;
  std::map<Key, OpenAsking> askings_;
  std::set<SessionId> ended_sessions_;
  std::set<ConnectionId> gone_;
  std::vector<TaskId> forwarded_;
  Resources committed_;  // leases of running tasks, but for those that are exempt
  std::map<const Function*, std::uint32_t> committed_slots_;
  std::set<TaskId> running_;
  bool any_cancelled_ = false;
  std::vector<std::string> breaches_;
};

}  // namespace spillgate::sim
