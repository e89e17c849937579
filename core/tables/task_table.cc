#include "core/tables/task_table.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/links.h"

namespace spillgate {
namespace {

using Siblings = Link<&Record::next_sibling, &Record::prev_sibling>;
using OfSession = Link<&Record::next_of_session, &Record::prev_of_session>;
using Roots = Link<&Root::next_of_session, &Root::prev_of_session>;
using OfRecord = Link<&Waiter::next_of_record, &Waiter::prev_of_record>;
using OfRequest = Link<&Waiter::next_of_request, &Waiter::prev_of_request>;
using OfConnection = Link<&Request::next, &Request::prev>;

constexpr std::size_t kFewRequests = 1024;

}  // namespace

TaskTable::TaskTable(std::size_t reserve)
    : root_slab_(reserve),
      record_slab_(reserve),
      request_slab_(kFewRequests),
      waiter_slab_(kFewRequests),
      asker_slab_(kFewRequests),
      records_(2 * reserve) {}

TaskTable::~TaskTable() {
  MutexLock lock(mutex_);
  records_.Each([&](Record& record) { record_slab_.Destroy(&record); });
}

// ---- sessions

Session& TaskTable::NewSession(SessionId id) {
  auto session = std::make_unique<Session>();
  session->id = id;
  return *sessions_.insert({id, std::move(session)}).first->second;
}

Session* TaskTable::FindSession(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void TaskTable::EndSession(Session& session) {
  SG_CHECK(session.unfinished == 0);
  while (Record* record = session.records != nullptr ? session.records : session.children) {
    Unlist(*record);
    record->session = nullptr;
    record->released = true;
    Sweep(*record);
  }
  CountUnfetched(session, -session.unfetched, -session.unfetched_bytes);
  while (session.roots != nullptr) CloseRoot(*session.roots);
  sessions_.erase(session.id);
}

// ---- roots

Root* TaskTable::NewRoot() {
  Root* root = root_slab_.Make();
  root->home = &root_slab_;
  return root;
}

void TaskTable::AddRoot(const RootPtr& root) {
  Session* session = FindSession(root->session);
  SG_CHECK(session != nullptr);
  Roots::PushFront(session->roots, root.get());
  roots_.insert({root->id, root});
  of_tenants_[root->tenant].open_roots.Add(1);
  root_deadlines_.Add(roots_, *root);
}

// The root may be gone afterwards, unless somebody holds it.
void TaskTable::DropRoot(Root& root) {
  root.ended = true;
  of_tenants_[root.tenant].open_roots.Add(-1);
  Roots::Remove(FindSession(root.session)->roots, &root);
  const TaskId id = root.id;
  roots_.erase(id);
}

RootPtr TaskTable::FindRoot(TaskId id) {
  const auto found = roots_.find(id);
  return found == roots_.end() ? RootPtr() : found->second;
}

void TaskTable::CloseRoot(Root& root) {
  root.closed = true;
  root.promise.reset();
  if (root.unfinished == 0) DropRoot(root);
}

// ---- records

Record& TaskTable::Accept(TaskId id, Session& session, const RootPtr& root, Record* parent) {
  Record* record = record_slab_.Make();
  record->id = id;
  record->root = root;
  List(session, *record, parent != nullptr);
  ++session.unfinished;
  of_tenants_[session.tenant].unfinished.Add(1);
  ++root->unfinished;
  if (parent != nullptr) {
    record->parent = parent;
    Siblings::PushFront(parent->first_child, record);
    if (parent->cancelled.load(std::memory_order_relaxed)) record->cancelled = true;
  }
  records_.Insert(*record);
  return *record;
}

Record& TaskTable::AddObject(TaskId id, Session& session, Value value, Instant now) {
  Record* record = record_slab_.Make();
  record->id = id;
  List(session, *record, false);
  record->accepted = record->settled = now;
  record->outcome.fate = Fate::kDone;
  record->outcome.value = std::move(value);
  CountUnfetched(session, 1, HeapBytes(record->outcome));
  value_bytes_ += HeapBytes(record->outcome);
  records_.Insert(*record);
  return *record;
}

void TaskTable::Replace(Record& object, Outcome&& outcome) {
  SG_CHECK(!object.open() && !outcome.open());
  const std::size_t before = HeapBytes(object.outcome);
  object.outcome = std::move(outcome);
  const std::size_t after = HeapBytes(object.outcome);
  value_bytes_ += after - before;
  if (object.session != nullptr && !object.released) {
    CountUnfetched(*object.session, 0, after - before);
  }
}

void TaskTable::List(Session& session, Record& record, bool child) {
  record.session = &session;
  record.of_children = child;
  OfSession::PushFront(child ? session.children : session.records, &record);
  if (!child) ++session.listed;
}

void TaskTable::Unlist(Record& record) {
  Session& session = *record.session;
  OfSession::Remove(record.of_children ? session.children : session.records, &record);
  if (!record.of_children) --session.listed;
}

void TaskTable::CountKept(const Record& child, std::uint64_t count) {
  child.session->kept_children += count;
  child.session->kept_child_bytes += count * HeapBytes(child.outcome);
}

// May free the record that it was below.
void TaskTable::SetVia(Record& record, Record* via) {
  Record* before = std::exchange(record.via, via);
  if (via != nullptr) ++via->below;
  if (before != nullptr && --before->below == 0) Sweep(*before);
}

// Takes it out of the list of its parent.
void TaskTable::RemoveChild(Record& child) {
  Record& parent = *child.parent;
  if (parent.uncancelled == &child) parent.uncancelled = child.next_sibling;
  Siblings::Remove(parent.first_child, &child);
  child.parent = nullptr;
}

// One that has ended, of a parent that goes on.
void TaskTable::LeaveParent(Record& child) {
  CountKept(child, -std::uint64_t{1});
  RemoveChild(child);
}

// Children that go on belong to their parent's parent from now on: its cancel has to find them.
void TaskTable::OrphanChildren(Record& record) {
  Record* above = record.parent;
  Record* via = record.via == nullptr ? &record : record.via;
  // Always the first: one that goes can take others of them with it.
  while (Record* child = record.first_child) Orphan(*child, above, via);
}

void TaskTable::Orphan(Record& child, Record* above, Record* via) {
  child.released = true;
  if (!child.open()) {
    LeaveParent(child);
    return Sweep(child);
  }
  RemoveChild(child);
  child.parent = above;
  if (above != nullptr) {
    if (above->uncancelled == nullptr) {
      Siblings::PushFront(above->first_child, &child);
    } else {  // where the cancel that is under way still comes to it
      Siblings::InsertBefore(above->first_child, above->uncancelled, &child);
      above->uncancelled = &child;
    }
    return SetVia(child, via);
  }
  // Its session's, which ends it when it ends itself.
  Session& session = *child.session;
  Unlist(child);
  List(session, child, false);
  SetVia(child, nullptr);
}

void TaskTable::Settle(Record& record, Outcome&& outcome, Instant now) {
  SG_CHECK(record.open() && !outcome.open());
  record.outcome = std::move(outcome);
  record.settled = now;
  value_bytes_ += HeapBytes(record.outcome);
  if (record.session != nullptr) {
    --record.session->unfinished;
    of_tenants_[record.session->tenant].unfinished.Add(-1);
    const bool kept = record.parent != nullptr && record.via == nullptr;
    if (kept) CountKept(record, 1);
    if (!kept && !record.released) CountUnfetched(*record.session, 1, HeapBytes(record.outcome));
  }
  Root& root = *record.root;
  --root.unfinished;
  if (root.unfinished == 0 && (root.closed || !root.explicit_open)) {
    root.ended = true;
    root.promise.reset();
    if (root.explicit_open) DropRoot(root);
  }
  record.root = RootPtr();
  OrphanChildren(record);
  if (record.via == nullptr) return;
  RemoveChild(record);
  SetVia(record, nullptr);
}

bool TaskTable::Release(Record& record) {
  if (record.released) return false;
  record.released = true;
  if (!record.open() && record.session != nullptr && record.parent == nullptr) {
    CountUnfetched(*record.session, -std::uint64_t{1}, -HeapBytes(record.outcome));
  }
  return true;
}

void TaskTable::CountUnfetched(Session& session, std::uint64_t count, std::uint64_t bytes) {
  session.unfetched += count;
  session.unfetched_bytes += bytes;
  unfetched_ += count;
  unfetched_bytes_ += bytes;
}

void TaskTable::Sweep(Record& record) {
  const bool asked_again = record.parent != nullptr && record.once;
  const bool needed = record.open() || !record.released || record.pins > 0 || record.wanted ||
                      record.waiters != nullptr || record.below > 0 || asked_again;
  if (needed) return;
  if (record.parent != nullptr) LeaveParent(record);
  Unlink(record);
}

void TaskTable::Unlink(Record& record) {
  if (record.session != nullptr) Unlist(record);
  value_bytes_ -= HeapBytes(record.outcome);
  records_.Erase(record);
  record_slab_.Destroy(&record);
}

// ---- requests

Request& TaskTable::NewRequest(ConnectionId connection, std::uint32_t correlation,
                               Instant deadline) {
  Request* request = request_slab_.Make();
  request->connection = connection;
  request->correlation = correlation;
  request->deadline = deadline;
  Asker*& asker = askers_[connection];
  if (asker == nullptr) asker = asker_slab_.Make();
  request->asker = asker;
  OfConnection::PushFront(asker->requests, request);
  ++asker->count;
  ++request_count_;
  if (deadline != kNever) {
    live_with_deadline_.insert(request);
    due_.push_back({deadline, connection, correlation, request});
    std::push_heap(due_.begin(), due_.end(), &TaskTable::Later);
    if (due_.size() > kFewRequests + 2 * live_with_deadline_.size()) DropDeadDue();
  }
  return *request;
}

// Requests that were answered in time leave their entry behind; it must not outlive the request by
// much.
void TaskTable::DropDeadDue() {
  due_.clear();
  for (Request* request : live_with_deadline_) {
    due_.push_back({request->deadline, request->connection, request->correlation, request});
  }
  // The set has no order of its own; the heap must not depend on addresses.
  std::sort(due_.begin(), due_.end(), &TaskTable::Later);
  std::reverse(due_.begin(), due_.end());
}

void TaskTable::Attach(Request& request, Record& record, std::uint32_t index) {
  Waiter* waiter = waiter_slab_.Make();
  waiter->request = &request;
  waiter->record = &record;
  waiter->index = index;
  OfRecord::PushFront(record.waiters, waiter);
  OfRequest::PushFront(request.waiters, waiter);
  ++request.left;
  ++request.asker->waiters;
  ++waiter_count_;
}

void TaskTable::Detach(Waiter& waiter) {
  OfRecord::Remove(waiter.record->waiters, &waiter);
  OfRequest::Remove(waiter.request->waiters, &waiter);
  --waiter.request->left;
  --waiter.request->asker->waiters;
  --waiter_count_;
  waiter_slab_.Destroy(&waiter);
}

void TaskTable::Forget(Request& request) {
  while (request.waiters != nullptr) {
    Record& record = *request.waiters->record;
    Detach(*request.waiters);
    Sweep(record);
  }
  Asker* asker = request.asker;
  OfConnection::Remove(asker->requests, &request);
  if (--asker->count == 0) {
    askers_.erase(request.connection);
    asker_slab_.Destroy(asker);
  }
  --request_count_;
  if (request.deadline != kNever) live_with_deadline_.erase(&request);
  request_slab_.Destroy(&request);
}

void TaskTable::ForgetConnection(ConnectionId connection) {
  for (auto found = askers_.find(connection); found != askers_.end();
       found = askers_.find(connection)) {
    Forget(*found->second->requests);
  }
}

Request* TaskTable::NextExpired(Instant now) {
  while (!due_.empty() && due_.front().deadline <= now) {
    std::pop_heap(due_.begin(), due_.end(), &TaskTable::Later);
    const Due due = due_.back();
    due_.pop_back();
    // The cell of an ended request may serve another one now: all three must match.
    if (live_with_deadline_.contains(due.request) && due.request->deadline == due.deadline &&
        due.request->connection == due.connection && due.request->correlation == due.correlation) {
      return due.request;
    }
  }
  return nullptr;
}

std::size_t TaskTable::requests_of(ConnectionId connection) {
  const auto found = askers_.find(connection);
  return found == askers_.end() ? 0 : found->second->count;
}

std::size_t TaskTable::waiters_of(ConnectionId connection) {
  const auto found = askers_.find(connection);
  return found == askers_.end() ? 0 : found->second->waiters;
}

}  // namespace spillgate
