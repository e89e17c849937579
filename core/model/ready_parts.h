// The parts that a ready set is made of, and their orders. A Kind is what decides whether a task
// can run now: its resources, and the slot limit of its function if that has one. In each class a
// Kind has a Lane for each line of roots (slack_lines.h), so all that cannot run is passed over at
// once, however much of it waits. In a Lane wait Groups (the tasks of one kind, of one tenant, in
// one class), in a Group Bundles (those of one root), in a Bundle tasks. Only ReadySet uses these.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "core/base/ids.h"
#include "core/base/links.h"
#include "core/model/class.h"
#include "core/model/function.h"
#include "core/model/ready_hooks.h"
#include "core/model/ready_queue.h"
#include "core/model/resources.h"
#include "core/model/slack_lines.h"
#include "core/model/task.h"
#include "core/model/work_account.h"

namespace spillgate::ready {

// Tags are virtual time: slot nanoseconds, divided by the weight. Groups and bundles hold a copy of
// the tag that belongs to their flow or root, from when they were put in their place. A tag that
// rose is noticed when its owner comes first; when a tag falls its owners are moved at once.

// What roots take that are not larger than most, of the last few.
class RootSizes {
 public:
  void Begin() {
    if (++roots_ < kMost) return;
    roots_ /= 2;
    slot_time_ /= 2;
  }
  void Add(std::int64_t slot_time) { slot_time_ += slot_time; }
  [[nodiscard]] std::int64_t Mean() const {
    return std::max<std::int64_t>(0, slot_time_) / std::max(roots_, 1);
  }

 private:
  static constexpr int kMost = 64;
  int roots_ = 0;
  std::int64_t slot_time_ = 0;
};

// The fair queue over the roots of one line of a tenant. A new root starts where the roots that
// wait would be by now if they were all served at once, each a little (`arrival`): were it only
// where the last one served began, then new roots, who have always had nothing, could keep a root
// that needs a second turn waiting for ever.
struct RootQueue {
  RootSizes sizes;
  std::uint32_t roots = 0;  // that wait
  std::int64_t arrival = 0;
  std::int64_t served = 0;    // furthest tag at which a root was served
  std::int64_t unspread = 0;  // slot time given out that `arrival` does not show yet
  std::int64_t newest = 0;    // roots that went first for being new
};

// A tenant in a class: what the fair queue of that class serves.
struct Flow {
  std::int64_t tag = 0;        // when it has had what it was given so far
  std::uint64_t order = 0;     // since when it waits, for ties
  std::int64_t remainder = 0;  // slot time not in the tag, less than the weight
  std::uint32_t weight = 1;
  TaskClass cls = TaskClass::kNormal;
  std::size_t size = 0;
  Nanos work{0};  // as WorkAccount::Summed

  // Its tasks stand in lines by the slack of their roots. At each line it and all behind it stand
  // behind the line before, but have half of the slot time of both while both wait, from when on
  // they need it to be done in time.
  std::array<std::size_t, kLines> waiting{};     // tasks, by line
  std::array<std::int64_t, kLines> behind_by{};  // slot time that it and those behind it have had
                                                 // less than the line before
  std::array<OrderedQueue<Task, LineDueOrder>, kLines> dated;  // of these, those with a deadline
  std::array<std::size_t, kLines> undated{};                   // how many have none
  [[nodiscard]] std::size_t WaitingFrom(std::size_t line) const {
    return std::accumulate(waiting.begin() + static_cast<std::ptrdiff_t>(line), waiting.end(),
                           std::size_t{0});
  }
  // Whether what is behind that line goes before it.
  [[nodiscard]] bool FurtherFirst(SlackLine line) const { return behind_by[line + 1U] > 0; }

  WorkAccount::Flow* account = nullptr;  // what others may see of it

  // Roots that can wait for very different times are of very different size: each line has a fair
  // queue of its own, or all that are long would share the time and end late together.
  std::array<RootQueue, kLines> lines;

