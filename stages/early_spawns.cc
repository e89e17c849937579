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
    if (shared_.costs.SpawnsOf(root.function).tasks == 0) return;
    if (expecting_.size() >= kMostRoots) LetGo(1);
    expecting_.push_back({task.root, root.ready.soon_until});
  } else if (task.parent != TaskId{} && now <= root.ready.soon_until) {
    shared_.costs.LearnSpawn(root.function, task.estimate);
  }
}

void EarlySpawns::Tick(Instant now) {
  const auto later = std::find_if(expecting_.begin(), expecting_.end(),
                                  [now](const Expecting& each) { return each.until > now; });
  LetGo(static_cast<std::size_t>(later - expecting_.begin()));
}

void EarlySpawns::LetGo(std::size_t count) {
  if (count == 0) return;
  MutexLock lock(shared_.table.mutex());
  for (; count > 0; --count) {
    expecting_.front().root->promise.reset();
    expecting_.pop_front();
  }
}

}  // namespace spillgate
