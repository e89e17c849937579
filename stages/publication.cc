#include "stages/publication.h"

#include <algorithm>

#include "core/base/check.h"

namespace spillgate {
Publication::Publication(Shared& shared, Out out)
    : shared_(shared), out_(std::move(out)), answers_(shared.replies) {}

void Publication::Handle(std::span<In> batch, Instant now) {
  {
    MutexLock lock(shared_.table.mutex());
    for (In& event : batch) {
      if (auto* finished = std::get_if<Finished>(&event)) {
        OnFinished(std::move(finished->task), now);
      } else if (const auto* asked = std::get_if<Asked>(&event)) {
        OnAsked(*asked, now);
      } else if (const auto* durable = std::get_if<Durable>(&event)) {
        OnDurable(*durable, now);
      } else if (const auto* again = std::get_if<PushAgain>(&event)) {
        OnPushAgain(*again);
      } else if (const auto* ended = std::get_if<SessionEnded>(&event)) {
        OnSessionEnded(ended->session);
      } else {
        OnConnectionGone(std::get<ConnectionGone>(event).connection, now);
      }
    }
  }
  EmitAll(now);
}

void Publication::OnFinished(TaskPtr task, Instant now) {
  SG_CHECK(!task->outcome.open());
  if (task->lsn == 0) {
    Settle(std::move(task), now);
    return;
  }
  // Durable levels come with the journal.
  unsynced_.push_back({task->lsn, std::move(task)});
}

// The one place where a task's outcome becomes visible.
void Publication::Settle(TaskPtr task, Instant now) {
  Record& record = *task->record;
  if (!task->args.empty()) UnpinArguments(*task);
  shared_.table.Settle(record, std::move(task->outcome), now);
  if (record.waiters != nullptr) AnswerWaiters(record);
  if (record.push) Push(record);
  if (record.wanted) announced_.push_back({record.id});
  out_.done.Note(MetaOf(task), now);
  ++freed_count_;
  freed_bytes_ += task->bytes;
  task->record = nullptr;
  shared_.table.Sweep(record);
  done_.push_back(std::move(task));
}

void Publication::AnswerWaiters(Record& record) {
  ++record.pins;  // a request that ends here lets go of its other ids, which may be this one again
  for (Waiter* waiter = record.waiters; waiter != nullptr;) {
    Waiter* next = waiter->next_of_record;
    Request& request = *waiter->request;
    if (!request.wait) {
      answers_.Result(request.connection, record, waiter->index, request.correlation);
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
  answers_.Result(session->connection, record, 0, 0);
  record.delivered = true;
}

void Publication::UnpinArguments(const Task& task) {
  for (const ArgRef& arg : task.args) {
    if (arg.kind != ArgRef::kObject) continue;
    Record* record = shared_.table.Find(arg.object().task);
    if (record == nullptr || record->pins == 0) continue;
    --record->pins;
    shared_.table.Sweep(*record);
  }
}

void Publication::OnDurable(const Durable& durable, Instant now) {
  while (!unsynced_.empty()) {
    Unsynced& first = unsynced_.front();
    const Lsn reached = first.task->level == Level::kSync ? durable.synced : durable.written;
    if (first.lsn > reached) return;
    TaskPtr task = std::move(first.task);
    unsynced_.pop_front();
    Settle(std::move(task), now);
  }
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
  session->ended = true;
  session->connection = 0;
  CancelAll(*session);
  ending_.push_back(id);
}

void Publication::OnConnectionGone(ConnectionId id, Instant now) {
  shared_.table.ForgetConnection(id);
  // The session may have a newer connection by now; then this news is old.
  for (const auto& [session_id, session] : shared_.table.sessions()) {
    if (session->connection != id) continue;
    session->connection = 0;
    session->disconnected = now;
  }
}

void Publication::EndSessions() {
  std::erase_if(ending_, [&](SessionId id) REQUIRES(shared_.table.mutex()) {
    Session* session = shared_.table.FindSession(id);
    if (session == nullptr) return true;
    if (session->unfinished > 0) return false;
    shared_.table.EndSession(*session);
    return true;
  });
}

void Publication::Tick(Instant now) {
  {
    MutexLock lock(shared_.table.mutex());
    ExpireRequests(now);
    for (const TaskId id : std::exchange(cancelling_, {})) CancelTree(id);
    if (!ending_.empty()) EndSessions();
  }
  EmitAll(now);
}

void Publication::EmitAll(Instant now) {
  answers_.Flush();
  out_.done.Settle();
  done_.clear();
  if (freed_count_ > 0) {
    shared_.in_flight.Release(std::exchange(freed_count_, 0), std::exchange(freed_bytes_, 0));
    if (shared_.room_wanted.load(std::memory_order_relaxed)) {
      shared_.room_wanted.store(false, std::memory_order_relaxed);
      out_.room_freed(RoomFreed{}, now);
    }
  }
  out_.object_ready(announced_, now);
  announced_.clear();
  for (flow::EmitBack<CancelAsked>& edge : out_.cancel) {
    for (const TaskId id : cancelled_) edge(CancelAsked{id}, now);
  }
  cancelled_.clear();
}

void Publication::Flush(Instant now) {
  MutexLock lock(shared_.table.mutex());
  while (!unsynced_.empty()) {
    TaskPtr task = std::move(unsynced_.front().task);
    unsynced_.pop_front();
    Settle(std::move(task), now);
  }
}

}  // namespace spillgate
