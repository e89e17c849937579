// Credits: how many root tasks each connection may have sent, as absolute numbers by class, so that
// a client slows down before the node has to refuse. Each connection that sends has an equal part
// of the room that the admission bound leaves to its class. A window is told when it has moved by a
// part worth telling, and again before it expires. Loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/base/clock.h"
#include "core/model/class.h"
#include "schema/messages.h"

namespace spillgate::net {

// The room there is for new roots, by class, and how many connections share it.
struct Room {
  std::array<std::uint64_t, kClasses> tasks{};
  std::array<std::uint64_t, kClasses> most{};  // with nothing in flight
  std::size_t senders = 1;
  std::uint8_t load_level = 0;  // 0 to 255
};

// Of one connection.
class CreditWindow {
 public:
  static constexpr Nanos kTtl = std::chrono::seconds(2);

  void NoteSent(TaskClass cls, std::uint32_t count) { sent_[Index(cls)] += count; }
  // Whether more was sent than it had been told it may.
  [[nodiscard]] bool Exceeded(TaskClass cls, Instant now) const {
    return now < valid_until_ && sent_[Index(cls)] > window_[Index(cls)];
  }
  // Whether it may send no more for now.
  [[nodiscard]] bool Spent(TaskClass cls, Instant now) const {
    return now < valid_until_ && sent_[Index(cls)] >= window_[Index(cls)];
  }
  // It has sent something since it was last told.
  [[nodiscard]] bool sends() const { return sent_ != sent_when_told_; }

  // It has sent all that it may of some class, and would perhaps send more.
  [[nodiscard]] bool waits() const {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      if (sent_[cls] > 0 && sent_[cls] >= window_[cls]) return true;
    }
    return false;
  }
  // It may send no more of some class, as far as it knows.
  [[nodiscard]] bool at_zero() const {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      if (sent_[cls] >= window_[cls]) return true;
    }
    return false;
  }

  // What to tell the client now; nothing when that would be no news.
  [[nodiscard]] std::optional<wire::Credits> Renew(const Room& room, Instant now);

 private:
  std::array<std::uint64_t, kClasses> sent_{};
  std::array<std::uint64_t, kClasses> sent_when_told_{};
  std::array<std::uint64_t, kClasses> window_{};
  Instant valid_until_{};
  Instant told_{};
};

}  // namespace spillgate::net
