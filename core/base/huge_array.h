// HugeArray<T>: a fixed number of cells, all zero at first and touched at once. What is as large as
// a huge page lies on huge pages where the kernel has them: a table that is read at random places
// costs a walk through the page tables at each of them otherwise.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

namespace spillgate {

template <class T>
class HugeArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static constexpr std::size_t kLine = 64;
  static_assert(alignof(T) <= kLine);

 public:
  static constexpr std::size_t kPage = std::size_t{2} << 20;

  HugeArray() = default;
  explicit HugeArray(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    const std::align_val_t alignment{bytes < kPage ? kLine : kPage};
    void* memory = ::operator new(bytes, alignment);
    cells_ = {static_cast<T*>(memory), Free{alignment}};
    // A kernel that has no huge pages says so, and small ones do as well.
    if (bytes >= kPage) static_cast<void>(::madvise(memory, bytes, MADV_HUGEPAGE));
    std::memset(memory, 0, bytes);
  }

  [[nodiscard]] T& operator[](std::size_t i) const { return cells_.get()[i]; }
  [[nodiscard]] T* data() const { return cells_.get(); }

 private:
  struct Free {
    std::align_val_t alignment{kLine};
    void operator()(T* cells) const { ::operator delete(cells, alignment); }
  };

  std::unique_ptr<T, Free> cells_;
};

}  // namespace spillgate
