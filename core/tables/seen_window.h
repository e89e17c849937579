// Which of a session's numbers were accepted, among the last 65,536: the memory behind "the same id
// again is the same task". Numbers older than the window count as seen. Belongs to the session's
// lock.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace spillgate {

class SeenWindow {
 public:
  static constexpr std::uint64_t kSize = 65536;

  enum class Answer : std::uint8_t { kNew, kSeen, kTooOld };

  [[nodiscard]] Answer Look(std::uint64_t seq) const {
    if (seq >= end_) return Answer::kNew;
    if (end_ - seq > kSize) return Answer::kTooOld;
    return bits_.test(seq % kSize) ? Answer::kSeen : Answer::kNew;
  }

  // `seq` was accepted. The window moves on when it is the largest so far.
  void Mark(std::uint64_t seq) {
    if (seq >= end_ + kSize) {
      bits_.reset();
    } else {
      for (; end_ < seq; ++end_) bits_.reset(end_ % kSize);
    }
    if (seq >= end_) end_ = seq + 1;
    bits_.set(seq % kSize);
  }

  // Calls `take(first, count)` for each run of numbers that were accepted, in order.
  template <class Take>
  void EachRun(Take&& take) const {
    const std::uint64_t oldest = end_ > kSize ? end_ - kSize : 0;
    for (std::uint64_t seq = oldest; seq < end_;) {
      if (!bits_.test(seq % kSize)) {
        ++seq;
        continue;
      }
      const std::uint64_t first = seq;
      while (seq < end_ && bits_.test(seq % kSize)) ++seq;
      take(first, seq - first);
    }
  }

  [[nodiscard]] std::uint64_t end() const { return end_; }  // one past the largest number seen

 private:
  std::bitset<kSize> bits_;
  std::uint64_t end_ = 0;
};

}  // namespace spillgate
