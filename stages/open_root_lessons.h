// What is learned from an open root of how many tasks its like bring: when its client says that it
// has brought all, while it brings more than was foreseen, and when it ends without such a word.
#pragma once

#include <algorithm>
#include <utility>

#include "core/model/root.h"
#include "stages/shared.h"

namespace spillgate {

// No more than its window is ever expected of one, so more of either would only outweigh others.
inline void LearnSize(Shared& shared, Root& root) REQUIRES(shared.table.mutex()) {
  const std::uint32_t came = std::min(root.came, root.window);
  OpenRootSizes& sizes = shared.account.Of(root.cls, root.tenant).open_roots;
  sizes.Learn(std::min(root.said, root.window), came, std::exchange(root.learned, came));
}

// It brings no fewer than came, or one that always says too little and never closes would buy what
// others are refused. That fewer came than were said may be for want of time.
inline void LearnUnclosed(Shared& shared, Root& root) REQUIRES(shared.table.mutex()) {
  if (!root.closed && root.came > root.said) LearnSize(shared, root);
}

}  // namespace spillgate
