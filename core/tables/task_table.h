// TaskTable: what several stages share about tasks: the sessions, the open roots, the records and
// who waits for them. One lock for all of it, taken once a batch by whichever stage needs it and
// never held across an emit:
//
//   MutexLock lock(table.mutex());
//   for (...) table.Settle(...);
//
// Nothing in here blocks, does I/O or calls out. Pointers to records, sessions and roots stay valid
// until the table is told to forget them. Bounds: records by the node's in-flight bound plus each
// session's bound on unfetched results; requests by each connection's bound.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/gauge.h"
#include "core/base/hash_map.h"
#include "core/base/mutex.h"
#include "core/base/slab.h"
#include "core/tables/record.h"
#include "core/tables/record_index.h"
#include "core/tables/root_deadlines.h"
#include "core/tables/session.h"
#include "core/tables/tenants.h"
#include "core/tables/token_bucket.h"
#include "core/tables/waiters.h"

namespace spillgate {

class TaskTable {
 public:
  // `reserve` records are made and touched at once.
  explicit TaskTable(std::size_t reserve);
  ~TaskTable();

  [[nodiscard]] Mutex& mutex() SG_THREAD_ANNOTATION(lock_returned(mutex_)) { return mutex_; }

  // Sessions.
  Session& NewSession(SessionId id) REQUIRES(mutex_);
  [[nodiscard]] Session* FindSession(SessionId id) REQUIRES(mutex_);
  // Forgets a session that has no unfinished tasks: its records go as soon as nothing here needs
  // them.
  void EndSession(Session& session) REQUIRES(mutex_);
  [[nodiscard]] const HashMap<SessionId, std::unique_ptr<Session>>& sessions() REQUIRES(mutex_) {
    return sessions_;
  }

  // Roots that OpenRoot made. A task submitted alone gets a root from MakeRoot that is in no map.
  [[nodiscard]] RootPtr MakeRoot() { return RootPtr(NewRoot()); }
  void AddRoot(const RootPtr& root) REQUIRES(mutex_);
  [[nodiscard]] RootPtr FindRoot(TaskId id) REQUIRES(mutex_);
  void CloseRoot(Root& root) REQUIRES(mutex_);
  [[nodiscard]] std::uint64_t NextRootOrder() REQUIRES(mutex_) { return next_root_order_++; }
  [[nodiscard]] std::size_t open_roots() REQUIRES(mutex_) { return roots_.size(); }
  [[nodiscard]] std::size_t open_roots(TenantId tenant) REQUIRES(mutex_) {
    return static_cast<std::size_t>(of_tenants_[tenant].open_roots.get());
  }
  // One of which the deadline has passed and that is not closed; null if there is none.
  [[nodiscard]] Root* NextLateRoot(Instant now) REQUIRES(mutex_) {
    return root_deadlines_.Next(roots_, now);
  }
  [[nodiscard]] const HashMap<TaskId, RootPtr>& roots() REQUIRES(mutex_) { return roots_; }

  // Records.
  Record& Accept(TaskId id, Session& session, const RootPtr& root, Record* parent) REQUIRES(mutex_);
  // A value that exists without a task: a record that is settled from the start.
  Record& AddObject(TaskId id, Session& session, Value value, Instant now) REQUIRES(mutex_);
  // Another outcome for such a record.
  void Replace(Record& object, Outcome&& outcome) REQUIRES(mutex_);
  [[nodiscard]] Record* Find(TaskId id) REQUIRES(mutex_) { return records_.Find(id); }
  // It will be looked for, or accepted: many at once cost little more than one.
  void Prefetch(TaskId id) REQUIRES(mutex_) { records_.Prefetch(id); }
  // The one write of the outcome. The caller has taken the record's waiters; what nobody needs any
  // more goes.
  void Settle(Record& record, Outcome&& outcome, Instant now) REQUIRES(mutex_);
  // The session, or the parent, lets go of the result; true if there was one to let go of. A child
  // of which the parent has let go is forgotten: should the parent run again and ask for it again,
  // it runs again, as its parent does, unless it may not (`once`): then it stays, and so does its
  // result.
  bool Release(Record& record) REQUIRES(mutex_);
  // Frees the record if nothing needs it any more; the caller may not touch it afterwards.
  void Sweep(Record& record) REQUIRES(mutex_);
  // Marks an unfinished task and all below it as cancelled and appends those newly marked, until
  // there are `most` of them. Takes its looks at records from `looks`, and ends when there are
  // none left: three for each of a tree at most, in however many pieces, and none for a tree that
  // was marked before. True when the whole tree is.
  bool Cancel(Record& top, std::size_t most, std::size_t& looks, std::vector<TaskId>& marked)
      REQUIRES(mutex_);

