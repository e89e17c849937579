// Submission, second half: recording what was admitted, in one pass under the table's lock.
#include <algorithm>

#include "stages/arguments.h"
#include "stages/ending.h"
#include "stages/quotas.h"
#include "stages/submission.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostWaitingSpawns = 4096;

// Of spawns that waited for room.
DeferralTally::Outcome EndOfWait(Reason refusal) {
  if (refusal == Reason::kExpired) return DeferralTally::kExpired;
  const bool is_over = refusal == Reason::kUnknownRoot || refusal == Reason::kDraining;
  return is_over ? DeferralTally::kCancelled : DeferralTally::kFailed;
}

}  // namespace

void Submission::AcceptAll(Instant now) {
  AcceptGroups(now);
  EmitAll(now);
}

void Submission::AcceptGroups(Instant now) {
  if (!groups_.empty()) {
    observed_all_ = false;
    MutexLock lock(shared_.table.mutex());
    for (Group& group : groups_) {
      if (group.admitted > 0 || group.children()) Accept(group, now);
    }
  }
  for (const RootPtr& root : grown_) promises_.Add(root, PromisedUntil(*root, now));
  grown_.clear();
  for (Group& group : groups_) Conclude(group, now);
  groups_.clear();
  ShowWaiting();
}

void Submission::EmitAll(Instant now) {
  Commit();  // before what others may complete
  // Requests keep their place here until publication has room for them.
  for (; !asking_.empty(); asking_.pop_front()) {
    if (const auto* gone = std::get_if<ConnectionGone>(&asking_.front())) {
      gone_.push_back(*gone);
      continue;
    }
    Received& first = std::get<Received>(asking_.front());
    if (!shared_.requests.Reserve(1, static_cast<std::int64_t>(first.frame.size()))) break;
    out_.done.Note(MetaOf(first), now);
    asked_.push_back({first.connection, first.session, std::move(first.frame)});
  }
  out_.done.Settle();
  answers_.Flush();
  if (!kept_.empty()) {
    std::vector<Accepted> again = std::exchange(kept_, {});
    std::erase_if(again, [&](Accepted& event) {
      const bool doomed = IsDoomed(*event.task, now);
      if (doomed) Drop(std::move(event));
      return doomed;
    });
    out_.accepted(again, now);
  }
  out_.accepted(accepted_, now);
  accepted_.clear();
  if (!ended_.empty()) {
    std::vector<Finished> ended = std::exchange(ended_, {});
    out_.ended(ended, now);
  }
  out_.asked(asked_, now);
  for (flow::EmitBack<ConnectionGone>& shard : out_.gone) {
    std::vector<ConnectionGone> gone = gone_;
    shard(gone, now);
  }
  gone_.clear();
  asked_.clear();
}

void Submission::Drop(Accepted&& event) {
  EndDoomed(*event.task);
  ended_.push_back({std::move(event.task)});
}

