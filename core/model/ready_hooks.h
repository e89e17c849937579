// What the ready set keeps inside each task and each root, so that holding one costs no allocation.
// Only the ready set reads or writes these.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"
#include "core/model/ready_queue.h"

namespace spillgate {

struct Root;
struct Task;

namespace ready {

struct BundleOrder;
struct DueOrder;
struct LineDueOrder;
struct Group;
struct TaskOrder;

// The waiting tasks of one root that are of one kind (the same resources and the same slot limit):
// so either all of them can run now, or none can.
struct Bundle {
  Group* group = nullptr;  // null while it is not in use
  Root* root = nullptr;
  std::int64_t tag =
      0;  // the root's when it was last put in its place; the root's own may have moved since
  std::uint64_t order = 0;
  Hook<Bundle> in_group;
  Bundle* next = nullptr;  // of the root
  Bundle* prev = nullptr;
  OrderedQueue<Task, TaskOrder> tasks;
};

}  // namespace ready

struct ReadyTask {
  ready::Bundle* bundle = nullptr;  // null while it is not in the set
  std::uint64_t order = 0;          // of arrival
  Task* older = nullptr;
  Task* newer = nullptr;
  ready::Hook<Task> in_bundle;
  ready::Hook<Task> in_due;
  ready::Hook<Task> in_line;
  Nanos work{0};            // its estimate when it came, counted in its flow until it leaves
  Instant since;            // when it came
  Instant passed = kNever;  // when it was first in order, did not fit, and others were let past
  std::uint8_t due = 0;     // which of the queues by deadline it is in
  bool counted = false;     // as a spawn of its root
  bool held_back = false;   // its function was at its limit when it came
};

struct ReadyRoot {
  std::int64_t tag = 0;     // its place among the roots of its tenant: virtual time, less the gift
  std::int64_t gift = 0;    // that it is ahead of its share; less than 0 is behind
  std::int64_t had = 0;     // slot time
  std::uint64_t order = 0;  // since when it waits, for ties
  std::uint32_t waiting = 0;
  Nanos work{0};         // of those, by their estimates
  Nanos foreseen{0};     // of its runs that have ended, what their functions were known to take
  Nanos took{0};         // and what they took
  bool large = false;    // it has had more than roots of its tenant mostly have
  bool begun = false;    // a task of it was given resources
  bool doomed = false;   // it was found out of reach: all of it is dropped
  Instant soon_until{};  // what it spawns by then was to be expected
  ready::Bundle own;     // most roots never need another
  ready::Bundle* bundles = nullptr;

  // Virtual time at which it has had what it was given so far.
  [[nodiscard]] std::int64_t fair_tag() const { return tag + gift; }
  void Raise(std::int64_t fair) { tag += std::max<std::int64_t>(0, fair - fair_tag()); }
};

}  // namespace spillgate
