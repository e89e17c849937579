// Submission, second half: recording what was admitted, in one pass under the table's lock.
#include <algorithm>

#include "stages/ending.h"
#include "stages/submission.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostWaitingSpawns = 4096;

}  // namespace

SeenWindow& Submission::StateOf(SessionId session) {
  std::unique_ptr<SeenWindow>& seen = sessions_[session];
  if (seen == nullptr) seen = std::make_unique<SeenWindow>();
  return *seen;
}

void Submission::AcceptAll(Instant now) {
  if (!groups_.empty()) {
    MutexLock lock(shared_.table.mutex());
    for (Group& group : groups_) {
      if (group.admitted > 0 || group.children()) Accept(group, now);
    }
  }
  for (Group& group : groups_) Conclude(group, now);
  groups_.clear();
  out_.done.Settle();
  answers_.Flush();
  out_.accepted(accepted_, now);
  accepted_.clear();
  out_.asked(asked_, now);
  asked_.clear();
}

void Submission::Accept(Group& group, Instant now) {
  Session* session = shared_.table.FindSession(group.from.session);
  if (session == nullptr || session->ended) return GivePlacesBack(group, 0, Reason::kBadRequest);
  const Limits& limits = shared_.limits;
  if (!group.children() &&
      (session->unfetched >= limits.unfetched_per_session.load(std::memory_order_relaxed) ||
       session->unfetched_bytes >=
           limits.unfetched_bytes_per_session.load(std::memory_order_relaxed))) {
    return GivePlacesBack(group, 0, Reason::kUnfetched);
  }
  Record* parent = nullptr;
  RootPtr root;
  const Reason reason = FindRoot(group, parent, root);
  if (reason != Reason::kNone) return GivePlacesBack(group, 0, reason);
  if (root) {
    group.root_order = root->order;
    group.deadline = std::min(group.deadline, root->deadline);
    const std::uint32_t room = root->window - std::min(root->window, root->unfinished);
    if (room < group.admitted && !group.from_reserve) GivePlacesBack(group, room, Reason::kQuota);
  }
  for (TaskPtr& task : group.tasks) {
    if (IsRepeat(group, *task)) {
      task = nullptr;
    } else {
      group.AddVerdict(wire::VerdictStatus::kAccepted, Reason::kNone, 1);
      Enter(group, std::move(task), *session, root, parent, now);
    }
  }
  group.next += group.admitted;
}

// The root that the group's tasks join; none when each is a root of its own.
Reason Submission::FindRoot(Group& group, Record*& parent, RootPtr& root) {
  if (group.children()) {
    if (!group.decoded) return group.refusal;
    parent = shared_.table.Find(group.view.child.parent);
    if (parent == nullptr || !parent->open()) return Reason::kUnknownRoot;
    if (parent->depth >= shared_.limits.nesting_depth.load(std::memory_order_relaxed)) {
      return Reason::kNestingDepth;
    }
    root = parent->root;
    return Reason::kNone;
  }
  if (group.ask.root == 0) return Reason::kNone;
  root = shared_.table.FindRoot({group.from.session, group.ask.root});
  return !root || root->closed || root->ended ? Reason::kUnknownRoot : Reason::kNone;
}

// Answers for an id that was accepted before; its place in flight is not needed.
bool Submission::IsRepeat(Group& group, const Task& task) {
  const bool child = group.children();
  if (!child && StateOf(task.id.session).Look(task.id.seq) == SeenWindow::Answer::kNew)
    return false;
  const Record* record = shared_.table.Find(task.id);
  if (child && record == nullptr) return false;
  group.AddVerdict(
      record == nullptr ? wire::VerdictStatus::kSettled : wire::VerdictStatus::kAccepted,
      record == nullptr ? Reason::kSettled : Reason::kNone, 1);
  if (group.bytes_each > 0) {
    (group.from_reserve ? shared_.spawn_reserve : shared_.in_flight).Release(1, group.bytes_each);
  }
  return true;
}

RootPtr Submission::NewRoot(const Group& group, const Task& task, const Session& session) {
  RootPtr root = shared_.table.MakeRoot();
  root->id = task.id;
  root->session = session.id;
  root->tenant = session.tenant;
  root->cls = group.ask.cls;
  root->order = next_root_order_++;
  root->deadline = group.deadline;
  root->window = shared_.limits.root_window.load(std::memory_order_relaxed);
  return root;
}

