// Who is next in a ready set.
#include <algorithm>
#include <utility>

#include "core/model/prefetch.h"
#include "core/model/ready_order.h"
#include "core/model/ready_set.h"

namespace spillgate {

using ready::Before;
using ready::Bundle;
using ready::FirstBundle;
using ready::FirstGroup;
using ready::FirstTask;
using ready::Flow;
using ready::Group;
using ready::Kind;
using ready::Lane;

namespace {

// Tasks that are put in lanes of their own in a pass: about a millisecond's work.
constexpr int kMostApart = 2048;

// Moves the virtual time at which new roots start: as far as what was given out goes, spread over
// the roots that wait, and never past the end of the one that is served.
void Advance(ready::RootQueue& line, std::int64_t start, std::int64_t cost) {
  std::int64_t step = line.unspread;
  if (line.roots > 1) step /= line.roots;
  line.unspread -= step * line.roots;
  line.arrival = std::max({line.arrival, start, std::min(line.arrival + step, start + cost)});
  line.unspread += cost;
}

}  // namespace

// The classes that have work, in the order of this moment.
struct ReadySet::Turns {
  std::array<std::uint8_t, kClasses> cls{};
  std::array<bool, kClasses> owed{};
  std::size_t count = 0;

  void Add(std::size_t index, bool is_owed) {
    cls[count] = static_cast<std::uint8_t>(index);
    owed[count++] = is_owed;
  }
};

// What may be taken of what is free: all of it before the task for which room is kept, behind it
// only what that task will not need.
struct ReadySet::Room {
  const Resources& free;
  const Task* kept_for = nullptr;
  std::size_t kept_turn = 0;
  Resources spare;

  [[nodiscard]] bool Has(Group& group, std::size_t turn) const {
    const Resources& shape = group.lane->kind->name.shape;
    if (!shape.Fits(free)) return false;
    if (kept_for == nullptr || turn < kept_turn || shape.Fits(spare)) return true;
    if (turn > kept_turn) return false;
    const Task& task = FirstTask(group);
    return &task == kept_for || Before(task, *kept_for);
  }
};

TaskPtr ReadySet::Pop(const Resources& free, Instant now, std::vector<TaskPtr>* dropped) {
  while (true) {
    const Found found = Find(free, now);
    if (found.group == nullptr) return {};
    Task& task = FirstTask(*found.group);
    if (dropped == nullptr || !IsOutOfReach(task, now) || MayTry(task, now)) {
      return Take(task, found.owed);
    }
    if (dropped->size() >= kMostDropped) return {};
    Drop(task, *dropped);
  }
}

TaskPtr ReadySet::PopBeside(std::span<Task* const> awaited, const Resources& free,
                            const Rivals& rivals, Instant now, std::vector<TaskPtr>* dropped) {
  rivals_ = &rivals;
  TaskPtr task;
  while (Task* best = FirstOf(awaited, free, nullptr)) {
    const Found found = Find(free, now);
    Task* first = found.group == nullptr ? nullptr : &FirstTask(*found.group);
    // What a class is owed is not for another one.
    if (found.owed) best = FirstOf(awaited, free, first);
    if (best != nullptr && (first == nullptr || first->root.get() == best->root.get() ||
                            ready::Precedes(*best, *first))) {
      task = Take(*best, found.owed);
      break;
    }
    if (dropped == nullptr) break;
    if (!IsOutOfReach(*first, now) || MayTry(*first, now)) {
      task = Take(*first, found.owed);
      break;
    }
    if (dropped->size() >= kMostDropped) break;
    Drop(*first, *dropped);
  }
  rivals_ = nullptr;
  return task;
}

// Of those that could run, and of the class of `like`, if given. If the first of all is of a root
// that has an awaited one, that is the first of these too.
Task* ReadySet::FirstOf(std::span<Task* const> awaited, const Resources& free, const Task* like) {
  Task* best = nullptr;
  for (Task* task : awaited) {
    if (!Holds(*task) || !task->shape->Fits(free)) continue;  // it may have been dropped
    if (like != nullptr && task->root->cls != like->root->cls) continue;
    const std::uint32_t limit = task->function->slot_limit;
    if (limit != 0 && StateOf(*task->function).running >= limit) continue;
    if (best == nullptr || ready::Precedes(*task, *best)) best = task;
  }
  return best;
}

bool ReadySet::IsRival(const Task& task) {
  const Rival rival = (*rivals_)[static_cast<std::size_t>(task.function->host)];
  return rival == Rival::kAny ||
         (rival == Rival::kThatNeverWaits && !StateOf(*task.function).waits);
}

TaskPtr ReadySet::PopToPrefetch(Instant now, std::vector<TaskPtr>& dropped) {
  while (size_ > 0) {
    const Found found = First(BeginPick(now), nullptr);
    if (found.group == nullptr) return {};
    Task& task = FirstTask(*found.group);
    const FunctionState& state = StateOf(*task.function);
    if (state.waits || state.limit.limit() != SlotLimit::kNone) return {};
    if (!Prefetch::Takes(task, costs_)) return {};
    if (!IsOutOfReach(task, now) || MayTry(task, now)) return Take(task, found.owed);
    if (dropped.size() >= kMostDropped) return {};
    Drop(task, dropped);
  }
  return {};
}

TaskPtr ReadySet::PopShort(const Resources& place, Instant now, std::vector<TaskPtr>* dropped) {
  if (size_ == 0 || !options_.learned_limits) return {};
  if (!kept_slot_.TakenByLong(total_, kept_slot_.LongFrom(now))) return {};
  short_only_ = true;
  TaskPtr task = Pop(place, now, dropped);
  short_only_ = false;
  return task;
}

// Short work keeps its slot also where all of it is refused: else long runs take that while a burst
// is refused, and as long as they have it nothing short gets here that would win it back.
void ReadySet::HearOfTurnedAway() {
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const WorkAccount::TurnedAway& last = account_.At(static_cast<TaskClass>(cls)).turned_away;
    const std::int64_t at = last.at.get();
    const Resources* shape = last.shape.load(std::memory_order_acquire);
    if (std::exchange(heard_of_[cls], at) == at || shape == nullptr) continue;
    if (classes_[cls].size == 0) shares_.Wants(cls, Nanos(last.p95.get()));
    kept_slot_.Came(static_cast<TaskClass>(cls), Nanos(last.p95.get()), Nanos(last.slack.get()),
                    *shape, Instant(Nanos(at)));
  }
}

