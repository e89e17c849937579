// Cores: what all cores of this machine bring over one, for the very work of a rollout, with
// nothing but plain threads around it. On virtual machines that share a core it is far less than
// their number and changes by the minute, so it is measured in the same run as what it is compared
// with. One thread.
#pragma once

#include <cstdint>

#include "client/lib/spillgate.h"

namespace spillgate::mcts {

class Cores {
 public:
  explicit Cores(const Clock& clock) : clock_(clock) {}

  // Plays on one thread for a while, then on as many as there are cores. A fifth of a second.
  void Measure();
  // 0 before the first measurement.
  [[nodiscard]] double ratio() const {
    return alone_ == 0 ? 0 : static_cast<double>(together_) / static_cast<double>(alone_);
  }

 private:
  const Clock& clock_;
  std::uint64_t alone_ = 0;  // games, in the same time
  std::uint64_t together_ = 0;
};

}  // namespace spillgate::mcts
