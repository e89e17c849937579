#include "core/model/ready_set.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/check.h"

namespace spillgate {

using ready::Bundle;
using ready::Flow;
using ready::Group;
using ready::Kind;

namespace {

// Deadlines that are about as far away share a queue: there they mostly come in order.
std::uint8_t DueQueue(Instant deadline, Instant now) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now).count();
  if (ms <= 0) return 0;
  const int width = std::bit_width(static_cast<std::uint64_t>(ms));
  return static_cast<std::uint8_t>(std::min(width / 2, 7));
}

}  // namespace

ReadySet::ReadySet(const CostModel& costs, WorkAccount& account, const Options& options)
    : costs_(costs), account_(account), total_(account.total()) {
  Apply(options);
  groups_.reserve(1024);
  further_bundles_.reserve(1024);
}

ReadySet::~ReadySet() {
  while (oldest_ != nullptr) (void)Remove(*oldest_);
}

void ReadySet::Apply(const Options& options) {
  options_ = options;
  shares_.Set(options.shares, options.share_window);
  kept_slot_.Apply(options.targets);
}

void ReadySet::SetWeight(TenantId tenant, std::uint32_t weight) {
  Tenant& flows = TenantOf(tenant);
  for (Flow& flow : flows) {
    std::uint64_t& weights = classes_[Index(flow.cls)].weights;
    if (flow.size != 0) weights -= flow.weight;
    flow.weight = std::max(weight, 1U);
    flow.remainder = 0;
    if (flow.size != 0) weights += flow.weight;
    flow.account->weight.Set(flow.weight);
    Show(flow);
  }
}

void ReadySet::Push(TaskPtr owned, Instant now) {
  SG_CHECK(!Holds(*owned));
  if (newest_first_ != account_.newest_first()) FollowDoor();
  Task& task = *owned.release();
  Root& root = *task.root;
  Flow& flow = FlowOf(root);
  ready::ClassQueue& queue = classes_[Index(flow.cls)];
  Kind& kind = KindOf(task);
  FunctionState& state = StateOf(*task.function);
  state.shared += kind.function == nullptr ? 1 : 0;
  kept_slot_.Came(flow.cls, state.p95, task.deadline - now, *task.shape, now);
  now_ = now;
  task.ready.held_back = AtLimit(kind);
  Group& group = GroupOf(flow, kind.LaneFor(flow.cls, root.line));
  task.ready.order = ++sequence_;
  task.ready.passed = kNever;
  task.ready.work = costs_.Takes(task.cost_key(), task.estimate);

  // What one had beyond its share while nobody waited was at nobody's expense.
  if (queue.size == 0) queue.idle = queue.time = std::max(queue.time, queue.furthest);
  if (flow.size++ == 0) {
    flow.tag = std::max(flow.tag, EarliestTag(root));
    flow.order = sequence_;
    queue.weights += flow.weight;
  }
  if (root.ready.waiting++ == 0) {
    // What was given to others while it had nothing waiting is no claim of its; but its first tasks
    // go as if they had all come with it.
    ready::RootQueue& line = flow.lines[root.line];
    const bool is_new = root.ready.order == 0;
    if (is_new || root.ready.large) {
      root.ready.Raise(line.arrival);
      root.ready.order = sequence_;
    }
    if (is_new) {
      Give(root.ready, 1);  // before all that have had as much
      line.sizes.Begin();
    }
    if (newest_first_) GoFirst(line, root.ready);
    ++line.roots;
  }
  Bundle& bundle = BundleOf(root, group);
  bundle.tasks.Append(&task);
  task.ready.bundle = &bundle;
  root.ready.work += WorkAccount::Summed(task.ready.work);
  flow.work += WorkAccount::Summed(task.ready.work);
  queue.work += WorkAccount::Summed(task.ready.work);
  ++flow.waiting[root.line];
  ++queue.size;
  ++size_;
  Account(flow, *group.lane, task, 1);
  if (root.patient()) JoinLine(flow, task);
  Show(flow);
  Track(task, now);
}

// Of a tenant that was idle, when this root comes: it has little claim on what others had
// meanwhile, and none for what can wait.
std::int64_t ReadySet::EarliestTag(const Root& root) const {
  const Nanos claim = root.patient() ? Nanos(0) : options_.most_saved;
  return classes_[Index(root.cls)].time - claim.count();
}

