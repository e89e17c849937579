// Which of a session's numbers were accepted, among the last 65,536: the memory behind "the same id
// again is the same task". Numbers older than the window count as seen. Owned by the shard of
// submission that has the session.
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

  [[nodiscard]] std::uint64_t end() const { return end_; }  // one past the largest number seen

 private:
  std::bitset<kSize> bits_;
  std::uint64_t end_ = 0;
};

}  // namespace spillgate
