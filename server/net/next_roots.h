// NextRoots: what the roots of a class that a connection will send next are taken to be like, so
// that it can be told how many of them there is room for. They are as the last that it sent, but
// for their time: a client that holds roots back sends the newest or the oldest, as it may, and an
// old one says nothing of the next. So it is the longest of late; and of that a part, because those
// that were held back have less of it left than the newest, and what was sent within its credit is
// not to be refused for that. A pure rule; loop's thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "schema/submit.h"

namespace spillgate::net {

class NextRoots {
 public:
  // `bytes`: of the whole frame.
  void NoteSent(const wire::SubmitPreamble& ask, std::size_t bytes) {
    std::uint64_t time = ask.remaining_us;
    const bool alike = last_.has_value() && last_->function == ask.function && time != 0;
    if (alike && longest_us_ > time) time = longest_us_ - (longest_us_ - time) / kForgets;
    longest_us_ = time;
    last_ = ask;
    bytes_ = bytes;
  }

  // Nothing, before it has sent any.
  [[nodiscard]] std::optional<wire::SubmitPreamble> Guess() const {
    std::optional<wire::SubmitPreamble> next = last_;
    if (next.has_value() && longest_us_ != 0) {
      next->remaining_us = std::max<std::uint64_t>(1, longest_us_ * kPartLeft / 4);
    }
    return next;
  }
  // Of the frame that they come in.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::uint64_t kForgets = 16;  // of what was longer, one part with each root
  static constexpr std::uint64_t kPartLeft = 3;  // quarters

  std::optional<wire::SubmitPreamble> last_;
  std::size_t bytes_ = 0;
  std::uint64_t longest_us_ = 0;  // 0: it has no deadline
};

}  // namespace spillgate::net
