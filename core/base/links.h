// Intrusive doubly linked lists without a list object: a head pointer and two member pointers in
// each node. Link<&N::next, &N::prev>::PushFront(head, node), InsertBefore(head, at, node),
// Remove(head, node). Insertion and removal in O(1), no allocation.
#pragma once

namespace spillgate {

template <auto Next, auto Prev>
struct Link {
  template <class N>
  static void PushFront(N*& head, N* node) {
    node->*Next = head;
    node->*Prev = nullptr;
    if (head != nullptr) head->*Prev = node;
    head = node;
  }

  // `at` is in the list.
  template <class N>
  static void InsertBefore(N*& head, N* at, N* node) {
    if (at == head) return PushFront(head, node);
    node->*Next = at;
    node->*Prev = at->*Prev;
    at->*Prev->*Next = node;
    at->*Prev = node;
  }

  template <class N>
  static void Remove(N*& head, N* node) {
    if (node->*Prev != nullptr) {
      node->*Prev->*Next = node->*Next;
    } else {
      head = node->*Next;
    }
    if (node->*Next != nullptr) node->*Next->*Prev = node->*Prev;
    node->*Next = nullptr;
    node->*Prev = nullptr;
  }
};

}  // namespace spillgate
