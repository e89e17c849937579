#include "stages/promise_times.h"

#include <algorithm>
#include <utility>

namespace spillgate {

void PromiseTimes::Add(const RootPtr& root, Instant until) {
  if (times_.size() >= kMostRoots) LetGo(kNever, kAtOnce);
  Push(root, until);
}

void PromiseTimes::Push(const RootPtr& root, Instant until) {
  times_.push_back({until, root});
  std::push_heap(times_.begin(), times_.end(), &EndsLater);
}

void PromiseTimes::LetGo(Instant now, std::size_t most) {
  if (times_.empty() || times_.front().until > now) return;
  MutexLock lock(shared_.table.mutex());
  for (; most > 0 && !times_.empty() && times_.front().until <= now; --most) {
    std::pop_heap(times_.begin(), times_.end(), &EndsLater);
    const RootPtr root = std::move(times_.back().root);
    times_.pop_back();
    if (root->promise == nullptr) continue;
    if (root->promised_until > now) {
      Push(root, root->promised_until);
    } else {
      root->promise.reset();
    }
  }
}

}  // namespace spillgate
