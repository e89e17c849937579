// RefusedRoots: the last of one connection's roots that the door did not let be opened. What its
// client sent for them meanwhile, not knowing, is refused without a look into it. A root that is
// forgotten here is unknown to submission too, which says the same, later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace spillgate::net {

class RefusedRoots {
 public:
  static constexpr std::size_t kMost = 32;

  [[nodiscard]] bool never() const { return next_ == 0; }
  // Numbers are at least 1.
  void Add(std::uint64_t seq) {
    if (Find(seq) == kMost) seqs_[next_++ % kMost] = seq;
  }
  [[nodiscard]] bool Has(std::uint64_t seq) const {
    return next_ > 0 && seq != 0 && Find(seq) != kMost;
  }
  // Those numbers may be of something else now.
  void Forget(std::uint64_t first, std::uint64_t count) {
    if (next_ == 0) return;
    for (std::uint64_t& seq : seqs_) {
      if (seq >= first && seq - first < count) seq = 0;
    }
  }

 private:
  [[nodiscard]] std::size_t Find(std::uint64_t seq) const {
    std::size_t at = 0;
    while (at < kMost && seqs_[at] != seq) ++at;
    return at;
  }

  std::array<std::uint64_t, kMost> seqs_{};
  std::size_t next_ = 0;  // 0: never one
};

}  // namespace spillgate::net
