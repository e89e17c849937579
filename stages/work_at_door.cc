#include "stages/work_at_door.h"

#include <algorithm>

namespace spillgate {

// A pass that ended while some of them were on their way to the ready set did not see them.
void WorkAtDoor::ForgetWhatWasCounted() {
  const std::int64_t passes = account_.passes();
  if (passes == passes_ || on_the_way_ != 0) return;
  passes_ = passes;
  since_.clear();
}

WorkAtDoor::Ahead WorkAtDoor::Look(const Newcomer& root, const WorkAccount::Needs& needs,
                                   Instant now) {
  ForgetWhatWasCounted();
  Ahead ahead{.queues = {},
              .count = needs.size(),
              .tasks = account_.TasksBefore(root.cls),
              .promises = account_.At(root.cls).promises.get()};
  if (!root.held_back) {
    ahead.tasks = std::max<std::int64_t>(0, ahead.tasks - account_.HeldBackBefore(root.cls));
  }
  for (const Entry& entry : since_) {
    const bool counts = root.held_back || !account_.IsHeldBack(entry.function);
    if (Index(entry.cls) <= Index(root.cls) && counts) ahead.tasks += entry.tasks;
  }
  Nanos longest{0};
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const Lately lately = GivenTo(root, needs[i].kind, now);
    ahead.queues[i] = LookAt(SeenBy(needs, i, root), needs, i, lately);
    ahead.taken = std::max(ahead.taken, lately.taken());
    const Nanos behind_it = ahead.queues[i].wait + ahead.queues[i].each;
    if (behind_it > longest) ahead.for_brought = needs.IsBrought(i);
    longest = std::max(longest, behind_it);
    const bool is_cpu = needs[i].kind == kCpu;
    if (is_cpu && root.length == 0 && account_.HasPlaceForShort()) continue;
    if (is_cpu) {
      ahead.busy = std::max(ahead.busy, account_.ShutOutFor(root.length, needs.cpu(), now));
    }
    ahead.busy = std::max(ahead.busy, account_.BusyFor(needs[i].kind, now));
  }
  return ahead;
}

std::uint8_t WorkAtDoor::LinesBefore(const Newcomer& root, Nanos remaining, Instant now) const {
  const WorkAccount::Flow& flow = account_.At(root.cls, root.tenant);
  const std::int64_t since = (now - remaining).time_since_epoch().count();
  std::uint8_t lines = 0;
  for (std::size_t line = 0; line < root.line; ++line) {
    const std::int64_t came = flow.came[line].get();
    if (came != 0 && came >= since) ++lines;
  }
  return std::min<std::uint8_t>(lines + 1, root.line);
}

// To a resource it is a task that takes as much of it as the root and all that it brings. The limit
// of its function holds back what it brings no more than anybody else.
WorkAtDoor::Newcomer WorkAtDoor::SeenBy(const WorkAccount::Needs& needs, std::size_t which,
                                        const Newcomer& root) {
  Newcomer seen = root;
  seen.slot_time = needs.WithBrought(which, root.slot_time);
  if (needs.IsBrought(which)) seen.held_back = false;
  return seen;
}

WorkAtDoor::Before WorkAtDoor::Count(const Newcomer& root, std::size_t kind, bool all) const {
  const WorkAccount::Class& mine = account_.At(root.cls);
  const WorkAccount::Flow& flow = account_.At(root.cls, root.tenant);
  const auto sum = [kind, all](const auto& of) {
    const std::int64_t here = of.work[kind].get() + of.promised[kind].get() + of.parked[kind].get();
    return all ? here : std::max<std::int64_t>(0, here - of.held_back[kind].get());
  };
  Before before{.own = sum(flow)};
  std::int64_t patient = 0;
  for (std::size_t line = 1; line < kLines; ++line) {
    const std::int64_t work = sum(flow.patient[line]);
    patient += work;
    if (line == root.line) before.line = work;
    if (line <= root.line || work == 0) continue;
    if (IsLater(root, static_cast<SlackLine>(line))) {
      before.later += work;
      continue;
    }
    before.behind += work;
    before.one = std::max(before.one, flow.patient[line].each.get());
  }
  if (root.line == 0) before.line = std::max<std::int64_t>(0, before.own - patient);
  before.others = std::max<std::int64_t>(0, sum(mine) - before.own);
  for (std::size_t i = 0; i < Index(root.cls); ++i) {
    const WorkAccount::Class& more = account_.At(static_cast<TaskClass>(i));
    before.above += sum(more);
  }
  for (const Entry& entry : since_) {
    if (!all && account_.IsHeldBack(entry.function)) continue;
    const std::int64_t work = entry.work[kind];
    if (Index(entry.cls) < Index(root.cls)) before.above += work;
    if (entry.cls != root.cls) continue;
    const bool own = entry.tenant == root.tenant;
    (own ? before.own : before.others) += work;
    if (own && entry.line == root.line) before.line += work;
    if (own && entry.line > root.line) {
      (IsLater(root, entry.line) ? before.later : before.behind) += work;
    }
  }
  return before;
}