// For those who read it: the task waits (1), or no more (-1).
void ReadySet::Account(const Flow& flow, const ready::Lane& lane, const Task& task, int by) {
  const WorkAccount::Needs& needs = lane.kind->needs;
  WorkAccount::Class& cls = account_.Of(flow.cls);
  Gauge& waiting = account_.WaitingOf(task.function->id);
  waiting.Add(by);
  if (waiting.get() == 0) StateOf(*task.function).limit.NoneWaits();
  account_.WorkOf(task.function->id).Add(by * WorkAccount::Summed(task.ready.work).count());
  if (lane.line > 0) cls.patient.Add(by);
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const std::int64_t change = by * needs.NodeTime(i, task.ready.work);
    flow.account->work[needs[i].kind].Add(change);
    if (lane.line > 0) flow.account->patient[lane.line].work[needs[i].kind].Add(change);
    cls.work[needs[i].kind].Add(change);
  }
  if (task.ready.held_back) CountHeldBack(flow, lane, task, by);
}

void ReadySet::CountHeldBack(const Flow& flow, const ready::Lane& lane, const Task& task, int by) {
  const WorkAccount::Needs& needs = lane.kind->needs;
  WorkAccount::Class& cls = account_.Of(flow.cls);
  cls.held_back_tasks.Add(by);
  account_.HeldBackOf(task.function->id).Add(by);
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const std::int64_t change = by * needs.NodeTime(i, task.ready.work);
    flow.account->held_back[needs[i].kind].Add(change);
    if (lane.line > 0) flow.account->patient[lane.line].held_back[needs[i].kind].Add(change);
    cls.held_back[needs[i].kind].Add(change);
  }
  FunctionState& state = StateOf(*task.function);
  const bool before = state.held_back > 0;
  state.held_back += by;
  if (before == (state.held_back > 0)) return;
  if (before) {
    taken_ -= state.held;
  } else {
    taken_ += state.held;
  }
  account_.ShowTaken(taken_);
}

void ReadySet::Hold(FunctionState& state, const Resources& held) {
  state.held += held;
  kept_slot_.Held(state.length, held);
  if (state.held_back == 0) return;
  taken_ += held;
  account_.ShowTaken(taken_);
}

void ReadySet::LetGo(FunctionState& state, const Resources& held) {
  state.held -= held;
  kept_slot_.Freed(state.length, held);
  if (state.held_back == 0) return;
  taken_ -= held;
  account_.ShowTaken(taken_);
}

void ReadySet::Show(const Flow& flow) {
  const ready::ClassQueue& queue = classes_[Index(flow.cls)];
  WorkAccount::Class& cls = account_.Of(flow.cls);
  cls.tasks.Set(static_cast<std::int64_t>(queue.size));
  cls.time.Set(queue.time);
  cls.weights.Set(static_cast<std::int64_t>(queue.weights));
  flow.account->tag.Set(flow.tag);
  for (std::size_t line = 1; line < kLines; ++line) {
    flow.account->behind[line].Set(flow.behind_by[line]);
  }
}

void ReadySet::JoinLine(Flow& flow, Task& task) {
  const SlackLine line = task.root->line;
  if (task.deadline == kNever) {
    ++flow.undated[line];
  } else {
    flow.dated[line].Append(&task);
  }
  (void)Claim(flow, line);
}

// Its claim stays: it is put right when it matters, and the last task leaves it for what its root
// brings while it runs.
void ReadySet::LeaveLine(Flow& flow, SlackLine line, Task& task) {
  if (task.deadline == kNever) {
    --flow.undated[line];
  } else {
    flow.dated[line].Remove(&task);
  }
}

// Remembers it by age and by deadline.
void ReadySet::Track(Task& task, Instant now) {
  // What comes back as it was held up has waited since it came first.
  if (!task.held_up) task.ready.since = now;
  task.ready.older = newest_;
  task.ready.newer = nullptr;
  (newest_ != nullptr ? newest_->ready.newer : oldest_) = &task;
  newest_ = &task;
  if (task.deadline == kNever) return;
  task.ready.due = DueQueue(task.deadline, now);
  due_[task.ready.due].Append(&task);
}

void ReadySet::Forget(Task& task) {
  Task* older = task.ready.older;
  Task* newer = task.ready.newer;
  (older != nullptr ? older->ready.newer : oldest_) = newer;
  (newer != nullptr ? newer->ready.older : newest_) = older;
  if (task.deadline != kNever) due_[task.ready.due].Remove(&task);
  if (kept_for_ == &task) kept_for_ = nullptr;
}

