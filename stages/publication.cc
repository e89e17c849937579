#include "stages/publication.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/format.h"
#include "stages/arguments.h"
#include "stages/ending.h"
#include "stages/open_root_lessons.h"

namespace spillgate {
namespace {

// It may have waited for other tasks, whatever the load.
bool TakesResults(const Task& task) {
  return std::any_of(task.args.begin(), task.args.end(),
                     [](const ArgRef& arg) { return arg.kind == ArgRef::kObject; });
}

}  // namespace

Publication::Publication(Shared& shared, PublicationTally& tally, Out out)
    : shared_(shared),
      tally_(tally),
      out_(std::move(out)),
      answers_(shared.replies),
      journal_(*shared.journal, Purpose::kCompletion) {}

void Publication::Handle(std::span<In> batch, Instant now) {
  {
    MutexLock lock(shared_.table.mutex());
    for (In& event : batch) {
      if (auto* finished = std::get_if<Finished>(&event)) {
        OnFinished(std::move(finished->task), now);
      } else if (const auto* asked = std::get_if<Asked>(&event)) {
        OnAsked(*asked, now);
        shared_.requests.Release(1, static_cast<std::int64_t>(asked->frame.size()));
      } else if (const auto* durable = std::get_if<Durable>(&event)) {
        OnDurable(*durable, now);
      } else if (const auto* again = std::get_if<PushAgain>(&event)) {
        OnPushAgain(*again);
      } else if (const auto* ended = std::get_if<SessionEnded>(&event)) {
        OnSessionEnded(ended->session);
      } else {
        OnConnectionGone(std::get<ConnectionGone>(event), now);
      }
    }
    if (!sessions_of_cancelled_roots_.empty()) CancelInRoots();
    if (!delayed_.empty()) AnswerDelayed(now);
  }
  EmitAll(now);
}

void Publication::OnFinished(TaskPtr task, Instant now) {
  SG_CHECK(!task->outcome.open());
  if (GoesOn(*task)) return Leave(std::move(task), now);
  if (shared_.signals.observed.load(std::memory_order_relaxed)) CountServed(*task, now);
  BoundValue(*task);
  if (task->level == Level::kNone) {
    Settle(std::move(task), now);
  } else {
    task->record->coming = &task->outcome;
    WriteDown(std::move(task));
  }
}

// What a stop does to a durable task is no outcome of it: it runs again in the next process. Nor is
// a failure that comes after the stop, which may be its work: a child that was stopped, a worker
// that was killed; but what may run once and has said itself why it failed is not asked again.
bool Publication::GoesOn(const Task& task) const {
  if (task.level == Level::kNone || task.outcome.fate != Fate::kFailed) return false;
  const bool once = task.record->begun.load(std::memory_order_relaxed);
  if (once && task.outcome.reason == Reason::kTaskError) return false;
  return stopping_ || task.outcome.reason == Reason::kDrained;
}

// Nobody is told anything of it, and nothing is written down: its record stays open.
void Publication::Leave(TaskPtr task, Instant now) {
  out_.done.Note(MetaOf(task), now);
  done_.push_back(std::move(task));
}

// What was cut short says nothing of how long it would have taken; what expired before it began has
// waited at least so long.
void Publication::CountServed(const Task& task, Instant now) {
  // Stages on threads of their own read the clock at moments of their own.
  const auto from = [](Instant begin, Instant end) { return std::max(Nanos(0), end - begin); };
  ServedTally& served = tally_.served;
  const Fate fate = task.outcome.fate;
  const bool ran = task.begun != kNever && (fate == Fate::kDone || fate == Fate::kFailed);
  if (ran) served.ran.Add(1);
  const bool expired = task.begun == kNever && fate == Fate::kExpired;
  if ((!ran && !expired) || task.depth > 0 || TakesResults(task)) return;
  const Nanos wait = from(task.accepted, ran ? task.begun : now);
  served.wait.Add(wait);
  served.wait_ns.Add(static_cast<std::uint64_t>(wait.count()));
  served.response.Add(from(task.accepted, now));
  if (!ran) return;
  served.timed.Add(1);
  served.service_ns.Add(static_cast<std::uint64_t>(from(task.begun, now).count()));
}

// An outcome becomes visible when it is on the disk. Where the journal has no room, it waits here.
void Publication::WriteDown(TaskPtr task) {
  if (held_.empty()) {
    const auto position = journal_.Add(task->level, record::Ended{.id = task->id}, task->outcome);
    if (position.has_value()) {
      uncommitted_.push_back({*position, std::move(task)});
      return;
    }
  }
  held_.push_back(std::move(task));
}

void Publication::WriteDownHeld() {
  while (!held_.empty()) {
    const Task& first = *held_.front();
    const auto position = journal_.Add(first.level, record::Ended{.id = first.id}, first.outcome);
    if (!position.has_value()) return;
    uncommitted_.push_back({*position, std::move(held_.front())});
    held_.pop_front();
  }
}

void Publication::Commit() {
  if (journal_.empty()) return;
  const Lsn first = journal_.Commit();
  for (Unsynced& each : uncommitted_) {
    each.lsn += first;
    unsynced_[each.task->level == Level::kSync].push_back(std::move(each));
  }
  uncommitted_.clear();
}

// The one place where a task's outcome becomes visible.
void Publication::Settle(TaskPtr task, Instant now) {
  Record& record = *task->record;
  record.coming = nullptr;
  record.lineage = nullptr;
  tally_.ended[static_cast<std::size_t>(task->outcome.fate)].Add(1);
  if (task->outcome.reason != Reason::kNone) {
    tally_.unsuccessful[static_cast<std::size_t>(task->outcome.reason)].Add(1);
  }
  CountLate(*task, now);
  CountWork(*task, now);
  if (!task->args.empty()) UnpinArguments(shared_.table, *task);
  if (task->attempt > 1) CancelUnmatched(record, task->attempt);
  if (record.cancelling || record.cancelled.load(std::memory_order_relaxed)) {
    CancelOnWithout(record);
  }
  shared_.table.Settle(record, std::move(task->outcome), now);
  LearnRoot(*task, now);
  if (record.waiters != nullptr) AnswerWaiters(record);
  if (record.push) Push(record);
  if (record.wanted) announced_.push_back({record.id});
  out_.done.Note(MetaOf(task), now);
  Freed& freed = task->from_reserve ? freed_reserve_ : freed_;
  ++freed.count;
  freed.bytes += task->bytes;
  task->record = nullptr;
  shared_.table.Sweep(record);
  done_.push_back(std::move(task));
}

// Outcomes compete for one register until the first is published. A cancel that was asked for, or a
// deadline that has passed, while the task's run came to another end, is too late: it is dropped.
void Publication::CountLate(const Task& task, Instant now) {
  const Fate fate = task.outcome.fate;
  const bool cancel = task.record->cancelled.load(std::memory_order_relaxed);
  if (cancel && fate != Fate::kCancelled) tally_.late.Add(1);
  const bool ran_on = fate == Fate::kDone || fate == Fate::kFailed;
  if (ran_on && now > task.deadline) tally_.late.Add(1);
}

// The slot time of a root is for nothing when one of the tasks that its session added is not done
// in time; what becomes of those that tasks spawn is for their parents to judge. What is dropped
// before it begins saves what it is known to take.
void Publication::CountWork(const Task& task, Instant now) {
  Root& root = *task.root;
  const Fate fate = task.outcome.fate;
  const bool good = fate == Fate::kForwarded || (fate == Fate::kDone && now <= task.deadline);
  if (!good && task.parent.is_none()) root.failed = true;
  root.spent += task.spent;
  const std::size_t cls = Index(task.cls);
  if (root.failed && root.spent > Nanos(0)) {
    const Nanos wasted = std::exchange(root.spent, Nanos(0));
    tally_.wasted_ns[cls].Add(static_cast<std::uint64_t>(wasted.count()));
  }
  const bool dropped = fate == Fate::kExpired || fate == Fate::kCancelled ||
                       task.outcome.reason == Reason::kDependencyFailed;
  if (!dropped || task.begun != kNever || !task.leased()) return;
  if (shared_.costs.CountRuns(task.cost_key()) == 0) return;
  const Nanos saved = shared_.costs.Estimate(task.cost_key());
  tally_.saved_ns[cls].Add(static_cast<std::uint64_t>(saved.count()));
}

// However they ended: those that were cut short took at least so long.
void Publication::LearnRoot(const Task& task, Instant now) {
  Root& root = *task.root;
  if (task.id == root.id) root.began = task.begun;
  if (!task.parent.is_none()) root.grew = true;
  if (!root.ended || root.began == kNever || root.function == 0) return;
  const Nanos span = std::max(Nanos(0), now - root.began);
  shared_.root_spans.Learn(root.function, root.cls, span, root.grew);
}

// A large result needs room on the heap of values; without, the task has failed.
void Publication::BoundValue(Task& task) {
  const std::size_t bytes = HeapBytes(task.outcome);
  const Limits& limits = shared_.limits;
  if (bytes <= limits.inline_value.load(std::memory_order_relaxed)) return;
  const std::uint64_t most = limits.value_heap.load(std::memory_order_relaxed);
  if (shared_.table.value_bytes() + bytes <= most) return;
  task.outcome = Outcome();
  Fail(task, Reason::kOutOfStore,
       Format("its result has {} bytes, and the values of this node already have {} of {}; release "
              "results that are not needed, or raise limits.value_heap",
              bytes, shared_.table.value_bytes(), most));
}

void Publication::AnswerWaiters(Record& record) {
  ++record.pins;  // a request that ends here lets go of its other ids, which may be this one again
  for (Waiter* waiter = record.waiters; waiter != nullptr;) {
    Waiter* next = waiter->next_of_record;
    Request& request = *waiter->request;
    if (!request.wait) {
      AnswerOrDelay(request.connection, record, waiter->index, request.correlation,
                    request.deadline);
      shared_.table.Detach(*waiter);
      if (request.left == 0) shared_.table.Forget(request);
    } else {
      shared_.table.Detach(*waiter);
      if (--request.needed == 0) AnswerWait(request, false);
      // Forgetting the request may have removed `next` too: it can wait for one record twice.
      next = record.waiters;
    }
    waiter = next;
  }
  --record.pins;
}

void Publication::Push(Record& record) {
  const Session* session = record.session;
  if (session == nullptr || session->connection == 0) return;
  if (!shared_.replies.TakesPushes(session->connection)) return;  // PushAgain comes when it does
  AnswerOrDelay(session->connection, record, 0, 0, kNever);
  record.delivered = true;
}

void Publication::OnDurable(const Durable& durable, Instant now) {
  for (std::size_t level = 0; level < unsynced_.size(); ++level) {
    const Lsn reached = level == 0 ? durable.written : durable.synced;
    std::deque<Unsynced>& waiting = unsynced_[level];
    while (!waiting.empty() && waiting.front().lsn <= reached) {
      TaskPtr task = std::move(waiting.front().task);
      waiting.pop_front();
      Settle(std::move(task), now);
    }
  }
  WriteDownHeld();
}

void Publication::OnPushAgain(const PushAgain& event) {
  Session* session = shared_.table.FindSession(event.session);
  if (session == nullptr) return;
  for (Record* record = session->records; record != nullptr; record = record->next_of_session) {
    if (record->push && !record->open() && !record->released && (event.all || !record->delivered)) {
      Push(*record);
    }
  }
}

void Publication::OnSessionEnded(SessionId id) {
  Session* session = shared_.table.FindSession(id);
  if (session == nullptr || session->ended) return;
  session->expired = session->ended = true;
  session->connection = 0;
  CancelAll(*session);
  ending_.push_back(id);
}

void Publication::OnConnectionGone(const ConnectionGone& event, Instant now) {
  shared_.table.ForgetConnection(event.connection);
  std::erase_if(delayed_, [&](const Queue& each) { return each.to == event.connection; });
  Session* session = shared_.table.FindSession(event.session);
  // The session may have a newer connection by now; then this news is old.
  if (session == nullptr || session->connection != event.connection) return;
  session->connection = 0;
  session->disconnected = now;
  if (session->seen.end() == 0 && session->unfinished == 0)
    OnSessionEnded(session->id);  // nothing to resume
}

void Publication::EndSessions() {
  std::erase_if(ending_, [&](SessionId id) REQUIRES(shared_.table.mutex()) {
    Session* session = shared_.table.FindSession(id);
    if (session == nullptr) return true;
    if (session->unfinished > 0) return false;
    if (session->journaled) {
      // Without room for it, its time to live ends it again after a restart.
      [[maybe_unused]] const auto position =
          journal_.Add(Level::kAsync, record::SessionEnded{.session = id});
    }
    for (Root* root = session->roots; root != nullptr; root = root->next_of_session) {
      LearnUnclosed(shared_, *root);
    }
    shared_.table.EndSession(*session);
    return true;
  });
}

void Publication::Tick(Instant now) {
  {
    MutexLock lock(shared_.table.mutex());
    ExpireRequests(now);
    CancelOn();
    if (!ending_.empty()) EndSessions();
    if (!delayed_.empty()) AnswerDelayed(now);
    WriteDownHeld();
  }
  EmitAll(now);
}

bool Publication::Idle() const {
  if (!ending_.empty() || !cancelling_.empty() || !delayed_.empty()) return false;
  MutexLock lock(shared_.table.mutex());
  return !shared_.table.AnyMayExpire();
}

void Publication::EmitAll(Instant now) {
  Commit();
  answers_.Flush();
  out_.done.Settle();
  done_.clear();
  if (freed_.count > 0 || freed_reserve_.count > 0) {
    const Freed freed = std::exchange(freed_, {});
    shared_.in_flight.Release(freed.count, freed.bytes);
    const Freed of_reserve = std::exchange(freed_reserve_, {});
    shared_.spawn_reserve.Release(of_reserve.count, of_reserve.bytes);
    if (shared_.signals.room_wanted.load(std::memory_order_relaxed)) {
      shared_.signals.room_wanted.store(false, std::memory_order_relaxed);
      for (const auto& edge : out_.room_freed) edge(RoomFreed{}, now);
    }
  }
  out_.object_ready(announced_, now);
  announced_.clear();
  for (flow::EmitBack<CancelAsked>& edge : out_.cancel) {
    for (const TaskId id : cancelled_) edge(CancelAsked{id}, now);
  }
  cancelled_.clear();
  cancel_looks_ = kMostCancelLooks;
}

void Publication::Flush(Instant now) {
  {
    MutexLock lock(shared_.table.mutex());
    // What the disk lacks of what has ended stays here: it is told when it is there, else never,
    // and runs again after a restart.
    WriteDownHeld();
  }
  EmitAll(now);
}

}  // namespace spillgate
