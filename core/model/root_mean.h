// RootMean: what the last runs took on the mean, where runs of one root that come one after the
// other are one sample, as they are mostly alike: or the last six roots of ten tasks each would
// decide on what all are taken for. Of a root with many runs a further sample begins after kInARow
// of them. The first kWindow samples are averaged evenly; after that old ones fade. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace spillgate {

class RootMean {
 public:
  static constexpr std::uint32_t kWindow = 64;  // later samples weigh one part in so many
  static constexpr std::uint32_t kInARow = 16;

  // Of a run of that root; 0: of one that nobody knows, and a sample of its own.
  void Add(double value, std::uint64_t root) {
    if (root == 0 || root != root_ || in_row_ == kInARow) {
      before_ = mean_;
      samples_ = std::min(samples_ + 1, kWindow);
      root_ = root;
      in_row_ = 0;
      sum_ = 0;
    }
    sum_ += value;
    mean_ = before_ + (sum_ / ++in_row_ - before_) / samples_;
  }
  [[nodiscard]] double value() const { return mean_; }

 private:
  double mean_ = 0;
  double before_ = 0;  // this sample
  double sum_ = 0;     // of its runs
  std::uint64_t root_ = 0;
  std::uint32_t in_row_ = 0;
  std::uint32_t samples_ = 0;
};

}  // namespace spillgate