void ReadySet::Detach(Task& task) {
  Forget(task);
  Bundle& bundle = *std::exchange(task.ready.bundle, nullptr);
  const ready::Lane& lane = *bundle.group->lane;
  Flow& flow = *bundle.group->flow;
  Root& root = *bundle.root;
  ready::ClassQueue& queue = classes_[Index(flow.cls)];
  if (lane.kind->function == nullptr) {
    FunctionState& state = StateOf(*task.function);
    --state.shared;
    misplaced_ -= state.apart ? 1 : 0;
  }
  bundle.tasks.Remove(&task);
  if (bundle.tasks.empty()) DropBundle(bundle);
  ready::RootQueue& line = flow.lines[lane.line];
  if (--root.ready.waiting == 0 && --line.roots == 0) line.unspread = 0;
  root.ready.work -= WorkAccount::Summed(task.ready.work);
  flow.work -= WorkAccount::Summed(task.ready.work);
  queue.work -= WorkAccount::Summed(task.ready.work);
  --flow.waiting[lane.line];
  Account(flow, lane, task, -1);
  if (lane.line > 0) LeaveLine(flow, lane.line, task);
  if (--flow.size == 0) queue.weights -= flow.weight;
  --queue.size;
  --size_;
  Show(flow);
}

TaskPtr ReadySet::Remove(Task& task) {
  SG_CHECK(Holds(task));
  Detach(task);
  return TaskPtr(&task);
}

bool ReadySet::Expire(Instant now, std::size_t most, std::vector<TaskPtr>& out) {
  while (true) {
    Task* earliest = nullptr;
    for (const auto& queue : due_) {
      Task* task = queue.First();
      if (task == nullptr || task->deadline >= now) continue;
      if (earliest == nullptr || ready::DueOrder::Before(*task, *earliest)) earliest = task;
    }
    if (earliest == nullptr) return false;
    if (most-- == 0) return true;
    out.push_back(Remove(*earliest));
  }
}

void ReadySet::Ended(const Function& function, const Resources& held) {
  FunctionState& state = StateOf(function);
  SG_CHECK(state.running > 0);
  account_.RunningOf(function.id).Set(--state.running);
  state.limit.Runs(state.running, now_);
  LetGo(state, held);
}

void ReadySet::Begun(const Function& function, const Resources& held) {
  FunctionState& state = StateOf(function);
  account_.RunningOf(function.id).Set(++state.running);
  state.limit.Runs(state.running, now_);
  Hold(state, held);
}

// It may have to be passed over then.
void ReadySet::Waits(const Function& function) {
  FunctionState& state = StateOf(function);
  state.waits = true;
  SetApart(state);
}

void ReadySet::Learned(const Function& function) {
  FunctionState& state = StateOf(function);
  state.p95 = WallTime(costs_.P95(function.id), SlotUnits(function.shape));
  const KeptSlot::Length length = KeptSlot::LengthOf(state.p95);
  if (length != state.length) {
    kept_slot_.Freed(state.length, state.held);
    kept_slot_.Held(length, state.held);
    state.length = length;
  }
  SetApart(state);
}

void ReadySet::Ran(const Function& function, bool done, Instant now) {
  now_ = now;
  FunctionState& state = StateOf(function);
  const bool was_limited = state.limit.limit() != SlotLimit::kNone;
  if (state.recent != nullptr && options_.learned_limits) {
    const auto own = static_cast<std::size_t>(account_.Waiting(function.id));
    state.limit.Ended({.now = now,
                       .slots = SlotsOf(*state.recent),
                       .waits = own > 0,
                       .others_wait = size_ > own,
                       .done = done});
  }
  const bool is_limited = state.limit.limit() != SlotLimit::kNone;
  limited_ += (is_limited ? 1U : 0U) - (was_limited ? 1U : 0U);
  SetApart(state);
}

void ReadySet::SetApart(FunctionState& state) {
  const bool apart = state.length > 0 || state.waits || state.limit.limit() != SlotLimit::kNone;
  if (apart == state.apart) return;
  state.apart = apart;
  misplaced_ += apart ? state.shared : 0U;
  misplaced_ -= apart ? 0U : state.shared;
}

std::size_t ReadySet::Size(TaskClass cls, TenantId tenant) const {
  const Flow* flow = FindFlow(cls, tenant);
  return flow == nullptr ? 0 : flow->size;
}

Nanos ReadySet::Work(TaskClass cls, TenantId tenant) const {
  const Flow* flow = FindFlow(cls, tenant);
  return flow == nullptr ? Nanos(0) : flow->work;
}

std::uint32_t ReadySet::Running(FunctionId function) const {
  return function < functions_.size() ? functions_[function].running : 0;
}

}  // namespace spillgate
