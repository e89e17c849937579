#include "core/model/spread.h"

namespace spillgate {

void Spread::Add(Nanos duration) {
  ++counts_[quarter_octaves::BucketOf(duration)];
  if (++total_ < kMost) return;
  total_ = 0;
  for (std::uint16_t& count : counts_) total_ += count /= 2;
}

bool Spread::IsToBeRead() const {
  return total_ <= 2 * kLookEvery || total_ % kLookEvery == 0;
}

// The bucket of the longest of them but `most`.
std::size_t Spread::BucketBelow(std::uint32_t most) const {
  std::uint32_t seen = 0;
  std::size_t at = counts_.size() - 1;
  while (at > 0 && (seen += counts_[at]) <= most) --at;
  return at;
}

// The upper end of the bucket in which it lies.
Nanos Spread::P95() const {
  return quarter_octaves::UpperEnd(BucketBelow(total_ / 20));
}

// The lower end of the bucket in which it lies.
Nanos Spread::Median() const {
  return quarter_octaves::LowerEnd(BucketBelow(total_ / 2));
}

}  // namespace spillgate