void Submission::Enter(Group& group, TaskPtr task, Session& session, const RootPtr& root,
                       Record* parent, Instant now) {
  task->root = root ? root : NewRoot(group, *task, session);
  task->cls = task->root->cls;
  task->deadline = std::min(task->deadline, task->root->deadline);
  Record& record = shared_.table.Accept(task->id, session, task->root, parent);
  task->record = &record;
  record.push = (group.ask.flags & wire::kPush) != 0;
  record.detached = (group.ask.flags & wire::kDetach) != 0;
  record.level = task->level;
  record.function = task->function->id;
  record.returns = task->returns;
  if (parent != nullptr) {
    task->parent = parent->id;
    record.depth = task->depth = static_cast<std::uint8_t>(parent->depth + 1);
  } else {
    StateOf(session.id).Mark(task->id.seq);
    session.next_seq = std::max(session.next_seq, task->id.seq + 1);
  }
  if (!task->args.empty()) Pin(*task);
  task->accepted = task->arrived = record.accepted = now;
  accepted_.push_back({std::move(task)});
}

// An accepted task keeps its arguments from being let go of.
void Submission::Pin(const Task& task) {
  for (const ArgRef& arg : task.args) {
    if (arg.kind != ArgRef::kObject) continue;
    Record* record = shared_.table.Find(arg.object().task);
    if (record != nullptr) ++record->pins;
  }
}

// Answers for what was dealt with; a spawn without room waits with the rest.
void Submission::Conclude(Group& group, Instant now) {
  const bool for_room = group.refusal == Reason::kInFlight ||
                        group.refusal == Reason::kInFlightBytes || group.refusal == Reason::kQuota;
  const bool waits = group.children() && group.left() > 0 && for_room && now < group.deadline &&
                     waiting_.size() < kMostWaitingSpawns;
  if (!waits) group.AddVerdict(wire::VerdictStatus::kRejected, group.refusal, group.left());
  for (const wire::Verdict& verdict : group.verdicts) {
    answers_.Verdict(group.from.connection, verdict);
  }
  if (!waits) return;
  shared_.room_wanted.store(true, std::memory_order_relaxed);
  group.verdicts.clear();
  group.tasks.clear();
  group.admitted = 0;
  group.from_reserve = false;
  const std::uint64_t order = group.root_order;
  waiting_.emplace(order, std::move(group));
}

// Spawns that wait, the oldest root first. The first that still finds no room ends the round,
// unless nothing of its root can move without it: then the reserve serves it.
void Submission::RetryWaiting(Instant now) {
  std::multimap<std::uint64_t, Group> waiting = std::exchange(waiting_, {});
  bool oldest = true;
  bool full = false;
  for (auto& [order, group] : waiting) {
    if (full && now < group.deadline) {
      waiting_.emplace(order, std::move(group));
      continue;
    }
    group.refusal = now < group.deadline ? Reason::kNone : Reason::kExpired;
    if (group.refusal == Reason::kNone) {
      TakePlaces(group, now);
      MutexLock lock(shared_.table.mutex());
      if (oldest && MayUseReserve(group)) {
        GivePlacesBack(group, 0, Reason::kNone);
        group.from_reserve = true;
        const std::uint32_t all = group.left();
        const bool served =
            shared_.spawn_reserve.Reserve(all, std::int64_t{all} * group.bytes_each);
        group.admitted = served ? all : 0;
        if (!served) group.refusal = Reason::kQuotaExceeded;
      }
    }
    if (group.admitted > 0) Decode(group);
    full = group.refusal == Reason::kInFlight || group.refusal == Reason::kInFlightBytes;
    oldest = false;
    groups_.push_back(std::move(group));
  }
}

// All unfinished tasks of its root wait for others: nothing will make room for this one.
bool Submission::MayUseReserve(const Group& group) {
  const Record* parent = shared_.table.Find(group.view.child.parent);
  if (parent == nullptr || !parent->open()) return false;
  const Root& root = *parent->root;
  const bool root_is_stuck =
      root.stuck.load(std::memory_order_relaxed) >= static_cast<std::int32_t>(root.unfinished);
  const bool node_is_stuck =
      shared_.stuck.load(std::memory_order_relaxed) >= shared_.in_flight.count();
  const bool window_is_full = root.unfinished >= root.window;
  return root_is_stuck && (window_is_full || node_is_stuck);
}

void Submission::Tick(Instant now) {
  if (waiting_.empty()) return;
  RetryWaiting(now);
  AcceptAll(now);
}

void Submission::Flush(Instant now) {
  for (auto& [order, group] : std::exchange(waiting_, {})) {
    groups_.push_back(std::move(group));
    groups_.back().refusal = Reason::kDraining;
  }
  for (Group& group : groups_) Conclude(group, now);
  groups_.clear();
  for (Accepted& event : std::exchange(kept_, {})) {
    Abandon(*event.task);
    out_.abandoned(Finished{std::move(event.task)}, now);
  }
  answers_.Flush();
}

}  // namespace spillgate
