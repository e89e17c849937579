// A task on its way through the node. Whoever holds the TaskPtr owns it and may write it; it moves
// with the event. Its arguments stay in the frame they came in. It dies in publication and nowhere
// else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/model/class.h"
#include "core/model/cost_key.h"
#include "core/model/function.h"
#include "core/model/level.h"
#include "core/model/outcome.h"
#include "core/model/ready_hooks.h"
#include "core/model/resources.h"
#include "core/model/root.h"

namespace spillgate {

// One argument, laid out as on the wire: bytes in the payload of the frame, or an object by id.
struct ArgRef {
  static constexpr std::uint32_t kInline = 0;
  static constexpr std::uint32_t kObject = 1;

  std::uint64_t session;  // of the object
  std::uint64_t seq;
  std::uint32_t index;
  std::uint32_t kind;
  std::uint32_t offset;  // of inline bytes, in the payload
  std::uint32_t size;

  [[nodiscard]] ObjectId object() const { return {{session, seq}, index}; }
};

struct Record;  // the task's entry in the task table

struct Task {
  TaskId id;
  TaskId parent;  // none for what a client submitted
  RootPtr root;
  Record* record = nullptr;  // outlives the task
  const Function* function = nullptr;
  const Resources* shape = nullptr;  // what a lease for it holds

  Buffer frame;  // keeps `args` and `payload` alive; empty when there are neither
  std::span<const ArgRef> args;
  ByteView payload;
  std::unique_ptr<Value[]> objects;  // the values of the object arguments, in the order of `args`
  std::uint32_t missing = 0;         // object arguments that do not exist yet; resolution's own
  std::uint32_t bytes = 0;           // what it is charged in every bound in bytes

  Instant arrived;  // at the stage that has it now
  Instant accepted;
  Instant begun = kNever;  // its first run
  Instant deadline = kNever;
  Nanos estimate{0};  // slot time: a client's hint, then what it was charged when it was placed
  Nanos spent{0};     // slot time that it held
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  std::uint8_t returns = 1;
  std::uint8_t depth = 0;    // 0 for a root's own tasks, one more for each parent
  std::uint8_t attempt = 0;  // runs begun
  std::uint8_t deaths = 0;   // workers that died with it
  std::uint8_t max_retries = 0;
  std::uint8_t spills = 0;    // times it was offered to another node
  bool pinned = false;        // its arguments are held for it
  bool from_reserve = false;  // its place in flight is one of the spawn reserve
  bool started = false;       // it ran, or is a piece of a root that has: goes first in its root
  bool hands_on = false;      // its lease goes on to a prefetched task when it ends
  bool prefetched = false;    // it was placed without one: see core/model/prefetch.h
  bool held_up = false;       // and given back

  ReadyTask ready;  // scheduling's own
  Outcome outcome;

  Slab<Task>* home = nullptr;

  // Whether running it takes something that scheduling has to get back.
  [[nodiscard]] CostKey cost_key() const { return {function->id, bytes}; }
  [[nodiscard]] bool leased() const { return !shape->IsNothing() || function->slot_limit > 0; }
};

struct TaskDeleter {
  void operator()(Task* task) const { task->home->Destroy(task); }
};
using TaskPtr = std::unique_ptr<Task, TaskDeleter>;

}  // namespace spillgate