ReadySet::Found ReadySet::Find(const Resources& free, Instant now) {
  if (size_ == 0) return {};
  const Turns turns = BeginPick(now);
  if (short_only_) {
    const Room place{.free = free, .kept_for = nullptr, .kept_turn = 0, .spare = free};
    return First(turns, &place);
  }
  Found found = First(turns, nullptr);
  if (found.group == nullptr) return {};
  if (!found.group->lane->kind->name.shape.Fits(free)) {
    Pass(FirstTask(*found.group), now);
    const Room room = RoomNow(turns, free);
    found = First(turns, &room);
  }
  return found;
}

ReadySet::Turns ReadySet::BeginPick(Instant now) {
  now_ = now;
  HearOfTurnedAway();
  if (newest_first_ != account_.newest_first()) FollowDoor();
  if (misplaced_ > 0) MoveApart();
  return TurnsNow();
}

ReadySet::Turns ReadySet::TurnsNow() {
  Turns turns;
  std::size_t top = 0;
  while (classes_[top].size == 0) ++top;
  std::array<bool, kClasses> owed{};
  for (std::size_t cls = top + 1; cls < kClasses; ++cls) {
    if (classes_[cls].size == 0 || !shares_.IsOwed(cls, Quantum(cls))) continue;
    owed[cls] = true;
    turns.Add(cls, true);
  }
  for (std::size_t cls = top; cls < kClasses; ++cls) {
    if (classes_[cls].size != 0 && !owed[cls]) turns.Add(cls, false);
  }
  return turns;
}

Nanos ReadySet::Quantum(std::size_t cls) const {
  return classes_[cls].work / static_cast<std::int64_t>(classes_[cls].size);
}

bool ReadySet::AtLimit(const Kind& kind) const {
  if (kind.function == nullptr) return false;
  const FunctionState& state = functions_[kind.name.limited];
  const std::uint32_t set = kind.function->slot_limit;
  if (set != 0 && state.running >= set) return true;
  if (!options_.learned_limits) return false;
  if (state.running >= state.limit.limit()) return true;
  if (state.length == 0) return false;
  const KeptSlot::Length long_from = kept_slot_.LongFrom(now_);
  return state.length >= long_from && kept_slot_.WouldTake(kind.name.shape, total_, long_from);
}

// Functions of which some have to be passed over now share lanes with others, from when they had
// not: a task of one that comes first there goes to a lane of its own. So each goes once at most. A
// lane where there are too many to do it at once waits for the next time.
void ReadySet::MoveApart() {
  if (std::exchange(apart_at_, now_) != now_) apart_left_ = kMostApart;
  for (ready::ClassQueue& queue : classes_) {
    for (std::size_t at = 0; at < queue.lanes.size() && apart_left_ > 0;) {
      Lane& lane = *queue.lanes[at];
      Group& first = FirstGroup(lane);
      if (!IsMisplaced(first)) {
        ++at;
        continue;
      }
      Task* task = &FirstTask(first);
      Bundle& from = *task->ready.bundle;
      Root& root = *from.root;
      Flow& flow = *from.group->flow;
      Group& group = GroupOf(flow, KindOf(*task).LaneFor(flow.cls, lane.line));
      from.tasks.Remove(task);
      if (from.tasks.empty()) DropBundle(from);
      Bundle& bundle = BundleOf(root, group);
      bundle.tasks.Insert(task);
      task->ready.bundle = &bundle;
      --StateOf(*task->function).shared;
      --misplaced_;
      --apart_left_;
    }
  }
}

