// ArrivalMarks: since when the oldest event of a queue is there, told from two counters and the
// time alone, so that it costs nothing per event. At each tick it notes how many had arrived by
// now; the first note that those who left have not reached says when the oldest came. Exact to a
// tick where events leave in the order of arrival; where they do not, it is the age that they would
// have. Bounded: long queues are noted more coarsely the further back they reach (by about a third
// of the age), except for the oldest note, which is never blurred. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::flow {

class ArrivalMarks {
 public:
  // `arrived` and `left` count from the beginning of time and never fall.
  void Note(std::uint64_t arrived, std::uint64_t left, Instant now) {
    std::size_t gone = 0;
    while (gone < size_ && marks_[gone].arrived <= left) ++gone;
    if (gone > 0) {
      std::copy(marks_.begin() + static_cast<std::ptrdiff_t>(gone),
                marks_.begin() + static_cast<std::ptrdiff_t>(size_), marks_.begin());
      size_ -= gone;
    }
    const std::uint64_t noted = size_ == 0 ? left : marks_[size_ - 1].arrived;
    if (arrived <= noted) return;
    if (size_ == marks_.size()) DropLeastMissed(now);
    marks_[size_++] = {.at = now, .arrived = arrived};
  }

  // kNever when nothing is there.
  [[nodiscard]] Instant Oldest() const { return size_ == 0 ? kNever : marks_[0].at; }

 private:
  struct Mark {
    Instant at;
    std::uint64_t arrived = 0;
  };

  // The note whose neighbours are closest together for their age goes, but never the oldest: so the
  // gaps grow in proportion to the age, and with them the error. What arrived by it is then told
  // by the next note, as if it were a little younger.
  void DropLeastMissed(Instant now) {
    std::size_t least = 1;
    double least_gap = 0;
    for (std::size_t i = 1; i + 1 < size_; ++i) {
      const auto across = static_cast<double>((marks_[i + 1].at - marks_[i - 1].at).count());
      const double gap = across / static_cast<double>((now - marks_[i].at).count() + 1);
      if (i > 1 && gap >= least_gap) continue;
      least = i;
      least_gap = gap;
    }
    std::copy(marks_.begin() + static_cast<std::ptrdiff_t>(least + 1),
              marks_.begin() + static_cast<std::ptrdiff_t>(size_),
              marks_.begin() + static_cast<std::ptrdiff_t>(least));
    --size_;
  }

  std::array<Mark, 48> marks_{};
  std::size_t size_ = 0;
};

}  // namespace spillgate::flow
