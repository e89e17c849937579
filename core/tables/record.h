// What the node remembers of a task: whether it has ended and how, who waits for it, who its
// children are. Made when the task is accepted; kept until its session has let go of the result and
// nothing here needs it. All of it belongs to the task table's lock, but for the atomics, which
// stages read and write as they go.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/level.h"
#include "core/model/outcome.h"
#include "core/model/root.h"

namespace spillgate {

struct Session;
struct Waiter;

// What makes a durable task again: shared by those that came in one frame.
struct Lineage {
  Buffer frame;                  // whole
  std::int64_t deadline_us = 0;  // of the wall clock; 0: none
  ShapeId shape = 0;
};

struct Record {
  TaskId id;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> begun{false};  // it may run once at most, and the journal notes that it does
  std::atomic<std::uint8_t> attempt{0};  // runs begun

  bool push = false;         // its results go to the session without being asked for
  bool delivered = false;    // they were handed to the session's connection
  bool released = false;     // the session has let go of it
  bool wanted = false;       // resolution holds tasks that wait for it
  bool detached = false;     // lives on when its session ends
  bool of_children = false;  // where its session has it
  bool once = false;         // may not run again, also if its parent does
  bool cancelling = false;   // publication has a cancel of it under way, or waiting
  std::uint8_t depth = 0;
  std::uint8_t returns = 1;
  Level level = Level::kNone;
  TaskClass cls = TaskClass::kNormal;
  std::uint32_t function = 0;
  std::uint32_t spawned_in = 0;  // the latest run of its parent that has spawned it
  std::uint32_t pins = 0;        // unfinished tasks that have it as an argument
  std::uint32_t below = 0;       // records that are `via` this one
  RootPtr root;                  // until it ends
  Nanos path{0};  // known time to its end from the beginning of what it waits for; 0 if for nothing

  Session* session = nullptr;
  Record* parent = nullptr;  // while the parent is unfinished; after that, its parent's
  // The child of `parent` that it is below, if its own parent has ended: then it stays only while
  // it is unfinished, and that child's record as well.
  Record* via = nullptr;
  Record* first_child = nullptr;
  Record* next_sibling = nullptr;
  Record* prev_sibling = nullptr;
  // Of a cancelled one: its cancel has been through the children before this one, and all below
  // them; null: through all.
  Record* uncancelled = nullptr;
  Record* next_of_session = nullptr;
  Record* prev_of_session = nullptr;
  Waiter* waiters = nullptr;

  // Of a durable task: what a snapshot writes of it.
  std::shared_ptr<const Lineage> lineage;
  std::uint32_t lineage_index = 0;  // its position in the frame
  const Outcome* coming = nullptr;  // on its way to the disk, and not visible before

  Outcome outcome;
  Instant accepted;
  Instant settled;  // when it ended

  [[nodiscard]] bool open() const { return outcome.open(); }
};

}  // namespace spillgate
