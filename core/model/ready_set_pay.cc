// What tenants and roots of a ready set pay for what they are given, and where that puts them.
#include <algorithm>
#include <utility>

#include "core/model/ready_set.h"

namespace spillgate {

using ready::Bundle;
using ready::Flow;
using ready::Group;

namespace {

// When a tag falls, so many of the places that depend on it are put right at once; the others when
// they come first.
constexpr int kMostMoved = 16;

// Of a root, before it has its fair share and no more.
constexpr std::int64_t kFirstTasks = 64;
constexpr std::int64_t kTimesTheMean = 8;

// While the newest go first: a place before all others, for roots of which nothing has begun; the
// begun ones are twice as far in front.
constexpr std::int64_t kAhead = std::int64_t{1} << 50;

// That a line's mean is of, about.
constexpr std::int64_t kRuns = 8;

// Of the time that a line is thought to need, for what nobody foresees.
constexpr double kClaimMargin = 1.25;
constexpr double kMostLineNs = 1e17;

// At tasks that wait, when the order changes.
constexpr int kMostLooks = 1024;

}  // namespace

void ReadySet::Pay(const Task& task) {
  Root& root = *task.root;
  Flow& flow = FlowOf(root);
  if (flow.size == 0) flow.tag = std::max(flow.tag, EarliestTag(root));
  const Nanos cost = std::clamp(task.estimate, Nanos(1), kMostSlotTime);
  Charge(flow, cost.count());
  std::int64_t& furthest = classes_[Index(flow.cls)].furthest;
  furthest = std::max(furthest, flow.tag);
  Gauge& came = flow.account->came[root.line];
  came.Set(std::max(came.get(), std::int64_t{task.arrived.time_since_epoch().count()}));
  if (root.patient()) {
    Gauge& each = flow.account->patient[root.line].each;
    const std::int64_t before = each.get() == 0 ? cost.count() : each.get();
    each.Set(before + (cost.count() - before) / kRuns);
  }
  ready::RootQueue& line = flow.lines[root.line];
  if (root.ready.waiting == 0 && root.ready.large) root.ready.Raise(line.served);
  const bool begins = !std::exchange(root.ready.begun, true);
  ChargeRoot(line, root.ready, cost.count(), cost.count());
  if (begins && root.ready.waiting > 0 && newest_first_) {
    GoFirst(line, root.ready);
    MoveForward(root.ready);
  }
  Show(flow);
}

// What has begun goes to the front when the order changes; of many that wait, those that have
// waited for longest.
void ReadySet::FollowDoor() {
  newest_first_ = account_.newest_first();
  if (!newest_first_) return;
  int left = kMostLooks;
  for (Task* task = oldest_; task != nullptr && left > 0; task = task->ready.newer, --left) {
    Root& root = *task->root;
    if (!root.ready.begun || root.ready.large) continue;
    GoFirst(FlowOf(root).lines[root.line], root.ready);
    MoveForward(root.ready);
  }
}

// A root of which nothing has begun stands before all that came earlier, and a begun one before
// those, or every root would be begun and none ended.
void ReadySet::GoFirst(ready::RootQueue& line, ReadyRoot& root) {
  const std::int64_t before = -(root.begun ? 2 : 1) * kAhead;
  if (root.large || root.tag <= before) return;
  Give(root, root.tag - before + ++line.newest);
}

void ReadySet::Correct(Root& root, Nanos estimated, Nanos actual) {
  const Nanos paid = std::clamp(estimated, Nanos(0), kMostSlotTime);
  const Nanos owes = std::clamp(actual, Nanos(0), kMostSlotTime) - paid;
  Flow& flow = FlowOf(root);
  Charge(flow, owes.count());
  std::int64_t& furthest = classes_[Index(flow.cls)].furthest;
  furthest = std::max(furthest, flow.tag);
  ChargeRoot(flow.lines[root.line], root.ready, owes.count(), paid.count());
  Show(flow);
  if (owes >= Nanos(0)) return;
  MoveForward(flow);
  MoveForward(root.ready);
}

// Rounds down and keeps the rest, so that small tasks of a tenant with a great weight are not free.
void ReadySet::Charge(Flow& flow, std::int64_t slot_time) {
  if (flow.weight == 1) {
    flow.tag += slot_time;
    return;
  }
  const std::int64_t weight = flow.weight;
  const std::int64_t sum = flow.remainder + slot_time;
  const std::int64_t whole = sum / weight - (sum % weight < 0 ? 1 : 0);
  flow.tag += whole;
  flow.remainder = sum - whole * weight;
}

void ReadySet::Give(ReadyRoot& root, std::int64_t slot_time) {
  root.gift += slot_time;
  root.tag -= slot_time;
}

// The gift is taken back from one that has had more than roots of its line mostly have, or more
// than some tasks that cost as much as this one, `each`; and a little more than that, as those who
// want little may be ahead by as much.
void ReadySet::ChargeRoot(ready::RootQueue& line, ReadyRoot& root, std::int64_t slot_time,
                          std::int64_t each) {
  root.had += slot_time;
  root.tag += slot_time;
  if (root.large) return;
  line.sizes.Add(slot_time);
  // Where roots of one task are served as they come, one that is larger must not stop half way.
  const std::int64_t most = kFirstTasks * each;
  root.large =
      root.had >= (newest_first_ ? most : std::min(most, kTimesTheMean * line.sizes.Mean()));
  Give(root, root.large ? -root.gift - line.sizes.Mean() : slot_time);
}

void ReadySet::MoveForward(Flow& flow) {
  int left = kMostMoved;
  for (Group* group = flow.groups; group != nullptr && left > 0; group = group->next, --left) {
    if (group->bundles.empty()) continue;
    group->lane->groups.Remove(group);
    group->tag = flow.tag;
    group->lane->groups.Insert(group);
  }
}

void ReadySet::MoveForward(ReadyRoot& root) {
  int left = kMostMoved;
  for (Bundle* bundle = root.bundles; bundle != nullptr && left > 0;
       bundle = bundle->next, --left) {
    bundle->group->bundles.Remove(bundle);
    bundle->tag = root.tag;
    bundle->group->bundles.Insert(bundle);
  }
}

// Whether a task of the flow in that line or behind it waits for nothing but its turn: all of them
// may be passed over, as their functions are at their limits. With very many groups it is taken for
// granted.
bool ReadySet::MayGoFrom(const Flow& flow, SlackLine line) const {
  std::size_t looks = 0;
  for (const Group* group = flow.groups; group != nullptr; group = group->next) {
    const ready::Lane& lane = *group->lane;
    if (lane.line >= line && !group->bundles.empty() && !AtLimit(*lane.kind)) return true;
    if (++looks == kMostScanned) return true;
  }
  return false;
}

// A task of that line goes: behind each line before it, and before those behind it.
void ReadySet::TakeTurn(Flow& flow, SlackLine line, std::int64_t cost) const {
  for (SlackLine further = 1; further <= line; ++further) Settle(flow, further, false, cost);
  if (line < kLastLine) Settle(flow, static_cast<SlackLine>(line + 1), true, cost);
}

// Whether that line, or one behind it, has to have its half by now to be done in time.
bool ReadySet::Claims(const Flow& flow, SlackLine line) const {
  for (SlackLine further = line; further < kLines; ++further) {
    if (flow.waiting[further] > 0 && now_ >= Claim(flow, further)) return true;
  }
  return false;
}

// From when on, by the earliest deadline of those that wait, and shows it. One without a deadline
// is to end some day, and so claims at once.
Instant ReadySet::Claim(const Flow& flow, SlackLine line) const {
  Instant from{};
  if (flow.undated[line] == 0) from = flow.dated[line].First()->deadline - TimeOfLine(flow, line);
  flow.account->claims[line].Set(from.time_since_epoch().count());
  return from;
}

// That all which the line has and was promised takes, if each line before it that is in use has
// half of the time of both, and other tenants and more important classes what they have at present.
Nanos ReadySet::TimeOfLine(const Flow& flow, SlackLine line) const {
  const WorkAccount::Flow::Line& account = flow.account->patient[line];
  const std::uint64_t others = classes_[Index(flow.cls)].weights;
  unsigned before = 0;
  for (SlackLine each = 0; each < line; ++each) before += flow.waiting[each] > 0 ? 1 : 0;
  const double parts = std::max(1.0, static_cast<double>(others) / flow.weight) *
                       static_cast<double>(1U << std::max(before, 1U)) * kClaimMargin;
  double longest = 0;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const std::int64_t work =
        account.work[kind].get() + account.promised[kind].get() + account.parked[kind].get();
    if (work <= 0) continue;
    longest =
        std::max(longest, static_cast<double>(work) / account_.LeftBelow(flow.cls, kind, now_));
  }
  return Nanos(static_cast<std::int64_t>(std::min(longest * parts, kMostLineNs)));
}