  Group* recent = nullptr;  // kept while empty
  Group* groups = nullptr;
};

struct Lane;

struct Group {
  Flow* flow = nullptr;
  Lane* lane = nullptr;
  std::int64_t tag = 0;
  std::uint64_t order = 0;
  Hook<Group> in_lane;
  Group* next = nullptr;  // of the flow
  Group* prev = nullptr;
  OrderedQueue<Bundle, BundleOrder> bundles;
};

struct GroupOrder {
  static Hook<Group>& HookOf(Group& group) { return group.in_lane; }
  static bool Before(const Group& a, const Group& b) {
    return a.tag != b.tag ? a.tag < b.tag : a.order < b.order;
  }
};

struct BundleOrder {
  static Hook<Bundle>& HookOf(Bundle& bundle) { return bundle.in_group; }
  static bool Before(const Bundle& a, const Bundle& b) {
    return a.tag != b.tag ? a.tag < b.tag : a.order < b.order;
  }
};

struct TaskOrder {
  static Hook<Task>& HookOf(Task& task) { return task.ready.in_bundle; }
  static bool Before(const Task& a, const Task& b) {
    if (a.started != b.started) return a.started;
    if (a.deadline != b.deadline) return a.deadline < b.deadline;
    return a.ready.order < b.ready.order;
  }
};

struct DueOrder {
  static Hook<Task>& HookOf(Task& task) { return task.ready.in_due; }
  static bool Before(const Task& a, const Task& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.ready.order < b.ready.order;
  }
};

struct LineDueOrder {
  static Hook<Task>& HookOf(Task& task) { return task.ready.in_line; }
  static bool Before(const Task& a, const Task& b) { return DueOrder::Before(a, b); }
};

struct Kind;

struct Lane {
  Kind* kind = nullptr;
  SlackLine line = 0;
  std::size_t place = 0;  // in the list of its class, while it has groups
  OrderedQueue<Group, GroupOrder> groups;
};

struct KindName {
  Resources shape;
  Host host{};             // where they run
  FunctionId limited = 0;  // 0 for all functions that are never passed over
  friend bool operator==(const KindName&, const KindName&) = default;
};

struct Kind {
  explicit Kind(const Resources& shape, const Resources& total) : needs(shape, total) {}
  [[nodiscard]] Lane& LaneFor(TaskClass cls, SlackLine line) {
    return lanes[kLines * Index(cls) + line];
  }

  KindName name;
  WorkAccount::Needs needs;
  const Function* function = nullptr;         // whose lanes these are; null if others share them
  std::array<Lane, kLines * kClasses> lanes;  // of each class, by the lines of its roots
};

struct ClassQueue {
  std::vector<Lane*> lanes;   // that have groups
  std::size_t cursor = 0;     // where to look next, if there are too many to look at all
  std::int64_t time = 0;      // virtual: furthest tag at which a flow was served
  std::int64_t furthest = 0;  // tag that any flow had
  std::int64_t idle = 0;      // the time when last nothing waited
  std::uint64_t weights = 0;  // of the flows that wait
  std::size_t size = 0;
  Nanos work{0};
};

// Things of one type that are used again instead of freed.
template <class T>
class Pool {
 public:
  [[nodiscard]] T* Take() {
    if (free_.empty()) Grow();
    T* thing = free_.back();
    free_.pop_back();
    *thing = T();
    return thing;
  }
  void Give(T* thing) { free_.push_back(thing); }

 private:
  static constexpr std::size_t kBlock = 64;
  void Grow() {
    blocks_.push_back(std::make_unique<T[]>(kBlock));
    free_.reserve(blocks_.size() * kBlock);
    for (std::size_t i = kBlock; i > 0; --i) free_.push_back(&blocks_.back()[i - 1]);
  }
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<T*> free_;
};

// Which two things something belongs to.
struct Pair {
  const void* one = nullptr;
  const void* other = nullptr;
  friend bool operator==(const Pair&, const Pair&) = default;
};

}  // namespace spillgate::ready

template <>
struct std::hash<spillgate::ready::Pair> {
  std::size_t operator()(const spillgate::ready::Pair& pair) const noexcept {
    const auto one = reinterpret_cast<std::uintptr_t>(pair.one);
    return spillgate::Mix(one * 0x9e3779b97f4a7c15ULL +
                          reinterpret_cast<std::uintptr_t>(pair.other));
  }
};

template <>
struct std::hash<spillgate::ready::KindName> {
  std::size_t operator()(const spillgate::ready::KindName& name) const noexcept {
    std::uint64_t mixed =
        (std::uint64_t{name.limited} << 2) | static_cast<std::uint64_t>(name.host);
    for (const std::int64_t amount : name.shape.amount) {
      mixed = spillgate::Mix(mixed * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(amount));
    }
    return mixed;
  }
};
