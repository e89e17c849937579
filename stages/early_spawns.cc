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
    if (expecting_.size() >= kMostRoots) LetGo(kAtOnce, kNever);
    expecting_.push_back({task.root, root.ready.soon_until});
    std::push_heap(expecting_.begin(), expecting_.end(), &EndsLater);
  } else if (task.parent != TaskId{} && now <= root.ready.soon_until) {
    shared_.costs.LearnSpawn(root.function, task.estimate);
  }
}

void EarlySpawns::Tick(Instant now) {
  LetGo(kMostRoots, now);
}

// Of so many, whose time ends first and has come by then.
void EarlySpawns::LetGo(std::size_t most, Instant until) {
  if (expecting_.empty() || expecting_.front().until > until) return;
  MutexLock lock(shared_.table.mutex());
  for (; most > 0 && !expecting_.empty() && expecting_.front().until <= until; --most) {
    std::pop_heap(expecting_.begin(), expecting_.end(), &EndsLater);
    expecting_.back().root->promise.reset();
    expecting_.pop_back();
  }
}

}  // namespace spillgate