  // Requests.
  Request& NewRequest(ConnectionId connection, std::uint32_t correlation, Instant deadline)
      REQUIRES(mutex_);
  void Attach(Request& request, Record& record, std::uint32_t index) REQUIRES(mutex_);
  void Detach(Waiter& waiter) REQUIRES(mutex_);
  // Frees the request and detaches what is left of it.
  void Forget(Request& request) REQUIRES(mutex_);
  void ForgetConnection(ConnectionId connection) REQUIRES(mutex_);
  // The request whose deadline is nearest and has passed; null if none has.
  [[nodiscard]] Request* NextExpired(Instant now) REQUIRES(mutex_);
  // Whether there is a request whose time can be over.
  [[nodiscard]] bool AnyMayExpire() REQUIRES(mutex_) { return !live_with_deadline_.empty(); }
  [[nodiscard]] std::size_t requests_of(ConnectionId connection) REQUIRES(mutex_);
  // Ids that are waited for: by a connection, by all.
  [[nodiscard]] std::size_t waiters_of(ConnectionId connection) REQUIRES(mutex_);
  [[nodiscard]] std::size_t waiters() REQUIRES(mutex_) { return waiter_count_; }

  [[nodiscard]] std::size_t records() REQUIRES(mutex_) { return records_.size(); }
  [[nodiscard]] std::size_t requests() REQUIRES(mutex_) { return request_count_; }
  // What is kept of results that have ended and were not let go of, their records included: of a
  // session, of all together.
  [[nodiscard]] static std::uint64_t KeptBytes(const Session& session) {
    return session.unfetched_bytes + session.unfetched * sizeof(Record);
  }
  [[nodiscard]] std::uint64_t KeptBytes() REQUIRES(mutex_) {
    return unfetched_bytes_ + unfetched_ * sizeof(Record);
  }
  // Bytes on the heap of all values that records hold.
  [[nodiscard]] std::uint64_t value_bytes() REQUIRES(mutex_) { return value_bytes_; }
  // Without the lock, as it was a moment ago.
  [[nodiscard]] std::uint64_t unfinished(TenantId tenant) const {
    return static_cast<std::uint64_t>(of_tenants_[tenant].unfinished.get());
  }
  // Of tasks that all its sessions bring.
  [[nodiscard]] TokenBucket& RateOf(TenantId tenant) REQUIRES(mutex_) {
    if (tenant >= rates_.size()) rates_.resize(tenant + 1);
    return rates_[tenant];
  }

 private:
  struct OfTenant {
    Gauge unfinished;
    Gauge open_roots;
  };
  struct Due {
    Instant deadline;
    ConnectionId connection;
    std::uint32_t correlation;
    Request* request;  // compared with the live ones before it is believed
  };

  // Heap order: nearest deadline on top, ties by connection and correlation so that it is the same
  // in every run.
  static bool Later(const Due& a, const Due& b) {
    return std::tie(a.deadline, a.connection, a.correlation) >
           std::tie(b.deadline, b.connection, b.correlation);
  }
  void DropDeadDue() REQUIRES(mutex_);

  Root* NewRoot();
  void DropRoot(Root& root) REQUIRES(mutex_);
  void Unlink(Record& record) REQUIRES(mutex_);
  void OrphanChildren(Record& record) REQUIRES(mutex_);
  void Orphan(Record& child, Record* above, Record* via) REQUIRES(mutex_);
  static void RemoveChild(Record& child);
  void LeaveParent(Record& child) REQUIRES(mutex_);
  void SetVia(Record& record, Record* via) REQUIRES(mutex_);
  void List(Session& session, Record& record, bool child) REQUIRES(mutex_);
  void Unlist(Record& record) REQUIRES(mutex_);
  // Results that its session has not let go of become more; or less, by the same in two's
  // complement.
  void CountUnfetched(Session& session, std::uint64_t count, std::uint64_t bytes) REQUIRES(mutex_);
  void CountKept(const Record& child, std::uint64_t count) REQUIRES(mutex_);

  Mutex mutex_;
  Slab<Root> root_slab_;  // first, so that it outlives every RootPtr below
  Slab<Record> record_slab_;
  Slab<Request> request_slab_;
  Slab<Waiter> waiter_slab_;
  Slab<Asker> asker_slab_;
  HashMap<SessionId, std::unique_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  HashMap<TaskId, RootPtr> roots_ GUARDED_BY(mutex_);
  RootDeadlines root_deadlines_ GUARDED_BY(mutex_);
  RecordIndex records_ GUARDED_BY(mutex_);
  HashMap<ConnectionId, Asker*> askers_ GUARDED_BY(mutex_);
  std::vector<Due> due_
      GUARDED_BY(mutex_);  // a heap; entries of requests that ended are skipped when met
  HashSet<Request*> live_with_deadline_ GUARDED_BY(mutex_);
  std::size_t request_count_ GUARDED_BY(mutex_) = 0;
  std::size_t waiter_count_ GUARDED_BY(mutex_) = 0;
  std::uint64_t next_root_order_ GUARDED_BY(mutex_) = 1;
  std::uint64_t value_bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t unfetched_ GUARDED_BY(mutex_) = 0;
  std::uint64_t unfetched_bytes_ GUARDED_BY(mutex_) = 0;
  std::array<OfTenant, Tenants::kMost + 1> of_tenants_;  // written under the lock
  std::vector<TokenBucket> rates_ GUARDED_BY(mutex_);    // by tenant
};

}  // namespace spillgate