bool ReadySet::IsMisplaced(ready::Group& group) {
  return group.lane->kind->function == nullptr && StateOf(*FirstTask(group).function).apart;
}

// The first group in order that may go: by its function's limit and, if `room` is given, by its
// resources.
ReadySet::Found ReadySet::First(const Turns& turns, const Room* room) {
  for (std::size_t turn = 0; turn < turns.count; ++turn) {
    Group* group = Scan(turn, turns, room);
    if (group != nullptr) return {group, turns.owed[turn]};
    const std::size_t cls = turns.cls[turn];
    if (turns.owed[turn] && !short_only_ && rivals_ == nullptr) shares_.Unused(cls, Quantum(cls));
  }
  return {};
}

Group* ReadySet::Scan(std::size_t turn, const Turns& turns, const Room* room) {
  ready::ClassQueue& queue = classes_[turns.cls[turn]];
  const std::size_t count = queue.lanes.size();
  std::size_t at = count > kMostScanned ? queue.cursor % count : 0;
  Group* best = nullptr;
  for (std::size_t looks = 0; looks < count && (looks < kMostScanned || best == nullptr); ++looks) {
    Lane& lane = *queue.lanes[at];
    if (++at == count) at = 0;
    if (AtLimit(*lane.kind)) continue;
    Group& group = FirstGroup(lane);
    if (misplaced_ > 0 && IsMisplaced(group)) continue;
    if (short_only_ && StateOf(*FirstTask(group).function).length > 0) continue;
    if (rivals_ != nullptr && !IsRival(FirstTask(group))) continue;
    if (room != nullptr && !room->Has(group, turn)) continue;
    if (best == nullptr || Before(group, *best)) best = &group;
  }
  queue.cursor = at;
  return best;
}

ReadySet::Room ReadySet::RoomNow(const Turns& turns, const Resources& free) const {
  Room room{.free = free, .kept_for = nullptr, .kept_turn = 0, .spare = free};
  if (kept_for_ == nullptr) return room;
  const Group& group = *kept_for_->ready.bundle->group;
  if (AtLimit(*group.lane->kind)) return room;
  room.kept_for = kept_for_;
  while (turns.cls[room.kept_turn] != Index(group.flow->cls)) ++room.kept_turn;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    std::int64_t& spare = room.spare.amount[kind];
    spare = std::max<std::int64_t>(0, spare - group.lane->kind->name.shape.amount[kind]);
  }
  return room;
}

// It stands first and does not fit: for a while others may go before it, then room is kept for it.
void ReadySet::Pass(Task& task, Instant now) {
  if (task.ready.passed == kNever) task.ready.passed = now;
  if (now - task.ready.passed >= options_.reserve_after) kept_for_ = &task;
}

TaskPtr ReadySet::Take(Task& task, bool owed) {
  const Bundle& bundle = *task.ready.bundle;
  Flow& flow = *bundle.group->flow;
  ready::ClassQueue& queue = classes_[Index(flow.cls)];
  ReadyRoot& root = bundle.root->ready;
  const Nanos cost = costs_.Estimate(task.cost_key(), task.estimate);
  task.estimate = cost;

  NoteGiven(*bundle.group, owed, cost);
  const std::int64_t lag = options_.most_lag.count();
  // Nor has anybody a claim from before nothing waited, also if it is paid back later.
  flow.tag = std::max({flow.tag, queue.time - lag, queue.idle - options_.most_saved.count()});
  queue.time = std::max(queue.time, flow.tag);
  ready::RootQueue& line = flow.lines[bundle.root->line];
  root.Raise(line.served - lag);
  Advance(line, root.fair_tag(), cost.count());
  // Without its gift, which puts nobody behind those that have not begun.
  line.served = std::max(line.served, std::min(root.tag, root.fair_tag()));
  TakeTurn(flow, bundle.root->line, cost.count());
  Detach(task);
  return TaskPtr(&task);
}

void ReadySet::NoteGiven(const Group& group, bool owed, Nanos cost) {
  const Flow& flow = *group.flow;
  ready::ClassShares::Waiting waiting{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) waiting[cls] = classes_[cls].size != 0;
  shares_.Dispatched(Index(flow.cls), owed, cost, waiting);
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    account_.Of(static_cast<TaskClass>(cls)).saved.Set(shares_.Saved(cls).count());
  }
  WorkAccount::Class& given = account_.Of(flow.cls);
  const WorkAccount::Needs& needs = group.lane->kind->needs;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const std::int64_t node_time = needs.NodeTime(i, cost);
    given.given[needs[i].kind].Add(node_time, now_);
    flow.account->given[needs[i].kind].Add(node_time, now_);
  }
  given.active.Add(flow.account->active, flow.weight, GivenLately::WindowOf(now_));
}

}  // namespace spillgate
