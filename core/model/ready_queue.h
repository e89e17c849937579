// OrderedQueue: an intrusive priority queue for what mostly arrives in order. Nodes that come in
// order form a list, which costs O(1) at both ends; the others form a leftist heap, where nothing
// ever costs more than O(log n). So a deep backlog that is first in, first out is as cheap as an
// empty one. No allocation, no threads; part of ReadySet.
#pragma once

#include <cstdint>
#include <utility>

namespace spillgate::ready {

// A node's place in one queue.
template <class N>
struct Hook {
  N* first = nullptr;      // the one before it in the list; its left child in the heap
  N* second = nullptr;     // the one after it in the list; its right child in the heap
  N* parent = nullptr;     // in the heap
  std::uint32_t rank = 0;  // nodes on the way right, itself included; 0 is "in the list"
};

// `Order` says where a node has its hook and which of two comes first, which must never be a tie:
//   static Hook<N>& HookOf(N&);  static bool Before(const N&, const N&);
template <class N, class Order>
class OrderedQueue {
 public:
  [[nodiscard]] bool empty() const { return front_ == nullptr && top_ == nullptr; }

  // The first in order; null when empty.
  [[nodiscard]] N* First() const {
    if (top_ == nullptr) return front_;
    if (front_ == nullptr) return top_;
    return Order::Before(*top_, *front_) ? top_ : front_;
  }

  // For what is thought to come last: O(1) if it does, and right if it does not.
  void Append(N* node) {
    if (back_ != nullptr && Order::Before(*node, *back_)) {
      Insert(node);
      return;
    }
    At(node) = {.first = back_, .second = nullptr, .parent = nullptr, .rank = 0};
    (back_ != nullptr ? At(back_).second : front_) = node;
    back_ = node;
  }

  void Insert(N* node) {
    At(node) = {.first = nullptr, .second = nullptr, .parent = nullptr, .rank = 1};
    top_ = Merge(top_, node);
    At(top_).parent = nullptr;
  }

  void Remove(N* node) {
    if (At(node).rank == 0) {
      Unlink(node);
    } else {
      Cut(node);
    }
  }

 private:
  static Hook<N>& At(N* node) { return Order::HookOf(*node); }
  static std::uint32_t Rank(N* node) { return node == nullptr ? 0 : At(node).rank; }

  void Unlink(N* node) {
    const Hook<N>& hook = At(node);
    (hook.first != nullptr ? At(hook.first).second : front_) = hook.second;
    (hook.second != nullptr ? At(hook.second).first : back_) = hook.first;
  }

  // Both children meet in its place; ranks are mended upwards as far as they change.
  void Cut(N* node) {
    const Hook<N>& hook = At(node);
    N* parent = hook.parent;
    N* rest = Merge(hook.first, hook.second);
    if (rest != nullptr) At(rest).parent = parent;
    if (parent == nullptr) {
      top_ = rest;
      return;
    }
    (At(parent).first == node ? At(parent).first : At(parent).second) = rest;
    while (parent != nullptr && Settle(parent)) parent = At(parent).parent;
  }

  // Puts the lower child right. True if the rank changed.
  static bool Settle(N* node) {
    Hook<N>& hook = At(node);
    if (Rank(hook.first) < Rank(hook.second)) std::swap(hook.first, hook.second);
    const std::uint32_t rank = Rank(hook.second) + 1;
    return std::exchange(hook.rank, rank) != rank;
  }

  // Walks the right edges only, which are no longer than log2 of the size: so deep it calls itself.
  static N* Merge(N* one, N* other) {
    if (one == nullptr) return other;
    if (other == nullptr) return one;
    if (Order::Before(*other, *one)) std::swap(one, other);
    N* right = Merge(At(one).second, other);
    At(one).second = right;
    At(right).parent = one;
    Settle(one);
    return one;
  }

  N* front_ = nullptr;  // the list
  N* back_ = nullptr;
  N* top_ = nullptr;  // the heap
};

}  // namespace spillgate::ready