void Submission::Accept(Group& group, Instant now) {
  Session* session = shared_.table.FindSession(group.session);
  // A detached task goes on without its session, and spawns.
  if (session == nullptr || (session->ended && !group.children())) {
    return GivePlacesBack(group, 0, Reason::kSessionEnded);
  }
  if (!group.children() && LeavesTooMuch(shared_, *session)) {
    group.retry_after = Admission::kUnfetchedRetry;
    return GivePlacesBack(group, 0, Reason::kUnfetched);
  }
  Record* parent = nullptr;
  RootPtr root;
  const Reason reason = FindRoot(group, parent, root);
  if (reason != Reason::kNone) return GivePlacesBack(group, 0, reason);
  if (!root && group.ask.root != 0) JoinByArguments(group, *session, now);
  if (root) {
    group.root_order = root->order;
    group.deadline = std::min(group.deadline, root->deadline);
    const std::uint32_t room = root->window - std::min(root->window, root->unfinished);
    if (room < group.admitted && !group.from_reserve) GivePlacesBack(group, room, Reason::kQuota);
  }
  if (group.admitted > 0) HoldToQuotas(group, *session, now);
  for (const TaskPtr& task : group.tasks) shared_.table.Prefetch(task->id);
  for (TaskPtr& task : group.tasks) {
    if (IsRepeat(group, *task, *session)) task = nullptr;
  }
  // A parent that has let go of some may go on; what it had before is no more than it had.
  Reason refusal = Reason::kNone;
  if (group.children() && KeepsTooManyChildren(*session)) {
    refusal = Reason::kUnfetched;
    group.retry_after = Admission::kUnfetchedRetry;
  }
  if (group.ask.level != Level::kNone && !group.children() && !WriteDown(group, *session)) {
    refusal = Reason::kJournal;
  }
  std::uint32_t entered = 0;
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    TaskPtr& task = group.tasks[i];
    if (task == nullptr) {
      RepeatVerdict(group, i);
    } else if (refusal != Reason::kNone) {
      group.AddVerdict(wire::VerdictStatus::kRejected, refusal, 1);
      tally_.refused[static_cast<std::size_t>(refusal)].Add(1);
      (group.from_reserve ? shared_.spawn_reserve : shared_.in_flight).Release(1, group.bytes_each);
      if (group.waited) tally_.deferrals.Count(DeferralTally::kFailed, now - group.arrived);
    } else {
      group.AddVerdict(wire::VerdictStatus::kAccepted, Reason::kNone, 1);
      const RootPtr& joined = root ? root : task->root;
      if (joined) JoinsRoot(joined, !group.children(), now);
      Enter(group, i, std::move(task), *session, root, parent, now);
      ++entered;
    }
  }
  if (group.waited) tally_.deferrals.Count(DeferralTally::kRun, now - group.arrived, entered);
  PayForRate(*session, entered);
  group.next += group.admitted;
  // Among what a parent spawns again there may be something new; what follows it needs no room.
  if (group.children() && group.view.child.attempt > 1) SkipRepeats(group, *session);
}

// The record of those of the group that are new; false if the journal has no room for it.
bool Submission::WriteDown(Group& group, Session& session) {
  record::Tasks tasks{.session = session.id,
                      .deadline_us = shared_.ToWall(group.deadline),
                      .function = group.function->name,
                      .shape = ShapeName(group)};
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    if (group.tasks[i] == nullptr) continue;
    const std::uint64_t index = group.next + i;
    if (!tasks.indexes.empty() &&
        tasks.indexes.back().first + tasks.indexes.back().count == index) {
      ++tasks.indexes.back().count;
    } else {
      tasks.indexes.push_back({index, 1});
    }
  }
  if (tasks.indexes.empty()) return true;
  if (!IntroduceSession(session, group.ask.level)) return false;
  const auto position = journal_.Add(group.ask.level, tasks, group.frame.view());
  if (!position.has_value()) return false;
  group.position = *position;
  group.lineage = std::make_shared<const Lineage>(
      Lineage{.frame = group.frame, .deadline_us = tasks.deadline_us, .shape = group.ask.shape});
  return true;
}

std::string_view Submission::ShapeName(const Group& group) const {
  const Shape* shape = group.ask.shape == 0 ? nullptr : shared_.shapes.At(group.ask.shape);
  return shape == nullptr ? std::string_view() : std::string_view(shape->name);
}

// Whether the id was accepted before.
bool Submission::IsKnown(const Group& group, TaskId id, const Session& session) {
  return group.children() ? shared_.table.Find(id) != nullptr
                          : session.seen.Look(id.seq) != SeenWindow::Answer::kNew;
}

// Of what was accepted before, the place in flight is not needed.
bool Submission::IsRepeat(Group& group, const Task& task, const Session& session) {
  if (!IsKnown(group, task.id, session)) return false;
  tally_.repeated.Add(1);
  if (group.bytes_each > 0) {
    (group.from_reserve ? shared_.spawn_reserve : shared_.in_flight).Release(1, group.bytes_each);
  }
  return true;
}

void Submission::RepeatVerdict(Group& group, std::uint32_t i) {
  Record* record = shared_.table.Find(IdOf(shared_, group, group.next + i));
  const bool kept = record != nullptr;
  // A parent that has ended meanwhile needs it no more, and nobody else would ever release it.
  if (kept && group.children() && GoesOn(group, shared_.table.Find(group.view.child.parent))) {
    // An earlier run has let go of it; this one has not.
    const bool again = group.view.child.attempt > record->spawned_in;
    if (again && record->open()) record->released = false;
    record->spawned_in = std::max(record->spawned_in, group.view.child.attempt);
  }
  group.AddVerdict(kept ? wire::VerdictStatus::kAcceptedEarlier : wire::VerdictStatus::kSettled,
                   kept ? Reason::kNone : Reason::kSettled, 1);
}

