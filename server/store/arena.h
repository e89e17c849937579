// Arena: the memory of all objects of this node, which clients and workers map too. They get it as
// a file descriptor: one that may be mapped for writing, for those who make objects, or one that
// may not. Its size is sealed, so that nobody can take pages from under another. Populate is for
// one thread; the rest never changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/result.h"

namespace spillgate {

class Arena {
 public:
  // Addresses for `bytes`, rounded up to whole pages. There is no memory behind them yet.
  [[nodiscard]] static Result<std::unique_ptr<Arena>> Make(std::uint64_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Takes memory for them from the system, zeroed: 4 us a page, which a first touch would cost
  // otherwise, and kExhausted where that would end the process. What is there already stays.
  [[nodiscard]] Status Populate(std::uint64_t offset, std::uint64_t bytes);

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int read_only_fd() const { return read_only_fd_; }

 private:
  Arena() = default;

  int fd_ = -1;
  int read_only_fd_ = -1;
  std::span<std::byte> bytes_;
};

}  // namespace spillgate
