#include "client/bench/ledger.h"

#include <algorithm>

namespace spillgate::bench {
namespace {

// More places than frames under way, so that one frame that lags does not stop the others.
constexpr std::uint32_t kPlacesAFrame = 4;

}  // namespace

Ledger::Ledger(std::uint32_t frames, std::uint32_t batch, std::uint64_t first_seq)
    : most_(frames),
      batch_(batch),
      words_((batch + 63) / 64),
      first_seq_(first_seq),
      next_seq_(first_seq),
      slots_(std::size_t{frames} * kPlacesAFrame),
      under_way_(slots_.size() * words_) {}

bool Ledger::HasRoom() const {
  return frames_ < most_ && slots_[SlotOf(next_seq_)].left == 0;
}

std::uint64_t Ledger::Open(Instant sent) {
  const std::size_t slot = SlotOf(next_seq_);
  slots_[slot] = {.first = next_seq_, .left = batch_, .sent = sent};
  for (std::uint32_t word = 0; word < words_; ++word) {
    const std::uint32_t bits = std::min(64U, batch_ - word * 64);
    under_way_[slot * words_ + word] = bits == 64 ? ~0ULL : (1ULL << bits) - 1;
  }
  const std::uint64_t first = next_seq_;
  next_seq_ += batch_;
  tasks_ += batch_;
  ++frames_;
  return first;
}

const Instant* Ledger::Close(std::uint64_t seq) {
  if (seq < first_seq_ || seq >= next_seq_) return nullptr;
  std::size_t slot = last_slot_;
  if (slots_[slot].left == 0 || seq - slots_[slot].first >= batch_) slot = SlotOf(seq);
  Frame& frame = slots_[slot];
  const std::uint64_t at = seq - frame.first;
  if (at >= batch_) return nullptr;  // its place is another frame's by now
  std::uint64_t& word = under_way_[slot * words_ + at / 64];
  const std::uint64_t bit = 1ULL << (at % 64);
  if ((word & bit) == 0) return nullptr;
  word &= ~bit;
  last_slot_ = slot;
  --tasks_;
  if (--frame.left == 0) {
    --frames_;
    NoteClosed(frame);
  }
  return &frame.sent;
}

void Ledger::NoteClosed(const Frame& frame) {
  closed_count_ += batch_;
  if (!closed_.empty() && closed_.back().first + closed_.back().count == frame.first) {
    closed_.back().count += batch_;
  } else {
    closed_.push_back({frame.first, batch_});
  }
}

void Ledger::ForgetClosed() {
  closed_.clear();
  closed_count_ = 0;
}

}  // namespace spillgate::bench
