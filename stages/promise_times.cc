#include "stages/promise_times.h"

#include <algorithm>
#include <utility>

namespace spillgate {
namespace {

// It has ended, was closed, or has brought all that was promised.
bool BringsNothingMore(const Root& root) {
  return root.promise == nullptr || root.promise->left() == 0;
}

}  // namespace

void PromiseTimes::Add(const RootPtr& root, Instant until) {
  if (times_.size() >= kMostRoots) MakeRoom();
  Push(root, until);
}

void PromiseTimes::Push(const RootPtr& root, Instant until) {
  times_.push_back({until, root});
  std::push_heap(times_.begin(), times_.end(), &EndsLater);
}

// From anywhere in the heap. The last one comes in its place, and moves on from there: to the front
// past what ends later, or from it.
RootPtr PromiseTimes::TakeOut(std::size_t at) {
  RootPtr root = std::move(times_[at].root);
  Time last = std::move(times_.back());
  times_.pop_back();
  if (at == times_.size()) return root;
  while (at > 0 && EndsLater(times_[(at - 1) / 2], last)) {
    times_[at] = std::move(times_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (std::size_t next = 2 * at + 1; next < times_.size(); next = 2 * at + 1) {
    if (next + 1 < times_.size() && EndsLater(times_[next], times_[next + 1])) ++next;
    if (!EndsLater(last, times_[next])) break;
    times_[at] = std::move(times_[next]);
    at = next;
  }
  times_[at] = std::move(last);
  return root;
}

void PromiseTimes::LetGo(Instant now) {
  if (times_.empty()) return;
  MutexLock lock(shared_.table.mutex());
  DropDone(kLooks, kLooks);
  while (!times_.empty() && times_.front().until <= now) {
    const RootPtr root = TakeOut(0);
    if (root->promise != nullptr && root->promised_until > now) {
      Trim(*root);
      Push(root, root->promised_until);
    } else {
      LetGo(*root);
    }
  }
}

// What was said of it stays. What its like have brought does not: or one that brings little now and
// then would stand before others with all of that. It grows with what comes next.
void PromiseTimes::Trim(Root& root) {
  const std::uint32_t said = root.said - std::min(root.said, root.came);
  if (!root.explicit_open || root.promise->left() <= said) return;
  root.promise->Keep(root.promise->left() - said);
  root.expected = root.came + said;
}

void PromiseTimes::LetGo(Root& root) {
  root.promise.reset();
  root.timed = false;
}

void PromiseTimes::MakeRoom() {
  MutexLock lock(shared_.table.mutex());
  for (std::size_t gone = DropDone(kLooksForRoom, kAtOnce); gone < kAtOnce; ++gone) {
    LetGo(*TakeOut(0).get());
  }
}

// Of so many that are looked at in turn; how many have gone.
std::size_t PromiseTimes::DropDone(std::size_t looks, std::size_t most) {
  const std::size_t before = times_.size();
  for (; looks > 0 && !times_.empty() && before - times_.size() < most; --looks) {
    if (look_at_ >= times_.size()) look_at_ = 0;
    if (BringsNothingMore(*times_[look_at_].root)) {
      const RootPtr gone = TakeOut(look_at_);
      gone->timed = false;
    } else {
      ++look_at_;
    }
  }
  return before - times_.size();
}

}  // namespace spillgate
