// A root: the unit that is admitted, scheduled fairly, slowed by its window and dropped whole. A
// task that is submitted alone is a root of one; a graph submitted piece by piece, and all that
// tasks spawn, belong to the root they grow from. Shared by the tasks of the root; which part may
// write which field stands beside it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/model/class.h"
#include "core/model/ready_hooks.h"
#include "core/model/slack_lines.h"
#include "core/model/work_promise.h"

namespace spillgate {

class RootPtr;

struct Root {
  // Constant once the root is open.
  TaskId id;
  SessionId session = 0;
  TenantId tenant = 0;
  TaskClass cls = TaskClass::kNormal;
  std::uint64_t order = 0;  // counts up over the node's life: the oldest root has the least
  Instant deadline = kNever;
  SlackLine line = 0;  // by how long it can wait: it runs behind its tenant's in lines before
  [[nodiscard]] bool patient() const { return line > 0; }  // for longer than its class is to

  // Unfinished tasks that wait for other tasks: parked, or blocked in a get or a spawn. When all of
  // them do, only the reserve can help.
  // tidy: atomics: shared by the tasks of a root, which are on different threads
  std::atomic<std::int32_t> stuck{0};

  // What the longest chain of its tasks is known to take, by the arguments that they wait for.
  // Resolution writes it, scheduling reads it until one of them has begun.
  // tidy: atomics: two stages share it
  std::atomic<std::int64_t> path_ns{0};

  // Slot time of its tasks that wait for their arguments, as estimated when they came. Resolution
  // writes it, scheduling reads it.
  // tidy: atomics: two stages share it
  std::atomic<std::int64_t> parked_ns{0};

  FunctionId function = 0;     // of the task that it began with; 0 if OpenRoot made it
  bool explicit_open = false;  // made by OpenRoot
  // Of one task of such a root: what it needs, by its client or one CPU (one that stays; null where
  // it was not asked), and the slot time that its client said (0: nothing).
  const Resources* shape = nullptr;
  Nanos said_each{0};

  ReadyRoot ready;  // scheduling's own

  // The task table's own, under its lock.
  std::uint32_t unfinished = 0;  // accepted tasks not yet published
  std::uint32_t window = 0;      // most that `unfinished` may be before a submission or spawn waits
  bool durable = false;          // the journal knows of it
  bool closed = false;           // takes no more from its session
  bool cancelled = false;        // all its tasks are; then it is closed as well
  bool ended = false;            // closed and all published; takes nothing more from anybody
  // A task that its session added was not done in time: its work was for nothing.
  bool failed = false;
  std::unique_ptr<WorkPromise> promise;  // of what it was let in for; none once it is closed
  Instant promised_until{};     // of a root of which something has come: for so long it counts
  std::uint32_t said = 0;       // of an open root: tasks that its client expected
  std::uint32_t came = 0;       // and those that its client has added
  std::uint32_t foreseen = 0;   // of those, by what is known of its like
  std::uint32_t expected = 0;   // of those, before it is taken to grow again
  std::uint32_t learned = 0;    // of those, what others are judged by
  std::uint32_t grew_came = 0;  // of those, when it grew last, or was made
  Instant grew_at{};            // and when that was
  bool timed = false;           // submission looks how long it is silent
  Instant began = kNever;       // the task that it began with did, which has ended
  bool grew = false;            // a task that one of it spawned has ended
  Nanos spent{0};               // slot time of its tasks that have ended, while it has not failed
  Root* next_of_session = nullptr;  // of those that OpenRoot made
  Root* prev_of_session = nullptr;

  // tidy: atomics: shared by the tasks of a root, which are on different threads
  std::atomic<std::uint32_t> holders{0};
  Slab<Root>* home = nullptr;
};

// Shares a root; the last one to let go frees it. Any thread.
class RootPtr {
 public:
  RootPtr() = default;
  explicit RootPtr(Root* root) : root_(root) { Retain(); }
  RootPtr(const RootPtr& other) : root_(other.root_) { Retain(); }
  RootPtr(RootPtr&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  RootPtr& operator=(RootPtr other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~RootPtr() {
    if (root_ != nullptr && root_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      root_->home->Destroy(root_);
    }
  }

  [[nodiscard]] Root* get() const { return root_; }
  Root* operator->() const { return root_; }
  Root& operator*() const { return *root_; }
  explicit operator bool() const { return root_ != nullptr; }

 private:
  void Retain() {
    if (root_ != nullptr) root_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  Root* root_ = nullptr;
};

}  // namespace spillgate
