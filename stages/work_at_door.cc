#include "stages/work_at_door.h"

#include <algorithm>

namespace spillgate {

WorkAtDoor::Ahead WorkAtDoor::Look(TaskClass cls, TenantId tenant, const WorkAccount::Needs& needs,
                                   Nanos slot_time) {
  if (const std::int64_t passes = account_.passes(); passes != passes_) {
    passes_ = passes;
    since_.clear();
  }
  Ahead ahead{.queues = {}, .count = needs.size(), .tasks = account_.TasksBefore(cls)};
  for (const Entry& entry : since_) {
    if (Index(entry.who.cls) <= Index(cls)) ahead.tasks += entry.tasks;
  }
  for (std::size_t i = 0; i < needs.size(); ++i) {
    ahead.queues[i] = LookAt(cls, tenant, needs, i, slot_time);
  }
  return ahead;
}

// All of the more important classes, all of its own flow, and of the others in its class what the
// fair queue gives them while it serves its own: as much for each weight as this flow has waiting,
// and what they are still owed.
flow::Queue WorkAtDoor::LookAt(TaskClass cls, TenantId tenant, const WorkAccount::Needs& needs,
                               std::size_t which, Nanos slot_time) const {
  const auto [kind, node_time] = needs[which];
  const WorkAccount::Class& mine = account_.At(cls);
  const WorkAccount::Flow& flow = account_.At(cls, tenant);
  std::int64_t above = 0;
  for (std::size_t i = 0; i < Index(cls); ++i) {
    above += account_.At(static_cast<TaskClass>(i)).work[kind].get();
  }
  std::int64_t own = flow.work[kind].get();
  std::int64_t others = std::max<std::int64_t>(0, mine.work[kind].get() - own);
  const bool waits = own > 0;
  for (const Entry& entry : since_) {
    if (Index(entry.who.cls) < Index(cls)) above += entry.work[kind];
    if (entry.who.cls == cls) (entry.who.tenant == tenant ? own : others) += entry.work[kind];
  }
  const std::int64_t cost = needs.NodeTime(which, slot_time);
  const auto weight = static_cast<double>(flow.weight.get());
  const auto rest = static_cast<double>(mine.weights.get() - (waits ? flow.weight.get() : 0));
  const auto head_start =
      static_cast<double>(std::max<std::int64_t>(0, flow.tag.get() - mine.time.get())) * node_time;
  // Others that came since the account was read wait too, whatever it knows of their weights.
  const double by_weight = std::max(rest, others > 0 ? 1.0 : 0.0) / weight;
  const double given = (static_cast<double>(own + cost) + head_start * weight) * by_weight;
  const bool all = given >= static_cast<double>(others);
  flow::Queue queue;
  queue.wait = Nanos(above + own + (all ? others : static_cast<std::int64_t>(given)));
  const double grows = all ? 1.0 : 1.0 + by_weight;
  queue.each = Nanos(static_cast<std::int64_t>(static_cast<double>(cost) * grows));
  return queue;
}

void WorkAtDoor::Admitted(const Who& who, const WorkAccount::Needs& needs, Nanos slot_time,
                          std::uint32_t count) {
  if (count == 0) return;
  auto entry = std::find_if(since_.begin(), since_.end(), [&](const Entry& each) {
    return each.who.cls == who.cls && each.who.tenant == who.tenant &&
           each.who.function == who.function;
  });
  if (entry == since_.end()) entry = since_.insert(entry, {.who = who});
  entry->tasks += count;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    entry->work[needs[i].kind] += needs.NodeTime(i, slot_time) * count;
  }
}

std::int64_t WorkAtDoor::Unstarted(FunctionId function) const {
  std::int64_t tasks = account_.Waiting(function);
  for (const Entry& entry : since_) {
    if (entry.who.function == function) tasks += entry.tasks;
  }
  return tasks;
}

}  // namespace spillgate
