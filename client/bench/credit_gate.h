// CreditGate: how many roots of a class a client that listens to the node may send now. Keeps to
// what the node last told the connection, as the client library does; what it is told counts from
// when the client would have got round to it. A pure rule; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "core/base/clock.h"
#include "core/model/class.h"
#include "schema/messages.h"

namespace spillgate::bench {

class CreditGate {
 public:
  // Every root of the connection counts, also of those that did not ask.
  void NoteSent(TaskClass cls) {
    ++sent_[Index(cls)];
    ++unanswered_[Index(cls)];
  }
  void NoteAnswered(TaskClass cls) { --unanswered_[Index(cls)]; }
  void OnCredits(const wire::Credits& credits, Instant now, Nanos turnaround);

  // Whether one more may go. Nothing was told yet: any. What was told has run out: one, to see.
  [[nodiscard]] bool MaySend(TaskClass cls, Instant now);
  // When time alone changes the answer.
  [[nodiscard]] Instant NextChange(Instant now) const;

 private:
  struct Told {
    Instant from;
    Instant expires;
    std::array<std::uint64_t, kClasses> window{};
  };

  bool known_ = false;
  Told told_;
  std::deque<Told> coming_;
  std::array<std::uint64_t, kClasses> sent_{};
  std::array<std::uint64_t, kClasses> unanswered_{};
};

}  // namespace spillgate::bench
