// What is learned from an open root that ends without its client's word that it has brought all:
// that it brings no fewer than came, or one that always says too little and never closes would buy
// what others are refused. That fewer came than were said may be for want of time.
#pragma once

#include "core/model/root.h"
#include "stages/shared.h"

namespace spillgate {

inline void LearnUnclosed(Shared& shared, const Root& root) REQUIRES(shared.table.mutex()) {
  if (root.closed || root.came <= root.said) return;
  OpenRootSizes& sizes = shared.account.Of(root.cls, root.tenant).open_roots;
  sizes.Learn(root.said, OpenRootSizes::Lesson(root.said, root.came, root.window), root.learned);
}

}  // namespace spillgate