void Submission::Enter(Group& group, std::uint32_t i, TaskPtr task, Session& session,
                       const RootPtr& root, Record* parent, Instant now) {
  if (root) task->root = root;
  if (!task->root) task->root = NewRoot(group, *task, session);
  task->cls = task->root->cls;
  task->deadline = std::min(task->deadline, task->root->deadline);
  Record& record = shared_.table.Accept(task->id, session, task->root, parent);
  task->record = &record;
  record.push = (group.ask.flags & wire::kPush) != 0;
  record.detached = (group.ask.flags & wire::kDetach) != 0;
  record.level = task->level;
  record.cls = task->cls;
  record.lineage = group.lineage;
  record.lineage_index = group.next + i;
  record.function = task->function->id;
  record.returns = task->returns;
  record.once = task->max_retries == 0;
  if (parent != nullptr) {
    task->parent = parent->id;
    record.depth = task->depth = static_cast<std::uint8_t>(parent->depth + 1);
    record.spawned_in = group.view.child.attempt;
  } else {
    session.seen.Mark(task->id.seq);
    // It was let in for that; no more is known of a task that says nothing itself.
    if (root && task->estimate == Nanos(0) && TakesHints(*task->function)) {
      task->estimate = root->said_each;
    }
  }
  if (!task->args.empty()) PinArguments(shared_.table, *task);
  task->accepted = task->arrived = record.accepted = now;
  tally_.accepted[Index(task->cls)].Add(1);
  if (task->from_reserve) tally_.from_reserve.Add(1);
  accepted_.push_back({std::move(task)});
}

// Their frames have no places in flight. As many bytes again as may be there is enough for all
// tasks that wait in one spawn each.
bool Submission::MoreMayWait(const Group& group) const {
  const std::int64_t bytes = waiting_bytes_ + static_cast<std::int64_t>(group.frame.size());
  return waiting_.empty() ||
         (waiting_.size() < kMostWaitingSpawns && bytes <= shared_.in_flight.bytes_limit());
}

// Answers for what was dealt with; a spawn without room waits with the rest.
void Submission::Conclude(Group& group, Instant now) {
  if (group.ask.count > 0) {
    // Frames are not work; the tasks in them are. One entry a group, not one a task.
    const std::size_t cls = Index(group.ask.cls);
    self_.stats().handled[cls].Add(group.next - group.counted);
    self_.stats().wait[cls].Add(now - group.arrived, group.next - group.counted);
    group.counted = group.next;
  }
  const bool waits = group.children() && group.left() > 0 && IsForRoom(group.refusal) &&
                     now < group.deadline && MoreMayWait(group);
  if (!waits && group.left() > 0) {
    if (group.waited) {
      tally_.deferrals.Count(EndOfWait(group.refusal), now - group.arrived, group.left());
    }
    const std::uint32_t refused = group.left() - group.behind;
    admission_.CountRefused(group.refusal, refused);
    group.AddVerdict(wire::VerdictStatus::kRejected, group.refusal, refused);
    admission_.CountRefused(Reason::kQuota, group.behind);
    group.retry_after = Admission::kLeastRetry;
    group.AddVerdict(wire::VerdictStatus::kRejected, Reason::kQuota, group.behind);
  }
  for (const wire::Verdict& verdict : group.verdicts) {
    const bool promises = verdict.level != Level::kNone && !group.children() &&
                          (verdict.status == wire::VerdictStatus::kAccepted ||
                           verdict.status == wire::VerdictStatus::kAcceptedEarlier);
    if (!promises) {
      answers_.Verdict(group.connection, verdict);
    } else if (group.lineage != nullptr) {
      Promise(group.connection, verdict, group.position, now);
    } else {
      Promise(group.connection, verdict, std::nullopt, now);
    }
  }
  if (!waits) return;
  if (!std::exchange(group.waited, true)) tally_.spawns_waited.Add(1);
  shared_.signals.room_wanted.store(true, std::memory_order_relaxed);
  group.verdicts.clear();
  group.tasks.clear();
  group.admitted = 0;
  group.from_reserve = false;
  const std::uint64_t order = group.root_order;
  CountIn(group);
  waiting_.emplace(order, std::move(group));
}

}  // namespace spillgate
