#include "stages/early_spawns.h"

#include <algorithm>
#include <utility>

namespace spillgate {

namespace {

// One that has a deadline has to bring what it brings well before it, however long that is away.
Nanos SoonOf(const Root& root, Instant now) {
  if (root.deadline == kNever) return EarlySpawns::kSoon;
  return std::max(EarlySpawns::kSoon, Nanos((root.deadline - now) / 2));
}

}  // namespace

void EarlySpawns::Begins(Task& task, Instant now) {
  Root& root = *task.root;
  if (root.function == 0 || std::exchange(task.ready.counted, true)) return;
  if (task.id == root.id) {
    shared_.costs.LearnRoot(root.function);
    root.ready.soon_until = After(now, SoonOf(root, now));
    // Where the door does not go by work there are no promises to let go of.
    const bool brings = shared_.costs.SpawnsOf(root.function).tasks > 0;
    if (!brings || shared_.account.Promised() == 0) return;
    expecting_.Add(task.root, root.ready.soon_until);
  } else if (task.parent != TaskId{} && now <= root.ready.soon_until) {
    // What its client said of a task is not for the roots of others.
    const bool known = shared_.costs.CountRuns(task.cost_key()) > 0;
    const Nanos takes = known ? task.estimate : CostModel::kPrior;
    shared_.costs.LearnSpawn(root.function, takes, NeedsOf(*task.shape).ByKind(takes));
  }
}

// Most are like the one before.
const WorkAccount::Needs& EarlySpawns::NeedsOf(const Resources& shape) {
  if (needs_of_ != &shape) {
    needs_of_ = &shape;
    needs_ = WorkAccount::Needs(shape, shared_.account.total());
  }
  return needs_;
}

}  // namespace spillgate
