#include "core/store/free_space.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace spillgate {

void FreeSpace::Grow(std::uint64_t bytes) {
  SG_CHECK(bytes <= kMost - bytes_);
  const std::uint64_t units = bytes / kAlign;
  if (units == 0) return;
  if (last_ != kNone && nodes_[last_].is_free) {
    Delist(last_);
    nodes_[last_].units += units;
  } else {
    const std::uint32_t at = NewNode();
    nodes_[at].start = bytes_ / kAlign;
    nodes_[at].units = units;
    nodes_[at].before = last_;
    if (last_ != kNone) nodes_[last_].after = at;
    last_ = at;
  }
  Enlist(last_);
  bytes_ += units * kAlign;
}

// Units below kSteps are lists of doubling 0; from kSteps << k on they are of doubling k + 1.
FreeSpace::List FreeSpace::ListOf(std::uint64_t units) {
  if (units < kSteps) return {0, static_cast<unsigned>(units)};
  const unsigned shift = static_cast<unsigned>(std::bit_width(units)) - 1 - kStepBits;
  return {shift + 1, static_cast<unsigned>(units >> shift) - kSteps};
}

std::uint64_t FreeSpace::LeastOf(List list) {
  if (list.doubling == 0) return list.step;
  return std::uint64_t{kSteps + list.step} << (list.doubling - 1);
}

std::uint64_t FreeSpace::RoundedUnits(std::uint64_t bytes) {
  const std::uint64_t units = std::max<std::uint64_t>(1, bytes / kAlign + (bytes % kAlign != 0));
  const List list = ListOf(units);
  const std::uint64_t least = LeastOf(list);
  if (least == units) return units;
  return least + (std::uint64_t{1} << (list.doubling - 1));
}

std::uint64_t FreeSpace::Rounded(std::uint64_t bytes) {
  return bytes > kMost ? kMost + kAlign : RoundedUnits(bytes) * kAlign;
}

std::uint64_t FreeSpace::Whole(std::uint64_t bytes) {
  const std::uint64_t units = std::min(bytes, kMost) / kAlign;
  return units == 0 ? 0 : LeastOf(ListOf(units)) * kAlign;
}

// Each block of a list is at least as large as the least of the list: what is rounded fits the
// first of its own list, or of any after it.
std::uint32_t FreeSpace::Find(std::uint64_t units) const {
  const List list = ListOf(units);
  const std::uint64_t steps = steps_[list.doubling] & (~std::uint64_t{0} << list.step);
  if (steps != 0) return heads_[list.doubling][std::countr_zero(steps)];
  const std::uint64_t doublings = doublings_ & (~std::uint64_t{0} << (list.doubling + 1));
  if (doublings == 0) return kNone;
  const int doubling = std::countr_zero(doublings);
  return heads_[doubling][std::countr_zero(steps_[doubling])];
}

std::optional<FreeSpace::Block> FreeSpace::Take(std::uint64_t bytes) {
  if (bytes > bytes_) return std::nullopt;
  const std::uint64_t units = RoundedUnits(bytes);
  const std::uint32_t at = Find(units);
  if (at == kNone) return std::nullopt;
  Delist(at);
  if (nodes_[at].units > units) {
    const std::uint32_t rest = NewNode();
    Node& block = nodes_[at];
    const std::uint32_t after = block.after;
    nodes_[rest].start = block.start + units;
    nodes_[rest].units = block.units - units;
    nodes_[rest].before = at;
    nodes_[rest].after = after;
    (after != kNone ? nodes_[after].before : last_) = rest;
    block.after = rest;
    block.units = units;
    Enlist(rest);
  }
  used_ += units * kAlign;
  return Block{nodes_[at].start * kAlign, units * kAlign, at};
}

void FreeSpace::Give(const Block& block) {
  std::uint32_t at = block.node;
  SG_CHECK(at != kNone && at < nodes_.size() && !nodes_[at].is_free);
  SG_CHECK(nodes_[at].start * kAlign == block.offset && nodes_[at].units * kAlign == block.bytes);
  used_ -= block.bytes;
  const std::uint32_t after = nodes_[at].after;
  if (after != kNone && nodes_[after].is_free) {
    Delist(after);
    Forget(after);
  }
  const std::uint32_t before = nodes_[at].before;
  if (before != kNone && nodes_[before].is_free) {
    Delist(before);
    Forget(at);
    at = before;
  }
  Enlist(at);
}

std::uint64_t FreeSpace::largest() const {
  if (doublings_ == 0) return 0;
  const unsigned doubling = static_cast<unsigned>(std::bit_width(doublings_)) - 1;
  const unsigned step = static_cast<unsigned>(std::bit_width(steps_[doubling])) - 1;
  return LeastOf({doubling, step}) * kAlign;
}

void FreeSpace::Enlist(std::uint32_t at) {
  Node& node = nodes_[at];
  const List list = ListOf(node.units);
  std::uint32_t& head = heads_[list.doubling][list.step];
  node.is_free = true;
  node.prev = kNone;
  node.next = head;
  if (head != kNone) nodes_[head].prev = at;
  head = at;
  steps_[list.doubling] |= std::uint64_t{1} << list.step;
  doublings_ |= std::uint64_t{1} << list.doubling;
}

void FreeSpace::Delist(std::uint32_t at) {
  Node& node = nodes_[at];
  const List list = ListOf(node.units);
  std::uint32_t& head = heads_[list.doubling][list.step];
  if (node.next != kNone) nodes_[node.next].prev = node.prev;
  if (node.prev != kNone) {
    nodes_[node.prev].next = node.next;
  } else {
    head = node.next;
  }
  node.is_free = false;
  if (head != kNone) return;
  steps_[list.doubling] &= ~(std::uint64_t{1} << list.step);
  if (steps_[list.doubling] == 0) doublings_ &= ~(std::uint64_t{1} << list.doubling);
}

std::uint32_t FreeSpace::NewNode() {
  if (unused_ == kNone) {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  const std::uint32_t at = unused_;
  unused_ = nodes_[at].next;
  nodes_[at] = Node();
  return at;
}

void FreeSpace::Forget(std::uint32_t at) {
  Node& gone = nodes_[at];
  Node& before = nodes_[gone.before];
  before.units += gone.units;
  before.after = gone.after;
  (gone.after != kNone ? nodes_[gone.after].before : last_) = gone.before;
  gone = Node();
  gone.is_free = true;  // so that who gives it once more is found out
  gone.next = unused_;
  unused_ = at;
}

}  // namespace spillgate
