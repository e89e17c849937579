// Intrusive doubly linked lists without a list object: a head pointer and two member pointers in
// each node. Link<&N::next, &N::prev>::PushFront(head, node), Remove(head, node). Insertion and
// removal in O(1), no allocation.
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
