#include "client/bench/held_roots.h"

#include <algorithm>

#include "client/lib/newest_first.h"

namespace spillgate::bench {

void HeldRoots::Add(const HeldRoot& root) {
  const auto before = [](const HeldRoot& a, const HeldRoot& b) { return a.came < b.came; };
  roots_.insert(std::upper_bound(roots_.begin(), roots_.end(), root, before), root);
}

bool HeldRoots::TakesNewest(Instant now) const {
  const HeldRoot& oldest = Oldest();
  return oldest.deadline > now && client::NewestFirst(oldest.came, oldest.deadline, now);
}

const HeldRoot& HeldRoots::Next(Instant now) const {
  return TakesNewest(now) ? roots_.back() : roots_.front();
}

void HeldRoots::TakeNext(Instant now) {
  TakesNewest(now) ? roots_.pop_back() : roots_.pop_front();
}

}  // namespace spillgate::bench
