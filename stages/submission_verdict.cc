// Submission: the one load decision on a group of roots, and its places in the in-flight bound.
#include <algorithm>
#include <utility>

#include "stages/arguments.h"
#include "stages/submission.h"

namespace spillgate {

// What the group needs of each resource. Most groups are like the one before.
const WorkAccount::Needs& Submission::NeedsOf(const Resources& shape) {
  if (needs_of_ != &shape) {
    needs_of_ = &shape;
    needs_ = WorkAccount::Needs(shape, shared_.account.total());
  }
  return needs_;
}

// How many of the roots in question the controller lets in, for the load there is and, if it goes
// by work, for what would run before them. The group holds places for `has` already.
std::uint32_t Submission::Decide(flow::Ask question, const Resources* shape, std::uint32_t has,
                                 Instant now) {
  const flow::Credits& places = shared_.in_flight;
  const std::uint32_t bytes_each = question.count == 0 ? 0 : question.bytes / question.count;
  const flow::Load load{.held = places.count() - has,
                        .bytes = places.bytes() - std::int64_t{has} * bytes_each,
                        .capacity = places.count_limit(),
                        .capacity_bytes = places.bytes_limit()};
  flow::Controller& controller = self_.controller();
  if (!controller.UsesWork() || shape == nullptr) return controller.Admit(question, load, now);
  const auto cls = static_cast<TaskClass>(question.cls);
  const WorkAccount::Needs& needs = NeedsOf(*shape);
  const Nanos cost = shared_.costs.Estimate(question.function, question.cost_hint);
  const WorkAtDoor::Ahead ahead = work_.Look(cls, question.flow, needs, cost);
  const bool known = question.cost_hint > Nanos(0) || shared_.costs.Runs(question.function) > 0;
  question.work = {
      .queues = std::span(ahead.queues).first(ahead.count),
      .cost = cost,
      .p95 = shared_.costs.P95(question.function, question.cost_hint),
      .target = Nanos(shared_.limits.target_delay_ns[question.cls].load(std::memory_order_relaxed)),
      .slots = needs.slots(),
      .waiting = ahead.tasks,
      .unstarted = known ? 0 : work_.Unstarted(question.function),
      .known = known};
  const std::uint32_t admitted = controller.Admit(question, load, now);
  work_.Admitted({cls, question.flow, question.function}, needs, cost, admitted);
  return admitted;
}

// Whether a root that will bring so many tasks is let in: by work, if there is time for the first
// of them, and all count as waiting for those who come next.
bool Submission::LetIn(flow::Ask question, const wire::OpenRoot& root, Instant now) {
  if (!self_.controller().UsesWork()) {
    return Decide(question, nullptr, 0, now) >= question.count;
  }
  static constexpr Resources kUsual{.amount = {kOneSlot}};
  const Shape* shape = root.shape == 0 ? nullptr : shared_.shapes.At(root.shape);
  const Resources& needs = shape == nullptr ? kUsual : shape->resources;
  question.cost_hint = shared_.costs.Estimate(0, question.cost_hint);  // clamped, or the usual
  const std::uint32_t estimate = std::exchange(question.count, 1);
  if (Decide(question, &needs, 0, now) == 0) return false;
  work_.Admitted({root.cls, question.flow, 0}, NeedsOf(needs), question.cost_hint, estimate - 1);
  return true;
}

std::uint32_t Submission::AskController(const Group& group, std::uint32_t wanted, std::uint32_t has,
                                        Instant now) {
  const wire::SubmitPreamble& ask = group.ask;
  Nanos remaining = std::chrono::microseconds(ask.remaining_us);
  if (ask.remaining_us != 0) remaining = std::max(Nanos(1), remaining - group.transit);
  return Decide({.cls = static_cast<std::uint8_t>(ask.cls),
                 .retry = ask.retry,
                 .flow = group.tenant,
                 .function = ask.function,
                 .count = wanted,
                 .bytes = group.bytes_each * wanted,
                 .remaining = remaining,
                 .cost_hint = Nanos(ask.cost_hint_ns)},
                group.shape, has, now);
}

// Places in the in-flight bound for as many of the group as load allows. Children are never refused
// for load, and an open root was let in when it was opened.
void Submission::TakePlaces(Group& group, Instant now) {
  flow::Credits& places = shared_.in_flight;
  group.bytes_each = BytesEach(group.frame.size(), group.ask.count);
  std::uint32_t wanted = group.left();
  if (!group.children() && group.ask.root == 0) wanted = AskController(group, wanted, 0, now);
  const bool shed = wanted < group.left();
  while (wanted > 0 && !places.Reserve(wanted, std::int64_t{wanted} * group.bytes_each)) {
    const bool count_is_short = places.room() < wanted;
    wanted = count_is_short ? static_cast<std::uint32_t>(places.room()) : wanted / 2;
  }
  group.admitted = wanted;
  if (wanted < group.left()) group.refusal = Overload(group, shed);
}

// The task that they name has ended, maybe before others of its root, or goes by another number. So
// each is in the root of its own unfinished arguments; one that has none is a root itself, and was
// let in without being judged as such.
void Submission::JoinByArguments(Group& group, Instant now) {
  std::uint32_t roots = 0;
  for (TaskPtr& task : group.tasks) {
    task->root = RootOfArguments(shared_.table, *task, group.session);
    roots += task->root ? 0 : 1;
  }
  std::uint32_t let_in = 0;
  if (roots > 0 && !group.exceeds_credit) let_in = AskController(group, roots, group.admitted, now);
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    const RootPtr& root = group.tasks[i]->root;
    if (!root && let_in == 0) {
      return GivePlacesBack(group, i, Overload(group, !group.exceeds_credit));
    }
    if (!root) --let_in;
    // Those before it in the group may all be of the same root.
    if (root && root->unfinished + i >= root->window) {
      return GivePlacesBack(group, i, Reason::kQuota);
    }
  }
}

// Why, and for how long, the group has fewer places than it wants. `shed`: the controller would
// have it so, just now.
Reason Submission::Overload(Group& group, bool shed) const {
  const bool by_work = self_.controller().UsesWork();
  flow::ControllerState state;
  if (shed || !by_work) self_.controller().Snapshot(state);
  group.retry_after = std::max(kLeastRetry, state.retry_after);
  const flow::Credits& places = shared_.in_flight;
  if (places.bytes() + group.bytes_each > places.bytes_limit()) return Reason::kInFlightBytes;
  return shed && by_work ? Reason::kBacklog : Reason::kInFlight;
}

// Only the first `keep` of those admitted stay so; the places of the others are free again.
void Submission::GivePlacesBack(Group& group, std::uint32_t keep, Reason reason) {
  const std::int64_t count = std::int64_t{group.admitted} - keep;
  flow::Credits& places = group.from_reserve ? shared_.spawn_reserve : shared_.in_flight;
  if (count > 0 && group.bytes_each > 0) places.Release(count, count * group.bytes_each);
  if (group.tasks.size() > keep) group.tasks.resize(keep);
  group.admitted = keep;
  group.refusal = reason;
}

}  // namespace spillgate
