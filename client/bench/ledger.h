// Ledger: which tasks of one stream are under way. Each number is opened once, in frames of equal
// size, and closed once; whatever comes a second time, or was never sent, is found out. What is
// whole again is handed out as ranges, for Release. Memory is fixed at the start. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"

namespace spillgate::bench {

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

class Ledger {
 public:
  // `frames` under way at most, each of `batch` tasks, numbered from `first_seq`.
  Ledger(std::uint32_t frames, std::uint32_t batch, std::uint64_t first_seq);

  // Whether one more frame may be opened: there are not too many, and the place of the next one is
  // not held by a frame that lags behind all others.
  [[nodiscard]] bool HasRoom() const;
  // The number of its first task. After HasRoom.
  std::uint64_t Open(Instant sent);
  // When it was sent; null: this number is not under way. The pointer is good until the next Open.
  [[nodiscard]] const Instant* Close(std::uint64_t seq);

  [[nodiscard]] std::uint64_t next_seq() const { return next_seq_; }
  [[nodiscard]] std::uint64_t tasks() const { return tasks_; }    // under way
  [[nodiscard]] std::uint32_t frames() const { return frames_; }  // with tasks under way
  // The place of a frame among all that were ever opened, from 0.
  [[nodiscard]] std::uint64_t IndexOf(std::uint64_t seq) const {
    return (seq - first_seq_) / batch_;
  }

  // Numbers all of which were closed, since the last time; neighbours are one range.
  [[nodiscard]] const std::vector<SeqRange>& closed() const { return closed_; }
  [[nodiscard]] std::uint64_t closed_count() const { return closed_count_; }
  void ForgetClosed();

 private:
  struct Frame {
    std::uint64_t first = 0;
    std::uint32_t left = 0;  // tasks under way
    Instant sent;
  };

  [[nodiscard]] std::size_t SlotOf(std::uint64_t seq) const { return IndexOf(seq) % slots_.size(); }
  void NoteClosed(const Frame& frame);

  const std::uint32_t most_;
  const std::uint32_t batch_;
  const std::uint32_t words_;  // of bits, for one frame
  const std::uint64_t first_seq_;
  std::uint64_t next_seq_;
  std::uint64_t tasks_ = 0;
  std::uint32_t frames_ = 0;
  std::vector<Frame> slots_;
  std::vector<std::uint64_t> under_way_;  // one bit for each task of each slot
  std::size_t last_slot_ = 0;             // results come in runs: the next is likely here
  std::vector<SeqRange> closed_;
  std::uint64_t closed_count_ = 0;
};

}  // namespace spillgate::bench
