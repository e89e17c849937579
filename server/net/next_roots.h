// NextRoots: what the roots of a class that a connection will send next are taken to be like, so
// that it can be told how many of them there is room for. They are as the last that it sent, but
// for their time: a client that holds roots back sends the newest or the oldest, as it may, and an
// old one says nothing of the next. So it is the longest of late; and of that a part, because those
// that were held back have less of it left than the newest, and what was sent within its credit is
// not to be refused for that. A pure rule; loop's thread.
//
// Roots that it opens piece by piece are of these, and nobody holds them back. So are tasks that
// were to join a root, once it turns out that there is none to join.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "schema/messages.h"
#include "schema/submit.h"

namespace spillgate::net {

class NextRoots {
 public:
  // `bytes`: of the whole frame.
  void NoteSent(const wire::SubmitPreamble& ask, std::size_t bytes) {
    const bool alike = last_.has_value() && last_->function == ask.function;
    longest_us_ = Longest(ask.remaining_us, alike ? longest_us_ : 0);
    last_ = ask;
    bytes_ = bytes;
    opens_ = false;
  }
  void NoteOpened(const wire::OpenRoot& ask) {
    const std::uint64_t longest = Longest(ask.remaining_us, opened_.remaining_us);
    opened_ = ask;
    opened_.remaining_us = longest;
    opens_ = true;
  }
  // Whether they are roots is not known yet.
  void NoteJoining(const wire::SubmitPreamble& ask, std::size_t bytes) {
    joining_ = ask;
    joining_->root = 0;
    joining_bytes_ = bytes;
  }
  // Some of those were.
  void NoteJoinedNone() {
    if (joining_.has_value()) NoteSent(*joining_, joining_bytes_);
  }

  // Nothing, before it has sent any, or if the last was opened.
  [[nodiscard]] std::optional<wire::SubmitPreamble> Guess() const {
    if (opens_) return std::nullopt;
    std::optional<wire::SubmitPreamble> next = last_;
    if (next.has_value() && longest_us_ != 0) {
      next->remaining_us = std::max<std::uint64_t>(1, longest_us_ * kPartLeft / 4);
    }
    return next;
  }
  // Of the frame that they come in.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // The next that it opens, if the last was such a one.
  [[nodiscard]] std::optional<wire::OpenRoot> GuessOpened() const {
    if (!opens_) return std::nullopt;
    return opened_;
  }

 private:
  static constexpr std::uint64_t kForgets = 16;  // of what was longer, one part with each root
  static constexpr std::uint64_t kPartLeft = 3;  // quarters

  // Of late, with one more of that time; 0: it has no deadline.
  [[nodiscard]] static std::uint64_t Longest(std::uint64_t time, std::uint64_t longest) {
    if (time != 0 && longest > time) return longest - (longest - time) / kForgets;
    return time;
  }

  std::optional<wire::SubmitPreamble> last_;
  std::size_t bytes_ = 0;
  std::uint64_t longest_us_ = 0;
  wire::OpenRoot opened_;  // the last, with the longest time of late
  bool opens_ = false;     // that was after `last_`
  std::optional<wire::SubmitPreamble> joining_;
  std::size_t joining_bytes_ = 0;
};

}  // namespace spillgate::net