// Between that line, with all behind it, and the one before it. Those behind have no claim on what
// the others had before they came, nor on what they themselves could not have had: the door would
// refuse others for that claim, and so end what a slot is kept for. But what one of them takes
// while nobody waits is paid back to those that come later, or two long runs in a row would be the
// end of these: as much of it as the line can wait in any case, however long ago it was.
void ReadySet::Settle(Flow& flow, SlackLine line, bool is_before, std::int64_t cost) const {
  std::int64_t& behind_by = flow.behind_by[line];
  const std::int64_t most = options_.share_window.count();
  const std::int64_t saved = options_.most_saved.count();
  const bool wait = flow.waiting[line - 1U] > 0 && flow.WaitingFrom(line) > 0;
  if (wait && is_before && !Claims(flow, line)) {
    behind_by = std::max(behind_by, std::min(behind_by + cost, 0L));
  } else if (wait && (!is_before || MayGoFrom(flow, line))) {
    behind_by = std::clamp(behind_by + (is_before ? cost : -cost), -most, most);
  } else if (is_before) {
    behind_by = std::min(behind_by < -saved ? std::min(behind_by + cost, -saved) : behind_by, 0L);
  } else {
    const std::int64_t can_wait = LeastWait(line, options_.targets[Index(flow.cls)]).count();
    behind_by = std::clamp(behind_by - cost, -std::clamp(can_wait, saved, most), 0L);
  }
}

}  // namespace spillgate
