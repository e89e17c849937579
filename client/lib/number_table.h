// NumberTable: finds things by numbers that are given out in sequence, most of them asked for while
// they are recent. Those sit in an array at number mod its size, for a few nanoseconds; what is
// still there when its place is needed again moves to a hash map. Both grow with what they hold.
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/hash_map.h"

namespace spillgate::client {

// `number_of(const T&)` is the number that a T was inserted with.
template <class T, auto number_of>
class NumberTable {
 public:
  explicit NumberTable(std::size_t recent) : recent_(recent) {}  // a power of two

  [[nodiscard]] T* Find(std::uint64_t number) const {
    T* near = recent_[Place(number)];
    if (near != nullptr && number_of(*near) == number) return near;
    if (older_.empty()) return nullptr;
    const auto found = older_.find(number);
    return found == older_.end() ? nullptr : found->second;
  }

  void Insert(std::uint64_t number, T* thing) {
    T*& place = recent_[Place(number)];
    if (place != nullptr) {
      older_.insert({number_of(*place), place});
      if (older_.size() > recent_.size() && recent_.size() < kMostRecent) {
        place = thing;
        return Double();
      }
    }
    place = thing;
  }

  void Erase(std::uint64_t number) {
    T*& near = recent_[Place(number)];
    if (near != nullptr && number_of(*near) == number) {
      near = nullptr;
    } else if (!older_.empty()) {
      older_.erase(number);
    }
  }

  // `f` may erase nothing.
  template <class F>
  void ForEach(F&& f) const {
    for (T* thing : recent_) {
      if (thing != nullptr) f(*thing);
    }
    for (const auto& [number, thing] : older_) f(*thing);
  }

  void Clear() {
    recent_.assign(recent_.size(), nullptr);
    older_.clear();
  }

 private:
  static constexpr std::size_t kMostRecent = 1 << 20;

  [[nodiscard]] std::size_t Place(std::uint64_t number) const {
    return number & (recent_.size() - 1);
  }

  void Double() {
    std::vector<T*> all;
    ForEach([&](T& thing) { all.push_back(&thing); });
    recent_.assign(2 * recent_.size(), nullptr);
    older_.clear();
    for (T* thing : all) {
      T*& place = recent_[Place(number_of(*thing))];
      if (place != nullptr) older_.insert({number_of(*place), place});
      place = thing;
    }
  }

  std::vector<T*> recent_;
  HashMap<std::uint64_t, T*> older_;
};

}  // namespace spillgate::client
