// TaskTable: a cancel on its way down a tree.
#include "core/tables/task_table.h"

namespace spillgate {
namespace {

bool IsCancelled(const Record& record) {
  return record.cancelled.load(std::memory_order_relaxed);
}

}  // namespace

// Depth first, without recursion: down to a child, along to its sibling, up to the parent. Each
// record keeps how far its children are done, so that a cancel which goes on, and one that comes
// again, looks at nothing twice. Whatever comes to be below a cancelled task later is cancelled
// from the start, or stands where the cancel has not been.
bool TaskTable::Cancel(Record& top, std::size_t most, std::size_t& looks,
                       std::vector<TaskId>& marked) {
  const auto mark = [&](Record& record) {
    if (!record.open() || IsCancelled(record)) return true;
    if (marked.size() >= most) return false;
    record.cancelled.store(true, std::memory_order_relaxed);
    record.uncancelled = record.first_child;
    marked.push_back(record.id);
    return true;
  };
  if (!mark(top)) return false;
  for (Record* at = &top; at != &top || at->uncancelled != nullptr;) {
    if (looks == 0) return false;
    --looks;
    Record* child = at->uncancelled;
    if (child == nullptr) {
      at = at->parent;
    } else if (!mark(*child)) {
      return false;
    } else if (child->uncancelled != nullptr) {
      at = child;
    } else {
      at->uncancelled = child->next_sibling;
    }
  }
  return true;
}

}  // namespace spillgate
