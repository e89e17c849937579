// RootDeadlines: which open root's deadline passes next, so that one that its client never closes
// does not stay. A heap; entries of roots that were closed before are skipped when they are met,
// and swept out when they are the most. Under the task table's lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "core/base/clock.h"
#include "core/base/hash_map.h"
#include "core/base/ids.h"
#include "core/model/root.h"

namespace spillgate {

class RootDeadlines {
 public:
  using Roots = HashMap<TaskId, RootPtr>;

  // `roots` are those that are open, this one among them.
  void Add(const Roots& roots, const Root& root) {
    if (root.deadline == kNever) return;
    due_.push_back({root.deadline, root.id});
    std::push_heap(due_.begin(), due_.end(), &Later);
    if (due_.size() > kFew + 2 * roots.size()) Sweep(roots);
  }

  // One that is not closed; null if none has passed its deadline. It is found once.
  [[nodiscard]] Root* Next(const Roots& roots, Instant now) {
    while (!due_.empty() && due_.front().deadline <= now) {
      const auto found = roots.find(due_.front().root);
      std::pop_heap(due_.begin(), due_.end(), &Later);
      due_.pop_back();
      if (found != roots.end() && !found->second->closed) return found->second.get();
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kFew = 1024;

  struct Due {
    Instant deadline;
    TaskId root;
  };

  // The nearest in front; ties by number, so that it is the same in every run.
  static bool Later(const Due& a, const Due& b) {
    return std::tie(a.deadline, a.root) > std::tie(b.deadline, b.root);
  }

  void Sweep(const Roots& roots) {
    std::erase_if(due_, [&](const Due& due) {
      const auto found = roots.find(due.root);
      return found == roots.end() || found->second->closed;
    });
    std::make_heap(due_.begin(), due_.end(), &Later);
  }

  std::vector<Due> due_;
};

}  // namespace spillgate