// Whether what waits in a line behind its own claims nothing before it has ended.
bool WorkAtDoor::IsLater(const Newcomer& root, SlackLine line) const {
  const WorkAccount::Flow& flow = account_.At(root.cls, root.tenant);
  return flow.claims[line].get() > root.deadline.time_since_epoch().count();
}

// What is held back by the limit of its own function goes before others with no more than the slots
// that such functions have, and the rest of the resource is left for all else.
flow::Queue WorkAtDoor::LookAt(const Newcomer& root, const WorkAccount::Needs& needs,
                               std::size_t which, const Lately& lately) const {
  const std::size_t kind = needs[which].kind;
  const flow::Queue all = Behind(Count(root, kind, true), root, needs, which, lately);
  if (root.held_back) return BehindItsLike(all, root, needs, which);
  if (account_.HeldBackBefore(root.cls) == 0) return all;
  const double left = account_.Left(kind);
  if (left <= 0) return all;
  const flow::Queue rest = Behind(Count(root, kind, false), root, needs, which, lately);
  const double wait = static_cast<double>(rest.wait.count()) / left;
  if (wait >= static_cast<double>(all.wait.count())) return all;
  const double each = static_cast<double>(rest.each.count()) / left;
  return {.wait = Nanos(static_cast<std::int64_t>(wait)),
          .each = Nanos(static_cast<std::int64_t>(each))};
}

// What waits for the same function has only the slots that run it now, which are as many as it may
// have: so much longer does that part take.
flow::Queue WorkAtDoor::BehindItsLike(const flow::Queue& all, const Newcomer& root,
                                      const WorkAccount::Needs& needs, std::size_t which) const {
  const auto own_slots =
      static_cast<double>(std::max<std::int64_t>(1, account_.Running(root.function)));
  const double longer = std::max(1.0, static_cast<double>(needs.own_slots()) / own_slots);
  const double part = account_.PartOf(root.function, needs, which);
  const double wait = static_cast<double>(all.wait.count()) * std::max(1.0, part * longer);
  const double each = static_cast<double>(all.each.count()) * longer;
  return {.wait = Nanos(static_cast<std::int64_t>(wait)),
          .each = Nanos(static_cast<std::int64_t>(each))};
}

WorkAtDoor::Lately WorkAtDoor::GivenTo(const Newcomer& root, std::size_t kind, Instant now) const {
  const double left = account_.LeftBelow(root.cls, kind, now);
  return {.left = left, .others = OthersLately(root, kind, left, now)};
}

// For who had more than its fair part of late: so it lives on what others leave, as much as those
// ask for. Who had less is given its part when it asks, whoever had it until now.
double WorkAtDoor::OthersLately(const Newcomer& root, std::size_t kind, double left,
                                Instant now) const {
  const WorkAccount::Class& mine = account_.At(root.cls);
  const WorkAccount::Flow& flow = account_.At(root.cls, root.tenant);
  const double own = flow.given[kind].Part(now);
  const double given = mine.given[kind].Part(now) - own;
  if (given <= 0) return 0;
  const std::int64_t window = GivenLately::WindowOf(now);
  const auto weight = static_cast<double>(flow.weight.get());
  const double active =
      static_cast<double>(mine.active.At(window)) - (flow.active.IsActive(window) ? weight : 0.0);
  const double weights = std::max(active, 1.0);
  if (own * (weights + weight) < left * weight) return 0;
  return std::min(given / left, weights / (weights + weight));
}

