// FreeSpace: which bytes of a range (the arena, a file of spilled objects) are free. Two-level
// segregated fit (M. Masmano, I. Ripoll, A. Crespo, J. Real: TLSF, ECRTS 2004): a block is found,
// divided, given back and joined with its free neighbours in constant time. All that it knows lies
// here and nothing in the range, which clients map and could spoil. One owner at a time; no lock.
//
// Sizes are rounded up to a step of at most a 64th, so that a free block is either as large as is
// asked for or in another list: room that is there is found. The range may grow at its end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace spillgate {

class FreeSpace {
 public:
  static constexpr std::uint64_t kAlign = 64;  // bytes, of offsets and sizes
  static constexpr std::uint64_t kMost = 1ULL << 46;

  struct Block {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;  // as asked for, rounded up
    std::uint32_t node = 0;
  };

  explicit FreeSpace(std::uint64_t bytes = 0) { Grow(bytes); }

  // Adds so many bytes, rounded down to kAlign, behind the last. All of it is at most kMost.
  void Grow(std::uint64_t bytes);

  // A block of `bytes`, which may be 0, or nothing if no free block is so large.
  [[nodiscard]] std::optional<Block> Take(std::uint64_t bytes);
  // Whose it was has it no more; twice is a bug, and found out.
  void Give(const Block& block);

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::uint64_t free() const { return bytes_ - used_; }
  // The most that one Take would give now.
  [[nodiscard]] std::uint64_t largest() const;

  // What a block for `bytes` takes of the range; more than kMost if there can be none.
  [[nodiscard]] static std::uint64_t Rounded(std::uint64_t bytes);
  // The most that a range of `bytes` can give as one block.
  [[nodiscard]] static std::uint64_t Whole(std::uint64_t bytes);

 private:
  // In units of kAlign. Below kSteps a size has a list of its own; above, each doubling has kSteps.
  static constexpr unsigned kStepBits = 6;
  static constexpr unsigned kSteps = 1U << kStepBits;
  static constexpr unsigned kDoublings = 40 - kStepBits + 2;
  static constexpr std::uint32_t kNone = 0;  // the node of this number is no block

  struct Node {
    std::uint64_t start = 0;  // in units
    std::uint64_t units = 0;
    std::uint32_t before = kNone;  // in the range
    std::uint32_t after = kNone;
    std::uint32_t next = kNone;  // in its list of free blocks, or of unused nodes
    std::uint32_t prev = kNone;
    bool is_free = false;
  };
  struct List {
    unsigned doubling;
    unsigned step;
  };

  [[nodiscard]] static List ListOf(std::uint64_t units);  // the last whose sizes are no larger
  [[nodiscard]] static std::uint64_t LeastOf(List list);
  [[nodiscard]] static std::uint64_t RoundedUnits(std::uint64_t bytes);

  [[nodiscard]] std::uint32_t Find(std::uint64_t units) const;
  void Enlist(std::uint32_t at);
  void Delist(std::uint32_t at);
  [[nodiscard]] std::uint32_t NewNode();
  void Forget(std::uint32_t at);  // `at` is part of the block before it from now on

  std::uint64_t bytes_ = 0;
  std::uint64_t used_ = 0;
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::uint32_t last_ = kNone;  // in the range
  std::uint32_t unused_ = kNone;
  std::uint64_t doublings_ = 0;                    // bit d: some of steps_[d] are set
  std::array<std::uint64_t, kDoublings> steps_{};  // bit s: heads_[d][s] is not empty
  std::array<std::array<std::uint32_t, kSteps>, kDoublings> heads_{};
};

}  // namespace spillgate