// All of the more important classes, of its own flow what is in its line or before it, and of what
// is behind that and cannot wait for it as much as its line has and what it is owed, and one task
// of it, which may have its turn at any moment, up to what the line has; and of the others in its
// class what the fair queue gives them meanwhile: as much for each weight as this flow is given,
// and what they are still owed. Who asks for little hardly ever waits, but comes again: so it is
// taken to have as much of the time as lately, or who asks for more than its share would be let in
// to what small ones, or more important classes, will have. A class with a least share waits no
// longer than that takes.
flow::Queue WorkAtDoor::Behind(const Before& before, const Newcomer& root,
                               const WorkAccount::Needs& needs, std::size_t which,
                               const Lately& lately) const {
  const auto [kind, node_time] = needs[which];
  const WorkAccount::Class& mine = account_.At(root.cls);
  const WorkAccount::Flow& flow = account_.At(root.cls, root.tenant);
  const std::int64_t cost = needs.NodeTime(which, root.slot_time);
  std::int64_t own = before.own;
  double grows = 1;
  if (root.line < kLastLine) {
    const std::int64_t behind_by = flow.behind[root.line + 1U].get();
    const auto owed = static_cast<std::int64_t>(static_cast<double>(behind_by) * node_time);
    const auto one = static_cast<std::int64_t>(static_cast<double>(before.one) * node_time);
    const std::int64_t as_much = before.line + cost;
    const std::int64_t theirs = std::max(owed + as_much, std::min(one, as_much));
    own = before.own - before.later - before.behind + std::min(before.behind, theirs);
    const bool by_line = theirs != one || as_much == one;
    if (by_line && before.behind > theirs) grows = 2;
  }
  const bool waits = flow.work[kind].get() > 0;
  const auto weight = static_cast<double>(flow.weight.get());
  const auto rest = static_cast<double>(mine.weights.get() - (waits ? flow.weight.get() : 0));
  const auto head_start =
      static_cast<double>(std::max<std::int64_t>(0, flow.tag.get() - mine.time.get())) * node_time;
  // Others that came since the account was read wait too, whatever it knows of their weights.
  const double by_weight = std::max(rest, before.others > 0 ? 1.0 : 0.0) / weight;
  const double given = (static_cast<double>(own + cost) + head_start * weight) * by_weight;
  const bool all = given >= static_cast<double>(before.others);
  const double come = lately.others / (1 - lately.others);
  grows *= 1 + std::max(all ? 0.0 : by_weight, come);
  const double others =
      std::max(all ? static_cast<double>(before.others) : given, static_cast<double>(own) * come);
  const double in_class = static_cast<double>(own) + others;
  const double wait = (static_cast<double>(before.above) + in_class) / lately.left;
  const double each = static_cast<double>(cost) * grows;
  if (root.share > 0) {
    const double at_least = 100.0 / root.share;
    const double saved = static_cast<double>(mine.saved.get()) * node_time;
    const double by_share = std::max(0.0, in_class + static_cast<double>(cost) - saved) * at_least;
    if (by_share < wait) {
      return {.wait = Nanos(static_cast<std::int64_t>(by_share)),
              .each = Nanos(static_cast<std::int64_t>(each * at_least))};
    }
  }
  return {.wait = Nanos(static_cast<std::int64_t>(wait)),
          .each = Nanos(static_cast<std::int64_t>(each / lately.left))};
}

void WorkAtDoor::Admitted(const Newcomer& root, FunctionId function,
                          const WorkAccount::Needs& needs, std::uint32_t count) {
  if (count == 0) return;
  ForgetWhatWasCounted();  // nobody may look for long, while what can wait for ever is let in
  auto entry = std::find_if(since_.begin(), since_.end(), [&](const Entry& each) {
    return each.cls == root.cls && each.tenant == root.tenant && each.line == root.line &&
           each.function == function;
  });
  if (entry == since_.end()) {
    entry = since_.insert(
        entry, {.cls = root.cls, .tenant = root.tenant, .line = root.line, .function = function});
  }
  entry->tasks += count;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const Nanos slot_time = needs.WithBrought(i, root.slot_time);
    entry->work[needs[i].kind] += needs.NodeTime(i, slot_time) * count;
  }
}

Nanos WorkAtDoor::EachThatWaits() {
  ForgetWhatWasCounted();
  std::int64_t tasks = 0;
  std::array<std::int64_t, kResourceKinds> work{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const WorkAccount::Class& waits = account_.At(static_cast<TaskClass>(cls));
    tasks += waits.tasks.get();
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) work[kind] += waits.work[kind].get();
  }
  for (const Entry& entry : since_) {
    tasks += entry.tasks;
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) work[kind] += entry.work[kind];
  }
  const std::int64_t most = *std::max_element(work.begin(), work.end());
  return tasks <= 0 ? Nanos(0) : Nanos(std::max<std::int64_t>(0, most) / tasks);
}

std::int64_t WorkAtDoor::Unstarted(FunctionId function) const {
  std::int64_t tasks = account_.Waiting(function);
  for (const Entry& entry : since_) {
    if (entry.function == function) tasks += entry.tasks;
  }
  return tasks;
}

}  // namespace spillgate
